"""How much memory activations and weights take."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from archdsl.collector import paused
from archdsl.ops.base import Family

if TYPE_CHECKING:
    from archdsl.analysis.cost import CostTable
    from archdsl.graph.graph import Graph
    from archdsl.ops.base import TensorType

#: Bytes of an element of an integer stream: torch's indices and labels are 64-bit integers.
INTEGER_SIZE = 8


@dataclass(frozen=True, slots=True)
class NodeMemory:
    """Memory of one node, in bytes, for one element of the batch.

    Parameters
    ----------
    output
        Bytes that the node allocates for its outputs; 0 for a view, which lies in its input.
    live
        Bytes of all activations that exist while the node runs at inference, its outputs included; 0 if it does not.
    saved
        Bytes that training keeps for the backward pass from here on, beyond those kept already.
    """

    output: int
    live: int
    saved: int


@dataclass(frozen=True, slots=True)
class MemoryTable:
    """Memory by number of node, and in total; all in bytes, for one element of the batch.

    Parameters
    ----------
    activations
        All activations of inference together, each counted once.
    peak
        Most activations that exist at once at inference, each from its making to its last use.
    peak_node
        The node that runs at that moment; the first one if there are several.
    saved
        Estimate of the activations that training keeps for the backward pass.
    weights
        Parameters and buffers, shared ones once.
    element_size
        Bytes of a number.
    """

    rows: tuple[NodeMemory, ...]
    activations: int
    peak: int
    peak_node: int
    saved: int
    weights: int
    element_size: int

    def __getitem__(self, node: int) -> NodeMemory:
        return self.rows[node]


@paused()
def analyse_memory(graph: Graph, cost: CostTable, *, element_size: int = 4) -> MemoryTable:
    """Follow every activation from its making to its last use, and add up what exists at once.

    Parameters
    ----------
    element_size
        Bytes of a floating-point number: 4 for single, 2 for half precision.

    Notes
    -----
    Inputs exist from the start and outputs to the end; all outputs of one node exist as long as one of them is used. A
    view (``Op.allocates``) keeps what it looks at alive and takes nothing itself. Nothing is overwritten in place, so
    the peak is an upper bound of what a program that releases every tensor after its last use allocates, workspace of
    kernels aside.
    """
    sizes = [sum(_size(stream, element_size) for stream in node.outputs) for node in graph.nodes]
    storages = _storages(graph, training=False)
    output = [size if home == node else 0 for node, (home, size) in enumerate(zip(storages, sizes, strict=True))]
    live = _live(graph, cost, storages, output)
    saved = _saved(graph, cost, _storages(graph, training=True), sizes)
    peak_node = max(range(len(live)), key=live.__getitem__, default=0)
    return MemoryTable(
        rows=tuple(map(NodeMemory, output, live, saved)),
        activations=sum(size for node, size in enumerate(output) if cost[node].is_inference),
        peak=live[peak_node] if live else 0,
        peak_node=peak_node,
        saved=sum(saved),
        weights=(cost.parameters + cost.buffers) * element_size,
        element_size=element_size,
    )


def _size(stream: TensorType, element_size: int) -> int:
    return stream.size * (element_size if stream.dtype == "float" else INTEGER_SIZE)


def _storages(graph: Graph, *, training: bool) -> list[int]:
    """For each node the node whose memory its outputs lie in: itself, or what it is a view of.

    Regularisation passes its input on at inference alone; in training it makes a tensor of its own.
    """
    storages: list[int] = []
    for node in graph.nodes:
        home = node.id
        if node.inputs and not (training and node.op.family is Family.REGULARISE):
            source = node.inputs[0].node
            home = node.id if node.op.allocates(graph.nodes[source].op) else storages[source]
        storages.append(home)
    return storages


def _live(graph: Graph, cost: CostTable, storages: list[int], output: list[int]) -> list[int]:
    last_use = _last_uses(graph, cost, storages)
    released: list[int] = [0] * (len(graph.nodes) + 1)
    for home, use in enumerate(last_use):
        released[use + 1] += output[home]
    inputs = {node.id for node in graph.inputs if cost[node.id].is_inference}
    current = sum(output[node] for node in inputs)
    live = []
    for node in graph.nodes:
        current -= released[node.id]
        if not cost[node.id].is_inference:
            live.append(0)
            continue
        if node.id not in inputs:
            current += output[node.id]
        live.append(current)
    return live


def _last_uses(graph: Graph, cost: CostTable, storages: list[int]) -> list[int]:
    """For each node the last node that runs while its memory is needed; the last of all for what never runs."""
    end = len(graph.nodes) - 1
    last_use = list(range(len(graph.nodes)))
    for node in graph.nodes:
        if cost[node.id].is_inference:
            last_use[storages[node.id]] = max(last_use[storages[node.id]], node.id)
            for port in node.inputs:
                last_use[storages[port.node]] = node.id
    for output in graph.outputs:
        if output.only != "train":
            last_use[storages[output.port.node]] = end
    for node in graph.nodes:
        if not cost[node.id].is_inference:
            last_use[node.id] = end
    return last_use


def _saved(graph: Graph, cost: CostTable, storages: list[int], sizes: list[int]) -> list[int]:
    kept: set[int] = set()
    saved = []
    for node in graph.nodes:
        if not cost[node.id].is_training:
            saved.append(0)
            continue
        homes = {storages[port.node] for port in node.inputs} if node.op.saves_input else set()
        if node.op.saves_output:
            homes.add(storages[node.id])
        saved.append(sum(sizes[home] for home in homes - kept))
        kept |= homes
    return saved
