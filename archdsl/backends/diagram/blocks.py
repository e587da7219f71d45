"""The tree that a diagram draws: operators fused into chains, in blocks that mirror the scopes of the source.

Not every scope says something to a reader. A scope around one operator, the structural definition that fills its
caller, and a named step inside a definition are dissolved into what is around them, but for the steps of an indexed
name, which make a row; a step that is nothing but one call is one block with both names.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from archdsl.graph.graph import Graph, Node, Scope
from archdsl.ops.base import Family

#: Families that decorate another operator: a block stays what it is with or without them.
LIGHT = frozenset({Family.ACTIVATION, Family.NORM, Family.REGULARISE})
#: What may stand beside a structural definition that fills its caller.
_TRAILING = LIGHT | {Family.MERGE}
#: Families that a chain is named after.
MAIN = frozenset({Family.CONV, Family.LINEAR, Family.MERGE, Family.POOL, Family.RESAMPLE})


@dataclass(frozen=True, slots=True)
class Leaf:
    """Operators drawn as one box: ``nodes`` in running order, ``main`` the one that names it."""

    nodes: tuple[int, ...]
    main: int

    @property
    def first(self) -> int:
        return self.nodes[0]

    @property
    def last(self) -> int:
        return self.nodes[-1]


@dataclass(frozen=True, slots=True)
class Block:
    """A scope worth a frame: ``scope`` names it and ``call``, the innermost one dissolved into it, describes it."""

    scope: Scope
    call: Scope
    items: tuple[Item, ...]

    @property
    def first(self) -> int:
        return self.items[0].first

    @property
    def last(self) -> int:
        return self.items[-1].last


@dataclass(frozen=True, slots=True)
class Repeat:
    """Equal neighbours, drawn once: each copy is as many items as the period of the repetition.

    ``is_parallel`` tells branches that run side by side from copies that run one after the other.
    """

    copies: tuple[tuple[Item, ...], ...]
    is_parallel: bool

    @property
    def first(self) -> int:
        return self.copies[0][0].first

    @property
    def last(self) -> int:
        return self.copies[-1][-1].last


Item = Leaf | Block | Repeat


def nodes_of(item: Item) -> Iterator[int]:
    """All nodes below an item, every copy of what repeats included, in running order."""
    if isinstance(item, Leaf):
        yield from item.nodes
        return
    for child in children_of(item):
        yield from nodes_of(child)


def children_of(item: Item) -> Sequence[Item]:
    """Items directly below, every copy of what repeats included."""
    if isinstance(item, Block):
        return item.items
    if isinstance(item, Repeat):
        return [child for copy in item.copies for child in copy]
    return ()


def build_blocks(graph: Graph, *, fuse: bool) -> Block:
    """The tree of a network, nothing folded yet; with ``fuse``, linear chains of operators become one leaf each."""
    return _Builder(graph, fuse).block(graph.scopes[0])


class _Builder:
    """Builds blocks from scopes; the recursion is as deep as the scopes nest."""

    def __init__(self, graph: Graph, fuse: bool) -> None:
        self._graph = graph
        self._fuse = fuse
        self._direct: list[list[Node]] = [[] for _ in graph.scopes]
        for node in graph.nodes:
            self._direct[node.scope].append(node)
        self._size = [len(nodes) for nodes in self._direct]
        self._first = [nodes[0].id if nodes else len(graph.nodes) for nodes in self._direct]
        for scope in reversed(graph.scopes[1:]):
            assert scope.parent is not None
            self._size[scope.parent] += self._size[scope.id]
            self._first[scope.parent] = min(self._first[scope.parent], self._first[scope.id])
        self._exposed = {output.port.node for output in graph.outputs}

    def block(self, scope: Scope) -> Block:
        call = scope
        content = self._content(scope)
        while scope.parent is not None and len(content) == 1 and isinstance(content[0], Scope):
            if _is_branch(content[0]) or is_indexed(self._graph, content[0]):
                break
            call = content[0] if call.kind == "step" else call
            content = self._content(content[0])
        items: list[Item] = []
        run: list[Node] = []
        for part in content:
            if isinstance(part, Node):
                run.append(part)
                continue
            items += self._leaves(run)
            run = []
            items.append(self._unwrapped(part))
        items += self._leaves(run)
        return Block(scope, call, tuple(self._decorated(items) if self._fuse else items))

    def _decorated(self, items: Sequence[Item]) -> Iterator[Item]:
        """Items of a frame; leaves that only decorate the one before them become a part of it."""
        last: Item | None = None
        for item in items:
            if isinstance(last, Leaf) and isinstance(item, Leaf) and self._decorates(last, item):
                last = Leaf(last.nodes + item.nodes, last.main)
                continue
            if last is not None:
                yield last
            last = item
        if last is not None:
            yield last

    def _decorates(self, leaf: Leaf, other: Leaf) -> bool:
        """Whether norms and activations alone follow on what a leaf ends with, each for the first time."""
        nodes = [self._graph.nodes[node] for node in leaf.nodes + other.nodes]
        place, start = leaf.nodes.index(leaf.main), len(leaf.nodes)
        families = [node.op.family for node in nodes[place + 1 :]]
        return (
            self._is_main(nodes[place])
            and all(node.op.family in LIGHT for node in nodes[start:])
            and len(set(families)) == len(families)
            and all(self._continues(nodes, place) for place in range(start, len(nodes)))
        )

    def _unwrapped(self, scope: Scope) -> Item:
        """The block of a scope, or the one leaf that it would hold."""
        block = self.block(scope)
        is_kept = _is_branch(scope) or is_indexed(self._graph, scope)
        return block.items[0] if len(block.items) == 1 and isinstance(block.items[0], Leaf) and not is_kept else block

    def _content(self, scope: Scope) -> list[Node | Scope]:
        """Operators and scopes of a frame in running order, those of dissolved scopes included."""
        parts: list[Node | Scope] = [*self._direct[scope.id]]
        inner = [self._graph.scopes[child] for child in self._graph.children[scope.id] if self._size[child]]
        for child in inner:
            parts += self._content(child) if self._is_dissolved(child, scope, len(inner)) else [child]
        return sorted(parts, key=lambda part: part.id if isinstance(part, Node) else self._first[part.id])

    def _is_dissolved(self, scope: Scope, around: Scope, siblings: int) -> bool:
        if _is_branch(scope) or is_indexed(self._graph, scope):
            return False
        if self._size[scope.id] == 1:
            return True
        if scope.kind == "step":
            return around.kind != "network"
        fills = siblings == 1 and all(node.op.family in _TRAILING for node in self._direct[around.id])
        return scope.kind == "structure" and around.parent is not None and fills and bool(self._direct[around.id])

    def _leaves(self, run: list[Node]) -> list[Item]:
        """Operators in a row as leaves: one each, or linear chains together."""
        leaves: list[Item] = []
        start = 0
        while start < len(run):
            stop = self._chain(run, start) if self._fuse else start + 1
            chain = run[start:stop]
            main = next((node for node in chain if node.op.family in MAIN), chain[0])
            leaves.append(Leaf(tuple(node.id for node in chain), main.id))
            start = stop
        return leaves

    def _chain(self, run: list[Node], start: int) -> int:
        """Where the chain ends that begins at ``start``: decoration before its main operator, or behind it."""
        if self._is_main(run[start]):
            return self._light_end(run, start + 1, linked=True)
        main = self._light_end(run, start, linked=False)
        if start < main < len(run) and self._is_main(run[main]) and self._continues(run, main):
            return main + 1
        return max(main, start + 1)

    def _light_end(self, run: list[Node], place: int, *, linked: bool) -> int:
        """First place from ``place`` on that decorates no more: at most one norm, activation and dropout do."""
        seen: set[Family] = set()
        while place < len(run):
            family = run[place].op.family
            if family not in LIGHT or family in seen or ((linked or seen) and not self._continues(run, place)):
                break
            seen.add(family)
            place += 1
        return place

    def _is_main(self, node: Node) -> bool:
        return node.op.family in MAIN

    def _continues(self, run: list[Node], place: int) -> bool:
        """Whether a node takes nothing but the node before it in the run, which nothing else takes."""
        if place == 0:
            return False
        before, node = run[place - 1], run[place]
        return (
            [port.node for port in node.inputs] == [before.id]
            and self._graph.users(before.id) == [node.id]
            and before.id not in self._exposed
        )


def is_indexed(graph: Graph, scope: Scope) -> bool:
    """Whether a scope is a step of an indexed name within a definition, ``x[2] = …``: one of a row of equals."""
    around = None if scope.parent is None else graph.scopes[scope.parent]
    is_inner = around is not None and around.kind != "network"
    return scope.kind == "step" and is_inner and re.search(r"_\d+$", scope.name) is not None


def _is_branch(scope: Scope) -> bool:
    return scope.kind in ("exit", "tap")
