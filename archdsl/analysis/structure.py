"""Which blocks are equal: the same operators, arguments, wiring and shapes, whatever their names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from archdsl.collector import paused

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Sequence

    from archdsl.analysis.cost import CostTable
    from archdsl.analysis.totals import TotalsTable
    from archdsl.graph.graph import Graph, Port


class Member(NamedTuple):
    """A node or a block that stands directly in a scope."""

    is_scope: bool
    id: int


@dataclass(frozen=True)
class StructureTable:
    """Members of every scope in running order, and a kind for each: members of equal kind are equal.

    Parameters
    ----------
    members
        By number of scope; blocks without nodes are left out.
    node_kinds, scope_kinds
        Kinds by number of node and of scope. They compare within one table only; the network itself has none (-1).
    """

    members: tuple[tuple[Member, ...], ...]
    node_kinds: tuple[int, ...]
    scope_kinds: tuple[int, ...]

    def kind(self, member: Member) -> tuple[bool, int]:
        """Give what equal members have in common."""
        return member.is_scope, (self.scope_kinds if member.is_scope else self.node_kinds)[member.id]

    def runs(self, scope: int) -> Iterator[tuple[Member, ...]]:
        """Members of a scope in running order, equal neighbours together."""
        run: list[Member] = []
        for member in self.members[scope]:
            if run and self.kind(run[0]) != self.kind(member):
                yield tuple(run)
                run = []
            run.append(member)
        if run:
            yield tuple(run)


@paused()
def analyse_structure(graph: Graph, cost: CostTable, totals: TotalsTable) -> StructureTable:
    """Find the blocks that are equal.

    Two blocks are equal if their operators, arguments, shapes, wiring and blocks within are, if they are needed at
    inference alike, and if they own or share their weights alike. Where they stand, what they are called and who uses
    their streams is left out, so equal blocks in a row read as one block and a number.

    Cost: linear in nodes and streams, times the depth of the tree of scopes.
    """
    members = _members(graph, totals)
    kinds = _Kinds()
    node_kinds = _node_kinds(graph, cost, kinds)
    blocks = [_Block(-1)] * len(graph.scopes)
    for scope in reversed(graph.scopes[1:]):
        parts = [
            blocks[member.id] if member.is_scope else _Block(node_kinds[member.id], graph.nodes[member.id].inputs)
            for member in members[scope.id]
        ]
        key, entering = _outline(parts, totals[scope.id].first)
        blocks[scope.id] = _Block(kinds.number((scope.kind, scope.definition, key)), entering)
    return StructureTable(members, node_kinds, tuple(block.kind for block in blocks))


class _Kinds:
    """Numbers for keys: equal keys, equal numbers."""

    def __init__(self) -> None:
        self._numbers: dict[Hashable, int] = {}

    def number(self, key: Hashable) -> int:
        return self._numbers.setdefault(key, len(self._numbers))


class _Block(NamedTuple):
    """A node or block as the block around it sees it: its kind, and the streams that enter it."""

    kind: int
    entering: tuple[Port, ...] = ()


def _members(graph: Graph, totals: TotalsTable) -> tuple[tuple[Member, ...], ...]:
    placed: list[list[tuple[int, Member]]] = [[] for _ in graph.scopes]
    for node in graph.nodes:
        placed[node.scope].append((node.id, Member(False, node.id)))
    for scope in graph.scopes[1:]:
        if scope.parent is not None and totals[scope.id].nodes:
            placed[scope.parent].append((totals[scope.id].first, Member(True, scope.id)))
    return tuple(tuple(member for _, member in sorted(row, key=lambda entry: entry[0])) for row in placed)


def _node_kinds(graph: Graph, cost: CostTable, kinds: _Kinds) -> tuple[int, ...]:
    # operators are compared once for each object, not for each node: many nodes hold the same one
    ops: dict[int, int] = {}
    numbers = []
    for node in graph.nodes:
        if id(node.op) not in ops:
            ops[id(node.op)] = kinds.number(node.op)
        row = cost[node.id]
        key = ops[id(node.op)], graph.input_types(node), node.outputs, row.is_owner, row.is_inference, row.is_training
        numbers.append(kinds.number(key))
    return tuple(numbers)


def _outline(parts: Sequence[_Block], start: int) -> tuple[Hashable, tuple[Port, ...]]:
    """Describe a block that begins at node ``start`` by its parts; list the streams that enter it, each once.

    A stream from within is named by its place from the start of the block, one from outside by its number among those
    that enter.
    """
    entering: dict[Port, int] = {}
    outline: list[int | None] = []
    for part in parts:
        outline += (None, part.kind)
        for port in part.entering:
            if port.node >= start:
                outline += (port.node - start, port.index)
            else:
                outline += (-1, entering.setdefault(port, len(entering)))
    return tuple(outline), tuple(entering)
