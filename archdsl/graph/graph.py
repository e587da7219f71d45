"""The graph of a network: operators as nodes, streams as edges, and the tree of calls that made them.

This file is the one home of networkx, which is imported when a graph question is first asked, not before: checking a
file needs no graph library.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from archdsl.diagnostic import Call
from archdsl.ops.base import Op, TensorType
from archdsl.source import Span

if TYPE_CHECKING:
    from networkx import MultiDiGraph


@dataclass(frozen=True, slots=True)
class Port:
    """Output number ``index`` of node ``node``."""

    node: int
    index: int = 0


@dataclass(frozen=True, slots=True)
class Scope:
    """A place in the source that made nodes: the network, a named step, or one call of a definition.

    Parameters
    ----------
    id, parent
        Number of the scope and of the one around it (the network is 0 and has none).
    kind
        ``network``; ``step`` (``stem = …``); ``call`` of a definition; ``structure``: call of a definition that takes
        a body, which adds no level to paths; ``exit`` and ``tap``: side branches.
    name
        Last part of the path: ``bottleneck2``.
    path
        Dotted path of the nearest level: the prefix of the paths of the nodes within (empty for the network).
    definition
        Name of the definition called, or None.
    caption
        The call as a person would write it: ``bottleneck(64, stride=2)``.
    span
        The call, or the statement.
    """

    id: int
    parent: int | None
    kind: Literal["network", "step", "call", "structure", "exit", "tap"]
    name: str
    path: str
    definition: str | None
    caption: str
    span: Span


@dataclass(frozen=True, slots=True)
class Node:
    """An operator in its place.

    Parameters
    ----------
    id
        Number of the node; nodes are numbered in an order in which they can run.
    path
        Dotted path of the operator's weights (``stage1.bottleneck2.conv3``). Nodes that share weights (``tied``) share
        the path; all others have a path of their own.
    scope
        Number of the scope that made it.
    """

    id: int
    path: str
    op: Op
    inputs: tuple[Port, ...]
    outputs: tuple[TensorType, ...]
    scope: int
    span: Span

    @property
    def is_training_input(self) -> bool:
        """Whether it is an input that only training has."""
        return getattr(self.op, "only", None) == "train"


@dataclass(frozen=True, slots=True)
class Output:
    """An output of the network.

    Parameters
    ----------
    weight
        Weight of its loss in the joint loss.
    entropy
        At inference, a sample leaves here if the entropy of its softmax is below this; None if it never does.
    only
        The mode that the output exists in; None for both.
    """

    name: str
    port: Port
    kind: Literal["output", "exit"] = "output"
    weight: float = 1.0
    entropy: float | None = None
    only: Literal["train", "eval"] | None = None


def calls_to(scopes: Sequence[Scope], number: int) -> tuple[Call, ...]:
    """The calls of definitions that led to a scope, outermost first."""
    calls: list[Call] = []
    scope: Scope | None = scopes[number]
    while scope is not None:
        if scope.definition is not None:
            calls.append(Call(scope.definition, scope.span))
        scope = None if scope.parent is None else scopes[scope.parent]
    return tuple(reversed(calls))


@dataclass(frozen=True)
class Graph:
    """A legal network (see ``verify``): immutable; an edit returns a new graph.

    Parameters
    ----------
    name
        Name of the network or variant.
    nodes
        In an order in which they can run; ``nodes[i].id == i``. Inputs are nodes whose op is ``input``.
    scopes
        The tree of scopes; ``scopes[i].id == i``; the nodes of a scope and of those below it are contiguous.
    outputs
        In order of the source; the main outputs and the exits.
    arguments
        Parameters of the network with the values that it was built with.
    """

    name: str
    nodes: tuple[Node, ...]
    scopes: tuple[Scope, ...]
    outputs: tuple[Output, ...]
    title: str | None = None
    papers: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    arguments: Mapping[str, Any] = field(default_factory=dict)

    def order(self) -> Iterator[Node]:
        """Nodes in an order in which they can run."""
        return iter(self.nodes)

    @cached_property
    def inputs(self) -> tuple[Node, ...]:
        """The inputs of the network, in order of the source."""
        return tuple(node for node in self.nodes if node.op.keyword == "input")

    @cached_property
    def _users(self) -> list[list[int]]:
        users: list[list[int]] = [[] for _ in self.nodes]
        for node in self.nodes:
            for port in node.inputs:
                users[port.node].append(node.id)
        return users

    def users(self, node: int) -> list[int]:
        """Nodes that take an output of ``node``, once for each time they take it, in running order."""
        return self._users[node]

    def type_of(self, port: Port) -> TensorType:
        """Type of a stream."""
        return self.nodes[port.node].outputs[port.index]

    def input_types(self, node: Node) -> tuple[TensorType, ...]:
        """Types of a node's inputs."""
        return tuple(self.nodes[port.node].outputs[port.index] for port in node.inputs)

    def output_types(self) -> dict[str, TensorType]:
        """Types of the outputs by name."""
        return {output.name: self.type_of(output.port) for output in self.outputs}

    @cached_property
    def children(self) -> Mapping[int, tuple[int, ...]]:
        """Scopes directly below each scope, in running order."""
        below: dict[int, list[int]] = {scope.id: [] for scope in self.scopes}
        for scope in self.scopes[1:]:
            assert scope.parent is not None
            below[scope.parent].append(scope.id)
        return {scope: tuple(ids) for scope, ids in below.items()}

    def calls(self, node: Node) -> tuple[Call, ...]:
        """The calls that led to a node, outermost first."""
        return calls_to(self.scopes, node.scope)

    @cached_property
    def networkx(self) -> MultiDiGraph[int]:
        """The graph as a ``networkx.MultiDiGraph``: nodes are ids with attribute ``node``; edges are streams.

        An edge has ``output`` (index of the producer's output) and ``input`` (position among the consumer's inputs).
        """
        import networkx

        graph: MultiDiGraph[int] = networkx.MultiDiGraph()
        graph.add_nodes_from((node.id, {"node": node}) for node in self.nodes)
        graph.add_edges_from(
            (port.node, node.id, {"output": port.index, "input": position})
            for node in self.nodes
            for position, port in enumerate(node.inputs)
        )
        return graph

    def replace(self, **changes: Any) -> Graph:
        """A new graph with fields changed."""
        return replace(self, **changes)
