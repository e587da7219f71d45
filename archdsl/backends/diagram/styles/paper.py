"""Style ``paper``: the tall column of flat boxes that papers print, with skips around it.

Sizes stand on the left, brackets around what repeats; several networks stand side by side (compare He, Zhang, Ren, Sun:
Deep residual learning for image recognition, arXiv:1512.03385, figure 3).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from archdsl.backends.diagram.boxes import badge_text
from archdsl.backends.diagram.column import Arc, Aside, Branches, Series, arrange, boxes_of
from archdsl.backends.diagram.column import Part as ColumnPart
from archdsl.backends.diagram.figure import COLD, Box, Figure, Frame, LinkKind, Member, keys_of
from archdsl.backends.diagram.labels import paper_words, sentence
from archdsl.backends.diagram.metrics import shorten, text_width
from archdsl.backends.diagram.options import Options
from archdsl.backends.diagram.page import compose, moved
from archdsl.backends.diagram.scene import Line, Mark, Paint, Part, Point, Scene, Text, bent, rounded
from archdsl.backends.diagram.styles.graph import PAINTS, arrow, legend_of, tone_of
from archdsl.backends.diagram.styles.signs import DIAMETER, SIGNS, sign
from archdsl.backends.diagram.subject import Subject, unfused
from archdsl.backends.diagram.untangle import untangled
from archdsl.graph.graph import Graph
from archdsl.ops.base import Family

SIZE, SMALL = 8.0, 7.0
_HEIGHT, _TALL = 14.0, 25.0
_GAP = 11.0
#: Room between a fork and the boxes below it, and the same above a join.
_BUS = 7.0
_BESIDE = 12.0
_LANE = 9.0
_BRACKET = 27.0
_MIN_WIDTH, _MAX_WIDTH = 58.0, 190.0
#: Boxes up to which every copy is drawn, and every layer.
MAX_UNFOLDED, MAX_BOXES = 44, 84
_ALL = 10_000
_BETWEEN_NETWORKS = 34.0
_HEADING = 26.0


def paint_paper(subjects: Sequence[Subject], options: Options) -> Scene:
    """The scene of one network, or of several side by side.

    Raises
    ------
    DrawingError
        A block that is to be open or closed does not exist.
    """
    drawings = [_Drawing(subject.graph, _figure(subject, options)) for subject in subjects]
    alone = len(drawings) == 1
    parts: list[Part] = []
    right, bottom = 0.0, 0.0
    for drawing in drawings:
        heading = () if alone else (_heading(drawing),)
        drawn = Part(None, "network", drawing.graph.name, parts=(*drawing.parts, *heading))
        width = drawing.right + drawing.left
        parts.append(moved(drawn, right + drawing.left, 0.0 if alone else _HEADING))
        right += width + _BETWEEN_NETWORKS
        bottom = max(bottom, drawing.bottom + (0.0 if alone else _HEADING))
    figures = [drawing.figure for drawing in drawings]
    swatches, strokes = _legend(drawings) if options.legend else ([], [])
    return compose(_together(figures), right - _BETWEEN_NETWORKS, bottom, parts, swatches, strokes)


def _figure(subject: Subject, options: Options) -> Figure:
    """Every layer of a short network, each once of a longer one, and of a very long one what the budget opens."""
    if options.depth is None and not options.expand and not options.collapse:
        opened = replace(unfused(options), depth=_ALL)
        whole = untangled(subject, opened, subject.figure(opened, budget=None, folds=False), folds=False)
        if options.detail == "full":
            return whole
        folded = untangled(subject, opened, subject.figure(opened, budget=None))
        is_short = len(list(whole.boxes())) <= MAX_UNFOLDED
        if is_short and not _has_equal_branches(folded) and all(box.kind != "block" for box in whole.boxes()):
            return whole
        if len(list(folded.boxes())) <= MAX_BOXES:
            return folded
    chosen = unfused(options)
    return untangled(subject, chosen, subject.figure(chosen, budget=MAX_BOXES))


def _has_equal_branches(figure: Figure) -> bool:
    """Whether something stands for copies side by side."""
    parts: list[Box | Frame] = [*figure.boxes(), *figure.frames()]
    return any(part.is_parallel and part.count > 1 for part in parts)


def _legend(drawings: Sequence[_Drawing]) -> tuple[list[tuple[str, Mark]], list[tuple[str, Paint]]]:
    """What colours and lines mean; norms and activations are part of their layer here."""
    plain = [
        replace(drawing.figure, members=tuple(replace(box, before=(), after=()) for box in drawing.figure.boxes()))
        for drawing in drawings
    ]
    swatches, _ = legend_of(plain)
    kinds = {kind for drawing in drawings for kind in drawing.kinds}
    return swatches, [(name, _ARCS[kind]) for name, kind in _ARC_NAMES if kind in kinds]


def _together(figures: Sequence[Figure]) -> Figure:
    """What heads the page."""
    if len(figures) == 1:
        return figures[0]
    titles = list(dict.fromkeys(figure.title for figure in figures))
    return Figure(", ".join(titles), "", " ".join(figure.description for figure in figures), (), ())


def _heading(drawing: _Drawing) -> Part:
    name = Text(0, -15, drawing.graph.name, 10.0, bold=True, anchor="middle")
    totals = Text(0, -4, drawing.figure.totals, SMALL, "faint", anchor="middle")
    return Part(None, "heading", marks=(name, totals))


@dataclass(frozen=True, slots=True)
class _Extent:
    """Room around the middle line of something, and below its top."""

    left: float
    right: float
    height: float


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a box stands."""

    x: float
    top: float
    width: float
    height: float

    @property
    def bottom(self) -> float:
        return self.top + self.height

    @property
    def middle(self) -> float:
        return self.top + self.height / 2


