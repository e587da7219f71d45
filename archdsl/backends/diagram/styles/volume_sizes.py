"""How large volumes are, what is written below them, and the room that series and branches of them take."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import log2, sqrt

from archdsl.backends.diagram.boxes import badge_text
from archdsl.backends.diagram.column import Arc, Around, Branches, Series, spanning, streams, within
from archdsl.backends.diagram.dips import hangs
from archdsl.backends.diagram.figure import Figure
from archdsl.backends.diagram.metrics import shorten, text_width
from archdsl.backends.diagram.rooms import Rooms
from archdsl.backends.diagram.styles.signs import DIAMETER, SIGNS
from archdsl.graph.graph import Graph
from archdsl.ops.base import TensorType

SMALL = 7.0
#: Room between parts of a series, between branches, between arcs, and for a line of text.
GAP, BESIDE, LANE, LINE = 13.0, 16.0, 9.0, 8.5
_NAME = 64.0
#: Share of the height that a volume recedes by, to the right and upwards.
_DEPTH = 0.26


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
class Extent:
    """Room of something: its width, and what is above and below its axis.

    ``arcs`` lead over the parts of a series, each so far above its axis.
    """

    width: float
    above: float
    below: float
    arcs: tuple[tuple[Arc, float], ...] = ()


class Sizes(Rooms[Extent]):
    """Sizes of a figure's boxes and of what is made of them, each worked out once."""

    def __init__(self, graph: Graph, figure: Figure, arcs: Sequence[Arc]) -> None:
        super().__init__()
        self._graph, self._arcs = graph, arcs
        self._boxes = {box.key: box for box in figure.boxes()}
        self._rank = max((len(stream.spatial) for node in graph.nodes for stream in node.outputs), default=0)
        feeds = {link.head: link.tail for link in streams(figure)}
        self.captions = {key: tuple(self._caption(key, feeds.get(key))) for key in self._boxes}

    # Boxes

    def is_dot(self, key: str) -> bool:
        """Whether a box is drawn as a sign in a circle."""
        return self._boxes[key].keyword in SIGNS

    def side(self, key: str) -> int:
        """The longest side of what a box yields; 0 without one."""
        stream = self._stream(key)
        return max(stream.spatial) if stream is not None and stream.spatial else 0

    def volume(self, key: str) -> Volume:
        """How large a box is drawn."""
        return Volume(DIAMETER, DIAMETER, 0) if self.is_dot(key) else volume_of(self._stream(key))

    def _stream(self, key: str) -> TensorType | None:
        nodes = self._boxes[key].nodes
        return self._graph.nodes[nodes[-1]].outputs[0] if nodes else None

    def _caption(self, key: str, feed: str | None) -> Iterator[str]:
        """Lines below a volume: name of a block, channels, and the resolution where it changes."""
        box, stream = self._boxes[key], self._stream(key)
        badge = f" {badge_text(box.count)}" if box.count > 1 else ""
        is_named = box.kind != "operator"
        if is_named:
            yield shorten(box.title, SMALL, _NAME) + badge
        if box.kind == "output":
            yield from (word for line in box.details[1:] for word in line.split(" · "))
        if stream is None or not stream.shape or self.is_dot(key):
            return
        if box.keyword == "reshape" or 0 < len(stream.spatial) < self._rank:  # a table of boxes, say: no channels
            yield f"{'x'.join(map(str, stream.shape))}{'' if is_named else badge}"
            return
        yield f"{stream.channels}{'' if is_named else badge}"
        before = self._stream(feed) if feed is not None else None
        if stream.spatial and (before is None or before.spatial != stream.spatial):
            yield "x".join(map(str, stream.spatial))

    # Room

    def _box(self, key: str) -> Extent:
        volume, lines = self.volume(key), self.captions[key]
        width = max([volume.width + volume.depth, *(text_width(line, SMALL) for line in lines)])
        return Extent(width, volume.height / 2 + volume.depth, volume.height / 2 + LINE * len(lines) + 2)

    def _branches(self, branches: Branches, around: Around) -> Extent:
        inner = [self.extent(series, around) for series in branches.series]
        width = max(extent.width for extent in inner)
        total = sum(extent.above + extent.below for extent in inner) + BESIDE * (len(inner) - 1)
        above = inner[0].above if hangs(branches) else total / 2
        return Extent(width, above, total - above)

    def _series(self, series: Series, around: Around) -> Extent:
        if not series.parts:
            return Extent(0, 4, 4)
        inner = [self.extent(part, beside) for part, beside in within(series, around)]
        width = sum(extent.width for extent in inner) + GAP * (len(inner) - 1)
        arcs = tuple(self._levels(series, around, [extent.above for extent in inner]))
        above = max([extent.above for extent in inner] + [height for _, height in arcs])
        return Extent(width, above, max(extent.below for extent in inner), arcs)

    def _levels(self, series: Series, around: Around, above: Sequence[float]) -> Iterator[tuple[Arc, float]]:
        """Arcs over a series whose parts reach so far above its axis, and how far above it each runs."""
        levels: list[tuple[int, int, float]] = []
        for start, end, arc in spanning(series, self._arcs, around):
            if end - start == 2 and start >= 0 and hangs(series.parts[start + 1]):
                continue
            below = [height for one, two, height in levels if one < end and start < two]
            height = max([*above[start + 1 : end], *below]) + LANE
            levels.append((start, end, height))
            yield arc, height
