"""The pictures of a network, as the viewer takes them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from archdsl.backends.diagram.draw import paint
from archdsl.backends.diagram.model import viewer_model
from archdsl.backends.diagram.openings import asked_opening, openings
from archdsl.backends.diagram.options import Options, Style
from archdsl.backends.diagram.scene import Part
from archdsl.backends.diagram.subject import Subject
from archdsl.backends.diagram.writers.svg import svg_element
from archdsl.graph.graph import Graph


def pictures(subject: Subject, style: Style, *, is_whole: bool) -> dict[str, Any]:
    """The viewer's model, and the pictures that belong to it, fewest boxes first.

    Raises
    ------
    DrawingError
        There is no layout engine that works.
    """
    options = Options(style=style)
    if style != "graph":
        scene = paint([subject], options)
        shown = _flat_picture(subject.graph, scene.parts)
        return {
            "model": {**viewer_model(subject, ()), "shown": 0, "pictures": [shown]},
            "drawings": [svg_element(scene)],
        }
    asked, *others = openings(subject, options) if is_whole else (asked_opening(subject, options),)
    found = sorted((asked, *others), key=lambda opening: opening.boxes)
    model = {**viewer_model(subject, found), "shown": found.index(asked)}
    return {"model": model, "drawings": [svg_element(opening.scene) for opening in found]}


def _flat_picture(graph: Graph, parts: Iterable[Part]) -> dict[str, Any]:
    """A picture whose boxes are what its style has made of them, without frames, links or heat."""
    elements = [_element(graph, part) for part in _boxes(parts)]
    return {"boxes": len(elements), "elements": elements, "links": [], "routes": [], "heats": {}}


def _boxes(parts: Iterable[Part]) -> Iterator[Part]:
    """The parts that the viewer takes for boxes, in the order in which it meets them."""
    for part in parts:
        if part.role.split()[0] == "box":
            yield part
        yield from _boxes(part.parts)


def _element(graph: Graph, part: Part) -> dict[str, Any]:
    """What a box stands for: the operator of its path, or all operators below."""
    path = (part.id or "").removeprefix(f"{graph.name}.")
    exact = [node.id for node in graph.nodes if node.path == path]
    nodes = exact[:1] or [node.id for node in graph.nodes if node.path.startswith(f"{path}.")]
    entry = {
        "path": path,
        "kind": "operator",
        "count": 1,
        "title": path.rpartition(".")[2],
        "around": None,
        "details": 0,
    }
    if nodes:
        entry["copies"] = [nodes]
    output = next((number for number, output in enumerate(graph.outputs) if path == f"output.{output.name}"), None)
    if not nodes and output is not None:
        entry["output"] = output
    return entry | ({"main": 0} if exact else {})
