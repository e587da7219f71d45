"""How many ways lead through a network, by length: what it is an ensemble of.

A residual network of ``n`` units is a sum over ``2**n`` paths of binomially distributed lengths (Veit, Wilber,
Belongie: Residual networks behave like ensembles of relatively shallow networks, arXiv:1605.06431, section 3); a
fractal one joins columns whose lengths are powers of two (Larsson, Maire, Shakhnarovich, arXiv:1605.07648, section 3).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

from archdsl.analysis.cost import analyse_cost
from archdsl.analysis.depth import analyse_depth
from archdsl.collector import paused
from archdsl.graph.columns import ColumnError, column_count, extract

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from archdsl.analysis.cost import CostTable
    from archdsl.graph.graph import Graph


class PathCount(NamedTuple):
    """How many paths have one length."""

    length: int
    number: int


class Binomial(NamedTuple):
    """A row of Pascal's triangle: ``choices`` times there is the choice of ``step`` more layers or none."""

    choices: int
    step: int


@dataclass(frozen=True, slots=True)
class Distribution:
    """Paths from the inputs to an output, by the number of layers with weights on them.

    Parameters
    ----------
    counts
        The shortest first; lengths that no path has are left out.
    """

    counts: tuple[PathCount, ...]

    @property
    def total(self) -> int:
        """Number of paths."""
        return sum(number for _, number in self.counts)

    @property
    def shortest(self) -> int:
        """Layers with weights on the shortest path; 0 if there is none."""
        return self.counts[0].length if self.counts else 0

    @property
    def longest(self) -> int:
        """Layers with weights on the longest path; 0 if there is none."""
        return self.counts[-1].length if self.counts else 0

    @property
    def mean(self) -> Fraction:
        """Layers with weights on a path, on average over all paths; 0 if there is none."""
        return Fraction(sum(length * number for length, number in self.counts), self.total or 1)

    @property
    def binomial(self) -> Binomial | None:
        """The binomial distribution that this is exactly, of two choices or more; None if it is another one."""
        choices = len(self.counts) - 1
        if choices < 2:
            return None
        step = self.counts[1].length - self.shortest
        row = (PathCount(self.shortest + step * k, math.comb(choices, k)) for k in range(choices + 1))
        return Binomial(choices, step) if tuple(row) == self.counts else None


class OutputPaths(NamedTuple):
    """The paths to one output."""

    name: str
    paths: Distribution


@dataclass(frozen=True, slots=True)
class PathTable:
    """The paths through a network at inference.

    Parameters
    ----------
    whole
        The paths to all outputs together.
    outputs
        The paths to each.
    columns
        Layers with weights on the longest path of each column of a fractal network, in order of its streams; empty for
        other networks, and for those whose joins do not all have the same columns.
    """

    whole: Distribution
    outputs: tuple[OutputPaths, ...]
    columns: tuple[int, ...]


@paused()
def analyse_paths(graph: Graph, cost: CostTable) -> PathTable:
    """Count the paths by length.

    Streams that a node takes twice are two paths. Time is linear in streams times depth: nothing is enumerated.
    """
    outputs = [output for output in graph.outputs if output.only != "train"]
    ways = _ways(graph, cost, {output.port.node for output in outputs})
    each = tuple(OutputPaths(output.name, _distribution([ways[output.port.node]])) for output in outputs)
    whole = _distribution([ways[output.port.node] for output in outputs])
    return PathTable(whole, each, _columns(graph))


def _ways(graph: Graph, cost: CostTable, wanted: set[int]) -> dict[int, Mapping[int, int]]:
    """For each wanted node the number of paths that end at it, by length."""
    last = {port.node: node.id for node in graph.nodes for port in node.inputs}
    known: dict[int, Mapping[int, int]] = {}
    for node in graph.nodes:
        before = [known[port.node] for port in node.inputs]
        start = [{0: 1}] if node.op.keyword == "input" else before
        known[node.id] = _added(start, int(cost[node.id].is_layer))
        for source in {port.node for port in node.inputs} - wanted:
            if last[source] == node.id:
                del known[source]
    return known


def _added(parts: Sequence[Mapping[int, int]], layer: int) -> Mapping[int, int]:
    """The sum of counts by length, with ``layer`` more on each path."""
    if len(parts) == 1 and layer == 0:
        return parts[0]
    total: dict[int, int] = {}
    for part in parts:
        for length, count in part.items():
            total[length + layer] = total.get(length + layer, 0) + count
    return total


def _distribution(parts: Sequence[Mapping[int, int]]) -> Distribution:
    counts: Iterable[tuple[int, int]] = sorted(_added(parts, 0).items())
    return Distribution(tuple(PathCount(length, count) for length, count in counts))


def _columns(graph: Graph) -> tuple[int, ...]:
    try:
        columns = [extract(graph, column) for column in range(1, column_count(graph) + 1)]
    except ColumnError:
        return ()
    return tuple(analyse_depth(column, analyse_cost(column)).depth for column in columns)
