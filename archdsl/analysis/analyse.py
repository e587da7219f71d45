"""Everything that is known of a network's cost and reach, computed when it is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from archdsl.analysis.cost import CostTable, analyse_cost
from archdsl.analysis.depth import DepthTable, analyse_depth
from archdsl.analysis.exits import ExitTable, analyse_exits
from archdsl.analysis.memory import MemoryTable, analyse_memory
from archdsl.analysis.paths import PathTable, analyse_paths
from archdsl.analysis.receptive import ReceptiveTable, analyse_receptive
from archdsl.analysis.structure import StructureTable, analyse_structure
from archdsl.analysis.totals import TotalsTable, analyse_totals

if TYPE_CHECKING:
    from archdsl.graph.graph import Graph


@dataclass(frozen=True)
class Analysis:
    """The analyses of one graph; each runs once, when it is first asked for.

    Parameters
    ----------
    element_size
        Bytes of a floating-point number, for figures of memory.
    """

    graph: Graph
    element_size: int = 4

    @cached_property
    def cost(self) -> CostTable:
        """Parameters, multiply-accumulates, neurons and connections by node."""
        return analyse_cost(self.graph)

    @cached_property
    def depth(self) -> DepthTable:
        """Layers with weights on the longest path to each node."""
        return analyse_depth(self.graph, self.cost)

    @cached_property
    def exits(self) -> ExitTable:
        """Multiply-accumulates until each early exit."""
        return analyse_exits(self.graph, self.cost)

    @cached_property
    def memory(self) -> MemoryTable:
        """Bytes of activations and weights."""
        return analyse_memory(self.graph, self.cost, element_size=self.element_size)

    @cached_property
    def paths(self) -> PathTable:
        """Ways through the network by their length, and the columns of a fractal one."""
        return analyse_paths(self.graph, self.cost)

    @cached_property
    def receptive(self) -> ReceptiveTable:
        """Receptive field, stride and offset by node."""
        return analyse_receptive(self.graph)

    @cached_property
    def totals(self) -> TotalsTable:
        """Sums by scope."""
        return analyse_totals(self.graph, self.cost, self.memory)

    @cached_property
    def structure(self) -> StructureTable:
        """Which blocks are equal."""
        return analyse_structure(self.graph, self.cost, self.totals)


def analyse(graph: Graph, *, element_size: int = 4) -> Analysis:
    """Prepare the analyses of a graph; each is computed when it is asked for.

    Parameters
    ----------
    element_size
        Bytes of a floating-point number: 4 for single, 2 for half precision.
    """
    return Analysis(graph, element_size)