class _Drawing:
    """One network, its middle line at 0 and its top at 0."""

    def __init__(self, graph: Graph, figure: Figure) -> None:
        self.graph, self.figure = graph, figure
        self._boxes = {box.key: box for box in figure.boxes()}
        column = arrange(figure)
        self._arcs = column.arcs
        lone = _lone_output(figure)
        self._main = Series(tuple(part for part in column.series.parts if part != lone))
        self._places: dict[str, _Place] = {}
        self._offsets: dict[Arc, float] = {}
        self._extents: dict[int, _Extent] = {}
        self._trunk = {part for part in self._main.parts if isinstance(part, str) and not self._is_dot(part)}
        self._width = max(map(self._natural, self._trunk), default=_MIN_WIDTH)
        extent = self._measure(self._main)
        self._put(self._main, 0.0, 0.0)
        self._reaches = [(place.x + place.width / 2, place.top, place.bottom) for place in self._places.values()]
        self.left, self.right, self.bottom = extent.left, extent.right, extent.height
        self._links: list[Part] = []
        self._connect(self._main)
        for arc, offset in self._offsets.items():
            self._links.append(self._arc(arc, offset))
        self.kinds = {arc.kind for arc in column.arcs}
        # From below to above, so that the line to one does not lead through another.
        for aside in sorted(column.asides, key=self._start, reverse=True):
            self._put_aside(aside)
        notes = [*self._brackets(), *self._sizes()]
        boxes = [self._box(self._boxes[key], place) for key, place in self._places.items()]
        self.parts = (Part(None, "links", parts=tuple(self._links)), *boxes, Part(None, "labels", parts=tuple(notes)))

    # Sizes

    def _is_dot(self, key: str) -> bool:
        return self._boxes[key].keyword in SIGNS and self._boxes[key].count == 1

    def _natural(self, key: str) -> float:
        box = self._boxes[key]
        widths = [text_width(self._words(box), SIZE)] + [text_width(line, SMALL) for line in _lines(box)]
        return min(max(max(widths) + 14, _MIN_WIDTH), _MAX_WIDTH)

    def _extent(self, part: ColumnPart) -> _Extent:
        if isinstance(part, Branches):
            inner = [self._measure(series) for series in part.series]
            half = (sum(one.left + one.right for one in inner) + _BESIDE * (len(inner) - 1)) / 2
            return _Extent(half, half, max(one.height for one in inner) + 2 * _BUS)
        if self._is_dot(part):
            return _Extent(DIAMETER / 2, DIAMETER / 2, DIAMETER)
        half = (self._width if part in self._trunk else self._natural(part)) / 2
        return _Extent(half, half, _TALL if _lines(self._boxes[part]) else _HEIGHT)

    def _measure(self, series: Series) -> _Extent:
        """Room for a series, with the arcs around its parts and the brackets beside them."""
        extents = [self._extent(part) for part in series.parts]
        right = max((extent.right for extent in extents), default=0.0)
        left = max((extent.left for extent in extents), default=0.0)
        places = {key: place for place, part in enumerate(series.parts) for key in boxes_of(part)}
        owned = [
            (places[arc.head] - places[arc.tail], places[arc.tail], arc)
            for arc in self._arcs
            if arc.tail in places and arc.head in places and places[arc.tail] != places[arc.head]
        ]
        lanes: list[tuple[int, int, float]] = []
        for span, start, arc in sorted(owned, key=lambda entry: entry[:2]):
            end = start + span
            inner = [extent.right for extent in extents[start : end + 1]]
            inner += [room for first, last, room in lanes if first < end and start < last]
            self._offsets[arc] = max(inner) + _LANE
            lanes.append((start, end, self._offsets[arc] + self._label_width(arc)))
        right = max([right, *(room for _, _, room in lanes)])
        left += _BRACKET * self._nesting(set(places))
        height = sum(extent.height for extent in extents) + _GAP * max(len(extents) - 1, 0)
        self._extents[id(series)] = _Extent(left, right, height)
        return self._extents[id(series)]

    def _label_width(self, arc: Arc) -> float:
        return max((text_width(self._words(self._boxes[key]), SMALL) + 6 for key in arc.via), default=0.0)

    def _nesting(self, keys: set[str]) -> int:
        """How deep brackets nest around parts of a series."""

        def depth(member: Member) -> int:
            if not isinstance(member, Frame):
                return 0
            inside = max(map(depth, member.members), default=0)
            shown = self._is_bracketed(member) and any(key in keys for key in keys_of(member))
            return inside + shown

        return max(map(depth, self.figure.members), default=0)

    @staticmethod
    def _is_bracketed(frame: Frame) -> bool:
        return frame.count > 1

    # Places

    def _put(self, series: Series, x: float, top: float) -> None:
        for part in series.parts:
            extent = self._extent(part)
            if isinstance(part, str):
                self._places[part] = _Place(x, top, extent.left + extent.right, extent.height)
            else:
                start = x - extent.left
                for inner in part.series:
                    room = self._measure(inner)
                    self._put(inner, start + room.left, top + _BUS)
                    start += room.left + room.right + _BESIDE
            top += extent.height + _GAP

    def _start(self, aside: Aside) -> float:
        """How far down an aside begins."""
        return max((self._places[tail].bottom for tail, _ in aside.entering if tail in self._places), default=0.0)

    def _put_aside(self, aside: Aside) -> None:
        """Place what stands beside the column, below where it comes from or above where it goes."""
        extent = self._measure(aside.series)
        tops = [self._places[tail].bottom + _GAP + 4 for tail, _ in aside.entering if tail in self._places]
        ends = [self._places[head].top - extent.height - _GAP for _, head in aside.leaving if head in self._places]
        top = max(max(tops, default=0.0), 0.0) if tops or not ends else max(min(ends), 0.0)
        x = self._free(extent, top)
        self._put(aside.series, x, top)
        self._connect(aside.series)
        for tail, head in aside.entering:
            if tail in self._places:
                start, end = self._places[tail], self._places[head]
                level = min(start.bottom + 3.5, end.top - 4)
                self._link([(start.x, level), (end.x, level), (end.x, end.top)])
        for tail, head in aside.leaving:
            if head in self._places:
                start, end = self._places[tail], self._places[head]
                self._link([(start.x, start.bottom), (start.x, end.middle), (end.x + end.width / 2, end.middle)])
        self.right = max(self.right, x + extent.right)
        self.bottom = max(self.bottom, top + extent.height)

    def _free(self, extent: _Extent, top: float) -> float:
        """A middle line to the right on which nothing stands at the height of something."""
        bottom = top + extent.height
        taken = [right for right, high, low in self._reaches if high < bottom + _GAP and top < low + _GAP]
        x = max(taken, default=0.0) + 16 + extent.left
        self._reaches.append((x + extent.right, top - _GAP, bottom))
        return x

    # Lines

    def _tops(self, part: ColumnPart) -> list[str]:
        if isinstance(part, str):
            return [part]
        return [key for series in part.series for key in self._tops(series.parts[0])]

    def _bottoms(self, part: ColumnPart) -> list[str]:
        if isinstance(part, str):
            return [part]
        return [key for series in part.series for key in self._bottoms(series.parts[-1])]

    def _connect(self, series: Series) -> None:
        for before, after in zip(series.parts, series.parts[1:], strict=False):
            tails, heads = self._bottoms(before), self._tops(after)
            for tail in tails:
                for head in heads:
                    self._join(self._places[tail], self._places[head], is_fork=len(heads) > 1)
        for part in series.parts:
            for inner in part.series if isinstance(part, Branches) else ():
                self._connect(inner)

    def _join(self, tail: _Place, head: _Place, *, is_fork: bool) -> None:
        if tail.x == head.x:
            self._link([(tail.x, tail.bottom), (head.x, head.top)])
            return
        level = tail.bottom + _BUS if is_fork else head.top - _BUS - 3
        self._link([(tail.x, tail.bottom), (tail.x, level), (head.x, level), (head.x, head.top)])

    def _link(self, points: Sequence[Point], paint: Paint = PAINTS["flow"], marks: Sequence[Mark] = ()) -> None:
        self._links.append(Part(None, "link flow", marks=(*_arrowed(points, paint), *marks)))

    def _arc(self, arc: Arc, offset: float) -> Part:
        """A stream around what stands between, back into the right side of its end."""
        start, end = self._places[arc.tail], self._places[arc.head]
        x = self._axis(arc) + offset
        self._reaches.append((x + self._label_width(arc), start.bottom, end.bottom))
        level = start.bottom + 3.0
        points = [(start.x, level), (x, level), (x, end.middle), (end.x + end.width / 2, end.middle)]
        paint = _ARCS[arc.kind]
        middle = (level + end.middle) / 2
        words = [self._words(self._boxes[key]) for key in arc.via]
        labels = [
            Text(x + 4, middle + 2.5 + 9 * (number - (len(words) - 1) / 2), text, SMALL, "faint")
            for number, text in enumerate(words)
        ]
        label = sentence(arc.kind, f"from {self._boxes[arc.tail].path} to {self._boxes[arc.head].path}", *words)
        return Part(None, f"link {arc.kind}", label, (*_arrowed(points, paint), *labels))

    def _axis(self, arc: Arc) -> float:
        """The middle line of the series that holds both ends of an arc."""
        return self._axis_in(self._main, arc.tail, arc.head, 0.0)

    def _axis_in(self, series: Series, tail: str, head: str, x: float) -> float:
        for part in series.parts:
            if not isinstance(part, Branches) or not {tail, head} <= set(boxes_of(part)):
                continue
            start = x - self._extent(part).left
            for inner in part.series:
                room = self._measure(inner)
                if {tail, head} <= set(boxes_of(inner)):
                    return self._axis_in(inner, tail, head, start + room.left)
                start += room.left + room.right + _BESIDE
        return x

    # Words

    def _words(self, box: Box) -> str:
        """A box as papers write it, with its copies and its heat."""
        text = paper_words(box, self.graph)
        if box.heat is not None and box.heat != COLD and box.details:
            text += f" · {box.details[-1]}"
        return f"{text}  {badge_text(box.count)}".strip()

    # Marks

    def _box(self, box: Box, place: _Place) -> Part:
        tone = tone_of(box)
        paint = Paint(f"{tone}.fill", f"{tone}.line", 0.8)
        left = place.x - place.width / 2
        role = f"box {box.kind if box.kind != 'operator' else tone}"
        identifier = f"{self.graph.name}.{box.path}"
        if self._is_dot(box.key):
            return Part(identifier, role, box.spoken, sign(box.keyword, (place.x, place.middle), tone))
        radius = place.height / 2 if box.family is Family.IO else 2.0
        marks: list[Mark] = [rounded(left, place.top, place.width, place.height, radius, paint)]
        room = place.width - 8
        lines = _lines(box)
        base = place.top + (10.5 if lines else place.height / 2 + 2.8)
        words = shorten(self._words(box), SIZE, room, bold=bool(lines))
        marks.append(Text(place.x, base, words, SIZE, f"{tone}.text", bold=bool(lines), anchor="middle"))
        for number, line in enumerate(lines):
            text = shorten(line, SMALL, room)
            marks.append(Text(place.x, base + 9.5 * (number + 1), text, SMALL, f"{tone}.text", anchor="middle"))
        return Part(identifier, role, box.spoken, tuple(marks))

    def _sizes(self) -> Iterator[Part]:
        """Where the resolution changes along the column, what it is from there on."""
        known: tuple[int, ...] = ()
        x = -max(extent.left for extent in map(self._extent, self._main.parts))
        x -= 9 + _BRACKET * self._nesting(set(self._places))
        widest = 0.0
        for part in self._main.parts:
            nodes = self._boxes[part].nodes if isinstance(part, str) else ()
            spatial = self.graph.nodes[nodes[-1]].outputs[0].spatial if nodes else ()
            if not isinstance(part, str) or not spatial or spatial == known:
                continue
            known = spatial
            if self._boxes[part].keyword == "input":  # it states its shape itself
                continue
            text = "x".join(map(str, spatial))
            place = self._places[part]
            widest = max(widest, text_width(text, SMALL))
            yield Part(None, "size", marks=(Text(x, place.middle + 2.5, text, SMALL, "faint", anchor="end"),))
        self.left = max(self.left, -x + widest)

    def _brackets(self) -> Iterator[Part]:
        for member in self.figure.members:
            yield from self._bracket(member)[0]

    def _bracket(self, member: Member) -> tuple[list[Part], float | None]:
        """Brackets in and around a member, and how far to the left they reach."""
        if not isinstance(member, Frame):
            place = self._places.get(member.key)
            return [], None if place is None else place.x - place.width / 2
        inner = [self._bracket(part) for part in member.members]
        parts = [part for found, _ in inner for part in found]
        left = min((reach for _, reach in inner if reach is not None), default=None)
        if left is None or not self._is_bracketed(member):
            return parts, left
        places = [self._places[key] for key in keys_of(member) if key in self._places]
        top, bottom, x = min(p.top for p in places) - 2, max(p.bottom for p in places) + 2, left - 6
        line = Line(((x + 3, top), (x, top), (x, bottom), (x + 3, bottom)), Paint(stroke="text", width=0.9))
        badge = badge_text(member.count)
        text = Text(x - 3, (top + bottom) / 2 + 3, badge, SIZE, bold=True, anchor="end")
        identifier = f"{self.graph.name}.{member.path}"
        parts.append(Part(identifier, "bracket", member.spoken, (line, text)))
        return parts, x - 3 - text_width(badge, SIZE, bold=True)


