"""Columns of a fractal network: the network that remains if each join passes on the stream of one column alone.

The streams of a join are those of the columns, the first one of column 1. A join of fewer streams than the column's
number stands within another column, and is left out with it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from archdsl.graph.graph import Port
from archdsl.graph.reach import needed_by
from archdsl.graph.rewire import keep, redirect

if TYPE_CHECKING:
    from archdsl.graph.graph import Graph, Node


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
    kept = keep(single, [node for node in single.nodes if needed[node.id] or node.op.keyword == "input"])
    title = f"{graph.title or graph.name}, column {column} of {count}"
    return kept.replace(name=f"{graph.name}_column{column}", title=title)


def _is_join(node: Node) -> bool:
    return node.op.keyword == "join"


def _without_joins(graph: Graph, column: int) -> Graph:
    """The graph in which nobody takes the result of a join that has this column."""
    joins = [node for node in graph.nodes if _is_join(node) and column <= len(node.inputs)]
    return redirect(graph, {Port(node.id): node.inputs[column - 1] for node in joins})
