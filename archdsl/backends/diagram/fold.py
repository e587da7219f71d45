"""Folding: equal neighbours are drawn once, with how often they occur.

Two stretches of the network are equal if a person who reads the source would say so: the same operators with the same
arguments, wired alike, on streams of the same size, nested alike; names do not count, shared weights do. A number of
channels may grow from copy to copy, if it grows evenly (dense blocks). The first of a row often differs (it projects,
or strides) and then stays apart.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise, takewhile

from archdsl.backends.diagram.blocks import Block, Item, Leaf, Repeat, children_of, nodes_of
from archdsl.graph.graph import Graph, Node, Port
from archdsl.ops.base import Family, TensorType

#: Longest stretch of items that is looked at as one copy.
MAX_PERIOD = 24
#: Single operators in a row fold from this number on; blocks from two.
MIN_LEAVES = 3
#: Evenly growing copies fold from this number on: two numbers always grow evenly.
MIN_GROWING = 3


def fold(graph: Graph, root: Block) -> Block:
    """The tree with equal neighbours made into repeats, at every depth."""
    return _Folder(graph).block(root)


def unfold(root: Block) -> Block:
    """The tree with all copies back in their places."""
    items: list[Item] = []
    for item in children_of(root):
        plain = children_of(item) if isinstance(item, Repeat) else (item,)
        items += [unfold(part) if isinstance(part, Block) else part for part in plain]
    return Block(root.scope, root.call, tuple(items))


@dataclass(frozen=True, slots=True)
class _Window:
    """A stretch of items as others see it.

    ``signature`` says what it is; ``channels`` how wide each stream in it is; ``ports`` where its inputs come from, in
    the order of first use; ``nodes`` are its nodes.
    """

    signature: Hashable
    channels: tuple[int, ...]
    ports: tuple[Port, ...]
    nodes: range


#: Where the inputs of a window come from, seen from the window before it.
_Wiring = tuple[tuple[int | Port, int], ...]


@dataclass
class _Folder:
    graph: Graph
    _numbers: dict[Hashable, int] = field(default_factory=dict)
    _operators: dict[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._uses: dict[str, list[int]] = {}
        for node in self.graph.nodes:
            self._uses.setdefault(node.path, []).append(node.id)
        self._outputs: dict[int, list[int]] = {}
        for place, output in enumerate(self.graph.outputs):
            self._outputs.setdefault(output.port.node, []).append(-1 - place)

    def block(self, block: Block) -> Block:
        items = [self.block(item) if isinstance(item, Block) else item for item in block.items]
        return Block(block.scope, block.call, tuple(self._fold_row(items)))

    def _fold_row(self, items: Sequence[Item]) -> Iterator[Item]:
        """Items of one frame, the longest repetition that begins at each place made into a repeat."""
        keys = [self._number(self._window((item,)).signature) for item in items]
        place = 0
        while place < len(items):
            repeat = self._longest(items, keys, place)
            if repeat is None:
                yield items[place]
                place += 1
                continue
            yield repeat
            place += len(repeat.copies) * len(repeat.copies[0])

    def _longest(self, items: Sequence[Item], keys: Sequence[int], start: int) -> Repeat | None:
        """The repetition that covers most items from ``start`` on; of two, the one with the shorter period."""
        best: Repeat | None = None
        covered = 0
        for period in range(1, min(MAX_PERIOD, (len(items) - start) // 2) + 1):
            count = _repetitions(keys, start, period)
            if count * period <= covered or count < 2 or not _is_primitive(keys[start : start + period]):
                continue
            copies = [tuple(items[start + k * period :][:period]) for k in range(count)]
            repeat = self._repeat(copies)
            if repeat is not None and len(repeat.copies) * period > covered:
                best, covered = repeat, len(repeat.copies) * period
        return best

    def _repeat(self, copies: Sequence[tuple[Item, ...]]) -> Repeat | None:
        """As many of the copies, from the first on, as really are the same again."""
        first, second = self._window(copies[0]), self._window(copies[1])
        wiring = _wiring(first, second)
        if first.signature != second.signature or wiring is None:
            return None
        is_parallel = not any(isinstance(source, int) for source, _ in wiring)
        windows = list(self._agreeing(copies, wiring))
        limit = self._shared_uses(windows) if is_parallel else self._private_uses(windows)
        if limit < _least(copies[0], windows):
            return None
        return Repeat(tuple(copies[:limit]), is_parallel)

    def _agreeing(self, copies: Iterable[tuple[Item, ...]], wiring: _Wiring) -> Iterator[_Window]:
        """Windows from the first on that are alike, wired alike, and grow evenly."""
        before: _Window | None = None
        growth: list[int] | None = None
        for copy in copies:
            window = self._window(copy)
            if before is not None:
                step = [new - old for old, new in zip(before.channels, window.channels, strict=True)]
                growth = growth or step
                if window.signature != before.signature or _wiring(before, window) != wiring or step != growth:
                    return
            yield window
            before = window

    def _private_uses(self, windows: Sequence[_Window]) -> int:
        """How many of the windows, run in a row, feed nothing but the next one; the last may feed anything."""
        for place, (window, following) in enumerate(pairwise(windows)):
            uses = (user for _, user in self._outside_uses(window))
            if any(user not in following.nodes for user in uses):
                return place + 1
        return len(windows)

    def _shared_uses(self, windows: Sequence[_Window]) -> int:
        """How many of the windows, side by side, feed the same operators."""
        uses = self._outside_uses(windows[0])
        return sum(1 for _ in takewhile(lambda window: self._outside_uses(window) == uses, windows))

    def _outside_uses(self, window: _Window) -> list[tuple[int, int]]:
        """Which nodes of a window feed what outside; outputs of the network count as negative numbers."""
        return [
            (node - window.nodes.start, user)
            for node in window.nodes
            for user in (*self.graph.users(node), *self._outputs.get(node, ()))
            if user not in window.nodes
        ]

    def _number(self, key: Hashable) -> int:
        return self._numbers.setdefault(key, len(self._numbers))

    def _window(self, items: Sequence[Item]) -> _Window:
        start, stop = items[0].first, items[-1].last + 1
        ports: dict[Port, int] = {}
        channels: list[int] = []
        rows: list[Hashable] = []
        for node in self.graph.nodes[start:stop]:
            wires: list[Hashable] = []
            for port in node.inputs:
                inside = port.node >= start
                wires.append((port.node - start, port.index) if inside else (-1, ports.setdefault(port, len(ports))))
                type = self.graph.type_of(port)
                channels.append(type.channels)
                wires.append(_kind(type))
            rows.append((self._operator(node), self._tie(node, start, stop), tuple(wires)))
        nesting = tuple(_nesting(item, start) for item in items)
        return _Window((tuple(rows), nesting), tuple(channels), tuple(ports), range(start, stop))

    def _operator(self, node: Node) -> int:
        """Number of an operator with its arguments; those of what regularises do not count, and inputs all differ."""
        known = self._operators.get(id(node.op))
        if known is None:
            match node.op.family:
                case Family.REGULARISE:
                    arguments = ""
                case Family.IO:
                    arguments = node.path
                case _:
                    arguments = repr(node.op)
            known = self._operators[id(node.op)] = self._number((type(node.op), arguments))
        return known

    def _tie(self, node: Node, start: int, stop: int) -> Hashable:
        """Which node of the window has the weights first, or the name of weights that are shared beyond it."""
        uses = self._uses[node.path]
        if len(uses) == 1:
            return None
        return uses[0] - start if start <= uses[0] and uses[-1] < stop else node.path


def _wiring(before: _Window, window: _Window) -> _Wiring | None:
    """For each input of a window: the place in the window before that makes it, or the port that both share."""
    if len(before.ports) != len(window.ports):
        return None
    wires: list[tuple[int | Port, int]] = []
    for old, new in zip(before.ports, window.ports, strict=True):
        if new.node in before.nodes:
            wires.append((new.node - before.nodes.start, new.index))
        elif new == old:
            wires.append((new, new.index))
        else:
            return None
    return tuple(wires)


def _repetitions(keys: Sequence[int], start: int, period: int) -> int:
    """How often the ``period`` keys from ``start`` on occur in a row."""
    place = start + period
    while place < len(keys) and keys[place] == keys[place - period]:
        place += 1
    return (place - start) // period


def _is_primitive(keys: Sequence[int]) -> bool:
    """Whether a stretch is not itself a shorter one several times over."""
    size = len(keys)
    return not any(
        size % part == 0 and all(keys[i] == keys[i % part] for i in range(size)) for part in range(1, size // 2 + 1)
    )


def _least(copy: Sequence[Item], windows: Sequence[_Window]) -> int:
    """How many copies it takes to fold."""
    if windows[0].channels != windows[1].channels:
        return MIN_GROWING
    return MIN_LEAVES if len(copy) == 1 and isinstance(copy[0], Leaf) else 2


def _kind(type: TensorType) -> Hashable:
    """A stream's type but for its number of channels."""
    return (type.spatial, type.dtype, type.batch)


