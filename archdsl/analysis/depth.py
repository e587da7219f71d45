"""How deep a network is, as papers count: layers with weights on the longest path."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from archdsl.collector import paused

if TYPE_CHECKING:
    from archdsl.analysis.cost import CostTable
    from archdsl.graph.graph import Graph


@dataclass(frozen=True, slots=True)
class DepthTable:
    """Layers with weights on the longest path that ends at each node, and on the longest path to an output.

    ``depth`` is that of inference: 50 for ResNet-50, whose projections lie beside the longest path.
    """

    rows: tuple[int, ...]
    depth: int

    def __getitem__(self, node: int) -> int:
        return self.rows[node]


@paused()
def analyse_depth(graph: Graph, cost: CostTable) -> DepthTable:
    """Count the layers with weights on the longest path to every node."""
    rows: list[int] = []
    for node in graph.nodes:
        before = max((rows[port.node] for port in node.inputs), default=0)
        rows.append(before + cost[node.id].is_layer)
    outputs = [output for output in graph.outputs if output.only != "train"]
    return DepthTable(tuple(rows), max((rows[output.port.node] for output in outputs), default=0))
