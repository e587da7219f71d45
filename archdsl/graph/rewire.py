"""Edits that passes share: streams taken in place of others, and nodes left out."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from archdsl.graph.graph import Port

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from archdsl.graph.graph import Graph, Node


def redirect(graph: Graph, streams: Mapping[Port, Port]) -> Graph:
    """The graph in which whoever takes a stream takes the one that is given for it, itself redirected if need be."""
    final: dict[Port, Port] = {}
    for port in sorted(streams, key=lambda port: port.node):
        final[port] = final.get(streams[port], streams[port])
    return graph.replace(
        nodes=tuple(replace(node, inputs=tuple(final.get(port, port) for port in node.inputs)) for node in graph.nodes),
        outputs=tuple(replace(output, port=final.get(output.port, output.port)) for output in graph.outputs),
    )


def keep(graph: Graph, nodes: Sequence[Node]) -> Graph:
    """The graph of some of its nodes, which take streams of one another alone, numbered anew.

    Scopes that are left empty go as well.
    """
    numbers = {node.id: number for number, node in enumerate(nodes)}
    scopes = {old: new for new, old in enumerate(sorted(_around(graph, nodes)))}

    def moved(port: Port) -> Port:
        return Port(numbers[port.node], port.index)

    return graph.replace(
        nodes=tuple(
            replace(node, id=number, inputs=tuple(map(moved, node.inputs)), scope=scopes[node.scope])
            for number, node in enumerate(nodes)
        ),
        scopes=tuple(
            replace(scope, id=scopes[scope.id], parent=None if scope.parent is None else scopes[scope.parent])
            for scope in graph.scopes
            if scope.id in scopes
        ),
        outputs=tuple(replace(output, port=moved(output.port)) for output in graph.outputs),
    )


def _around(graph: Graph, nodes: Sequence[Node]) -> set[int]:
    """The network, and scopes that hold some of these nodes."""
    around = {0}
    for node in nodes:
        scope: int | None = node.scope
        while scope is not None and scope not in around:
            around.add(scope)
            scope = graph.scopes[scope].parent
    return around
