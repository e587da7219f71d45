"""The tall column of the papers: what stands below what, what side by side, and which streams go around.

A network between its input and its main output is a series of parts: boxes that every stream passes through, and
between two of them branches side by side. What leads elsewhere (auxiliary heads, second inputs) stands beside it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from archdsl.backends.diagram.figure import Box, Figure, Link, LinkKind
from archdsl.ops.base import Family


@dataclass(frozen=True, eq=False, slots=True)
class Series:
    """Parts one below the other; equal to itself alone, as a key for what is worked out once."""

    parts: tuple[Part, ...]


@dataclass(frozen=True, eq=False, slots=True)
class Branches:
    """Series side by side that begin at the box before them and end at the one behind; equal to itself alone."""

    series: tuple[Series, ...]


#: The key of a box, or branches.
Part = str | Branches
#: Keys of the boxes before and behind something, where there are any.
Around = tuple[str | None, str | None]


@dataclass(frozen=True, slots=True)
class Arc:
    """A stream that goes around what stands between its ends; ``via`` are boxes on it that are not drawn as such."""

    tail: str
    head: str
    kind: LinkKind
    via: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Aside:
    """A series beside the column, with the streams from the column into it and from it into the column."""

    series: Series
    entering: tuple[tuple[str, str], ...]
    leaving: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Gathering:
    """Sources that all lead to the same heads, as the maps of a detector do: they meet behind the last of them."""

    sources: tuple[str, ...]
    last: str


@dataclass(frozen=True, slots=True)
class Column:
    """A figure as a column: the way from the input to the main output, what goes around, and what stands beside.

    ``tangles`` are groups of boxes between two others that are neither a series nor branches; of each, the longest way
    stands in the column and the rest beside it.
    """

    series: Series
    arcs: tuple[Arc, ...]
    asides: tuple[Aside, ...]
    tangles: tuple[tuple[str, ...], ...] = ()
    gatherings: tuple[Gathering, ...] = ()


#: Families that may stand on a shortcut which the papers draw as a dotted line.
_SHORT = frozenset({Family.POOL, Family.RESAMPLE, Family.VIEW})
#: Sources from which on blocks that share them all are heads.
_MANY = 3


def arrange(figure: Figure) -> Column:
    """Find series and branches in a figure."""
    column = _Arrangement(figure, gathers=True).run()
    is_sound = all(gathering.last in column.series.parts for gathering in column.gatherings)
    return column if is_sound else _Arrangement(figure, gathers=False).run()


def boxes_of(part: Part | Series) -> Iterator[str]:
    """Keys of all boxes in a part, in running order of each branch."""
    if isinstance(part, str):
        yield part
        return
    for inner in part.parts if isinstance(part, Series) else part.series:
        yield from boxes_of(inner)


def starts(part: Part) -> list[str]:
    """Keys of the boxes at which a part begins."""
    if isinstance(part, str):
        return [part]
    return [key for series in part.series if series.parts for key in starts(series.parts[0])]


def ends(part: Part) -> list[str]:
    """Keys of the boxes at which a part ends."""
    if isinstance(part, str):
        return [part]
    return [key for series in part.series if series.parts for key in ends(series.parts[-1])]


def spanning(series: Series, arcs: Iterable[Arc], around: Around = (None, None)) -> list[tuple[int, int, Arc]]:
    """Arcs around parts of a series, with the places of both ends; those that span least first.

    The boxes before and behind the branches that the series is one of have places as well, -1 and one after the last.
    """
    places = {key: place for place, part in enumerate(series.parts) for key in boxes_of(part)}
    before, after = around
    outer = {key: place for key, place in ((before, -1), (after, len(series.parts))) if key is not None}
    found = (arc for arc in arcs if arc.tail in places or arc.head in places)
    known = outer | places
    spans = [(known[arc.tail], known[arc.head], arc) for arc in found if arc.tail in known and arc.head in known]
    return sorted((span for span in spans if span[1] > span[0] + 1), key=lambda span: (span[1] - span[0], span[0]))


def within(series: Series, around: Around = (None, None)) -> Iterator[tuple[Part, Around]]:
    """Parts of a series, each with the boxes before and behind it."""
    keys = [around[0], *(part if isinstance(part, str) else None for part in series.parts), around[1]]
    yield from zip(series.parts, zip(keys, keys[2:], strict=False), strict=True)


class _Arrangement:
    def __init__(self, figure: Figure, *, gathers: bool) -> None:
        self._boxes: dict[str, Box] = {box.key: box for box in figure.boxes()}
        self._into: defaultdict[str, list[str]] = defaultdict(list)
        self._out: defaultdict[str, list[str]] = defaultdict(list)
        self._kinds: dict[tuple[str, str], LinkKind] = {}
        for link in streams(figure):
            self._into[link.head].append(link.tail)
            self._out[link.tail].append(link.head)
            self._kinds[link.tail, link.head] = link.kind
        self._arcs: list[Arc] = []
        self._asides: list[Aside] = []
        self._tangles: list[tuple[str, ...]] = []
        self._gatherings = list(self._gathered()) if gathers else []

    def run(self) -> Column:
        main = self._main()
        series = self._series(main, None, None)
        inside = set(main)
        for rest in self._components([key for key in self._boxes if key not in inside]):
            self._set_aside(rest)
        tangles, gatherings = tuple(self._tangles), tuple(self._gatherings)
        return Column(series, tuple(self._arcs), tuple(self._asides), tangles, gatherings)

    def _gathered(self) -> Iterator[Gathering]:
        """Take blocks with the same sources as if the last source alone led to them; what the others are."""
        alike: defaultdict[frozenset[str], list[str]] = defaultdict(list)
        for key, box in self._boxes.items():
            if box.kind == "block" and len(self._into[key]) >= _MANY:
                alike[frozenset(self._into[key])].append(key)
        for found, heads in alike.items():
            if len(heads) < 2:
                continue
            *sources, last = (key for key in self._boxes if key in found)
            for source in sources:
                self._out[source] = [head for head in self._out[source] if head not in heads]
            for head in heads:
                self._into[head] = [last]
            yield Gathering(tuple(sources), last)

    def _main(self) -> list[str]:
        """Boxes between the first input and the output that is furthest from it."""
        distance: dict[str, int] = {}
        for key in self._boxes:
            before = [distance[tail] for tail in self._into[key] if tail in distance]
            if before or not distance:
                distance[key] = max(before, default=-1) + 1
        ends = [key for key in distance if not self._out[key]]
        end = max(ends, key=lambda key: (self._is_main(key), self._boxes[key].kind == "output", distance[key]))
        reaching, waiting = {end}, [end]
        while waiting:
            for tail in self._into[waiting.pop()]:
                if tail not in reaching:
                    reaching.add(tail)
                    waiting.append(tail)
        return [key for key in distance if key in reaching]

    def _is_main(self, key: str) -> bool:
        box = self._boxes[key]
        return box.kind == "output" and not box.is_training

    # Series and branches

    def _series(self, keys: Sequence[str], entry: str | None, end: str | None) -> Series:
        """Boxes in running order that all lie between ``entry`` and ``end``."""
        cuts = self._cuts(keys, entry, end)
        if keys and not cuts:
            return self._spine(keys, entry, end)
        parts: list[Part] = []
        before, between = entry, list[str]()
        for key in keys:
            if key not in cuts:
                between.append(key)
                continue
            parts += [*self._between(between, before, key), key]
            before, between = key, []
        return Series((*parts, *self._between(between, before, end)))

    def _cuts(self, keys: Sequence[str], entry: str | None, end: str | None) -> set[str]:
        """Boxes that every stream between the two ends passes through, those around all of them aside."""
        place = {key: number for number, key in enumerate(keys)}
        reach = 0
        if entry is not None:
            reach = max((place[head] for head in self._out[entry] if head in place), default=0)
        cuts = set()
        for key in keys:
            if reach <= place[key]:
                cuts.add(key)
            heads = [len(keys) if head == end else place.get(head, 0) for head in self._out[key]]
            reach = max(reach, *heads, 0)
        return cuts

    def _between(self, keys: Sequence[str], entry: str | None, end: str | None) -> Sequence[Part]:
        """What stands between two neighbours of a series."""
        ways = list(self._ways(keys, entry, end))
        if not ways:
            return ()
        if entry is not None and end is not None:
            if end in self._out[entry]:
                self._arcs.append(Arc(entry, end, self._kinds[entry, end]))
            ways = self._without_shortcuts(ways, entry, end)
        series = [self._series(way, entry, end) for way in ways]
        return series[0].parts if len(series) == 1 else (Branches(tuple(series)),)

    def _ways(self, keys: Sequence[str], entry: str | None, end: str | None) -> Iterator[list[str]]:
        """What leads from one of two neighbours to the other; what comes from or leads elsewhere is set aside."""
        for way in self._components(keys):
            is_fed = entry is None or not set(self._out[entry]).isdisjoint(way)
            is_read = end is None or not set(self._into[end]).isdisjoint(way)
            if is_fed and is_read:
                yield way
            else:
                self._set_aside(way)

    def _without_shortcuts(self, ways: list[list[str]], entry: str, end: str) -> list[list[str]]:
        """The ways without those that only fit the shape of a skip, which become arcs."""
        longest = max(map(len, ways))
        kinds = [self._shortcut(way, entry, end, is_longest=len(way) == longest) for way in ways]
        if None not in kinds:
            return ways
        self._arcs += [Arc(entry, end, kind, tuple(way)) for way, kind in zip(ways, kinds, strict=True) if kind]
        return [way for way, kind in zip(ways, kinds, strict=True) if kind is None]

    def _shortcut(self, way: Sequence[str], entry: str, end: str, *, is_longest: bool) -> LinkKind | None:
        """What kind of skip a way is, if it is one: a projection into a sum, or nothing but a change of shape.

        A convolution alone is a projection, whatever its window, if another way is longer.
        """
        boxes = [self._boxes[key] for key in way]
        if self._boxes[end].family is not Family.MERGE or any(box.kind != "operator" for box in boxes):
            return None
        if self._boxes[end].keyword != "add":
            return "identity" if all(box.family is Family.VIEW for box in boxes) else None
        is_projection = len(way) == 1 and boxes[0].family is Family.CONV and not is_longest
        return "projection" if is_projection or all(box.family in _SHORT for box in boxes) else None

    def _components(self, keys: Sequence[str]) -> list[list[str]]:
        """Boxes in groups that hang together."""
        groups: dict[str, list[str]] = {}
        for key in keys:
            found = list(dict.fromkeys(id for id, group in groups.items() if self._touches(group, key)))
            merged = [member for id in found for member in groups.pop(id)]
            groups[key] = [*merged, key]
        order = {key: place for place, key in enumerate(keys)}
        return sorted((sorted(group, key=order.__getitem__) for group in groups.values()), key=lambda g: order[g[0]])

    def _touches(self, group: Collection[str], key: str) -> bool:
        return not set(self._into[key]).isdisjoint(group) or not set(self._out[key]).isdisjoint(group)

    # Where nothing but a longest way can be told

    def _spine(self, keys: Sequence[str], entry: str | None, end: str | None) -> Series:
        """The longest way as a series; other streams go around it, other boxes stand beside it."""
        self._tangles.append(tuple(keys))
        inside = set(keys)
        length: dict[str, int] = {}
        back: dict[str, str] = {}
        for key in keys:
            before = [tail for tail in self._into[key] if tail in inside]
            length[key] = 1 + max((length[tail] for tail in before), default=0)
            if before:
                back[key] = max(before, key=length.__getitem__)
        last = max(keys, key=lambda key: (end is None or end in self._out[key], length[key]))
        spine = [last]
        while spine[-1] in back:
            spine.append(back[spine[-1]])
        spine.reverse()
        self._go_around([entry, *spine, end])
        on_spine = set(spine)
        for rest in self._components([key for key in keys if key not in on_spine]):
            self._set_aside(rest)
        return Series(tuple(spine))

    def _go_around(self, spine: Sequence[str | None]) -> None:
        place = {key: number for number, key in enumerate(spine) if key is not None}
        for tail, start in place.items():
            for head in self._out[tail]:
                if place.get(head, 0) > start + 1:
                    self._arcs.append(Arc(tail, head, self._kinds[tail, head]))

    def _set_aside(self, keys: Sequence[str]) -> None:
        inside = set(keys)
        entering = tuple((tail, key) for key in keys for tail in self._into[key] if tail not in inside)
        leaving = tuple((key, head) for key in keys for head in self._out[key] if head not in inside)
        self._asides.append(Aside(self._series(keys, None, None), entering, leaving))


def streams(figure: Figure) -> Iterator[Link]:
    """Links that carry a stream, from box to box, each pair once, with junctions left out."""
    boxes = {box.key for box in figure.boxes()}
    feeds: defaultdict[str, list[str]] = defaultdict(list)
    for link in figure.links:
        if link.head not in boxes:
            feeds[link.head].append(link.tail)
    seen: set[tuple[str, str]] = set()
    for link in figure.links:
        if link.kind in ("tied", "reference") or link.head not in boxes:
            continue
        for tail in _sources(link.tail, boxes, feeds):
            if (tail, link.head) not in seen:
                seen.add((tail, link.head))
                yield Link(tail, link.head, link.kind, link.stream)


def _sources(key: str, boxes: Collection[str], feeds: Mapping[str, Sequence[str]]) -> list[str]:
    """Boxes whose streams meet in a junction, or the box itself."""
    sources: list[str] = []
    waiting = [key]
    while waiting:
        key = waiting.pop()
        if key in boxes:
            sources.append(key)
        else:
            waiting += feeds[key]
    return sources[::-1]
