"""The law of a legal graph: real graphs keep it, and every way to break it is found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from archdsl.graph.elaborate import elaborate
from archdsl.graph.graph import Graph, Node, Port
from archdsl.graph.reach import idle_nodes, needed_for_inference
from archdsl.graph.verify import GraphError, verify
from archdsl.ops.base import TensorType
from archdsl.source import Source
from archdsl.syntax.parse import parse

TEXT = """
net small
input 3x8x8
tied shared(i): 3x3 conv 4
unit: 3x3 conv 4 -> bn -> relu
stem = 3x3 conv 4 -> relu
body = unit -> unit
a = shared(1) -> relu
b = shared(1)
(a | b) -> add
exit early only=train { gap -> fc 2 }
head = gap -> fc 10
"""


def build(text: str) -> Graph:
    elaborated = elaborate(parse(Source("test.arch", text)).file)
    assert elaborated.graph is not None, elaborated.diagnostics
    return elaborated.graph


@pytest.fixture(scope="module")
def graph() -> Graph:
    return build(TEXT)


def index(graph: Graph, path: str) -> int:
    return next(node.id for node in graph.nodes if node.path == path)


def change_node(graph: Graph, number: int, **changes: Any) -> Graph:
    nodes = list(graph.nodes)
    nodes[number] = replace(nodes[number], **changes)
    return graph.replace(nodes=tuple(nodes))


def change_scope(graph: Graph, number: int, **changes: Any) -> Graph:
    scopes = list(graph.scopes)
    scopes[number] = replace(scopes[number], **changes)
    return graph.replace(scopes=tuple(scopes))


def change_output(graph: Graph, number: int, **changes: Any) -> Graph:
    outputs = list(graph.outputs)
    outputs[number] = replace(outputs[number], **changes)
    return graph.replace(outputs=tuple(outputs))


def swap(graph: Graph, first: int, second: int) -> Graph:
    """Two nodes change places, and every stream follows them: the order alone is wrong."""
    place = {first: second, second: first}
    nodes = [
        replace(
            node,
            id=place.get(node.id, node.id),
            inputs=tuple(Port(place.get(port.node, port.node), port.index) for port in node.inputs),
        )
        for node in graph.nodes
    ]
    return graph.replace(nodes=tuple(sorted(nodes, key=lambda node: node.id)))


def scope_named(graph: Graph, name: str) -> int:
    return next(scope.id for scope in graph.scopes if scope.name == name)


def violations(graph: Graph) -> str:
    with pytest.raises(GraphError) as caught:
        verify(graph)
    assert str(caught.value).startswith("the graph is not legal:")
    return "\n".join(caught.value.violations)


def test_real_graph_is_legal(graph: Graph) -> None:
    verify(graph)


MUTATIONS: dict[str, tuple[Callable[[Graph], Graph], str]] = {
    "node number": (lambda g: change_node(g, 2, id=7), "node 'stem.relu1' at position 2 has number 7"),
    "scope number": (lambda g: change_scope(g, 1, id=9), "at position 1 has number 9"),
    "no scope": (lambda g: g.replace(scopes=()), "no scope for the network"),
    "network not first": (lambda g: change_scope(g, 0, kind="step"), "scope 0 is not the network"),
    "second root": (lambda g: change_scope(g, 1, parent=None), "is a second root"),
    "child before parent": (lambda g: change_scope(g, 1, parent=2), "comes before the scope around it, 2"),
    "unknown scope": (lambda g: change_node(g, 1, scope=99), "belongs to scope 99, which does not exist"),
    "unknown node": (lambda g: change_node(g, 2, inputs=(Port(99),)), "output 0 of node 99, which does not exist"),
    "unknown port": (lambda g: change_node(g, 2, inputs=(Port(1, 3),)), "output 3 of node 1, which does not exist"),
    "negative port": (lambda g: change_node(g, 2, inputs=(Port(1, -1),)), "output -1 of node 1, which does not exist"),
    "wrong order": (lambda g: swap(g, 1, 2), "takes output 0 of node 2, which is not computed yet"),
    "cycle": (lambda g: change_node(g, 1, inputs=(Port(2),)), "there is a cycle: 1 -> 2 -> 1"),
    "own input": (lambda g: change_node(g, 1, inputs=(Port(1),)), "there is a cycle: 1 -> 1"),
    "no inputs": (lambda g: change_node(g, 1, inputs=()), "takes 0 streams, not 1"),
    "too many inputs": (lambda g: change_node(g, 2, inputs=(Port(1), Port(0))), "takes 2 streams, not 1"),
    "empty merge": (
        lambda g: change_node(g, index(g, "add1"), inputs=()),
        "takes 0 streams, not at least 1",
    ),
    "input with an input": (
        lambda g: change_node(g, 1, op=g.nodes[0].op),
        "is an input that takes 1 stream",
    ),
    "recorded type": (
        lambda g: change_node(g, 1, outputs=(TensorType((4, 9, 8)),)),
        "records the outputs (4x9x8 float per image) but infers (4x8x8 float per image)",
    ),
    "recorded dtype": (lambda g: change_node(g, 1, outputs=(TensorType((4, 8, 8), "int"),)), "4x8x8 int per image"),
    "refused input": (
        lambda g: change_node(g, index(g, "add1"), inputs=(Port(0), Port(1))),
        "does not take its inputs",
    ),
    "torn scope": (lambda g: change_node(g, 1, scope=scope_named(g, "body")), "they are not contiguous"),
    "scopes out of order": (
        lambda g: swap_scopes(g, scope_named(g, "unit1"), scope_named(g, "unit2")),
        "are not in running order",
    ),
    "path of another operator": (
        lambda g: change_node(g, 2, path=g.nodes[1].path),
        "shares its path with node 1 but is another operator",
    ),
    "no output": (lambda g: g.replace(outputs=()), "there is no output"),
    "output twice": (lambda g: change_output(g, 0, name="out"), "two outputs are named 'out'"),
    "output of nothing": (lambda g: change_output(g, 0, port=Port(99)), "output 'early' is output 0 of node 99"),
}


def swap_scopes(graph: Graph, first: int, second: int) -> Graph:
    """The nodes of two neighbouring scopes change owners."""
    place = {first: second, second: first}
    nodes = tuple(replace(node, scope=place.get(node.scope, node.scope)) for node in graph.nodes)
    return graph.replace(nodes=nodes)


@pytest.mark.parametrize("name", MUTATIONS)
def test_broken_graph_is_refused(graph: Graph, name: str) -> None:
    mutate, expected = MUTATIONS[name]
    assert expected in violations(mutate(graph))


def test_equal_operators_with_weights_of_other_shapes_cannot_share() -> None:
    graph = build("input 3x8x8\n3x3 conv 4 -> 3x3 conv 4")
    first, second = graph.nodes[1], graph.nodes[2]
    broken = change_node(graph, second.id, path=first.path, op=first.op)
    assert "weights have other shapes" in violations(broken)


def test_wrong_order_alone_is_no_cycle(graph: Graph) -> None:
    assert "cycle" not in violations(swap(graph, 1, 2))


def test_every_violation_is_reported(graph: Graph) -> None:
    broken = change_node(change_node(graph, 1, scope=99), 2, inputs=(Port(99),))
    assert violations(broken).count("does not exist") == 2


def test_stream_arguments_count_as_inputs() -> None:
    graph = build("input 1x12x12\ny = 3x3 conv 2 pad=valid\n5x5 conv 2 pad=same -> crop like=y")
    verify(graph)
    crop: Node = next(node for node in graph.nodes if node.op.keyword == "crop")
    assert len(crop.inputs) == 2
    assert "takes 1 stream, not 1 and 1 as arguments" in violations(change_node(graph, crop.id, inputs=crop.inputs[:1]))


def test_idle_nodes_are_found() -> None:
    graph = build("input 3x8x8\nstem = 3x3 conv 4\ntap probe { gap -> fc 7 }\nhead = gap -> fc 2")
    verify(graph)
    assert [node.path for node in idle_nodes(graph)] == ["probe.gap1", "probe.fc1"]


def test_training_outputs_are_not_needed_for_inference(graph: Graph) -> None:
    needed = needed_for_inference(graph)
    assert [node.path for node in graph.nodes if not needed[node.id]] == ["early.gap1", "early.fc1"]
    assert not idle_nodes(graph)
