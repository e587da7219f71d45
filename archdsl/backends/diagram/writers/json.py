"""A figure as JSON: what is drawn, how it hangs together, and where it is."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from archdsl.backends.diagram.figure import Box, Figure, Frame, Junction, Member
from archdsl.backends.diagram.layout import Layout


def write_json(figure: Figure, layout: Layout) -> bytes:
    """The figure with its places, in points from the top left."""
    document = {
        "title": figure.title,
        "subtitle": figure.subtitle,
        "description": figure.description,
        "width": _rounded(layout.width),
        "height": _rounded(layout.height),
        "members": [_member(member, layout) for member in figure.members],
        "links": [asdict(link) for link in figure.links],
    }
    return (json.dumps(document, ensure_ascii=False, indent=1) + "\n").encode()


def _member(member: Member, layout: Layout) -> dict[str, Any]:
    match member:
        case Junction():
            x, y = layout.centres[member.key]
            return {"key": member.key, "kind": "junction", "x": _rounded(x), "y": _rounded(y)}
        case Box():
            x, y = layout.centres[member.key]
            return {**asdict(member), "x": _rounded(x), "y": _rounded(y)}
        case Frame():
            fields = {name: value for name, value in asdict(member).items() if name != "members"}
            corners = [_rounded(value) for value in layout.frames[member.key]]
            return {**fields, "corners": corners, "members": [_member(part, layout) for part in member.members]}


def _rounded(value: float) -> float:
    return round(value, 2)
