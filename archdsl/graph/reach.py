"""Which nodes lead to which outputs."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from archdsl.graph.graph import Graph, Node, Output


def needed_by(graph: Graph, outputs: Iterable[Output]) -> tuple[bool, ...]:
    """Whether each node, by its number, is needed to compute one of these outputs."""
    needed = [False] * len(graph.nodes)
    for output in outputs:
        needed[output.port.node] = True
    for node in reversed(graph.nodes):
        if needed[node.id]:
            for port in node.inputs:
                needed[port.node] = True
    return tuple(needed)


def needed_for_inference(graph: Graph) -> tuple[bool, ...]:
    """Whether each node, by its number, is needed by an output that exists outside training."""
    return needed_by(graph, (output for output in graph.outputs if output.only != "train"))


def idle_nodes(graph: Graph) -> tuple[Node, ...]:
    """Nodes that lead to no output: computed for nothing, unless a tap shows them to an observer."""
    needed = needed_by(graph, graph.outputs)
    return tuple(node for node in graph.nodes if not needed[node.id])
