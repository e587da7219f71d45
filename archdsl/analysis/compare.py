"""What two networks have in common, and what became of the rest."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from archdsl.collector import paused

if TYPE_CHECKING:
    from archdsl.analysis.cost import CostTable
    from archdsl.graph.graph import Graph, Node, Port
    from archdsl.ops.base import Shape

#: What became of an operator: ``moved`` is the same under another path, ``changed`` differs in arguments, shapes or
#: streams.
Fate = Literal["same", "changed", "moved", "added", "removed"]
#: What became of a tensor: under the same key, under another one, in another shape, or without a counterpart.
Survival = Literal["kept", "moved", "reshaped", "added", "removed"]


@dataclass(frozen=True, slots=True)
class NodeChange:
    """An operator before and after, as numbers of nodes, and in words what differs."""

    fate: Fate
    before: int | None
    after: int | None
    differences: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class WeightChange:
    """A tensor of the ``state_dict``: its keys before and after, and how many numbers it has, after if it is there."""

    survival: Survival
    before: str | None
    after: str | None
    size: int


@dataclass(frozen=True)
class Comparison:
    """Two networks, operator by operator and tensor by tensor.

    Parameters
    ----------
    nodes
        Changes in running order of the second network, what was removed where it stood.
    weights
        What became of each tensor.
    """

    before: Graph
    after: Graph
    cost_before: CostTable
    cost_after: CostTable
    nodes: tuple[NodeChange, ...]
    weights: tuple[WeightChange, ...]

    @cached_property
    def is_equal(self) -> bool:
        """Whether the networks are the same, names of networks aside."""
        return all(change.fate == "same" for change in self.nodes) and not self._outputs_differ

    @property
    def _outputs_differ(self) -> bool:
        def outputs(graph: Graph) -> list[tuple[object, ...]]:
            return [(out.name, out.kind, out.weight, out.entropy, out.only) for out in graph.outputs]

        return outputs(self.before) != outputs(self.after)

    @cached_property
    def fates(self) -> Counter[Fate]:
        """Number of operators by fate."""
        return Counter(change.fate for change in self.nodes)

    @cached_property
    def survival(self) -> Counter[Survival]:
        """Numbers in tensors by what became of them."""
        counts: Counter[Survival] = Counter()
        for change in self.weights:
            counts[change.survival] += change.size
        return counts


@paused()
def compare(before: Graph, after: Graph, cost_before: CostTable, cost_after: CostTable) -> Comparison:
    """Match the operators of two networks, and their tensors.

    Operators are matched by path; of the rest, those that are alike in operator and shapes in running order, as lines
    are matched between two texts.
    """
    pairs = _by_path(before, after)
    pairs |= _alike(before, after, pairs)
    nodes = tuple(_in_order(before, after, pairs))
    return Comparison(before, after, cost_before, cost_after, nodes, tuple(_weights(before, after, pairs)))


def _by_path(before: Graph, after: Graph) -> dict[int, int]:
    """Nodes after by nodes before that have the same path and operator; of shared weights the first by the first."""
    waiting: defaultdict[Hashable, list[int]] = defaultdict(list)
    for node in reversed(before.nodes):
        waiting[node.path, node.op.keyword].append(node.id)
    pairs = {}
    for node in after.nodes:
        known = waiting[node.path, node.op.keyword]
        if known:
            pairs[known.pop()] = node.id
    return pairs


def _alike(before: Graph, after: Graph, pairs: dict[int, int]) -> dict[int, int]:
    """Of the nodes that are left, those that are alike, in order."""
    found = set(pairs.values())
    left = [node for node in before.nodes if node.id not in pairs]
    right = [node for node in after.nodes if node.id not in found]
    keys = [_key(before, node) for node in left], [_key(after, node) for node in right]
    blocks = SequenceMatcher(None, *keys, autojunk=False).get_matching_blocks()
    return {left[b.a + i].id: right[b.b + i].id for b in blocks for i in range(b.size)}


def _key(graph: Graph, node: Node) -> Hashable:
    return node.op, graph.input_types(node), node.outputs


def _in_order(before: Graph, after: Graph, pairs: dict[int, int]) -> Iterator[NodeChange]:
    back = {new: old for old, new in pairs.items()}
    removed = iter([node.id for node in before.nodes if node.id not in pairs])
    waiting = next(removed, None)
    for node in after.nodes:
        old = back.get(node.id)
        while waiting is not None and old is not None and waiting < old:
            yield NodeChange("removed", waiting, None)
            waiting = next(removed, None)
        yield NodeChange("added", None, node.id) if old is None else _change(before, after, old, node.id, pairs)
    while waiting is not None:
        yield NodeChange("removed", waiting, None)
        waiting = next(removed, None)


def _change(before: Graph, after: Graph, old: int, new: int, pairs: dict[int, int]) -> NodeChange:
    one, other = before.nodes[old], after.nodes[new]
    differences = list(_arguments(one, other))
    shapes = ", ".join(map(str, one.outputs)), ", ".join(map(str, other.outputs))
    if shapes[0] != shapes[1]:
        differences.append(f"{shapes[0]} → {shapes[1]}")
    if one.path != other.path:
        return NodeChange("moved" if not differences else "changed", old, new, tuple(differences))
    if not differences and not _same_streams(one.inputs, other.inputs, pairs):
        takes = _names(before, one.inputs), _names(after, other.inputs)
        differences.append(f"takes {takes[1]} instead of {takes[0]}" if takes[0] != takes[1] else "takes other streams")
    return NodeChange("changed" if differences else "same", old, new, tuple(differences))


def _arguments(one: Node, other: Node) -> Iterator[str]:
    """Arguments that differ."""
    before, after = one.op.model_dump(), other.op.model_dump()
    for name in after:
        if before.get(name) != after[name]:
            yield f"{name} {_plain(before.get(name))} → {_plain(after[name])}"


def _plain(value: object) -> str:
    if isinstance(value, list | tuple):
        return "x".join(map(_plain, value))
    return str(value).lower() if isinstance(value, bool) or value is None else str(value)


def _same_streams(old: Sequence[Port], new: Sequence[Port], pairs: dict[int, int]) -> bool:
    return [(pairs.get(port.node), port.index) for port in old] == [(port.node, port.index) for port in new]


def _names(graph: Graph, ports: Sequence[Port]) -> str:
    return " and ".join(graph.nodes[port.node].path for port in ports)


def _weights(before: Graph, after: Graph, pairs: dict[int, int]) -> Iterator[WeightChange]:
    """Each tensor once: those that matched operators share, then what was removed, then what is new."""
    old, new = _tensors(before), _tensors(after)
    matched: dict[str, str] = {}
    for one, other in pairs.items():
        matched.setdefault(before.nodes[one].path, after.nodes[other].path)
    found: set[str] = set()
    for (path, name), (shape, size) in old.items():
        target = matched.get(path, ""), name
        key = f"{path}.{name}"
        if target not in new or (new_key := ".".join(target)) in found:
            yield WeightChange("removed", key, None, size)
            continue
        found.add(new_key)
        survival: Survival = "kept" if key == new_key else "moved"
        yield WeightChange(survival if shape == new[target][0] else "reshaped", key, new_key, new[target][1])
    for target, (_, size) in new.items():
        if (key := ".".join(target)) not in found:
            yield WeightChange("added", None, key, size)


def _tensors(graph: Graph) -> dict[tuple[str, str], tuple[Shape, int]]:
    """Shape and size of every tensor by the path of its operator and its name."""
    return {
        (node.path, name): (weight.shape, weight.size)
        for node in graph.nodes
        for name, weight in node.op.weights(*graph.input_types(node)).items()
    }
