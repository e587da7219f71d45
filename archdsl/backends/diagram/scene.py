"""A finished picture as marks on a plane: what every writer turns into its format.

Coordinates are points, x to the right and y down. Colours are roles of a theme.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Point = tuple[float, float]
Dash = Literal["solid", "dashed", "dotted"]
Anchor = Literal["start", "middle", "end"]

#: Distance of a Bezier's handles that makes a quarter of a circle, in radii.
_ARC = 0.5523


@dataclass(frozen=True, slots=True)
class Paint:
    """How a shape is drawn: roles of its inside and its line; None for none."""

    fill: str | None = None
    stroke: str | None = None
    width: float = 1.0
    dash: Dash = "solid"


@dataclass(frozen=True, slots=True)
class Polygon:
    """A closed shape with straight sides."""

    points: tuple[Point, ...]
    paint: Paint


@dataclass(frozen=True, slots=True)
class Curve:
    """Bezier curves in a row: a start, then two handles and an end for each; filled only if closed."""

    points: tuple[Point, ...]
    paint: Paint


@dataclass(frozen=True, slots=True)
class Line:
    """Straight lines from point to point."""

    points: tuple[Point, ...]
    paint: Paint


@dataclass(frozen=True, slots=True)
class Text:
    """A line of text; ``y`` is its base line."""

    x: float
    y: float
    text: str
    size: float
    role: str = "text"
    bold: bool = False
    anchor: Anchor = "start"


Mark = Polygon | Curve | Line | Text


@dataclass(frozen=True, slots=True)
class Part:
    """Marks that belong together and mean something.

    Parameters
    ----------
    id
        A path of the network, unique in the scene; None for decoration.
    role
        What it is, for style sheets: ``box conv``, ``frame step``, ``link identity``.
    label
        What a person would call it; empty if it says nothing that other parts do not.
    """

    id: str | None
    role: str
    label: str = ""
    marks: tuple[Mark, ...] = ()
    parts: tuple[Part, ...] = ()

    def flat(self) -> Iterator[Mark]:
        """All marks in the order in which they are drawn."""
        yield from self.marks
        for part in self.parts:
            yield from part.flat()


@dataclass(frozen=True, slots=True)
class Scene:
    """A picture with its size in points."""

    width: float
    height: float
    title: str
    description: str
    parts: tuple[Part, ...]

    def marks(self) -> Iterator[Mark]:
        """All marks in the order in which they are drawn."""
        for part in self.parts:
            yield from part.flat()


def roles_of(mark: Mark) -> list[str]:
    """Roles of the colours of a mark."""
    if isinstance(mark, Text):
        return [mark.role]
    return [role for role in (mark.paint.fill, mark.paint.stroke) if role is not None]


def rectangle(x: float, y: float, width: float, height: float, paint: Paint) -> Polygon:
    """A rectangle by its top left corner."""
    return Polygon(((x, y), (x + width, y), (x + width, y + height), (x, y + height)), paint)


def rounded(x: float, y: float, width: float, height: float, radius: float, paint: Paint) -> Curve:
    """A rectangle with round corners, by its top left corner."""
    r = min(radius, width / 2, height / 2)
    h = r * (1 - _ARC)
    right, bottom = x + width, y + height
    corners: list[Point] = [(x + r, y)]
    corners += _straight((x + r, y), (right - r, y))
    corners += [(right - h, y), (right, y + h), (right, y + r)]
    corners += _straight((right, y + r), (right, bottom - r))
    corners += [(right, bottom - h), (right - h, bottom), (right - r, bottom)]
    corners += _straight((right - r, bottom), (x + r, bottom))
    corners += [(x + h, bottom), (x, bottom - h), (x, bottom - r)]
    corners += _straight((x, bottom - r), (x, y + r))
    corners += [(x, y + h), (x + h, y), (x + r, y)]
    return Curve(tuple(corners), paint)


def bent(points: tuple[Point, ...], radius: float, paint: Paint) -> Curve:
    """A line along horizontal and vertical stretches, its corners rounded."""
    path: list[Point] = [points[0]]
    for before, corner, after in zip(points, points[1:], points[2:], strict=False):
        r = min(radius, _distance(before, corner) / 2, _distance(corner, after) / 2)
        start, end = _towards(corner, before, r), _towards(corner, after, r)
        path += _straight(path[-1], start)
        path += [_towards(corner, before, r * (1 - _ARC)), _towards(corner, after, r * (1 - _ARC)), end]
    path += _straight(path[-1], points[-1])
    return Curve(tuple(path), paint)


def _straight(start: Point, end: Point) -> list[Point]:
    third = ((end[0] - start[0]) / 3, (end[1] - start[1]) / 3)
    return [(start[0] + third[0], start[1] + third[1]), (end[0] - third[0], end[1] - third[1]), end]


def _distance(one: Point, other: Point) -> float:
    return abs(one[0] - other[0]) + abs(one[1] - other[1])


def _towards(start: Point, end: Point, distance: float) -> Point:
    share = distance / (_distance(start, end) or 1.0)
    return (start[0] + (end[0] - start[0]) * share, start[1] + (end[1] - start[1]) * share)
