"""Style ``volumes``: feature maps as boxes in space, from left to right.

The height of a volume grows with the logarithm of its resolution and its thickness with the root of its channels, so
that a pyramid looks like one. What a skip bridges while the resolution falls and rises again hangs below it: a U-Net is
drawn as a U. Number of channels and, where it changes, resolution stand below.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from math import ceil, log2, sqrt

from archdsl.backends.diagram.boxes import badge_text
from archdsl.backends.diagram.column import Arc, Aside, Branches, Series, arrange, boxes_of, streams
from archdsl.backends.diagram.column import Part as ColumnPart
from archdsl.backends.diagram.figure import Box, Figure, Frame, Member, keys_of
from archdsl.backends.diagram.labels import sentence
from archdsl.backends.diagram.metrics import shorten, text_width
from archdsl.backends.diagram.options import Options
from archdsl.backends.diagram.page import compose
from archdsl.backends.diagram.scene import Line, Mark, Paint, Part, Point, Polygon, Scene, Text, bent
from archdsl.backends.diagram.styles.graph import PAINTS, arrow, legend_of, tone_of
from archdsl.backends.diagram.styles.signs import DIAMETER, SIGNS, sign
from archdsl.backends.diagram.subject import Subject, only, unfused
from archdsl.backends.diagram.untangle import untangled, without_losses
from archdsl.graph.graph import Graph
from archdsl.ops.base import TensorType

SIZE, SMALL = 8.0, 7.0
#: Boxes up to which a picture opens blocks.
MAX_BOXES = 34
#: Width at which a new row begins.
MAX_WIDTH = 760.0
#: What a picture may be wider and still stands in one row.
_SHRINK = 1.5
#: Share of a row that is not worth a row of its own.
_SHORT = 0.35
_GAP = 13.0
_BESIDE = 16.0
_LANE = 9.0
_LINE = 8.5
_NAME = 64.0
_ROW = 26.0
#: Room at the beginning of a row for the stream from the one above.
_TURN = 14.0
#: Share of the height that a volume recedes by, to the right and upwards.
_DEPTH = 0.26


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
    bare = tuple(replace(box, before=(), after=()) for box in drawing.figure.boxes())
    swatches, _ = legend_of([replace(drawing.figure, members=bare)])
    return swatches, [("skip", PAINTS["identity"])] if drawing.arcs else []


@dataclass(frozen=True, slots=True)
class Volume:
    """Size of a volume in points: its front, and how far it recedes."""

    width: float
    height: float
    depth: float


def volume_of(stream: TensorType | None) -> Volume:
    """How large a stream is drawn."""
    if stream is None or not stream.shape:
        return Volume(10, 30, 4)
    if not stream.spatial or set(stream.spatial) == {1}:
        height = 12 + 6.0 * log2(stream.channels)
        return Volume(5, height, 5)
    height = 10 + 9.5 * log2(max(stream.spatial))
    return Volume(2.5 + 0.8 * sqrt(stream.channels), height, height * _DEPTH)


@dataclass(frozen=True, slots=True)
class _Extent:
    """Room of something: its width, and what is above and below its axis."""

    width: float
    above: float
    below: float


@dataclass(frozen=True, slots=True)
class _Place:
    """A box on the page: left and right end of its front, its axis, and its size."""

    left: float
    axis: float
    volume: Volume

    @property
    def right(self) -> float:
        return self.left + self.volume.width

    @property
    def centre(self) -> float:
        return self.left + self.volume.width / 2


class _Drawing:
    """One network; the top left corner is at 0, 0."""

    def __init__(self, graph: Graph, figure: Figure) -> None:
        self.graph, self.figure = graph, figure
        self._boxes = {box.key: box for box in figure.boxes()}
        column = arrange(figure)
        self.arcs = column.arcs
        outputs = [box.key for box in self._boxes.values() if box.kind == "output"]
        lone = outputs[0] if len(outputs) == 1 else None
        main = self._dipped(Series(tuple(part for part in column.series.parts if part != lone)))
        self._labels = self._captions()
        self._places: dict[str, _Place] = {}
        self._links: list[Part] = []
        self.width = self.height = 0.0
        self._put_rows(main, column.asides)
        words = [*self._words(), *(part for member in figure.members for part in self._bracket(member)[0])]
        volumes = [self._volume(self._boxes[key], place) for key, place in self._places.items()]
        labels = Part(None, "labels", parts=tuple(words))
        self.parts = (Part(None, "links", parts=tuple(self._links)), *volumes, labels)

    # What hangs below a skip

    def _dipped(self, series: Series) -> Series:
        """The series with every way on which the resolution falls and rises below the skip that bridges it."""
        parts = [
            Branches(tuple(self._dipped(inner) for inner in part.series)) if isinstance(part, Branches) else part
            for part in series.parts
        ]
        places = {key: place for place, part in enumerate(parts) for key in boxes_of(part)}
        for arc in sorted(self.arcs, key=lambda arc: -places.get(arc.head, 0)):
            start, end = places.get(arc.tail, -1), places.get(arc.head, -1)
            if start >= 0 and end > start + 1 and self._dips(arc, parts[start + 1 : end]):
                below = Branches((Series(()), self._dipped(Series(tuple(parts[start + 1 : end])))))
                return self._dipped(Series((*parts[: start + 1], below, *parts[end:])))
        return Series(tuple(parts))

    def _dips(self, arc: Arc, between: Sequence[ColumnPart]) -> bool:
        """Whether the resolution is lower between the ends of an arc than at both, and that is not hung yet."""
        if len(between) == 1 and isinstance(between[0], Branches) and self._hangs(between[0]):
            return False
        ends = min(self._side(arc.tail), self._side(arc.head))
        return any(0 < self._side(key) < ends for part in between for key in boxes_of(part))

    def _side(self, key: str) -> int:
        """The longest side of what a box yields; 0 without one."""
        stream = self._stream(key)
        return max(stream.spatial) if stream is not None and stream.spatial else 0

    def _stream(self, key: str) -> TensorType | None:
        nodes = self._boxes[key].nodes
        return self.graph.nodes[nodes[-1]].outputs[0] if nodes else None

    # Sizes

    def _is_dot(self, key: str) -> bool:
        return self._boxes[key].keyword in SIGNS

    def _captions(self) -> dict[str, tuple[str, ...]]:
        """Lines below each volume: name of a block, channels, and the resolution where it changes."""
        feeds = {link.head: link.tail for link in streams(self.figure)}
        return {key: tuple(self._caption(key, feeds.get(key))) for key in self._boxes}

    def _caption(self, key: str, feed: str | None) -> Iterator[str]:
        box, stream = self._boxes[key], self._stream(key)
        badge = f" {badge_text(box.count)}" if box.count > 1 else ""
        is_named = box.kind != "operator"
        if is_named:
            yield shorten(box.title, SMALL, _NAME) + badge
        if box.kind == "output":
            yield from (word for line in box.details[1:] for word in line.split(" · "))
        if stream is None or not stream.shape or self._is_dot(key):
            return
        yield f"{stream.channels}{'' if is_named else badge}"
        before = self._stream(feed) if feed is not None else None
        if stream.spatial and (before is None or before.spatial != stream.spatial):
            yield "x".join(map(str, stream.spatial))

    def _volume_of(self, key: str) -> Volume:
        return Volume(DIAMETER, DIAMETER, 0) if self._is_dot(key) else volume_of(self._stream(key))

    def _extent(self, part: ColumnPart) -> _Extent:
        if isinstance(part, str):
            volume = self._volume_of(part)
            lines = self._labels[part]
            width = max([volume.width + volume.depth, *(text_width(line, SMALL) for line in lines)])
            return _Extent(width, volume.height / 2 + volume.depth, volume.height / 2 + _LINE * len(lines) + 2)
        inner = [self._measure(series) for series in part.series]
        width = max(extent.width for extent in inner)
        total = sum(extent.above + extent.below for extent in inner) + _BESIDE * (len(inner) - 1)
        if self._hangs(part):
            return _Extent(width, inner[0].above, total - inner[0].above)
        return _Extent(width, total / 2, total / 2)

    def _hangs(self, branches: Branches) -> bool:
        """Whether the first series is but a line, below which the rest hangs."""
        return not branches.series[0].parts

    def _measure(self, series: Series) -> _Extent:
        if not series.parts:
            return _Extent(0, 4, 4)
        extents = [self._extent(part) for part in series.parts]
        width = sum(extent.width for extent in extents) + _GAP * (len(extents) - 1)
        above = max([extent.above for extent in extents] + [height for _, height in self._levels(series)])
        return _Extent(width, above, max(extent.below for extent in extents))

    def _levels(self, series: Series) -> list[tuple[Arc, float]]:
        """Arcs above a series, and how far above its axis each runs."""
        places = {key: place for place, part in enumerate(series.parts) for key in boxes_of(part)}
        extents = [self._extent(part).above for part in series.parts]
        owned = [
            (places[a.head] - places[a.tail], places[a.tail], a) for a in self.arcs if {a.tail, a.head} <= set(places)
        ]
        levels: list[tuple[Arc, float]] = []
        spans: list[tuple[int, int, float]] = []
        for span, start, arc in sorted(owned, key=lambda entry: entry[:2]):
            end = start + span
            hung = span == 2 and isinstance(part := series.parts[start + 1], Branches) and self._hangs(part)
            if span < 2 or hung:
                continue
            height = (
                max([*extents[start + 1 : end], *(h for one, two, h in spans if one < end and start < two)]) + _LANE
            )
            spans.append((start, end, height))
            levels.append((arc, height))
        return levels

    # Places

    def _put_rows(self, main: Series, asides: Sequence[Aside]) -> None:
        """The main series in rows no wider than a page, and below each what stands beside it."""
        tail: _Place | None = None
        waiting = list(asides)
        for row in self._rows(main):
            extent = self._measure(row)
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
            self.height = max(axis + extent.below, self._bracketed(row))
            self.width = max(self.width, left + extent.width)
            # From the right to the left, so that the way down to one does not lead through another.
            for aside in sorted(filter(self._is_attached, waiting), key=self._left, reverse=True):
                waiting.remove(aside)
                self._put_aside(aside)

    def _is_attached(self, aside: Aside) -> bool:
        """Whether what an aside comes from, or leads to, has its place."""
        return any({tail, head} & self._places.keys() for tail, head in (*aside.entering, *aside.leaving))

    def _rows(self, main: Series) -> list[Series]:
        """Equally long rows of a page's width, broken between boxes that no skip goes around."""
        widths = [self._extent(part).width + _GAP for part in main.parts]
        whole = sum(widths)
        if whole <= MAX_WIDTH * _SHRINK:
            return [main]
        target = whole / ceil(whole / MAX_WIDTH)
        places = {key: place for place, part in enumerate(main.parts) for key in boxes_of(part)}
        spans = [(places[arc.tail], places[arc.head]) for arc in self.arcs if {arc.tail, arc.head} <= set(places)]
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
        for part in series.parts:
            extent = self._extent(part)
            if isinstance(part, str):
                volume = self._volume_of(part)
                self._places[part] = _Place(x + (extent.width - volume.width - volume.depth) / 2, axis, volume)
            else:
                top = axis - extent.above
                for inner in part.series:
                    room = self._measure(inner)
                    self._put(inner, x + (extent.width - room.width) / 2, top + room.above)
                    top += room.above + room.below + _BESIDE
            x += extent.width + _GAP
        for before, after in pairwise(series.parts):
            for tail in _ends(before):
                for head in _starts(after):
                    self._join(self._places[tail], self._places[head], is_fork=isinstance(after, Branches))
        for arc, height in self._levels(series):
            self._links.append(self._arc(arc, axis - height))
        self._bridge(series)

    def _bridge(self, series: Series) -> None:
        """The skips below which something hangs: straight along the axis."""
        for before, part, after in zip(series.parts, series.parts[1:], series.parts[2:], strict=False):
            if isinstance(part, Branches) and self._hangs(part) and isinstance(before, str) and isinstance(after, str):
                self._links.append(self._straight(before, after))

    def _straight(self, tail: str, head: str) -> Part:
        """A skip that bridges what hangs below it, with what is done on it."""
        arc = next(arc for arc in self.arcs if (arc.tail, arc.head) == (tail, head))
        start, end = self._places[tail], self._places[head]
        words = ", ".join(self._boxes[key].title for key in arc.via)
        middle = (start.right + start.volume.depth + end.left) / 2
        text = (Text(middle, start.axis - 4, words, SMALL, "faint", anchor="middle"),) if words else ()
        label = sentence(arc.kind, f"from {self._boxes[tail].path} to {self._boxes[head].path}", words)
        points = [(start.centre, start.axis), (end.left, end.axis)]
        return Part(None, f"link {arc.kind}", label, (*_arrowed(points, PAINTS["identity"]), *text))

    def _put_aside(self, aside: Aside) -> None:
        """Below the rest: what leads to another output, or comes from another input."""
        extent = self._measure(aside.series)
        left = self._left(aside)
        top = max((low for start, end, low in self._reaches() if start < left + extent.width and left - _GAP < end))
        self._put(aside.series, left, top + _BESIDE + extent.above)
        for tail, head in (*aside.entering, *aside.leaving):
            if tail in self._places and head in self._places:
                self._join(self._places[tail], self._places[head], is_fork=(tail, head) in aside.entering)
        self.height = max(self.height, top + _BESIDE + extent.above + extent.below)
        self.width = max(self.width, left + extent.width)

    def _reaches(self) -> Iterator[tuple[float, float, float]]:
        """Left and right end of all that has its place, words included, and how far down it is taken."""
        yield float("-inf"), float("inf"), 0.0
        for key, place in self._places.items():
            low = place.axis + place.volume.height / 2 + _LINE * len(self._labels[key]) + 2
            half = max((text_width(line, SMALL) for line in self._labels[key]), default=0.0) / 2
            middle = place.centre + place.volume.depth / 2
            yield min(place.left, middle - half), max(place.right + place.volume.depth, middle + half), low
        for member in self.figure.members:
            yield from self._brackets_below(member)

    def _brackets_below(self, member: Member) -> Iterator[tuple[float, float, float]]:
        """Left and right end and lower side of the brackets in and under a member."""
        if not isinstance(member, Frame):
            return
        for part in member.members:
            yield from self._brackets_below(part)
        places = [self._places[key] for key in keys_of(member) if key in self._places]
        if member.count > 1 and places:
            low = self._bracket(member)[1]
            yield min(place.left for place in places), max(p.right + p.volume.depth for p in places), low

    def _bracketed(self, row: Series) -> float:
        """How far down the brackets under a row reach."""
        keys = set(boxes_of(row))
        frames = [member for member in self.figure.members if keys & set(keys_of(member))]
        return max((low for frame in frames for _, _, low in self._brackets_below(frame)), default=0.0)

    def _left(self, aside: Aside) -> float:
        return min((self._places[tail].right + _GAP for tail, _ in aside.entering if tail in self._places), default=0.0)

    # Lines

    def _link(self, points: Sequence[Point]) -> None:
        self._links.append(Part(None, "link flow", marks=_arrowed(points, PAINTS["flow"])))

    def _join(self, tail: _Place, head: _Place, *, is_fork: bool) -> None:
        start, end = (tail.centre, tail.axis), (head.left, head.axis)
        if tail.axis == head.axis:
            self._link([start, end])
            return
        x = tail.right + tail.volume.depth + 5 if is_fork else head.left - 7
        self._link([start, (x, tail.axis), (x, head.axis), end])

    def _arc(self, arc: Arc, level: float) -> Part:
        """A skip above what it goes around."""
        tail, head = self._places[arc.tail], self._places[arc.head]
        x = tail.right + tail.volume.depth + 4
        end = (head.centre, head.axis - head.volume.height / 2) if self._is_dot(arc.head) else (head.left, head.axis)
        turn = (
            [(head.centre, level)] if self._is_dot(arc.head) else [(head.left - 7, level), (head.left - 7, head.axis)]
        )
        label = sentence(arc.kind, f"from {self._boxes[arc.tail].path} to {self._boxes[arc.head].path}")
        points = [(x, tail.axis), (x, level), *turn, end]
        return Part(None, f"link {arc.kind}", label, _arrowed(points, PAINTS["identity"]))

    # Marks

    def _volume(self, box: Box, place: _Place) -> Part:
        tone = tone_of(box)
        role = f"box {box.kind if box.kind != 'operator' else tone}"
        if self._is_dot(box.key):
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
            for number, line in enumerate(self._labels[key]):
                role = "text" if number == 0 else "faint"
                text = Text(centre, base + _LINE * (number + 1) - 1, line, SMALL, role, anchor="middle")
                yield Part(None, "size", marks=(text,))

    def _bracket(self, member: Member) -> tuple[list[Part], float]:
        """Brackets in and under a member, and how far down they reach."""
        if not isinstance(member, Frame):
            place = self._places.get(member.key)
            if place is None:
                return [], 0.0
            return [], place.axis + place.volume.height / 2 + _LINE * len(self._labels[member.key]) + 2
        inner = [self._bracket(part) for part in member.members]
        parts = [part for found, _ in inner for part in found]
        y = max((reach for _, reach in inner), default=0.0)
        places = [self._places[key] for key in keys_of(member) if key in self._places]
        if member.count == 1 or not places:
            return parts, y
        left, right = min(place.left for place in places), max(place.right + place.volume.depth for place in places)
        line = Line(((left, y), (left, y + 3), (right, y + 3), (right, y)), Paint(stroke="text", width=0.9))
        text = Text((left + right) / 2, y + 12, badge_text(member.count), SIZE, bold=True, anchor="middle")
        self.height = max(self.height, y + 14)
        parts.append(Part(member.path, "bracket", member.spoken, (line, text)))
        return parts, y + 14


def _starts(part: ColumnPart) -> list[str]:
    if isinstance(part, str):
        return [part]
    return [key for series in part.series if series.parts for key in _starts(series.parts[0])]


def _ends(part: ColumnPart) -> list[str]:
    if isinstance(part, str):
        return [part]
    return [key for series in part.series if series.parts for key in _ends(series.parts[-1])]


def _arrowed(points: Sequence[Point], paint: Paint) -> tuple[Mark, ...]:
    """A bent line with an arrow at its end."""
    (x, y), tip = points[-2], points[-1]
    length = abs(tip[0] - x) + abs(tip[1] - y) or 1.0
    back = min(4.5, length)
    base = (tip[0] - (tip[0] - x) / length * back, tip[1] - (tip[1] - y) / length * back)
    return bent((*points[:-1], base), 4.0, paint), arrow(base, tip, paint)
