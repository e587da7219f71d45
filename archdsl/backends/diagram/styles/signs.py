"""Merges that papers draw as a sign in a circle."""

from __future__ import annotations

from collections.abc import Sequence

from archdsl.backends.diagram.scene import Line, Mark, Paint, Point, rounded

#: Operators that are drawn so.
SIGNS = frozenset({"add", "mul"})
#: Width of the circle.
DIAMETER = 11.0


def sign(keyword: str, centre: Point, tone: str) -> tuple[Mark, ...]:
    """A circle with a plus, or with a cross."""
    x, y = centre
    half = DIAMETER / 2
    circle = rounded(x - half, y - half, DIAMETER, DIAMETER, half, Paint(f"{tone}.fill", f"{tone}.line", 0.8))
    return circle, *(Line(points, Paint(stroke=f"{tone}.text", width=0.9)) for points in _strokes(keyword, x, y))


def _strokes(keyword: str, x: float, y: float) -> Sequence[tuple[Point, Point]]:
    r = 3.2
    if keyword == "add":
        return ((x - r, y), (x + r, y)), ((x, y - r), (x, y + r))
    r *= 0.72
    return ((x - r, y - r), (x + r, y + r)), ((x - r, y + r), (x + r, y - r))
