"""Which operator runs on which device: where its inputs are, up to the next ``place``."""

from __future__ import annotations

from archdsl import codes
from archdsl.diagnostic import Diagnostic, Label
from archdsl.graph.graph import Graph, Node

#: Where inputs of the network are, and all that has not been placed.
ANYWHERE = ""


def placement(graph: Graph) -> tuple[str, ...]:
    """The name of each node's device, by node id; ``ANYWHERE`` for what has not been placed."""
    devices: list[str] = []
    for node in graph.nodes:
        if node.op.keyword == "place":
            devices.append(node.op.device)  # type: ignore[attr-defined]
        else:
            devices.append(devices[node.inputs[0].node] if node.inputs else ANYWHERE)
    return tuple(devices)


def misplaced(graph: Graph) -> tuple[Diagnostic, ...]:
    """Errors for operators whose inputs are on several devices."""
    if not any(node.op.keyword == "place" for node in graph.nodes):
        return ()
    devices = placement(graph)
    return tuple(
        _meeting(graph, node, devices) for node in graph.nodes if len({devices[port.node] for port in node.inputs}) > 1
    )


def _meeting(graph: Graph, node: Node, devices: tuple[str, ...]) -> Diagnostic:
    labels = tuple(
        Label(graph.nodes[port.node].span, f"on `{devices[port.node]}`" if devices[port.node] else "not placed")
        for port in node.inputs
    )
    first = devices[node.inputs[0].node]
    return Diagnostic(
        codes.MISPLACED,
        f"streams from several devices meet in `{node.op.keyword}`",
        node.span,
        labels=labels,
        hint=f'move them to one first: `-> place "{first or "name"}"`',
        calls=graph.calls(node),
    )
