"""A column that is too tall for a page, cut into shorter ones side by side.

A cut runs below a box that all streams pass through, where nothing leads on but what comes from that box. The parts
below it move up and to the right, and a line leads from the foot of one column to the head of the next.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from archdsl.backends.diagram.metrics import text_width
from archdsl.backends.diagram.page import moved
from archdsl.backends.diagram.scene import Mark, Paint, Part, Text, bent

#: Room between two columns, with the line from one to the next in its middle.
GUTTER = 26.0
#: How far below a box a cut runs: below the end of a bracket, above the beginning of what goes around.
_BELOW = 2.0
#: How far below the foot of a column the line to the next one turns, and how far above the lines to its head.
_TURN, _OVER = 8.0, 5.0
#: Room above that line.
_ABOVE = 4.0
#: What a cut within a stage costs, in squares of shares of a column's height.
_WITHIN = 0.02
#: Share of the highest column that each of the others must have.
_MIN_COLUMN = 0.2

#: Left, top, right and bottom.
_Area = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Foot:
    """The lower end of a box on the middle line, with the top of what stands below it, and whether a stage ends."""

    bottom: float
    next_top: float
    is_border: bool

    @property
    def level(self) -> float:
        """Where the cut runs."""
        return self.bottom + _BELOW


@dataclass(frozen=True, slots=True)
class Drawn:
    """Groups of parts with the room that they take to the left and right of the middle line, and below 0."""

    links: tuple[Part, ...]
    boxes: tuple[Part, ...]
    labels: tuple[Part, ...]
    left: float
    right: float
    bottom: float

    @property
    def parts(self) -> tuple[Part, ...]:
        """All parts, lines below boxes and boxes below words."""
        return Part(None, "links", parts=self.links), *self.boxes, Part(None, "labels", parts=self.labels)


def column_of(level: float, cuts: Sequence[Foot]) -> int:
    """The column in which something that ends at a level stands."""
    return sum(cut.level < level for cut in cuts)


def free(feet: Sequence[Foot], drawn: Drawn) -> list[Foot]:
    """Feet below which a cut crosses nothing but lines from the box that ends there."""
    others = [_area(part) for part in (*drawn.boxes, *drawn.labels)]
    links = [(_area(part), _start(part)) for part in drawn.links]

    def is_free(foot: Foot) -> bool:
        if any(top < foot.level < bottom for _, top, _, bottom in others):
            return False
        crossed = [start for (_, top, _, bottom), start in links if top < foot.level < bottom]
        return all(start == (0.0, foot.bottom) for start in crossed)

    return [foot for foot in feet if is_free(foot)]


def chosen(feet: Sequence[Foot], bottom: float, count: int) -> tuple[Foot, ...]:
    """Feet that cut a drawing into so many columns of about equal height, rather between stages than within.

    None if that leaves a column that is not worth the line to it.
    """
    ideal = bottom / count
    best: dict[int, tuple[float, tuple[Foot, ...]]] = {-1: (0.0, ())}
    tops = {-1: 0.0, **{place: foot.next_top for place, foot in enumerate(feet)}}

    def cost(start: int, end: float) -> float:
        return ((end - tops[start]) / ideal - 1) ** 2

    for _ in range(count - 1):
        following: dict[int, tuple[float, tuple[Foot, ...]]] = {}
        for place, foot in enumerate(feet):
            ways = [(spent + cost(last, foot.bottom), cuts) for last, (spent, cuts) in best.items() if last < place]
            if ways:
                total, cuts = min(ways, key=lambda way: way[0])
                following[place] = (total + (0.0 if foot.is_border else _WITHIN), (*cuts, foot))
        best = following
    if not best:
        return ()
    _, cuts = min(((spent + cost(last, bottom), cuts) for last, (spent, cuts) in best.items()), key=lambda end: end[0])
    starts, ends = (0.0, *(cut.next_top for cut in cuts)), (*(cut.bottom for cut in cuts), bottom)
    heights = [end - start for start, end in zip(starts, ends, strict=True)]
    return cuts if min(heights) >= _MIN_COLUMN * max(heights) else ()


def side_by_side(drawn: Drawn, cuts: Sequence[Foot], paint: Paint) -> Drawn:
    """Columns with their heads at one height, and lines from each to the next."""
    columns: list[list[_Area]] = [[] for _ in range(len(cuts) + 1)]
    for part in (*drawn.links, *drawn.boxes, *drawn.labels):
        area = _area(part)
        columns[column_of(area[3], cuts)].append(area)
    lefts = [-min(area[0] for area in column) for column in columns]
    rights = [max(area[2] for area in column) for column in columns]
    axes = [0.0]
    for right, left in zip(rights, lefts[1:], strict=False):
        axes.append(axes[-1] + right + GUTTER + left)
    head = max(cut.next_top - cut.bottom for cut in cuts) + _OVER + _ABOVE
    rises = [head, *(head - cut.next_top for cut in cuts)]

    def put(parts: Sequence[Part]) -> Iterator[Part]:
        for part in parts:
            number = column_of(_area(part)[3], cuts)
            yield moved(part, axes[number], rises[number])

    turns = []
    for number, (cut, (axis, following)) in enumerate(zip(cuts, pairwise(axes), strict=True)):
        foot, entry = cut.bottom + rises[number], cut.bottom + rises[number + 1]
        between = axis + rights[number] + GUTTER / 2
        turn = foot + _TURN
        points = ((axis, foot), (axis, turn), (between, turn), (between, _ABOVE), (following, _ABOVE))
        turns.append(Part(None, "link flow", marks=(bent((*points, (following, entry)), 4.0, paint),)))
    bottoms = [max(area[3] for area in column) + rise for column, rise in zip(columns, rises, strict=True)]
    return Drawn(
        links=(*put(drawn.links), *turns),
        boxes=tuple(put(drawn.boxes)),
        labels=tuple(put(drawn.labels)),
        left=lefts[0],
        right=axes[-1] + rights[-1],
        bottom=max([*bottoms, *(cut.bottom + rise + _TURN for cut, rise in zip(cuts, rises, strict=False))]),
    )


def _start(part: Part) -> tuple[float, float] | None:
    """Where a line begins."""
    points = [mark.points[0] for mark in part.flat() if not isinstance(mark, Text)]
    return points[0] if points else None


def _area(part: Part) -> _Area:
    """What a part covers, words included."""
    areas = [_covered(mark) for mark in part.flat()]
    lefts, tops, rights, bottoms = zip(*areas, strict=True)
    return min(lefts), min(tops), max(rights), max(bottoms)


def _covered(mark: Mark) -> _Area:
    if isinstance(mark, Text):
        width = text_width(mark.text, mark.size, bold=mark.bold)
        left = mark.x - {"start": 0.0, "middle": width / 2, "end": width}[mark.anchor]
        return left, mark.y - 0.7 * mark.size, left + width, mark.y + 0.2 * mark.size
    xs, ys = zip(*mark.points, strict=True)
    return min(xs), min(ys), max(xs), max(ys)
