"""Folds what is linear at inference into plain layers: norms beside convolutions, and parametrised weights.

The folded network is a graph like any other. Each of its weights is made of weights of the network that it came from,
by rules which the operators declare (``archdsl.ops.fold``), so that trained weights carry over.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from archdsl.graph.exits import exit_state
from archdsl.graph.graph import Graph, Node, Port
from archdsl.graph.rewire import keep, redirect
from archdsl.ops.fold import ChannelMap, LinearMap, Weights

if TYPE_CHECKING:
    from torch import Tensor

    from archdsl.ops.base import Op, Shape

_NOTE = "Folded for inference: norms and parametrised weights are part of plain layers."


class ForeignWeightsError(ValueError):
    """Weights are not those of the network."""


@dataclass(frozen=True, slots=True)
class Part:
    """An operator with weights: where these are, and what each looks like."""

    path: str
    op: Op
    shapes: Mapping[str, Shape]

    @property
    def keys(self) -> dict[str, str]:
        """Names of its tensors, by their keys in a ``state_dict``."""
        return {f"{self.path}.{name}": name for name in self.shapes}

    def own(self, weights: Weights) -> dict[str, Tensor]:
        """Its tensors out of a ``state_dict``."""
        return {name: weights[key] for key, name in self.keys.items()}


@dataclass(frozen=True, slots=True)
class Layer:
    """An operator of the folded network, and what its weights are made of.

    Parameters
    ----------
    origin
        The operator that it was.
    before, after
        Norms that it takes in, the nearest first.
    """

    origin: Part
    before: tuple[Part, ...] = ()
    after: tuple[Part, ...] = ()

    @property
    def path(self) -> str:
        return self.origin.path

    @property
    def keys(self) -> list[str]:
        """Keys of the tensors that its own are made of."""
        return [key for part in (self.origin, *self.before, *self.after) for key in part.keys]

    @property
    def op(self) -> Op:
        """The operator that it is."""
        if not isinstance(self.origin.op, LinearMap):
            return self.origin.op
        plain = self.origin.op.plain()
        return plain.with_bias() if self.before or self.after else plain

    def fold(self, weights: Weights) -> dict[str, Tensor]:
        """Its weights, by key, from those of the network that was folded."""
        made, origin = self.origin.own(weights), self.origin.op
        if isinstance(origin, LinearMap):
            made, plain = origin.plain_weights(made), origin.plain()
            for norm in self.before:
                made = plain.behind(made, _map_of(norm).at_inference(norm.own(weights)))
            for norm in self.after:
                made = plain.then(made, _map_of(norm).at_inference(norm.own(weights)))
        return {f"{self.path}.{name}": tensor for name, tensor in made.items()}


def _map_of(norm: Part) -> ChannelMap:
    assert isinstance(norm.op, ChannelMap)
    return norm.op


@dataclass(frozen=True, slots=True)
class Folding:
    """A folded network and the way to its weights.

    Parameters
    ----------
    graph
        The folded network.
    layers
        Its operators with weights; those that share weights count as one.
    stored
        Shapes of the tensors of the network that was folded, by key.
    """

    graph: Graph
    layers: tuple[Layer, ...]
    stored: Mapping[str, Shape]

    def require(self, weights: Weights) -> None:
        """Refuse a ``state_dict`` that is not one of the network that was folded.

        Raises
        ------
        ForeignWeightsError
            Tensors are missing, unknown, or of another shape.
        """
        faults = {
            "missing": [key for key in self.stored if key not in weights],
            "unknown": [key for key in weights if key not in self.stored],
            "of another shape": [
                key for key, shape in self.stored.items() if key in weights and tuple(weights[key].shape) != shape
            ],
        }
        found = [f"{len(keys)} {what}, such as {keys[0]}" for what, keys in faults.items() if keys]
        if found:
            raise ForeignWeightsError(f"the weights are not those of {self.graph.name}: {'; '.join(found)}")


def fold(graph: Graph) -> Folding:
    """The network with every norm that has such a place folded into the convolution or linear map beside it.

    A norm is folded into what it follows if nothing else takes that stream, or into what follows it if besides no
    output place sees padding, which the norm would have left at zero. Weights that are shared must all be in the same
    position. Parametrised weights become plain ones. Outputs in evaluation stay the same; paths do as well.
    """
    return _Folder(graph).run()


class _Folder:
    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._leaving = {output.port.node for output in graph.outputs}
        self._absorbed: set[int] = set()
        self._owners: dict[str, list[Node]] = defaultdict(list)
        for node in graph.nodes:
            if node.op.weights(*graph.input_types(node)):
                self._owners[node.path].append(node)

    def run(self) -> Folding:
        linear = {path: nodes for path, nodes in self._owners.items() if isinstance(nodes[0].op, LinearMap)}
        after = {path: self._absorb(nodes, self._behind) for path, nodes in linear.items()}
        before = {path: self._absorb(nodes, self._ahead) for path, nodes in linear.items() if self._is_exact(nodes)}
        layers = {
            path: Layer(self._part(nodes[0]), before.get(path, ()), after.get(path, ()))
            for path, nodes in self._owners.items()
            if not all(node.id in self._absorbed for node in nodes)
        }
        parts = map(self._part, (nodes[0] for nodes in self._owners.values()))
        stored = {key: part.shapes[name] for part in parts for key, name in part.keys.items()} | exit_state(self._graph)
        return Folding(self._folded(layers), tuple(layers.values()), stored)

    def _part(self, node: Node) -> Part:
        weights = node.op.weights(*self._graph.input_types(node))
        return Part(node.path, node.op, {name: weight.shape for name, weight in weights.items()})

    # Which norms -------------------------------------------------------------------------------------------------

    def _absorb(self, nodes: Sequence[Node], step: Callable[[Node], Node | None]) -> tuple[Part, ...]:
        """Take in norms in one direction, as long as all the nodes, which share their weights, have the same there."""
        taken: list[Part] = []
        while True:
            norms = [norm for node in nodes if (norm := step(node)) is not None]
            if len(norms) < len(nodes) or len({norm.path for norm in norms}) > 1:
                return tuple(taken)
            taken.append(self._part(norms[0]))
            self._absorbed.update(norm.id for norm in norms)
            nodes = norms

    def _behind(self, node: Node) -> Node | None:
        """The norm that alone takes a node's output."""
        user = self._only_user(node)
        return user if user is not None and self._is_free(user) else None

    def _ahead(self, node: Node) -> Node | None:
        """The norm whose output a node alone takes."""
        maker = self._graph.nodes[node.inputs[0].node]
        return maker if self._is_free(maker) and self._only_user(maker) is not None else None

    def _is_free(self, node: Node) -> bool:
        return isinstance(node.op, ChannelMap) and node.id not in self._absorbed

    def _only_user(self, node: Node) -> Node | None:
        users = self._graph.users(node.id)
        return self._graph.nodes[users[0]] if len(users) == 1 and node.id not in self._leaving else None

    def _is_exact(self, nodes: Sequence[Node]) -> bool:
        """Whether a norm ahead of all the nodes may be folded."""
        return all(
            isinstance(node.op, LinearMap) and node.op.plain().follows_exactly(*self._graph.input_types(node))
            for node in nodes
        )

    # The new graph -----------------------------------------------------------------------------------------------

    def _folded(self, layers: Mapping[str, Layer]) -> Graph:
        graph = self._graph
        ops = {path: layer.op for path, layer in layers.items()}
        nodes = tuple(replace(node, op=ops.get(node.path, node.op)) for node in graph.nodes)
        if nodes == graph.nodes and not self._absorbed:
            return graph
        bypasses = {Port(number): graph.nodes[number].inputs[0] for number in self._absorbed}
        changed = redirect(graph.replace(nodes=nodes, notes=(*graph.notes, _NOTE)), bypasses)
        return keep(changed, [node for node in changed.nodes if node.id not in self._absorbed])
