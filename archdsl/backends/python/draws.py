"""Puts in the draws that a whole network shares in training: the column of global drop-path.

A draw is an operator right behind the first input, and its value one more stream of each join. So it travels as all
streams do, from module to module, in straight-line code; in evaluation it is None and nothing is drawn.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from archdsl.graph.graph import Graph, Node, Port
from archdsl.graph.reach import TRAINING, modes
from archdsl.ops.column import ColumnJoin, DrawColumn
from archdsl.ops.merge import Join

_NAME = "column"


def with_draws(graph: Graph) -> Graph:
    """The graph with a draw for its joins that training needs; joins of other settings have a draw of their own."""
    groups: dict[tuple[float, str], list[Node]] = {}
    for node, op in _trained_joins(graph):
        if (share := op.share(graph.type_of(node.inputs[0]))) > 0:
            groups.setdefault((share, op.per), []).append(node)
    if not groups:
        return graph
    source = next((node for node in graph.inputs if _counts_images(node)), graph.inputs[0])
    draws: list[Node] = []
    drawn: dict[int, Port] = {}
    for (share, per), joins in groups.items():
        columns = max(len(node.inputs) for node in joins)
        draw = DrawColumn.make(columns=columns, share=share, per=per)
        number = source.id + 1 + len(draws)
        path = f"{source.path}.{_NAME}{number}"  # nothing else is below an input
        outputs = draw.infer(source.outputs[0])
        draws.append(Node(number, path, draw, (Port(source.id),), outputs, source.scope, joins[0].span))
        drawn |= {node.id: Port(number) for node in joins}
    return _inserted(graph, source.id + 1, draws, drawn)


def _trained_joins(graph: Graph) -> Iterator[tuple[Node, Join]]:
    if any(isinstance(node.op, Join) for node in graph.nodes):
        needed = modes(graph)
        yield from (
            (node, op) for node in graph.nodes if isinstance(op := node.op, Join) and needed[node.id] & TRAINING
        )


def _counts_images(node: Node) -> bool:
    """Whether an input has one element for each image, in every mode."""
    return node.outputs[0].batch == "image" and getattr(node.op, "only", None) is None


def draw_names(graph: Graph) -> Mapping[Port, str]:
    """Names of the variables that hold the draws."""
    ports = [Port(node.id) for node in graph.nodes if isinstance(node.op, DrawColumn)]
    return {port: _NAME if number == 1 else f"{_NAME}{number}" for number, port in enumerate(ports, 1)}


def _inserted(graph: Graph, start: int, draws: list[Node], drawn: Mapping[int, Port]) -> Graph:
    """The graph with ``draws`` from number ``start`` on, and those in ``drawn`` as first inputs of joins."""

    def moved(port: Port) -> Port:
        return port if port.node < start else Port(port.node + len(draws), port.index)

    def renumbered(node: Node) -> Node:
        number = moved(Port(node.id)).node
        inputs = tuple(map(moved, node.inputs))
        if node.id not in drawn:
            return replace(node, id=number, inputs=inputs)
        op = ColumnJoin.make(**node.op.model_dump())
        return replace(node, id=number, op=op, inputs=(drawn[node.id], *inputs))

    nodes = [renumbered(node) for node in graph.nodes]
    outputs = tuple(replace(output, port=moved(output.port)) for output in graph.outputs)
    return graph.replace(nodes=(*nodes[:start], *draws, *nodes[start:]), outputs=outputs)
