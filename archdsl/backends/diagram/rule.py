"""A definition that calls itself, drawn as its rule: one call of it, the calls of itself within as closed boxes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from archdsl.backends.diagram.engine import DrawingError
from archdsl.diagnostic import near
from archdsl.graph.graph import Graph, Node, Output, Port, Scope
from archdsl.ops.base import Family
from archdsl.ops.io import Input


def rule_of(graph: Graph, definition: str) -> Graph:
    """The outermost call of a definition as a network, the calls of itself named as the source writes them.

    A merge that is all that follows on the call belongs to it.

    Raises
    ------
    DrawingError
        No definition that calls itself has that name.
    """
    call, inner = _call(graph, definition)
    inside = [node for node in graph.nodes if call.id in _around(graph, node.scope)]
    ends = _ends(graph, inside)
    followers = {user for port in ends for user in graph.users(port.node)} - {node.id for node in inside}
    merge = graph.nodes[next(iter(followers))] if len(followers) == 1 else None
    if merge is not None and merge.op.family is Family.MERGE and {port.node for port in merge.inputs} <= _ids(inside):
        inside, ends = [*inside, replace(merge, scope=call.id)], [Port(merge.id)]
    sources = list(dict.fromkeys(port for node in inside for port in node.inputs if port.node not in _ids(inside)))
    entries = {port: place for place, port in enumerate(sources)}
    numbers = {node.id: len(entries) + place for place, node in enumerate(inside)}
    scopes = _scopes(graph, call, inner)
    nodes = [_input(graph, port, place, len(entries), call) for port, place in entries.items()]
    nodes += [
        replace(
            node,
            id=numbers[node.id],
            inputs=tuple(_moved(port, entries, numbers) for port in node.inputs),
            scope=scopes[node.scope].id,
        )
        for node in inside
    ]
    names = ["out"] if len(ends) == 1 else [f"out{place + 1}" for place in range(len(ends))]
    return Graph(
        name=definition,
        nodes=tuple(nodes),
        scopes=tuple(scopes.values()),
        outputs=tuple(Output(name, Port(numbers[end.node], end.index)) for name, end in zip(names, ends, strict=True)),
        title=f"{definition}: the rule",
        papers=graph.papers,
    )


def _call(graph: Graph, definition: str) -> tuple[Scope, frozenset[int]]:
    """The first outermost call that holds calls of the same definition, and the numbers of the outermost of those."""
    calls = [scope for scope in graph.scopes if scope.definition == definition]
    for call in calls:
        inner = [other for other in calls if other is not call and call.id in _around(graph, other.id)]
        numbers = {other.id for other in inner}
        outer = [other for other in inner if numbers.isdisjoint(set(_around(graph, other.id)) - {other.id})]
        if outer:
            return call, frozenset(other.id for other in outer)
    known = {scope.definition for scope in graph.scopes if scope.definition is not None}
    if definition in known:
        raise DrawingError(f"`{definition}` does not call itself in {graph.name}, so it has no rule to draw")
    guess = near(definition, known)
    raise DrawingError(f"{graph.name} calls no definition `{definition}`" + (f"; near: {guess}" if guess else ""))


def _around(graph: Graph, scope: int) -> Iterator[int]:
    """Numbers of a scope and of those around it."""
    number: int | None = scope
    while number is not None:
        yield number
        number = graph.scopes[number].parent


def _ids(nodes: list[Node]) -> set[int]:
    return {node.id for node in nodes}


def _ends(graph: Graph, inside: list[Node]) -> list[Port]:
    """What leaves a call."""
    ids = _ids(inside)
    outputs = {output.port for output in graph.outputs if output.port.node in ids}
    used = {port for node in graph.nodes if node.id not in ids for port in node.inputs if port.node in ids}
    return sorted(outputs | used, key=lambda port: (port.node, port.index))


def _scopes(graph: Graph, call: Scope, inner: frozenset[int]) -> dict[int, Scope]:
    """The scopes of a call by their old numbers, itself as the network."""
    scopes = {call.id: Scope(0, None, "network", call.name, "", None, call.caption, call.span)}
    for scope in graph.scopes:
        if scope.parent not in scopes or scope.id in scopes:
            continue
        caption = " ".join(scope.span.text.split()) if scope.id in inner else scope.caption
        scopes[scope.id] = replace(scope, id=len(scopes), parent=scopes[scope.parent].id, caption=caption)
    return scopes


def _input(graph: Graph, port: Port, place: int, count: int, call: Scope) -> Node:
    """What stands for a stream that enters a call."""
    type = graph.type_of(port)
    path = "input" if count == 1 else f"in{place + 1}"
    return Node(place, path, Input(shape=type.shape), (), (type,), 0, call.span)


def _moved(port: Port, entries: Mapping[Port, int], numbers: Mapping[int, int]) -> Port:
    return Port(entries[port]) if port in entries else Port(numbers[port.node], port.index)
