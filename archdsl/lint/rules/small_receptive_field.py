"""A head that judges the whole by small parts."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

from archdsl.analysis.receptive import Field, analyse_receptive
from archdsl.codes import Code
from archdsl.diagnostic import Diagnostic
from archdsl.graph.graph import Graph
from archdsl.lint.rule import Subject, place, warning
from archdsl.ops.base import dims

CODE = Code(
    "W0704",
    "receptive field smaller than the input",
    "The last features before the global pooling see less than half of the input's side, so that the head averages the "
    "views of small patches: nothing in the network can relate what is far apart. More layers, larger strides or "
    "dilation widen the field. Where texture is all that matters, this may be meant.",
    "input 3x224x224\n3x3 conv 16 /2 -> relu -> 3x3 conv 32 /2 -> relu\nhead = gap -> fc 10",
    "input 3x32x32\n3x3 conv 16 /2 -> relu -> 3x3 conv 32 /2 -> relu -> 3x3 conv 32 /2 -> relu -> 3x3 conv 32 -> relu\n"
    "head = gap -> fc 10",
)


def find(subject: Subject) -> Iterator[Diagnostic]:
    """The last features of each image whose fields cover less than half of it, where a head pools them."""
    for graph in subject.graphs:
        table = analyse_receptive(graph)
        for number, last in table.features.items():
            field, size = table[last][number], graph.nodes[number].outputs[0].spatial
            if _is_small(field, size) and _is_pooled(graph, last):
                seen = dims([int(axis.size or 0) for axis in field.axes])
                hint = "add layers or strides in front of the head, or dilate the last convolutions"
                message = f"the last features see {seen} of {dims(size)}"
                yield warning(CODE, message, place(graph, graph.nodes[last]), hint)


def _is_small(field: Field, size: tuple[int, ...]) -> bool:
    pairs = zip(field.axes, size, strict=True)
    return len(size) > 1 and all(axis.size is not None and 2 * axis.size < length for axis, length in pairs)


def _is_pooled(graph: Graph, features: int) -> bool:
    """Whether whatever is made of the features has no places of its own, as scores of classes have not."""
    pending, seen = [features], {features}
    while pending:
        for user in graph.users(pending.pop()):
            if prod(graph.nodes[user].outputs[0].spatial) > 1 and graph.users(user):
                return False
            if user not in seen:
                seen.add(user)
                pending.append(user)
    outputs = {output.port.node for output in graph.outputs}
    ends = seen & outputs
    return bool(ends) and all(prod(graph.nodes[number].outputs[0].spatial) == 1 for number in ends)
