"""Which nodes lead to which outputs, and in which mode."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from archdsl.graph.graph import Graph, Node, Output

TRAINING, EVALUATION = 1, 2


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
    return tuple(mode & EVALUATION != 0 for mode in modes(graph))


def needed_for_training(graph: Graph) -> tuple[bool, ...]:
    """Whether each node, by its number, is needed by an output that exists in training."""
    return tuple(mode & TRAINING != 0 for mode in modes(graph))


def modes(graph: Graph) -> list[int]:
    """The modes in which each node is needed, by its number: a sum of ``TRAINING`` and ``EVALUATION``."""
    needed = [0] * len(graph.nodes)
    for output in graph.outputs:
        needed[output.port.node] |= {"train": TRAINING, "eval": EVALUATION, None: TRAINING | EVALUATION}[output.only]
    for node in reversed(graph.nodes):
        for index, port in enumerate(node.inputs):
            passed = TRAINING if index in node.op.training_inputs else TRAINING | EVALUATION
            needed[port.node] |= needed[node.id] & passed
    return needed


def absent_in_evaluation(graph: Graph) -> tuple[bool, ...]:
    """Whether each node, by its number, cannot run in evaluation, for want of an input that only training has."""
    absent: list[bool] = []
    for node in graph.nodes:
        wanted = (port for index, port in enumerate(node.inputs) if index not in node.op.training_inputs)
        absent.append(node.is_training_input or any(absent[port.node] for port in wanted))
    return tuple(absent)


def idle_nodes(graph: Graph) -> tuple[Node, ...]:
    """Nodes that lead to no output: computed for nothing, unless a tap shows them to an observer."""
    needed = needed_by(graph, graph.outputs)
    return tuple(node for node in graph.nodes if not needed[node.id])
