"""What each block costs in all: sums over the subtree of every scope."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from archdsl.collector import paused

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archdsl.analysis.cost import CostTable
    from archdsl.analysis.memory import MemoryTable
    from archdsl.graph.graph import Graph, Scope


@dataclass(frozen=True, slots=True)
class ScopeTotals:
    """Sums over the nodes of a scope and of the scopes below it.

    Parameters
    ----------
    first, stop
        The nodes are those from ``first`` up to, not including, ``stop``.
    result
        The last node whose output leaves the block: its output is the block's. The last node of all if none leaves;
        None for a block without nodes.
    parameters, buffers
        Shared weights count once in every block that uses them, so blocks that share weights sum up to more than the
        block around them.
    macs, train_macs
        Multiply-accumulates at inference, and with the outputs of training.
    connections
        Sum over the nodes that define them.
    activations
        Bytes of all activations of inference.
    """

    first: int
    stop: int
    result: int | None
    parameters: int
    buffers: int
    macs: int
    train_macs: int
    neurons: int
    connections: int
    layers: int
    activations: int

    @property
    def nodes(self) -> range:
        """Numbers of the nodes."""
        return range(self.first, self.stop)


@dataclass(frozen=True, slots=True)
class TotalsTable:
    """Totals by number of scope."""

    rows: tuple[ScopeTotals, ...]

    def __getitem__(self, scope: int) -> ScopeTotals:
        return self.rows[scope]


@dataclass(slots=True)
class _Sum:
    """Figures that add up along the tree of scopes."""

    nodes: int = 0
    parameters: int = 0
    buffers: int = 0
    macs: int = 0
    train_macs: int = 0
    neurons: int = 0
    connections: int = 0
    layers: int = 0
    activations: int = 0

    def add(self, other: _Sum) -> None:
        for name in _FIGURES:
            setattr(self, name, getattr(self, name) + getattr(other, name))


_FIGURES = tuple(field.name for field in fields(_Sum))


@paused()
def analyse_totals(graph: Graph, cost: CostTable, memory: MemoryTable) -> TotalsTable:
    """Sum up costs over the subtree of every scope.

    Cost: linear in nodes and scopes, and in the depth of the tree for every use of shared weights.
    """
    sums = [_Sum() for _ in graph.scopes]
    for node in graph.nodes:
        row, total = cost[node.id], sums[node.scope]
        total.nodes += 1
        total.parameters += row.parameters
        total.buffers += row.buffers
        total.layers += row.is_layer
        if row.is_training:
            total.train_macs += row.macs or 0
        if row.is_inference:
            total.macs += row.macs or 0
            total.neurons += row.neurons
            total.connections += row.connections or 0
            total.activations += memory[node.id].output
    for meeting, parameters, buffers in _counted_twice(graph, cost):
        sums[meeting].parameters -= parameters
        sums[meeting].buffers -= buffers
    for scope in _upwards(graph):
        assert scope.parent is not None
        sums[scope.parent].add(sums[scope.id])
    first = _first_nodes(graph, sums)
    results = _results(graph, [start + total.nodes for start, total in zip(first, sums, strict=True)])
    return TotalsTable(tuple(map(_freeze, sums, first, results)))


def _freeze(total: _Sum, first: int, result: int | None) -> ScopeTotals:
    stop = first + total.nodes
    if result is None and total.nodes:
        result = stop - 1
    return ScopeTotals(
        first=first,
        stop=stop,
        result=result,
        parameters=total.parameters,
        buffers=total.buffers,
        macs=total.macs,
        train_macs=total.train_macs,
        neurons=total.neurons,
        connections=total.connections,
        layers=total.layers,
        activations=total.activations,
    )


def _upwards(graph: Graph) -> Iterator[Scope]:
    """Scopes, each before the one around it, the network left out."""
    return reversed(graph.scopes[1:])


def _counted_twice(graph: Graph, cost: CostTable) -> Iterator[tuple[int, int, int]]:
    """Find the smallest scopes that hold a use of shared weights and the use before it, and what is too much there.

    Nodes run in the order of the tree's leaves, so taking the weights off where neighbouring uses meet leaves them
    counted once in every subtree that has a use.
    """
    latest: dict[str, int] = {}
    for node in graph.nodes:
        row = cost[node.id]
        if not row.is_owner and row.parameters + row.buffers:
            yield _meeting(graph, latest[node.path], node.scope), row.parameters, row.buffers
        latest[node.path] = node.scope


def _meeting(graph: Graph, one: int, other: int) -> int:
    """Find the smallest scope that holds both; a scope's number is higher than that of the scope around it."""
    while one != other:
        parent = graph.scopes[max(one, other)].parent
        assert parent is not None
        one, other = min(one, other), parent
    return one


def _first_nodes(graph: Graph, sums: list[_Sum]) -> list[int]:
    """First node of each scope's subtree; 0 for a scope without nodes."""
    beyond = len(graph.nodes)
    first = [beyond] * len(graph.scopes)
    for node in graph.nodes:
        first[node.scope] = min(first[node.scope], node.id)
    for scope in _upwards(graph):
        assert scope.parent is not None
        first[scope.parent] = min(first[scope.parent], first[scope.id])
    return [start if total.nodes else 0 for start, total in zip(first, sums, strict=True)]


def _results(graph: Graph, stops: list[int]) -> list[int | None]:
    """For each scope the last node of its subtree whose output is used beyond it, side branches aside."""
    farthest = [max(graph.users(node.id), default=-1) for node in graph.nodes]
    for output in graph.outputs:
        farthest[output.port.node] = len(graph.nodes)
    results: list[int | None] = [None] * len(graph.scopes)
    for node in graph.nodes:
        scope: Scope | None = graph.scopes[node.scope]
        while scope is not None and farthest[node.id] >= stops[scope.id]:
            results[scope.id] = node.id
            scope = _trunk_around(graph, scope)
    return results


def _trunk_around(graph: Graph, scope: Scope) -> Scope | None:
    """Go one scope up, unless this one is a side branch: what leaves that does not leave the trunk."""
    if scope.kind in ("exit", "tap") or scope.parent is None:
        return None
    return graph.scopes[scope.parent]
