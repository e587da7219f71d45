"""The law of a legal graph, checked after elaboration and after each pass.

A graph is legal if

1. its nodes and scopes are numbered 0, 1, 2 …, and scope 0 alone is the network;
2. every stream that a node takes exists, and comes from a node before it, so the graph has no cycle;
3. every node has as many inputs as its operator takes, and an ``input`` has none;
4. the recorded output types are those that the operator infers from the types of its inputs;
5. scopes come after the scope around them, and the nodes of a scope and of those below it are contiguous;
6. nodes of equal path have equal operators and weights of equal shapes, since they share the weights;
7. it has outputs, each of a name of its own, and each a stream that exists.

A node that leads to no output is legal, though somebody should hear of it: see ``archdsl.graph.reach.idle_nodes``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from archdsl.ops.base import ShapeError, TensorType, Weight

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from archdsl.graph.graph import Graph, Node, Port, Scope


class GraphError(Exception):
    """A graph breaks the law: a defect of the program that made it, never of what a user wrote.

    Attributes
    ----------
    violations
        Every breach found, one sentence each.
    """

    def __init__(self, violations: Sequence[str]) -> None:
        self.violations = tuple(violations)
        super().__init__("the graph is not legal:\n" + "\n".join(f"  {violation}" for violation in self.violations))


def verify(graph: Graph) -> None:
    """Check the law of a legal graph.

    Raises
    ------
    GraphError
        The graph breaks it. Breaches of numbering and wiring are reported alone: the other checks build on them.
    """
    foundations = [breach for law in _FOUNDATIONS for breach in law(graph)]
    if foundations:
        raise GraphError(foundations)
    breaches = [breach for law in _LAWS for breach in law(graph)]
    if breaches:
        raise GraphError(breaches)


def _numbering(graph: Graph) -> Iterator[str]:
    for position, node in enumerate(graph.nodes):
        if node.id != position:
            yield f"node {node.path!r} at position {position} has number {node.id}"
    for position, scope in enumerate(graph.scopes):
        if scope.id != position:
            yield f"scope {scope.name!r} at position {position} has number {scope.id}"


def _roots(graph: Graph) -> Iterator[str]:
    if not graph.scopes:
        yield "there is no scope for the network"
        return
    if graph.scopes[0].kind != "network" or graph.scopes[0].parent is not None:
        yield "scope 0 is not the network"
    for scope in graph.scopes[1:]:
        if scope.kind == "network" or scope.parent is None:
            yield f"{_name_scope(scope)} is a second root"
        elif not 0 <= scope.parent < scope.id:
            yield f"{_name_scope(scope)} comes before the scope around it, {scope.parent}"
    for node in graph.nodes:
        if not 0 <= node.scope < len(graph.scopes):
            yield f"{_name(node)} belongs to scope {node.scope}, which does not exist"


def _wiring(graph: Graph) -> Iterator[str]:
    disordered = False
    for position, node in enumerate(graph.nodes):
        for port in node.inputs:
            if not _exists(graph, port):
                yield f"{_name(node)} takes {_name_port(port)}, which does not exist"
            elif port.node >= position:
                disordered = True
                yield f"{_name(node)} takes {_name_port(port)}, which is not computed yet"
    if disordered:
        yield from _cycle(graph)


def _cycle(graph: Graph) -> Iterator[str]:
    """Tell a cycle from a mere wrong order."""
    import networkx

    if networkx.is_directed_acyclic_graph(graph.networkx):
        return
    edges = networkx.find_cycle(graph.networkx)
    yield "there is a cycle: " + " -> ".join(str(edge[0]) for edge in (*edges, edges[0]))


def _arities(graph: Graph) -> Iterator[str]:
    for node in graph.nodes:
        breach = _arity(node)
        if breach is not None:
            yield f"{_name(node)} {breach}"


def _arity(node: Node) -> str | None:
    op, count = node.op, len(node.inputs)
    if op.keyword == "input":
        return f"is an input that takes {_streams(count)}" if count else None
    extra = sum(1 for argument in op.stream_arguments if getattr(op, argument))
    if op.takes(count - extra):
        return None
    expected = "at least 1" if op.arity is None else op.arity
    return f"takes {_streams(count)}, not {expected}" + (f" and {extra} as arguments" if extra else "")


def _types(graph: Graph) -> Iterator[str]:
    for node in graph.nodes:
        if _arity(node) is not None:
            continue
        try:
            inferred = node.op.infer(*graph.input_types(node))
        except ShapeError as error:
            yield f"{_name(node)} does not take its inputs: {error.message}"
            continue
        if inferred != node.outputs:
            yield f"{_name(node)} records the outputs {_list(node.outputs)} but infers {_list(inferred)}"


def _intervals(graph: Graph) -> Iterator[str]:
    count = [0] * len(graph.scopes)
    first = [len(graph.nodes)] * len(graph.scopes)
    last = [-1] * len(graph.scopes)
    for node in graph.nodes:
        count[node.scope] += 1
        first[node.scope] = min(first[node.scope], node.id)
        last[node.scope] = node.id
    for scope in reversed(graph.scopes[1:]):
        assert scope.parent is not None
        count[scope.parent] += count[scope.id]
        first[scope.parent] = min(first[scope.parent], first[scope.id])
        last[scope.parent] = max(last[scope.parent], last[scope.id])
    for scope in graph.scopes:
        if count[scope.id] and last[scope.id] - first[scope.id] + 1 != count[scope.id]:
            yield (
                f"{_name_scope(scope)} has {count[scope.id]} nodes "
                f"between {first[scope.id]} and {last[scope.id]}: they are not contiguous"
            )
    for siblings in graph.children.values():
        starts = [first[scope] for scope in siblings if count[scope]]
        if starts != sorted(starts):
            yield f"scopes {', '.join(map(str, siblings))} are not in running order"


def _paths(graph: Graph) -> Iterator[str]:
    owners: dict[str, Node] = {}
    for node in graph.nodes:
        owner = owners.setdefault(node.path, node)
        if owner is node:
            continue
        if owner.op != node.op:
            yield f"{_name(node)} shares its path with node {owner.id} but is another operator"
        elif _weights(graph, owner) != _weights(graph, node):
            yield f"{_name(node)} shares its path with node {owner.id} but its weights have other shapes"


def _weights(graph: Graph, node: Node) -> dict[str, Weight]:
    return node.op.weights(*graph.input_types(node))


def _outputs(graph: Graph) -> Iterator[str]:
    if not graph.outputs:
        yield "there is no output"
    seen: set[str] = set()
    for output in graph.outputs:
        if output.name in seen:
            yield f"two outputs are named {output.name!r}"
        seen.add(output.name)
        if not _exists(graph, output.port):
            yield f"output {output.name!r} is {_name_port(output.port)}, which does not exist"


_FOUNDATIONS: tuple[Callable[[Graph], Iterator[str]], ...] = (_numbering, _roots, _wiring, _outputs)
_LAWS: tuple[Callable[[Graph], Iterator[str]], ...] = (_arities, _types, _intervals, _paths)


def _exists(graph: Graph, port: Port) -> bool:
    return 0 <= port.node < len(graph.nodes) and 0 <= port.index < len(graph.nodes[port.node].outputs)


def _name(node: Node) -> str:
    return f"node {node.id} ({node.path})"


def _name_scope(scope: Scope) -> str:
    return f"scope {scope.id} ({scope.caption})"


def _name_port(port: Port) -> str:
    return f"output {port.index} of node {port.node}"


def _streams(count: int) -> str:
    return f"{count} stream" if count == 1 else f"{count} streams"


def _list(types: Sequence[TensorType]) -> str:
    return "(" + ", ".join(f"{stream} {stream.dtype} per {stream.batch}" for stream in types) + ")"
