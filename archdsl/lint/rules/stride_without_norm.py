"""A strided convolution without the norm that the others have."""

from __future__ import annotations

from collections.abc import Iterator

from archdsl.codes import Code
from archdsl.diagnostic import Diagnostic
from archdsl.graph.graph import Graph
from archdsl.lint.rule import Subject, is_convolution, place, users, warning
from archdsl.ops.base import Family

CODE = Code(
    "W0703",
    "stride without a norm",
    "Nearly all convolutions of the network lead to a norm before anything else is made of them, but this one, with a "
    "stride, does not. Where resolution is lost, the scale of the activations changes most, and a norm that was "
    "forgotten there is hard to see in a curve of the loss.",
    "input 3x32x32\n3x3 conv 16 -> bn -> relu -> 3x3 conv 16 -> bn -> relu -> 3x3 conv 16 -> bn -> relu\n"
    "3x3 conv 32 /2 -> relu\n3x3 conv 32 -> bn -> relu",
    "input 3x32x32\n3x3 conv 16 -> bn -> relu -> 3x3 conv 16 -> bn -> relu -> 3x3 conv 16 -> bn -> relu\n"
    "3x3 conv 32 /2 -> bn -> relu\n3x3 conv 32 -> bn -> relu",
)

_MOST = 0.75
_FEWEST = 4
_PASSING = frozenset({Family.MERGE, Family.VIEW, Family.CONV, Family.POOL})


def find(subject: Subject) -> Iterator[Diagnostic]:
    """Convolutions with a stride and no norm in networks where most have one."""
    for graph in subject.graphs:
        normed = _leading_to_norms(graph)
        convolutions = [node for node in graph.nodes if is_convolution(node)]
        bare = [node for node in convolutions if not normed[node.id]]
        if len(convolutions) < _FEWEST or len(bare) > (1 - _MOST) * len(convolutions):
            continue
        for node in bare:
            window = node.op.window(*graph.input_types(node))
            if window is not None and max(window.stride, default=1) > 1:
                message = (
                    f"{len(convolutions) - len(bare)} of {len(convolutions)} convolutions have a norm, not this one"
                )
                yield warning(CODE, message, place(graph, node), "put `bn` behind it")


def _leading_to_norms(graph: Graph) -> list[bool]:
    """Whether all that is made of each node is normed first, if need be behind merges, views, pools, convolutions."""
    found = [False] * len(graph.nodes)
    for node in reversed(graph.nodes):
        followers = users(graph, node)
        found[node.id] = bool(followers) and all(
            user.op.family is Family.NORM or (user.op.family in _PASSING and found[user.id]) for user in followers
        )
    return found