def _nesting(item: Item, start: int) -> Hashable:
    """How the nodes of an item are grouped, relative to ``start``."""
    if isinstance(item, Leaf):
        return len(item.nodes)
    if isinstance(item, Repeat):
        return ("repeat", tuple(tuple(_nesting(child, start) for child in copy) for copy in item.copies))
    return ("block", item.call.kind, tuple(_nesting(child, start) for child in item.items))


def representatives(root: Block) -> dict[int, int]:
    """For each node of a later copy, the node of the first copy that is drawn in its stead."""
    stands_for: dict[int, int] = {}
    for item in root.items:
        _represent(item, stands_for)
    return stands_for


def _represent(item: Item, stands_for: dict[int, int]) -> None:
    """Fill in an item's nodes, those within it first, so that nested copies end up in the outermost first copy."""
    if isinstance(item, Leaf):
        return
    for child in item.copies[0] if isinstance(item, Repeat) else item.items:
        _represent(child, stands_for)
    if not isinstance(item, Repeat):
        return
    model = [node for child in item.copies[0] for node in nodes_of(child)]
    for copy in item.copies[1:]:
        nodes = (node for child in copy for node in nodes_of(child))
        for node, drawn in zip(nodes, model, strict=True):
            stands_for[node] = stands_for.get(drawn, drawn)
