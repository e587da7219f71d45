"""Style ``volumes``: feature maps as boxes in space, from left to right.

The height of a volume grows with the logarithm of its resolution and its thickness with the root of its channels, so
that a pyramid looks like one. What a skip bridges while the resolution falls and rises again hangs below it: a U-Net is
drawn as a U. Number of channels and, where it changes, resolution stand below.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil, copysign

from archdsl.backends.diagram.boxes import badge_text
from archdsl.backends.diagram.column import (
    Arc,
    Aside,
    Branches,
    Gathering,
    Series,
    arrange,
    boxes_of,
    ends,
    spanning,
    starts,
    within,
)
from archdsl.backends.diagram.dips import hangs, hung
from archdsl.backends.diagram.figure import Box, Figure, Frame, Member, keys_of
from archdsl.backends.diagram.labels import sentence
from archdsl.backends.diagram.metrics import text_width
from archdsl.backends.diagram.options import Options
from archdsl.backends.diagram.page import compose
from archdsl.backends.diagram.scene import Line, Mark, Paint, Part, Point, Polygon, Scene, Text, bent
from archdsl.backends.diagram.styles.graph import PAINTS, arrowed, legend_of, tone_of
from archdsl.backends.diagram.styles.signs import sign
from archdsl.backends.diagram.styles.volume_sizes import BESIDE, GAP, LANE, LINE, SMALL, Sizes, Volume
from archdsl.backends.diagram.subject import Subject, only, unfused
from archdsl.backends.diagram.untangle import untangled, without_losses
from archdsl.graph.graph import Graph

SIZE = 8.0
#: Boxes up to which a picture opens blocks.
MAX_BOXES = 34
#: Width at which a new row begins.
MAX_WIDTH = 760.0
#: What a picture may be wider and still stands in one row.
_SHRINK = 1.5
#: Share of a row that is not worth a row of its own.
_SHORT = 0.35
_ROW = 26.0
#: How far behind a volume the line to branches turns.
_FORK = 5.0
#: Room at the beginning of a row for the stream from the one above.
_TURN = 14.0
#: Room of a bracket with the number of copies below it.
_BRACKET = 14.0


def paint_volumes(subjects: Sequence[Subject], options: Options) -> Scene:
    """The scene of one network.

    Raises
    ------
    DrawingError
        There are several, or a block that is to be open or closed does not exist.
    """
    subject = only(subjects, "volumes")
    chosen = unfused(options)
    figure = without_losses(untangled(subject, chosen, subject.figure(chosen, budget=MAX_BOXES)))
    drawing = _Drawing(subject.graph, figure)
    swatches, strokes = _legend(drawing) if options.legend else ([], [])
    return compose(figure, drawing.width, drawing.height, drawing.parts, swatches, strokes)


def _legend(drawing: _Drawing) -> tuple[list[tuple[str, Mark]], list[tuple[str, Paint]]]:
    swatches, _ = legend_of([drawing.figure], bands=False)
    is_skipped = any(arc.kind != "flow" for arc in drawing.arcs)
    return swatches, [("skip", PAINTS["identity"])] if is_skipped else []


@dataclass(frozen=True, slots=True)
class _Place:
    """A box on the page: left and right end of its front, its axis, its size, and its width with the words below it."""

    left: float
    axis: float
    volume: Volume
    room: float

    @property
    def right(self) -> float:
        return self.left + self.volume.width

    @property
    def centre(self) -> float:
        return self.left + self.volume.width / 2

    @property
    def edge(self) -> float:
        """The right end of all that is drawn."""
        return self.centre + (self.volume.depth + self.room) / 2


@dataclass(frozen=True, slots=True)
class _Bracket:
    """What stands below the copies of a frame: a line between two ends, and the number of copies below it."""

    frame: Frame
    left: float
    right: float
    top: float

    @property
    def bottom(self) -> float:
        return self.top + _BRACKET


class _Drawing:
    """One network; the top left corner is at 0, 0."""

    def __init__(self, graph: Graph, figure: Figure) -> None:
        self.graph, self.figure = graph, figure
        self._boxes = {box.key: box for box in figure.boxes()}
        column = arrange(figure)
        self.arcs = column.arcs
        self._sizes = Sizes(graph, figure, column.arcs)
        lone = figure.only_output()
        shown = Series(tuple(part for part in column.series.parts if part != lone))
        self._places: dict[str, _Place] = {}
        self._feet: dict[str, float] = {}  # how far down the rows above are taken, by the boxes in them
        self._brackets: list[_Bracket] = []
        self._links: list[Part] = []
        self.width = self.height = 0.0
        self._gatherings = column.gatherings
        self._put_rows(hung(shown, column.arcs, self._sizes.side), column.asides)
        volumes = [self._volume(self._boxes[key], place) for key, place in self._places.items()]
        words = [*self._words(), *map(_bracket, self._brackets)]
        labels = Part(None, "labels", parts=tuple(words))
        self.parts = (Part(None, "links", parts=tuple(self._links)), *volumes, labels)

    # Places

    def _put_rows(self, main: Series, asides: Sequence[Aside]) -> None:
        """The main series in rows no wider than a page, and below each what stands beside it."""
        tail: _Place | None = None
        waiting = list(asides)
        for row in self._rows(main):
            extent = self._sizes.extent(row)
            left, middle = (_TURN, self.height + _ROW / 2) if tail else (0.0, 0.0)
            axis = self.height + (_ROW if tail else 0.0) + extent.above
            self._put(row, left, axis)
            if tail is not None:
                head = self._places[next(boxes_of(row))]
                right = tail.right + tail.volume.depth + 8
                points = [(tail.right, tail.axis), (right, tail.axis), (right, middle), (2, middle), (2, axis)]
                self._link([*points, (head.left, axis)])
                self.width = max(self.width, right)
            tail = self._places[list(boxes_of(row))[-1]]
            self.height = axis + extent.below
            self.width = max(self.width, left + extent.width)
            self._bracket_copies()
            # From the right to the left, so that the way down to one does not lead through another.
            for aside in sorted(filter(self._is_attached, waiting), key=self._left, reverse=True):
                waiting.remove(aside)
                self._put_aside(aside)
            for gathering in self._gatherings:
                if gathering.last in row.parts:
                    self._gather(gathering)
            self._feet = dict.fromkeys(self._places, self.height) | self._feet

    def _is_attached(self, aside: Aside) -> bool:
        """Whether what an aside comes from, or leads to, has its place."""
        return any({tail, head} & self._places.keys() for tail, head in (*aside.entering, *aside.leaving))

    def _rows(self, main: Series) -> list[Series]:
        """Equally long rows of a page's width, broken between boxes that no skip goes around."""
        widths = [self._sizes.extent(part, around).width + GAP for part, around in within(main)]
        whole = sum(widths)
        if whole <= MAX_WIDTH * _SHRINK:
            return [main]
        target = whole / ceil(whole / MAX_WIDTH)
        places = {key: place for place, part in enumerate(main.parts) for key in boxes_of(part)}
        spans = [(start, end) for start, end, _ in spanning(main, self.arcs)]
        for gathering in self._gatherings:
            inner = [places[key] for key in (*gathering.sources, gathering.last) if key in places]
            spans.append((min(inner), max(inner) + 1))
        for frame in self.figure.frames():
            inside = [places[key] for key in keys_of(frame) if key in places]
            if frame.count > 1 and inside:
                spans.append((min(inside), max(inside)))
        rows, start, width = [], 0, 0.0
        for place, part in enumerate(main.parts):
            before = main.parts[place - 1]
            is_free = isinstance(part, str) and isinstance(before, str) and place > start
            if width >= target - widths[place] / 2 and is_free and not any(one < place <= two for one, two in spans):
                rows.append(Series(main.parts[start:place]))
                start, width = place, 0.0
            width += widths[place]
        if rows and sum(widths[start:]) < target * _SHORT:
            start -= len(rows.pop().parts)
        return [*rows, Series(main.parts[start:])]

    def _put(self, series: Series, x: float, axis: float) -> None:
        """A series with its lines, which need the places of all that is in it."""
        for inner, height in self._place(series, x, axis):
            self._connect(inner, height)

    def _place(self, series: Series, x: float, axis: float) -> list[tuple[Series, float]]:
        """Place what is in a series; the series in it and itself, inner ones first, with their axes."""
        found: list[tuple[Series, float]] = []
        for part in series.parts:
            extent = self._sizes.extent(part)
            if isinstance(part, str):
                volume = self._sizes.volume(part)
                left = x + (extent.width - volume.width - volume.depth) / 2
                self._places[part] = _Place(left, axis, volume, extent.width)
            else:
                top = axis - extent.above
                for inner in part.series:
                    room = self._sizes.extent(inner)
                    found += self._place(inner, x + (extent.width - room.width) / 2, top + room.above)
                    top += room.above + room.below + BESIDE
            x += extent.width + GAP
        return [*found, (series, axis)]

    def _connect(self, series: Series, axis: float) -> None:
        for before, after in pairwise(series.parts):
            for tail in ends(before):
                for head in starts(after):
                    self._join(self._places[tail], self._places[head], is_fork=isinstance(after, Branches))
        for arc, height in self._sizes.extent(series).arcs:
            self._links.append(self._arc(arc, axis - height))
        self._bridge(series)

    def _bridge(self, series: Series) -> None:
        """The skips below which something hangs: straight along the axis."""
        for before, part, after in zip(series.parts, series.parts[1:], series.parts[2:], strict=False):
            if hangs(part) and isinstance(before, str) and isinstance(after, str):
                self._links.append(self._straight(before, after))

    def _gather(self, gathering: Gathering) -> None:
        """What leads to the same heads as the last source of a row: below the row to the fork behind that."""
        last = self._places[gathering.last]
        sources = [key for key in gathering.sources if key in self._places]
        level = 5 + max(self._foot(key) for key in (*sources, gathering.last) if self._places[key].axis == last.axis)
        fork = _fork(last)
        for key in sources:
            place = self._places[key]
            low = 5 + self._feet.get(key, self._foot(key))
            x = place.edge + 4
            down = [(x, low), (-4.0, low), (-4.0, level)] if place.axis < last.axis else [(x, level)]
            points = ((place.right, place.axis), (x, place.axis), *down, (fork, level), (fork, last.axis))
            label = sentence("flow", f"from {self._boxes[key].path} to what follows {self._boxes[gathering.last].path}")
            self._links.append(Part(None, "link flow", label, (bent(points, 4.0, PAINTS["flow"]),)))
        self.height = max(self.height, level + 2)

    def _straight(self, tail: str, head: str) -> Part:
        """A skip that bridges what hangs below it, with what is done on it."""
        arc = next(arc for arc in self.arcs if (arc.tail, arc.head) == (tail, head))
        start, end = self._places[tail], self._places[head]
        words = ", ".join(self._boxes[key].title for key in arc.via)
        middle = (start.right + start.volume.depth + end.left) / 2
        text = (Text(middle, start.axis - 4, words, SMALL, "faint", anchor="middle"),) if words else ()
        label = sentence(arc.kind, f"from {self._boxes[tail].path} to {self._boxes[head].path}", words)
        points = [(start.centre, start.axis), (end.left, end.axis)]
        return Part(None, f"link {arc.kind}", label, (*arrowed(points, PAINTS["identity"]), *text))

    def _put_aside(self, aside: Aside) -> None:
        """Below the rest: what leads to another output, or comes from another input."""
        extent = self._sizes.extent(aside.series)
        left = self._left(aside)
        right = left + extent.width
        top = BESIDE + max(low for start, end, low in self._reaches() if start < right and left - GAP < end)
        first = starts(aside.series.parts[0])
        over = [(tail, head) for tail, head in aside.entering if tail in self._places and head not in first]
        top += LANE if over else 0.0
        self._put(aside.series, left, top + extent.above)
        self._links += (self._arc(Arc(tail, head, "flow"), top - LANE) for tail, head in over)
        for tail, head in (*aside.entering, *aside.leaving):
            if tail in self._places and head in self._places and (tail, head) not in over:
                self._join(self._places[tail], self._places[head], is_fork=(tail, head) in aside.entering)
        self.height = max(self.height, top + extent.above + extent.below)
        self.width = max(self.width, right)
        self._bracket_copies()

    def _reaches(self) -> Iterator[tuple[float, float, float]]:
        """Left and right end of all that has its place, words included, and how far down it is taken."""
        yield float("-inf"), float("inf"), 0.0
        for key, place in self._places.items():
            half = max((text_width(line, SMALL) for line in self._sizes.captions[key]), default=0.0) / 2
            middle = place.centre + place.volume.depth / 2
            yield min(place.left, middle - half), max(place.right + place.volume.depth, middle + half), self._foot(key)
        for bracket in self._brackets:
            yield bracket.left, bracket.right, bracket.bottom

    def _foot(self, key: str) -> float:
        """How far down a box that has its place is taken, with the words below it."""
        return self._places[key].axis + self._sizes.extent(key).below

    def _bracket_copies(self) -> None:
        """Find the brackets below all that has its place, inner ones first, and make room for them."""
        self._brackets.clear()
        for member in self.figure.members:
            self._bracketed(member)
        self.height = max([self.height, *(bracket.bottom for bracket in self._brackets)])

    def _bracketed(self, member: Member) -> float:
        """How far down a member is taken, with the brackets in and under it, which are kept."""
        if not isinstance(member, Frame):
            return self._foot(member.key) if member.key in self._places else 0.0
        low = max(map(self._bracketed, member.members), default=0.0)
        places = [self._places[key] for key in keys_of(member) if key in self._places]
        if member.count == 1 or not places:
            return low
        left, right = min(place.left for place in places), max(place.right + place.volume.depth for place in places)
        self._brackets.append(_Bracket(member, left, right, low))
        return self._brackets[-1].bottom

    def _left(self, aside: Aside) -> float:
        """Where what stands below begins: behind the line that leads down to it."""
        tails = [self._places[tail] for tail, _ in aside.entering if tail in self._places]
        return min((_fork(tail) + 8 for tail in tails), default=0.0)

    # Lines

    def _link(self, points: Sequence[Point]) -> None:
        self._links.append(Part(None, "link flow", marks=arrowed(points, PAINTS["flow"])))

    def _join(self, tail: _Place, head: _Place, *, is_fork: bool) -> None:
        start, end = (tail.centre, tail.axis), (head.left, head.axis)
        if tail.axis == head.axis:
            self._link([start, end])
            return
        x = _fork(tail) if is_fork else head.left - 7
        self._link([start, (x, tail.axis), (x, head.axis), end])

    def _arc(self, arc: Arc, level: float) -> Part:
        """A skip above what it goes around; where it leaves or joins the lines of branches, it runs along them."""
        tail, head = self._places[arc.tail], self._places[arc.head]
        x = tail.right + tail.volume.depth + 4 if tail.axis == head.axis else _fork(tail)
        way = [(head.left - 7, level), (head.left - 7, head.axis), (head.left, head.axis)]
        if self._sizes.is_dot(arc.head):
            edge = copysign(head.volume.height / 2, level - head.axis)
            way = [(head.centre, level), (head.centre, head.axis + edge)]
        label = sentence(arc.kind, f"from {self._boxes[arc.tail].path} to {self._boxes[arc.head].path}")
        points = [(x, tail.axis), (x, level), *way]
        paint = PAINTS["flow" if arc.kind == "flow" else "identity"]
        return Part(None, f"link {arc.kind}", label, arrowed(points, paint))

    # Marks

    def _volume(self, box: Box, place: _Place) -> Part:
        tone = tone_of(box)
        role = f"box {box.kind if box.kind != 'operator' else tone}"
        if self._sizes.is_dot(box.key):
            return Part(box.path, role, box.spoken, sign(box.keyword, (place.centre, place.axis), tone))
        left, right, depth = place.left, place.right, place.volume.depth
        top, bottom = place.axis - place.volume.height / 2, place.axis + place.volume.height / 2
        line = f"{tone}.line"
        roof = ((left, top), (left + depth, top - depth), (right + depth, top - depth), (right, top))
        side = ((right, top), (right + depth, top - depth), (right + depth, bottom - depth), (right, bottom))
        marks = (
            Polygon(roof, Paint(f"{tone}.top", line, 0.7)),
            Polygon(side, Paint(f"{tone}.side", line, 0.7)),
            Polygon(((left, top), (right, top), (right, bottom), (left, bottom)), Paint(f"{tone}.fill", line, 0.7)),
        )
        return Part(box.path, role, box.spoken, marks)

    def _words(self) -> Iterator[Part]:
        for key, place in self._places.items():
            base = place.axis + place.volume.height / 2 + 1.0
            centre = place.centre + place.volume.depth / 2
            for number, line in enumerate(self._sizes.captions[key]):
                role = "text" if number == 0 else "faint"
                text = Text(centre, base + LINE * (number + 1) - 1, line, SMALL, role, anchor="middle")
                yield Part(None, "size", marks=(text,))


def _fork(tail: _Place) -> float:
    """Where the lines to branches behind a box turn, clear of the words below it."""
    return max(tail.right + tail.volume.depth + _FORK, tail.edge + 3)


def _bracket(bracket: _Bracket) -> Part:
    left, right, top = bracket.left, bracket.right, bracket.top
    line = Line(((left, top), (left, top + 3), (right, top + 3), (right, top)), Paint(stroke="text", width=0.9))
    badge = badge_text(bracket.frame.count)
    text = Text((left + right) / 2, top + 12, badge, SIZE, bold=True, anchor="middle")
    return Part(bracket.frame.path, "bracket", bracket.frame.spoken, (line, text))
