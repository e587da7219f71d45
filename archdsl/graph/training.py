"""Finds outputs of evaluation that take what only training has."""

from __future__ import annotations

from collections.abc import Iterator

from archdsl import codes
from archdsl.diagnostic import Diagnostic, Label
from archdsl.graph.graph import Graph, Node
from archdsl.graph.reach import absent_in_evaluation


def untimely(graph: Graph) -> Iterator[Diagnostic]:
    """Errors for outputs that exist in evaluation but need an input of training alone."""
    if not any(node.is_training_input for node in graph.inputs):
        return
    absent = absent_in_evaluation(graph)
    for output in graph.outputs:
        if output.only == "train" or not absent[output.port.node]:
            continue
        node = graph.nodes[output.port.node]
        source = _source(graph, node, absent)
        label = Label(source.span, "only training has this")
        message = f"in evaluation the output `{output.name}` has no `{source.path}`"
        hint = f"write `output {output.name} only=train = …`"
        yield Diagnostic(codes.UNTIMELY, message, node.span, labels=(label,), hint=hint, calls=graph.calls(node))


def _source(graph: Graph, node: Node, absent: tuple[bool, ...]) -> Node:
    """The input for want of which a node cannot run."""
    while node.inputs:
        wanted = (port.node for index, port in enumerate(node.inputs) if index not in node.op.training_inputs)
        node = graph.nodes[next(number for number in wanted if absent[number])]
    return node
