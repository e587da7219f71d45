"""Style ``paper``: the tall column of flat boxes that papers print, with skips around it.

Sizes stand on the left, brackets around what repeats; several networks stand side by side (compare He, Zhang, Ren, Sun:
Deep residual learning for image recognition, arXiv:1512.03385, figure 3). One that is too tall for a page is cut into
columns.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from math import log

from archdsl.backends.diagram.column import Arc, Aside, Branches, Gathering, Series, arrange, boxes_of, ends, starts
from archdsl.backends.diagram.column import Part as Piece
from archdsl.backends.diagram.figure import Box, Figure, Frame, LinkKind, keys_of
from archdsl.backends.diagram.labels import sentence
from archdsl.backends.diagram.metrics import shorten, text_width
from archdsl.backends.diagram.options import Options
from archdsl.backends.diagram.page import compose, moved
from archdsl.backends.diagram.scene import Mark, Paint, Part, Point, Scene, Text, bent, rounded
from archdsl.backends.diagram.styles.graph import PAINTS, arrowed, legend_of, tone_of
from archdsl.backends.diagram.styles.paper_brackets import Place, brackets
from archdsl.backends.diagram.styles.paper_columns import Drawn, Foot, chosen, column_of, free, side_by_side
from archdsl.backends.diagram.styles.paper_sizes import (
    BESIDE,
    BRACKET,
    BUS,
    GAP,
    SIZE,
    SMALL,
    Extent,
    Sizes,
    lines_of,
)
from archdsl.backends.diagram.styles.signs import sign
from archdsl.backends.diagram.subject import Subject, unfused
from archdsl.backends.diagram.untangle import untangled
from archdsl.graph.graph import Graph
from archdsl.ops.base import Family

#: Boxes up to which every copy is drawn, and every layer.
MAX_UNFOLDED, MAX_BOXES = 44, 84
_ALL = 10_000
_BETWEEN_NETWORKS = 34.0
#: Height to width from which on a picture is cut into columns, and that of a page; the widest, width to height.
MAX_ASPECT, PAGE_ASPECT, MAX_WIDE = 2.5, 1.32, 1.6
MAX_COLUMNS = 8
_HEADING = 26.0
#: Between what stands beside a column and the lines to its left side, and between these and the lines from there.
_LANE, _APART = 7.0, 4.0


def paint_paper(subjects: Sequence[Subject], options: Options) -> Scene:
    """The scene of one network, or of several side by side.

    Raises
    ------
    DrawingError
        A block that is to be open or closed does not exist.
    """
    drawings = [_Drawing(subject.graph, _figure(subject, options)) for subject in subjects]
    if len(drawings) > 1:
        return _scene(drawings, [drawing.columns() for drawing in drawings], options)
    drawing = drawings[0]
    whole = _scene(drawings, [drawing.columns()], options)
    if whole.height <= MAX_ASPECT * whole.width:
        return whole
    found = (_scene(drawings, [drawing.columns(cuts)], options) for cuts in drawing.cuts())
    return min((whole, *(scene for scene in found if scene.width <= MAX_WIDE * scene.height)), key=_from_page)


def _from_page(scene: Scene) -> float:
    """How far a picture is from the shape of a page."""
    return abs(log(scene.height / scene.width / PAGE_ASPECT))


def _scene(drawings: Sequence[_Drawing], drawn: Sequence[Drawn], options: Options) -> Scene:
    """Networks as they are drawn, side by side."""
    alone = len(drawings) == 1
    parts: list[Part] = []
    right, bottom = 0.0, 0.0
    for drawing, one in zip(drawings, drawn, strict=True):
        heading = () if alone else (_heading(drawing),)
        network = Part(None, "network", drawing.graph.name, parts=(*one.parts, *heading))
        parts.append(moved(network, right + one.left, 0.0 if alone else _HEADING))
        right += one.right + one.left + _BETWEEN_NETWORKS
        bottom = max(bottom, one.bottom + (0.0 if alone else _HEADING))
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
    swatches, _ = legend_of([drawing.figure for drawing in drawings], bands=False)
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


class _Drawing:
    """One network, its middle line at 0 and its top at 0."""

    def __init__(self, graph: Graph, figure: Figure) -> None:
        self.graph, self.figure = graph, figure
        self._boxes = {box.key: box for box in figure.boxes()}
        column = arrange(figure)
        lone = figure.only_output()
        self._main = Series(tuple(part for part in column.series.parts if part != lone))
        self._sizes = Sizes(graph, figure, self._main, column.arcs)
        self._places: dict[str, Place] = {}
        self._reaches: list[tuple[float, float, float]] = []
        self._links: list[Part] = []
        self.kinds = {arc.kind for arc in column.arcs}
        extent = self._sizes.extent(self._main)
        self.left, self.right, self.bottom = extent.left, extent.right, extent.height
        self._draw(self._main, 0.0, 0.0)
        lanes = [self._gather(gathering) for gathering in column.gatherings]
        # From below to above, so that the line to one does not lead through another.
        for aside in sorted(column.asides, key=self._start, reverse=True):
            self._draw_aside(aside)
        for gathering, lane in zip(column.gatherings, lanes, strict=True):
            self._links += (self._gathered(source, gathering.last, lane) for source in gathering.sources)
        boxes = tuple(self._box(self._boxes[key], place) for key, place in self._places.items())
        labels = tuple(brackets(figure, graph.name, self._places))
        self._drawn = Drawn(tuple(self._links), boxes, labels, self.left, self.right, self.bottom)

    def columns(self, cuts: Sequence[Foot] = ()) -> Drawn:
        """The network as one column, or as several cut from it."""
        sizes = list(self._resolutions(cuts))
        left = max([self._drawn.left, *(-label.x + text_width(label.text, SMALL) for label in sizes)])
        labels = (*self._drawn.labels, *(Part(None, "size", marks=(label,)) for label in sizes))
        drawn = replace(self._drawn, labels=labels, left=left)
        return side_by_side(drawn, cuts, PAINTS["flow"]) if cuts else drawn

    def cuts(self) -> Iterator[tuple[Foot, ...]]:
        """Where to cut the network into two columns, three and so on."""
        feet = free(list(self._feet()), self._drawn)
        ways = (chosen(feet, self.bottom, count) for count in range(2, MAX_COLUMNS + 1))
        return filter(None, ways)

    def _feet(self) -> Iterator[Foot]:
        """Where each box of the main series ends that another part stands below."""
        stages = {key: member.key for member in self.figure.members for key in keys_of(member)}
        for part, after in pairwise(self._main.parts):
            if isinstance(part, str):
                heads = starts(after)
                top = min(self._places[key].top for key in heads)
                yield Foot(self._places[part].bottom, top, all(stages[part] != stages[key] for key in heads))

    # Places

    def _draw(self, series: Series, x: float, top: float) -> None:
        """A series with its lines: boxes first, whose room the arcs around them keep clear of."""
        arcs = self._put(series, x, top)
        self._connect(series)
        for arc, lane in arcs:
            self._links.append(self._arc(arc, lane))

    def _put(self, series: Series, x: float, top: float) -> list[tuple[Arc, float]]:
        """Place what is in a series; the arcs in it, inner ones first, and where each runs."""
        arcs: list[tuple[Arc, float]] = []
        for part in series.parts:
            extent = self._sizes.extent(part)
            if isinstance(part, str):
                self._places[part] = Place(x, top, extent.left + extent.right, extent.height)
                self._reaches.append((x + extent.right, top, top + extent.height))
            else:
                start = x - extent.left
                for inner in part.series:
                    room = self._sizes.extent(inner)
                    arcs += self._put(inner, start + room.left, top + BUS)
                    start += room.left + room.right + BESIDE
            top += extent.height + GAP
        return arcs + [(arc, x + lane) for arc, lane in self._sizes.extent(series).arcs]

    def _gather(self, gathering: Gathering) -> float:
        """A free lane beside the column for what meets behind its last source."""
        places = [self._places[key] for key in (*gathering.sources, gathering.last) if key in self._places]
        top, bottom = min(place.bottom for place in places), places[-1].bottom + BUS
        lane = max(right for right, high, low in self._reaches if high < bottom and top < low) + _LANE
        self._reaches.append((lane, top, bottom))
        self.right = max(self.right, lane)
        return lane

    def _gathered(self, source: str, last: str, lane: float) -> Part:
        """The line from a source, below it or beside the column, along a lane to the fork behind the last one."""
        start, end = self._places[source], self._places[last]
        fork = end.bottom + BUS
        level = start.bottom + 3.0 if start.x == end.x else fork
        points = [(start.x, start.bottom), (start.x, level), (lane, level), (lane, fork), (end.x, fork)]
        line = bent(tuple(dict.fromkeys(points)), 4.0, PAINTS["flow"])
        label = sentence("flow", f"from {self._boxes[source].path} to what follows {self._boxes[last].path}")
        return Part(None, "link flow", label, (line,))

    def _start(self, aside: Aside) -> float:
        """How far down an aside begins."""
        return max((self._places[tail].bottom for tail, _ in aside.entering if tail in self._places), default=0.0)

    def _draw_aside(self, aside: Aside) -> None:
        """Draw what stands beside the column, below where it comes from or above where it goes."""
        extent = self._sizes.extent(aside.series)
        below = [self._places[tail].bottom + GAP + 4 for tail, _ in aside.entering if tail in self._places]
        above = [self._places[head].top - extent.height - GAP for _, head in aside.leaving if head in self._places]
        top = max([0.0, *below] if below or not above else [0.0, min(above)])
        x = self._free(extent, top)
        self._draw(aside.series, x, top)
        lane = x - extent.left - _LANE
        first, last = starts(aside.series.parts[0]), ends(aside.series.parts[-1])
        for tail, head in aside.entering:
            if tail in self._places:
                self._enter(self._places[tail], self._places[head], None if head in first else lane)
        for tail, head in aside.leaving:
            if head in self._places:
                self._leave(self._places[tail], self._places[head], None if tail in last else lane - _APART)
        self.right = max(self.right, x + extent.right)
        self.bottom = max(self.bottom, top + extent.height)

    def _enter(self, start: Place, end: Place, lane: float | None) -> None:
        """The line to a box beside the column: from above, or along a lane into its left side."""
        levels = [start.bottom + below for below in (3.5, 2.0, 5.0)]
        level = self._clear(levels, start.x, end.x if lane is None else lane)
        if lane is None:
            level = min(level, end.top - 4)
            self._link([(start.x, level), (end.x, level), (end.x, end.top)])
        else:
            self._link([(start.x, level), (lane, level), (lane, end.middle), (end.x - end.width / 2, end.middle)])

    def _leave(self, start: Place, end: Place, lane: float | None) -> None:
        """The line from a box beside the column: from below, or from the left if it leads up or others stand below."""
        right = end.x + end.width / 2
        level = self._clear([end.middle + share * end.height for share in (0.0, -0.2, 0.2, -0.4, 0.4)], right, start.x)
        if lane is None and level > start.bottom:
            self._link([(start.x, start.bottom), (start.x, level), (right, level)])
            return
        left = start.x - start.width / 2
        turn = left - _LANE - _APART if lane is None else lane
        self._link([(left, start.middle), (turn, start.middle), (turn, level), (right, level)])

    def _clear(self, levels: Sequence[float], left: float, right: float) -> float:
        """The first level on which a line leads through no box between its ends, or the first of all."""
        between = [place for place in self._places.values() if left < place.x - place.width / 2 < right]

        def is_clear(level: float) -> bool:
            return not any(place.top - 1 < level < place.bottom + 1 for place in between)

        return next(filter(is_clear, levels), levels[0])

    def _free(self, extent: Extent, top: float) -> float:
        """A middle line to the right on which nothing stands at the height of something."""
        bottom = top + extent.height
        taken = [right for right, high, low in self._reaches if high < bottom + GAP and top < low + GAP]
        x = max(taken, default=0.0) + 16 + extent.left
        self._reaches.append((x + extent.right, top - GAP, bottom))
        return x

    # Lines

    def _connect(self, series: Series) -> None:
        for before, after in zip(series.parts, series.parts[1:], strict=False):
            tails, heads = ends(before), starts(after)
            for tail in tails:
                for head in heads:
                    self._join(self._places[tail], self._places[head], is_fork=len(heads) > 1)
        for part in series.parts:
            for inner in part.series if isinstance(part, Branches) else ():
                self._connect(inner)

    def _join(self, tail: Place, head: Place, *, is_fork: bool) -> None:
        if tail.x == head.x:
            self._link([(tail.x, tail.bottom), (head.x, head.top)])
            return
        level = tail.bottom + BUS if is_fork else head.top - BUS - 3
        self._link([(tail.x, tail.bottom), (tail.x, level), (head.x, level), (head.x, head.top)])

    def _link(self, points: Sequence[Point]) -> None:
        self._links.append(Part(None, "link flow", marks=arrowed(points, PAINTS["flow"])))

    def _arc(self, arc: Arc, x: float) -> Part:
        """A stream around what stands between, back into the right side of its end."""
        start, end = self._places[arc.tail], self._places[arc.head]
        self._reaches.append((x + self._sizes.label_width(arc), start.bottom, end.bottom))
        level = start.bottom + 3.0
        points = [(start.x, level), (x, level), (x, end.middle), (end.x + end.width / 2, end.middle)]
        middle = (level + end.middle) / 2
        words = [self._sizes.words(key) for key in arc.via]
        labels = [
            Text(x + 4, middle + 2.5 + 9 * (number - (len(words) - 1) / 2), text, SMALL, "faint")
            for number, text in enumerate(words)
        ]
        label = sentence(arc.kind, f"from {self._boxes[arc.tail].path} to {self._boxes[arc.head].path}", *words)
        return Part(None, f"link {arc.kind}", label, (*arrowed(points, _ARCS[arc.kind]), *labels))

    # Marks

    def _box(self, box: Box, place: Place) -> Part:
        tone = tone_of(box)
        paint = Paint(f"{tone}.fill", f"{tone}.line", 0.8)
        left = place.x - place.width / 2
        role = f"box {box.kind if box.kind != 'operator' else tone}"
        identifier = f"{self.graph.name}.{box.path}"
        if self._sizes.is_dot(box.key):
            return Part(identifier, role, box.spoken, sign(box.keyword, (place.x, place.middle), tone))
        radius = place.height / 2 if box.family is Family.IO else 2.0
        marks: list[Mark] = [rounded(left, place.top, place.width, place.height, radius, paint)]
        room = place.width - 8
        lines = lines_of(box)
        base = place.top + (10.5 if lines else place.height / 2 + 2.8)
        words = shorten(self._sizes.words(box.key), SIZE, room, bold=bool(lines))
        marks.append(Text(place.x, base, words, SIZE, f"{tone}.text", bold=bool(lines), anchor="middle"))
        for number, line in enumerate(lines):
            text = shorten(line, SMALL, room)
            marks.append(Text(place.x, base + 9.5 * (number + 1), text, SMALL, f"{tone}.text", anchor="middle"))
        return Part(identifier, role, box.spoken, tuple(marks))

    def _resolutions(self, cuts: Sequence[Foot]) -> Iterator[Text]:
        """Where the resolution changes along the column, and at the head of each new one, what it is from there on."""
        columns: defaultdict[int, list[Piece]] = defaultdict(list)
        for part in self._main.parts:
            bottom = max(self._places[key].bottom for key in boxes_of(part))
            columns[column_of(bottom, cuts)].append(part)
        for parts in columns.values():
            keys = {key for part in parts for key in boxes_of(part)}
            x = -max(self._sizes.extent(part).left for part in parts) - 9 - BRACKET * self._sizes.nesting(keys)
            for place, text in self._sizes.resolutions(parts):
                yield Text(x, self._places[place].middle + 2.5, text, SMALL, "faint", anchor="end")


#: Streams around something: a plain one, one that comes back as it was, and one that is made to fit.
_ARCS: dict[LinkKind, Paint] = {
    "flow": PAINTS["flow"],
    "identity": PAINTS["identity"],
    "projection": replace(PAINTS["flow"], dash="dotted"),
}
_ARC_NAMES: tuple[tuple[str, LinkKind], ...] = (("identity skip", "identity"), ("projection", "projection"))
