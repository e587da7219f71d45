"""What rules are made of: what they look at, and how they say what they found."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from archdsl.codes import Code
from archdsl.diagnostic import Diagnostic, Severity
from archdsl.graph.elaborate import standard_library
from archdsl.graph.graph import Graph, Node
from archdsl.ops.base import Family
from archdsl.source import Span
from archdsl.syntax import tree


@dataclass(frozen=True, slots=True)
class Subject:
    """A file and what it builds.

    Parameters
    ----------
    graphs
        The network of the file and its variants; none if the file only holds definitions, or has errors.
    is_whole
        Whether these are all that the file describes, as it stands.
    """

    file: tree.File
    graphs: tuple[Graph, ...]
    is_whole: bool = True


class Rule(Protocol):
    """A file of ``archdsl.lint.rules``: one kind of finding, with its documentation and its examples."""

    CODE: Code

    def find(self, subject: Subject, /) -> Iterator[Diagnostic]:
        """Everything of the kind; the same place may come up several times."""


def warning(code: Code, message: str, span: Span, hint: str) -> Diagnostic:
    """A finding of a rule."""
    return Diagnostic(code, message, span, Severity.WARNING, hint=hint)


def nodes(subject: Subject) -> Iterator[tuple[Graph, Node]]:
    """Every operator of every graph."""
    for graph in subject.graphs:
        for node in graph.nodes:
            yield graph, node


def place(graph: Graph, node: Node) -> Span:
    """Where an operator was written; of one in the standard library, where it was called."""
    library = {file.source for file in standard_library()}
    spans = [node.span, *(call.span for call in reversed(graph.calls(node)))]
    return next((span for span in spans if span.source not in library), node.span)


def is_convolution(node: Node) -> bool:
    """Whether a node is a convolution of any kind."""
    return node.op.family is Family.CONV


def users(graph: Graph, node: Node) -> list[Node]:
    """The nodes that take an output of ``node``."""
    return [graph.nodes[user] for user in graph.users(node.id)]
