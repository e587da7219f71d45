"""Columns of a fractal network: the network that remains if each join passes on the stream of one column alone.

The streams of a join are those of the columns, the first one of column 1. A join of fewer streams than the column's
number stands within another column, and is left out with it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from archdsl.graph.graph import Port
from archdsl.graph.reach import needed_by

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archdsl.graph.graph import Graph, Node, Scope


class ColumnError(ValueError):
    """There is no such column."""


def column_count(graph: Graph) -> int:
    """Columns of the network: the most streams that a join takes; 0 without joins."""
    return max((len(node.inputs) for node in graph.nodes if _is_join(node)), default=0)


def extract(graph: Graph, column: int) -> Graph:
    """One column as a network of its own.

    Paths stay what they are, and so do the keys of the weights.

    Parameters
    ----------
    column
        Its number, from 1.

    Raises
    ------
    ColumnError
        The network has no such column, or a part of it has fewer.
    """
    count = column_count(graph)
    if count == 0:
        raise ColumnError(f"{graph.name} has no columns: nothing in it is joined")
    if not 1 <= column <= count:
        raise ColumnError(f"{graph.name} has columns 1 to {count}, and no column {column}")
    single = _without_joins(graph, column)
    needed = needed_by(single, single.outputs)
    short = next((node for node in single.nodes if needed[node.id] and _is_join(node)), None)
    if short is not None:
        raise ColumnError(f"`{short.path}` joins columns 1 to {len(short.inputs)} of {graph.name}, without {column}")
    kept = _kept(single, [node for node in single.nodes if needed[node.id] or node.op.keyword == "input"])
    title = f"{graph.title or graph.name}, column {column} of {count}"
    return kept.replace(name=f"{graph.name}_column{column}", title=title)


def _is_join(node: Node) -> bool:
    return node.op.keyword == "join"


def _without_joins(graph: Graph, column: int) -> Graph:
    """The graph in which nobody takes the result of a join that has this column."""
    passed: dict[Port, Port] = {}
    nodes = []
    for node in graph.nodes:
        inputs = tuple(passed.get(port, port) for port in node.inputs)
        nodes.append(replace(node, inputs=inputs))
        if _is_join(node) and column <= len(inputs):
            passed[Port(node.id)] = inputs[column - 1]
    outputs = tuple(replace(output, port=passed.get(output.port, output.port)) for output in graph.outputs)
    return graph.replace(nodes=tuple(nodes), outputs=outputs)


def _kept(graph: Graph, nodes: Sequence[Node]) -> Graph:
    """The graph of some of its nodes, which take streams of one another alone, numbered anew."""
    scopes = _live(graph, nodes)
    scope_numbers = {scope.id: number for number, scope in enumerate(scopes)}
    numbers = {node.id: number for number, node in enumerate(nodes)}

    def moved(port: Port) -> Port:
        return Port(numbers[port.node], port.index)

    return graph.replace(
        nodes=tuple(
            replace(node, id=number, inputs=tuple(map(moved, node.inputs)), scope=scope_numbers[node.scope])
            for number, node in enumerate(nodes)
        ),
        scopes=tuple(
            replace(scope, id=number, parent=None if scope.parent is None else scope_numbers[scope.parent])
            for number, scope in enumerate(scopes)
        ),
        outputs=tuple(replace(output, port=moved(output.port)) for output in graph.outputs),
    )


def _live(graph: Graph, nodes: Sequence[Node]) -> list[Scope]:
    """The scopes that hold any of these nodes."""
    live = {0}
    for node in nodes:
        scope: int | None = node.scope
        while scope is not None and scope not in live:
            live.add(scope)
            scope = graph.scopes[scope].parent
    return [scope for scope in graph.scopes if scope.id in live]
