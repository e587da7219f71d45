"""Where everything goes: one sheet from top to bottom, or several side by side where that is easier to read.

The engine places boxes and draws links. A long network is cut between its outermost blocks, where a single stream runs
from one to the next, and its sheets stand beside each other like columns of text.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from archdsl.backends.diagram.dot import ENTRY, EXIT, Direction, Sheet, layout_source
from archdsl.backends.diagram.engine import DrawingError, EngineTimeout
from archdsl.backends.diagram.figure import Figure, Frame, Link, Member, keys_of
from archdsl.backends.diagram.scene import Point
from archdsl.backends.diagram.valley import rising_side

#: Room that a drawing has on a page (A4 in points, less borders, title and legend).
PAGE = (567.0, 750.0)
#: Steepest picture, height to width, that is not cut into columns whatever its size.
MAX_ASPECT = 2.4
MAX_COLUMNS = 8
#: How much larger one more column must make a picture to be worth its turn.
MIN_GAIN = 1.08
#: Share of the highest column that each of the others must have.
MIN_COLUMN = 0.16
GUTTER = 34.0
#: Room above and below columns for the lines that join them.
SLACK = 10.0
#: Seconds for a beautiful layout; then a plain one has to do.
PATIENCE = 20.0

#: Runs the engine on DOT text within a number of seconds and returns its JSON.
Engine = Callable[[str, float], bytes]


@dataclass(frozen=True, slots=True)
class Route:
    """A link as drawn: Bezier points, and the tip of its arrow if it has one."""

    link: Link
    points: tuple[Point, ...]
    tip: Point | None


@dataclass(frozen=True, slots=True)
class Corner:
    """A line from the end of one column to the beginning of the next: horizontal and vertical stretches."""

    points: tuple[Point, ...]


@dataclass
class Layout:
    """Places in points from the top left: centres of boxes and junctions, corners of frames, links."""

    width: float = 0.0
    height: float = 0.0
    direction: Direction = "TB"
    centres: dict[str, Point] = field(default_factory=dict)
    frames: dict[str, tuple[float, float, float, float]] = field(default_factory=dict)
    routes: list[Route] = field(default_factory=list)
    corners: list[Corner] = field(default_factory=list)


def lay_out(figure: Figure, direction: Direction, engine: Engine) -> Layout:
    """Place a figure, cut into columns if it is too long for a page.

    Raises
    ------
    DrawingError
        The engine fails.
    """
    rising = rising_side(figure)
    if rising:
        with suppress(DrawingError):  # what is harder to lay out may be drawn straight
            return _run([Sheet(figure.members, figure.links, rising=rising)], direction, engine)[0]
    whole = Sheet(figure.members, figure.links)
    single = _run([whole], direction, engine)[0]
    if direction == "LR" or _fits(single.width, single.height):
        return single
    cuts = _best_cuts(whole, single)
    if not cuts:
        return single
    sheets = _cut(whole, cuts)
    return _side_by_side(sheets, _run(sheets, direction, engine))


def scale(layout: Layout) -> float:
    """How much a picture shrinks to fit on a page."""
    return _scale(layout.width, layout.height)


def _fits(width: float, height: float) -> bool:
    return height <= PAGE[1] and height <= MAX_ASPECT * max(width, PAGE[0] / 3)


# Cutting


def _links_at(sheet: Sheet, place: int, homes: dict[str, int]) -> list[Link]:
    """Links that run from before a place among the outermost members to behind it."""
    return [link for link in sheet.links if homes[link.tail] < place <= homes[link.head]]


def _legal_cuts(sheet: Sheet) -> list[int]:
    """Places between outermost members that one stream crosses, on its way from the member before to the next one."""
    homes = {key: place for place, member in enumerate(sheet.members) for key in keys_of(member)}
    crossing: defaultdict[int, list[Link]] = defaultdict(list)
    for link in sheet.links:
        for place in range(homes[link.tail] + 1, homes[link.head] + 1):
            crossing[place].append(link)
    return [
        place
        for place, links in sorted(crossing.items())
        if len({link.tail for link in links}) == 1
        and all(link.kind == "flow" and homes[link.head] == place for link in links)
    ]


def _best_cuts(sheet: Sheet, single: Layout) -> tuple[int, ...]:
    """Where to cut so that the columns fill a page at the largest scale."""
    legal = _legal_cuts(sheet)
    extents = [_extent(member, single) for member in sheet.members]
    best: tuple[float, tuple[int, ...]] = (_scale(single.width, single.height), ())
    for columns in range(2, min(MAX_COLUMNS, len(legal) + 1) + 1):
        cuts = _balanced(legal, extents, columns)
        stretches = [extents[a:b] for a, b in pairwise((0, *cuts, len(extents)))]
        heights = [_height(stretch) for stretch in stretches]
        if min(heights) < MIN_COLUMN * max(heights):
            continue
        height = max(heights) + 2 * SLACK
        width = sum(_width(stretch) for stretch in stretches) + GUTTER * (len(stretches) - 1)
        scale = _scale(width, height)
        if scale > best[0] * MIN_GAIN or (scale >= 1 and best[0] < 1):
            best = (scale, cuts)
    return best[1]


def _scale(width: float, height: float) -> float:
    """How much a picture shrinks to fit on a page."""
    return min(1.0, PAGE[0] / width, PAGE[1] / height)


Extent = tuple[float, float, float, float]


def _extent(member: Member, layout: Layout) -> Extent:
    """Left, top, right and bottom of a member."""
    if isinstance(member, Frame):
        return layout.frames[member.key]
    x, y = layout.centres[member.key]
    width, height = getattr(member, "width", 0.0), getattr(member, "height", 0.0)
    return x - width / 2, y - height / 2, x + width / 2, y + height / 2


def _height(stretch: Sequence[Extent]) -> float:
    return max(extent[3] for extent in stretch) - min(extent[1] for extent in stretch)


def _width(stretch: Sequence[Extent]) -> float:
    return max(extent[2] for extent in stretch) - min(extent[0] for extent in stretch)


def _balanced(legal: Sequence[int], extents: Sequence[Extent], columns: int) -> tuple[int, ...]:
    """Cuts into so many columns, or fewer, whose highest is as low as can be, to the point."""
    bounds = [*pairwise((0, *legal, len(extents)))]
    stretches = [(start, *_span(extents[start:stop])) for start, stop in bounds]
    low, high = 0.0, _height(extents)
    while high - low > 1:
        middle = (low + high) / 2
        if len(_greedy(stretches, middle)) < columns:
            high = middle
        else:
            low = middle
    return _greedy(stretches, high)


def _span(stretch: Sequence[Extent]) -> tuple[float, float]:
    """Top and bottom of members."""
    return min(extent[1] for extent in stretch), max(extent[3] for extent in stretch)


def _greedy(stretches: Sequence[tuple[int, float, float]], limit: float) -> tuple[int, ...]:
    """Cuts that fill each column up to a height; a stretch without cuts that is higher stands alone.

    Parameters
    ----------
    stretches
        Where each begins, its top and its bottom.
    """
    cuts: list[int] = []
    _, top, bottom = stretches[0]
    for start, upper, lower in stretches[1:]:
        upmost = top if top < upper else upper
        lowest = bottom if bottom > lower else lower
        if lowest - upmost > limit:
            cuts.append(start)
            top, bottom = upper, lower
        else:
            top, bottom = upmost, lowest
    return tuple(cuts)


def _cut(sheet: Sheet, cuts: Sequence[int]) -> list[Sheet]:
    """Sheets between cuts, with the links that enter each; streams from one box to another share the line there."""
    sheets: list[Sheet] = []
    bounds = (0, *cuts, len(sheet.members))
    homes = {key: place for place, member in enumerate(sheet.members) for key in keys_of(member)}
    for start, stop in pairwise(bounds):
        inner = [link for link in sheet.links if start <= homes[link.tail] < stop and start <= homes[link.head] < stop]
        enters = {link.head: link for link in _links_at(sheet, start, homes)} if start else {}
        leaving = _links_at(sheet, stop, homes) if stop < len(sheet.members) else []
        sheets.append(
            Sheet(
                members=sheet.members[start:stop],
                links=tuple(inner),
                enters=tuple(Link(ENTRY, head, link.kind) for head, link in enters.items()),
                leaves=leaving[0].tail if leaving else None,
            )
        )
    return sheets


# Running


def _run(sheets: Sequence[Sheet], direction: Direction, engine: Engine) -> list[Layout]:
    """Layouts of sheets, each with its origin at its top left."""
    try:
        answer = engine("\n".join(layout_source(sheet, direction) for sheet in sheets), PATIENCE)
    except EngineTimeout:
        answer = engine("\n".join(layout_source(sheet, direction, fast=True) for sheet in sheets), 3 * PATIENCE)
    documents = _documents(answer.decode())
    return [_read(found, sheet, direction) for found, sheet in zip(documents, sheets, strict=True)]


def _documents(text: str) -> Iterable[dict[str, Any]]:
    """JSON values that follow one another."""
    decoder, place = json.JSONDecoder(), 0
    while place < len(text.rstrip()):
        value, place = decoder.raw_decode(text, place)
        yield value
        while place < len(text) and text[place].isspace():
            place += 1


def _read(found: dict[str, Any], sheet: Sheet, direction: Direction) -> Layout:
    """The engine's answer in our coordinates."""
    _, _, width, height = _numbers(found["bb"])
    layout = Layout(width, height, direction)
    names: dict[int, str] = {}
    for thing in found.get("objects", ()):
        names[thing["_gvid"]] = thing["name"]
        if thing["name"].startswith("cluster_"):
            left, bottom, right, top = _numbers(thing["bb"])
            layout.frames[thing["name"].removeprefix("cluster_")] = (left, height - top, right, height - bottom)
        elif "pos" in thing:
            x, y = _numbers(thing["pos"])
            layout.centres[thing["name"]] = (x, height - y)
    links = {(link.tail, link.head, link.kind == "tied"): link for link in (*sheet.links, *sheet.enters)}
    for edge in found.get("edges", ()):
        tail, head = names[edge["tail"]], names[edge["head"]]
        is_tied = edge.get("style") == "dotted"
        link = links.get((tail, head, is_tied)) or links.get((head, tail, is_tied), Link(tail, head))
        layout.routes.append(_route(link, edge["pos"], height, is_backward=link.tail != tail))
    return layout