#: Streams around something: a plain one, one that comes back as it was, and one that is made to fit.
_ARCS: dict[LinkKind, Paint] = {
    "flow": PAINTS["flow"],
    "identity": PAINTS["identity"],
    "projection": replace(PAINTS["flow"], dash="dotted"),
}
_ARC_NAMES: tuple[tuple[str, LinkKind], ...] = (("identity skip", "identity"), ("projection", "projection"))


def _lines(box: Box) -> tuple[str, ...]:
    """What stands below a box's name: of a closed block, its output's shape or its totals; of an output, its terms."""
    if box.family is Family.IO and box.kind != "exit":
        return box.details[1:]
    return box.details[-1:] if box.kind in ("block", "exit") else ()


def _lone_output(figure: Figure) -> str | None:
    """The pill of an only output, which says nothing that the column does not."""
    outputs = [box.key for box in figure.boxes() if box.kind == "output"]
    return outputs[0] if len(outputs) == 1 else None


def _arrowed(points: Sequence[Point], paint: Paint) -> tuple[Mark, ...]:
    """A bent line with an arrow at its end."""
    (x, y), tip = points[-2], points[-1]
    length = abs(tip[0] - x) + abs(tip[1] - y) or 1.0
    back = min(4.5, length)
    base = (tip[0] - (tip[0] - x) / length * back, tip[1] - (tip[1] - y) / length * back)
    return bent((*points[:-1], base), 4.0, paint), arrow(base, tip, paint)
