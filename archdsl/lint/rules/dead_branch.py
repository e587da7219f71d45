"""What is computed for nothing."""

from __future__ import annotations

from collections.abc import Iterator

from archdsl.codes import Code
from archdsl.diagnostic import Diagnostic
from archdsl.graph.graph import Graph, Node
from archdsl.graph.reach import idle_nodes
from archdsl.lint.rule import Subject, nodes, place, warning

CODE = Code(
    "W0706",
    "dead branch",
    "No output depends on what is computed here, so its weights are never trained. Usually the stream was meant to be "
    "merged, or an `output` is missing. Side streams that are there to be looked at are `tap`s, and are not reported.",
    "input 3x32x32\nside = 3x3 conv 16\nmain = in -> 3x3 conv 32 -> relu",
    "input 3x32x32\nside = 3x3 conv 16\nmain = in -> 3x3 conv 32 -> relu\n(side | main) -> concat",
)


def find(subject: Subject) -> Iterator[Diagnostic]:
    """The ends of streams that lead to no output, in no variant of the network."""
    idle = {graph.name: {node.id for node in idle_nodes(graph)} for graph in subject.graphs}
    used = {place(graph, node) for graph, node in nodes(subject) if node.id not in idle[graph.name]}
    for graph, node in nodes(subject):
        if node.id not in idle[graph.name] or graph.users(node.id) or _is_tapped(graph, node):
            continue
        if (span := place(graph, node)) not in used:
            what = "input is" if node.op.keyword == "input" else "result is"
            yield warning(
                CODE, f"this {what} never used", span, "merge it, make it an `output` or a `tap`, or remove it"
            )


def _is_tapped(graph: Graph, node: Node) -> bool:
    number: int | None = node.scope
    while number is not None:
        scope = graph.scopes[number]
        if scope.kind == "tap":
            return True
        number = scope.parent
    return False
