"""What the flat boxes of a column say, and the room that series and branches of them take."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from archdsl.backends.diagram.boxes import badge_text
from archdsl.backends.diagram.column import Arc, Around, Branches, Part, Series, boxes_of, spanning, within
from archdsl.backends.diagram.figure import COLD, Box, Figure, Frame, Member, keys_of
from archdsl.backends.diagram.labels import paper_words
from archdsl.backends.diagram.metrics import text_width
from archdsl.backends.diagram.rooms import Rooms
from archdsl.backends.diagram.styles.signs import DIAMETER, SIGNS
from archdsl.graph.graph import Graph
from archdsl.ops.base import Family

SIZE, SMALL = 8.0, 7.0
#: Room between parts of a series, and between branches.
GAP, BESIDE = 11.0, 12.0
#: Room between a fork and the boxes below it, and the same above a join.
BUS = 7.0
#: Room of a bracket with the number of copies beside it.
BRACKET = 27.0
_HEIGHT, _TALL = 14.0, 25.0
_LANE = 9.0
_MIN_WIDTH, _MAX_WIDTH = 58.0, 190.0


@dataclass(frozen=True, slots=True)
class Extent:
    """Room around the middle line of something, and below its top.

    ``arcs`` lead around parts of a series, each so far to the right of its middle line.
    """

    left: float
    right: float
    height: float
    arcs: tuple[tuple[Arc, float], ...] = ()


class Sizes(Rooms[Extent]):
    """Sizes of boxes and of what is made of them, each worked out once; those in ``main`` are equally wide."""

    def __init__(self, graph: Graph, figure: Figure, main: Series, arcs: Sequence[Arc]) -> None:
        super().__init__()
        self._graph, self._figure, self._arcs = graph, figure, arcs
        self._rank = max((len(stream.spatial) for node in graph.nodes for stream in node.outputs), default=0)
        self._boxes = {box.key: box for box in figure.boxes()}
        self._trunk = {part for part in main.parts if isinstance(part, str) and not self.is_dot(part)}
        self._width = max(map(self._natural, self._trunk), default=_MIN_WIDTH)
        self._squeezed = set(self._squeezes(main))

    # Boxes

    def is_dot(self, key: str) -> bool:
        """Whether a box is drawn as a sign in a circle."""
        return self._boxes[key].keyword in SIGNS and self._boxes[key].count == 1

    def words(self, key: str) -> str:
        """A box as papers write it, with its copies and its heat."""
        box = self._boxes[key]
        text = paper_words(box, self._graph)
        if box.heat is not None and box.heat != COLD and box.details:
            text += f" · {box.details[-1]}"
        return f"{text}  {badge_text(box.count)}".strip()

    def label_width(self, arc: Arc) -> float:
        """Width of what is written beside an arc."""
        return max((text_width(self.words(key), SMALL) + 6 for key in arc.via), default=0.0)

    def _natural(self, key: str) -> float:
        widths = [text_width(self.words(key), SIZE)]
        widths += [text_width(line, SMALL) for line in lines_of(self._boxes[key])]
        return min(max(max(widths) + 14, _MIN_WIDTH), _MAX_WIDTH)

    # Resolutions

    def resolutions(self, parts: Sequence[Part]) -> Iterator[tuple[str, str]]:
        """Boxes in a series at which the resolution changes, and what it is from there on."""
        known: tuple[int, ...] = ()
        for part in parts:
            spatial = self._spatial(part) if isinstance(part, str) else ()
            # Tables of boxes and the like have a second side too, but no resolution.
            if not isinstance(part, str) or part in self._squeezed or spatial == known or len(spatial) < self._rank:
                continue
            known = spatial
            if spatial and self._boxes[part].keyword != "input":  # an input states its shape itself
                yield part, "x".join(map(str, spatial))

    def _spatial(self, key: str) -> tuple[int, ...]:
        """Height and width, and so on, of what a box yields; none of what is reshaped, whose axes may mean anything."""
        nodes = self._boxes[key].nodes if self._boxes[key].keyword != "reshape" else ()
        return self._graph.nodes[nodes[-1]].outputs[0].spatial if nodes else ()

    def _squeezes(self, main: Series) -> Iterator[str]:
        """Boxes that look at a whole map to weigh it, as in squeeze-excitation, while it goes around them as it is."""
        for start, end, arc in spanning(main, self._arcs):
            size = self._spatial(arc.tail)
            inside = [part for part in main.parts[start + 1 : end] if isinstance(part, str)]
            if size == self._spatial(arc.head) and set(size) != {1}:
                yield from (key for key in inside if set(self._spatial(key)) == {1})

    # Room

    def _box(self, key: str) -> Extent:
        if self.is_dot(key):
            return Extent(DIAMETER / 2, DIAMETER / 2, DIAMETER)
        half = (self._width if key in self._trunk else self._natural(key)) / 2
        return Extent(half, half, _TALL if lines_of(self._boxes[key]) else _HEIGHT)

    def _branches(self, branches: Branches, around: Around) -> Extent:
        inner = [self.extent(series, around) for series in branches.series]
        half = (sum(one.left + one.right for one in inner) + BESIDE * (len(inner) - 1)) / 2
        return Extent(half, half, max(one.height for one in inner) + 2 * BUS)

    def _series(self, series: Series, around: Around) -> Extent:
        inner = [self.extent(part, beside) for part, beside in within(series, around)]
        rights = [extent.right for extent in inner]
        arcs = tuple(self._lanes(series, around, rights))
        right = max([*rights, *(lane + self.label_width(arc) for arc, lane in arcs)], default=0.0)
        left = max((extent.left for extent in inner), default=0.0) + BRACKET * self.nesting(set(boxes_of(series)))
        return Extent(left, right, sum(extent.height for extent in inner) + GAP * max(len(inner) - 1, 0), arcs)

    def _lanes(self, series: Series, around: Around, rights: Sequence[float]) -> Iterator[tuple[Arc, float]]:
        """Arcs around parts of a series that reach so far to the right, and how far to the right each runs."""
        lanes: list[tuple[int, int, float]] = []
        for start, end, arc in spanning(series, self._arcs, around):
            beside = [room for first, last, room in lanes if first < end and start < last]
            lane = max([*rights[max(start, 0) : end + 1], *beside]) + _LANE
            lanes.append((start, end, lane + self.label_width(arc)))
            yield arc, lane

    def nesting(self, keys: Collection[str]) -> int:
        """How deep brackets nest around some boxes."""

        def depth(member: Member) -> int:
            if not isinstance(member, Frame):
                return 0
            inside = max(map(depth, member.members), default=0)
            return inside + (member.count > 1 and any(key in keys for key in keys_of(member)))

        return max(map(depth, self._figure.members), default=0)


def lines_of(box: Box) -> tuple[str, ...]:
    """What stands below a box's name: of a closed block, its output's shape or its totals; of an output, its terms."""
    if box.family is Family.IO and box.kind != "exit":
        return box.details[1:]
    return box.details[-1:] if box.kind in ("block", "exit") else ()