def _route(link: Link, text: str, height: float, *, is_backward: bool) -> Route:
    """A link's way: a word with ``e,`` or ``s,`` is the tip of its arrow, the rest are Bezier points."""
    tip: Point | None = None
    points: list[Point] = []
    for word in text.split():
        x, y = _numbers(word.lstrip("es,"))
        if word[0] in "es":
            tip = (x, height - y)
        else:
            points.append((x, height - y))
    return Route(link, tuple(reversed(points) if is_backward else points), tip)


def _numbers(text: str) -> tuple[float, ...]:
    return tuple(float(number) for number in text.split(","))


# Composing


def _side_by_side(sheets: Sequence[Sheet], layouts: Sequence[Layout]) -> Layout:
    """Sheets as columns of one layout, joined by lines through the gutters."""
    result = Layout(height=max(layout.height for layout in layouts) + 2 * SLACK)
    left = 0.0
    bottoms: list[Point] = []
    for sheet, layout in zip(sheets, layouts, strict=True):
        _shift_into(result, layout, left, SLACK)
        if bottoms and sheet.enters:
            result.corners.append(_corner(bottoms[-1], result.centres[ENTRY], left - GUTTER / 2))
        if sheet.leaves is not None:
            bottoms.append(result.centres[EXIT])
        left += layout.width + GUTTER
    result.width = left - GUTTER
    for name in (ENTRY, EXIT):
        result.centres.pop(name, None)
    return result


def _shift_into(result: Layout, layout: Layout, dx: float, dy: float) -> None:
    result.centres |= {key: (x + dx, y + dy) for key, (x, y) in layout.centres.items()}
    result.frames |= {key: (a + dx, b + dy, c + dx, d + dy) for key, (a, b, c, d) in layout.frames.items()}
    for route in layout.routes:
        points = tuple((x + dx, y + dy) for x, y in route.points)
        tip = None if route.tip is None else (route.tip[0] + dx, route.tip[1] + dy)
        result.routes.append(Route(route.link, points, tip))


def _corner(bottom: Point, top: Point, gutter: float) -> Corner:
    """From the end of a column down, through the gutter up, and over to the beginning of the next."""
    low, high = bottom[1] + SLACK / 2, SLACK / 2
    start, end = (bottom[0], bottom[1] - 1), (top[0], top[1] + 1)
    return Corner((start, (bottom[0], low), (gutter, low), (gutter, high), (top[0], high), end))
