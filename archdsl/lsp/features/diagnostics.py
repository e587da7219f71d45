"""What is shown as wrong in a text."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from archdsl.diagnostic import Diagnostic, Label
from archdsl.lsp.document import Document
from archdsl.source import Span
from archdsl.syntax import tree


def shown(document: Document, findings: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    """Findings with places in this text; what is wrong in a used file stands where that is called, or used."""
    return tuple(
        found if found.span.source == document.source else _brought_here(document, found) for found in findings
    )


def _brought_here(document: Document, found: Diagnostic) -> Diagnostic:
    calls = (call.span for call in found.calls if call.span.source == document.source)
    span = next(calls, None) or _use(document, found.span) or document.source.span(0, 0)
    labels = (Label(found.span, found.message), *found.labels)
    return replace(found, span=span, message=f"{found.span}: {found.message}", labels=labels, fixes=())


def _use(document: Document, span: Span) -> Span | None:
    """The statement that brings in the file of a place."""
    for statement in document.file.statements:
        if isinstance(statement, tree.Use):
            used = document.module.used(statement.path)
            if used is not None and used.source == span.source:
                return statement.path_span
    return None
