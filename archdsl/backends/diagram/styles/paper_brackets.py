"""Where the boxes of a column stand, and the brackets beside those that are repeated."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from archdsl.backends.diagram.boxes import badge_text
from archdsl.backends.diagram.figure import Figure, Frame, Member, keys_of
from archdsl.backends.diagram.metrics import text_width
from archdsl.backends.diagram.scene import Line, Paint, Part, Text
from archdsl.backends.diagram.styles.paper_sizes import SIZE


@dataclass(frozen=True, slots=True)
class Place:
    """Where a box stands: its middle line, its top, and its size."""

    x: float
    top: float
    width: float
    height: float

    @property
    def bottom(self) -> float:
        """The lower end."""
        return self.top + self.height

    @property
    def middle(self) -> float:
        """Half way between top and bottom."""
        return self.top + self.height / 2


def brackets(figure: Figure, network: str, places: Mapping[str, Place]) -> Iterator[Part]:
    """Brackets with the number of copies, inner ones first, to the left of the boxes that have places."""
    for member in figure.members:
        yield from _bracket(member, network, places)[0]


def _bracket(member: Member, network: str, places: Mapping[str, Place]) -> tuple[list[Part], float | None]:
    """Brackets in and around a member, and how far to the left they reach."""
    if not isinstance(member, Frame):
        place = places.get(member.key)
        return [], None if place is None else place.x - place.width / 2
    inner = [_bracket(part, network, places) for part in member.members]
    parts = [part for found, _ in inner for part in found]
    left = min((reach for _, reach in inner if reach is not None), default=None)
    if left is None or member.count == 1:
        return parts, left
    inside = [places[key] for key in keys_of(member) if key in places]
    top, bottom, x = min(p.top for p in inside) - 2, max(p.bottom for p in inside) + 2, left - 6
    line = Line(((x + 3, top), (x, top), (x, bottom), (x + 3, bottom)), Paint(stroke="text", width=0.9))
    badge = badge_text(member.count)
    text = Text(x - 3, (top + bottom) / 2 + 3, badge, SIZE, bold=True, anchor="end")
    parts.append(Part(f"{network}.{member.path}", "bracket", member.spoken, (line, text)))
    return parts, x - 3 - text_width(badge, SIZE, bold=True)
