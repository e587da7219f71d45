"""What each node costs: parameters, multiply-accumulates, neurons, connections."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from archdsl.collector import paused
from archdsl.graph.reach import needed_for_inference, needed_for_training
from archdsl.ops.base import Family

if TYPE_CHECKING:
    from archdsl.graph.graph import Graph, Node
    from archdsl.ops.base import TensorType

#: Operators of these families that own a tensor are layers in the sense in which papers count them: norms, activations
#: and learned scales are part of a layer, not one of their own.
LAYER_FAMILIES = frozenset({Family.CONV, Family.LINEAR, Family.POOL, Family.RESAMPLE, Family.DETECTION})


@dataclass(frozen=True, slots=True)
class NodeCost:
    """Cost of one node, for one element of its batch: one image, or one region where its output is a stream of regions.

    Parameters
    ----------
    parameters
        Trainable numbers that the node uses, shared ones included.
    buffers
        Numbers that are stored with the weights but not trained (running statistics, fixed codes).
    is_owner
        Whether the node is the first to use its weights; nodes that share them (``tied``) are not.
    macs
        Multiply-accumulates; None if the operator is not counted by convention.
    connections
        Connections in the sense of LeCun et al. 1998; None if not defined for the operator.
    neurons
        Units of a layer with weights: the elements of its outputs; 0 for other operators.
    is_layer
        Whether papers would count the node as a layer with weights.
    is_inference
        Whether an output that exists outside training needs the node.
    is_training
        Whether any output needs the node; a node that none needs is idle.
    """

    parameters: int
    buffers: int
    is_owner: bool
    macs: int | None
    connections: int | None
    neurons: int
    is_layer: bool
    is_inference: bool
    is_training: bool

    def placed(self, *, is_owner: bool, is_inference: bool, is_training: bool) -> NodeCost:
        """Give the cost of the same operator in another place."""
        if (is_owner, is_inference, is_training) == (self.is_owner, self.is_inference, self.is_training):
            return self
        return replace(self, is_owner=is_owner, is_inference=is_inference, is_training=is_training)

    @property
    def flops(self) -> int | None:
        """Floating-point operations: two, a multiplication and an addition, for each multiply-accumulate."""
        return None if self.macs is None else 2 * self.macs

    @property
    def own_parameters(self) -> int:
        """Parameters that no node before has counted."""
        return self.parameters if self.is_owner else 0

    @property
    def own_buffers(self) -> int:
        """Buffers that no node before has counted."""
        return self.buffers if self.is_owner else 0


@dataclass(frozen=True)
class CostTable:
    """Costs by number of node, and what they sum up to.

    Sums are for one image with one region: with ``n`` regions, the multiply-accumulates of inference are
    ``macs + (n - 1) * region_macs``.

    ``macs`` and all that is derived from it belong to inference: outputs of training alone, and what only they need,
    are left out. ``train_macs`` is the forward pass with them. Parameters are those of the whole network, idle nodes
    included.
    """

    rows: tuple[NodeCost, ...]
    parameters: int
    buffers: int
    macs: int
    train_macs: int
    region_macs: int
    """The part of ``macs`` that is spent again on each region of interest."""
    neurons: int
    connections: int | None
    """None unless every layer with weights defines its connections."""
    layers: int
    """Nodes that papers would count as layers with weights, those of training alone included."""
    not_counted: tuple[tuple[str, int], ...]
    """Operators without multiply-accumulates by convention: keyword and number of nodes, most frequent first.

    Of one that is counted in part, the part that is not stands in parentheses behind the keyword.
    """

    @cached_property
    def flops(self) -> int:
        """Floating-point operations at inference, two for each multiply-accumulate."""
        return 2 * self.macs

    def __getitem__(self, node: int) -> NodeCost:
        return self.rows[node]


@paused()
def analyse_cost(graph: Graph) -> CostTable:
    """Parameters, multiply-accumulates, neurons and connections of every node, and their totals.

    Cost: linear in the number of nodes and streams.

    References
    ----------
    LeCun, Bottou, Bengio, Haffner: Gradient-based learning applied to document recognition, Proc. IEEE 86(11), 1998,
    section II-B, for connections.
    """
    inference, training = needed_for_inference(graph), needed_for_training(graph)
    owners: set[str] = set()
    rows = []
    # layers repeat: an operator object is asked once for each combination of input types
    known: dict[tuple[int, tuple[TensorType, ...]], NodeCost] = {}
    for node in graph.nodes:
        key = (id(node.op), graph.input_types(node))
        if key not in known:
            known[key] = _node_cost(node, key[1])
        is_owner = node.path not in owners
        owners.add(node.path)
        rows.append(
            known[key].placed(is_owner=is_owner, is_inference=inference[node.id], is_training=training[node.id])
        )
    used = [row for row in rows if row.is_inference]
    return CostTable(
        rows=tuple(rows),
        parameters=sum(row.own_parameters for row in rows),
        buffers=sum(row.own_buffers for row in rows),
        macs=sum(row.macs or 0 for row in used),
        train_macs=sum(row.macs or 0 for row in rows if row.is_training),
        region_macs=_region_macs(graph, rows),
        neurons=sum(row.neurons for row in used),
        connections=_connections(used),
        layers=sum(row.is_layer for row in rows),
        not_counted=_not_counted(graph, rows),
    )


def _node_cost(node: Node, inputs: tuple[TensorType, ...]) -> NodeCost:
    trainable = stored = 0
    for weight in node.op.weights(*inputs).values():
        if weight.trainable:
            trainable += weight.size
        else:
            stored += weight.size
    is_layer = node.op.family in LAYER_FAMILIES and trainable + stored > 0
    return NodeCost(
        parameters=trainable,
        buffers=stored,
        is_owner=True,
        macs=node.op.macs(inputs, node.outputs),
        connections=node.op.connections(inputs, node.outputs),
        neurons=sum(stream.size for stream in node.outputs) if is_layer else 0,
        is_layer=is_layer,
        is_inference=True,
        is_training=True,
    )


def _connections(rows: list[NodeCost]) -> int | None:
    layers = [row for row in rows if row.is_layer]
    if not layers or any(row.connections is None for row in layers):
        return None
    return sum(row.connections or 0 for row in rows)


def _region_macs(graph: Graph, rows: list[NodeCost]) -> int:
    return sum(
        row.macs or 0
        for node, row in zip(graph.nodes, rows, strict=True)
        if row.is_inference and node.outputs and node.outputs[0].batch == "roi"
    )


def _not_counted(graph: Graph, rows: list[NodeCost]) -> tuple[tuple[str, int], ...]:
    numbers: dict[str, int] = {}
    for node, row in zip(graph.nodes, rows, strict=True):
        name = node.op.keyword
        if node.op.uncounted:
            name = f"{name} ({node.op.uncounted})"
        elif row.macs is not None or node.op.family is Family.IO:
            continue
        numbers[name] = numbers.get(name, 0) + 1
    return tuple(sorted(numbers.items(), key=lambda item: (-item[1], item[0])))
