"""A bias that the norm behind it cancels."""

from __future__ import annotations

from collections.abc import Iterator

from archdsl.codes import Code
from archdsl.diagnostic import Diagnostic
from archdsl.lint.rule import Subject, nodes, place, users, warning
from archdsl.ops.norm import BatchNorm, InstanceNorm

CODE = Code(
    "W0701",
    "bias before a norm",
    "`bn` subtracts the mean of each channel, and with it whatever bias the layer in front of it has added. The bias "
    "costs memory and time, is trained, and changes nothing. Without `bias=` it is left out by itself; some released "
    "networks have it all the same.",
    "input 3x32x32\n3x3 conv 16 bias=true -> bn -> relu",
    "input 3x32x32\n3x3 conv 16 -> bn -> relu",
)

_PER_CHANNEL = (BatchNorm, InstanceNorm)
"""Norms that subtract the mean of each channel by itself."""


def find(subject: Subject) -> Iterator[Diagnostic]:
    """Layers with a bias all of whose users are norms that cancel it."""
    for graph, node in nodes(subject):
        followers = users(graph, node)
        if not getattr(node.op, "has_bias", False) or not followers:
            continue
        if all(isinstance(user.op, _PER_CHANNEL) for user in followers):
            count = node.outputs[0].channels
            message = f"the norm behind it cancels the bias of `{node.op.keyword}`: {count} weights without effect"
            yield warning(CODE, message, place(graph, node), "leave `bias` out: it is off in front of a norm")
