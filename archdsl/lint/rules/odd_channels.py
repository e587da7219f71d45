"""Widths on which the arithmetic units of accelerators run at a fraction of their speed."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

from archdsl.codes import Code
from archdsl.diagnostic import Diagnostic
from archdsl.graph.graph import Graph, Node
from archdsl.lint.rule import Subject, is_convolution, place, warning
from archdsl.ops.base import Family

CODE = Code(
    "W0705",
    "channels not divisible by 8",
    "Accelerators multiply matrices in tiles of 8 or more in half precision, so a width of 66 costs as much as one of "
    "72, and often far more, as a slower kernel is chosen. Narrow layers, gates, and the last layers, whose width is a "
    "number of classes or of anchors, are left alone. `divisible(width, 8)` rounds a computed width.",
    "input 3x32x32\n3x3 conv 66 -> relu -> 3x3 conv 64",
    "input 3x32x32\n3x3 conv 64 -> relu -> 3x3 conv 64",
)

_NARROW = 32
_HIDDEN = 256
_TILE = 8


def find(subject: Subject) -> Iterator[Diagnostic]:
    """Wide convolutions and linear maps with an odd number of channels that lead to further ones."""
    for graph in subject.graphs:
        inner = _with_successors(graph)
        for node in graph.nodes:
            if not inner[node.id] or not _is_heavy(node):
                continue
            channels = node.outputs[0].channels
            if channels > _NARROW and channels % _TILE:
                below = channels // _TILE * _TILE
                message, hint = (
                    f"{channels} channels are not divisible by {_TILE}",
                    f"{below} or {below + _TILE} is faster",
                )
                yield warning(CODE, message, place(graph, node), hint)


def _is_heavy(node: Node) -> bool:
    """Whether a node is a product of large matrices: no gate of one place, and no convolution of separate channels."""
    if node.op.family is Family.LINEAR:
        return node.outputs[0].channels >= _HIDDEN
    is_dense = is_convolution(node) and getattr(node.op, "groups", None) == 1
    return is_dense and prod(node.outputs[0].spatial) > 1


def _with_successors(graph: Graph) -> list[bool]:
    """Whether any convolution or linear map takes what is made of each node; regions are all that detection makes."""
    found = [False] * len(graph.nodes)
    for node in reversed(graph.nodes):
        if node.op.family is Family.DETECTION:
            continue
        for port in node.inputs:
            found[port.node] |= found[node.id] or node.op.family in {Family.CONV, Family.LINEAR}
    return found
