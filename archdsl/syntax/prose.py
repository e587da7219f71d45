"""What its author has written about a definition: its head, as it is called, and the comment above it."""

from __future__ import annotations

from archdsl.source import Span
from archdsl.syntax import tree


def head(node: tree.Definition) -> str:
    """A definition as it is called: ``bottleneck(width, stride=1)``."""
    text = node.span.source.text[node.name_span.start : node.body.span.start]
    return " ".join(text.rstrip().removesuffix(":").split())


def remark(file: tree.File, span: Span) -> str:
    """The comment right above a statement, without lines that speak to the linter: ``# arch: …``."""
    line, lines = span.line - 1, []
    above = {comment.span.line: comment for comment in file.comments if comment.own_line}
    while line in above:
        lines.append(above[line].text.lstrip("#").strip())
        line -= 1
    return "\n".join(line for line in reversed(lines) if not line.startswith("arch:"))
