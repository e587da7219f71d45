"""Findings, places and figures as JSON. Places are offsets into the edited text as browsers count: in UTF-16."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Iterable
from functools import lru_cache
from typing import Any

from archdsl.analysis.analyse import Analysis
from archdsl.backends.report.numbers import exact
from archdsl.backends.report.totals import figures
from archdsl.backends.report.tree import SummaryRow, summary_tree
from archdsl.diagnostic import Diagnostic, Fix
from archdsl.graph.graph import Graph
from archdsl.render import in_order
from archdsl.source import Source, Span

#: Levels of the summary's tree that the page lists.
_DEPTH = 3


def records(diagnostics: Iterable[Diagnostic], source: Source, quick: Collection[Diagnostic]) -> list[dict[str, Any]]:
    """Findings with their places in ``source``; of those in other files, the call that led there.

    ``late`` are those that a ``quick`` look at one network does not find.
    """
    known = {(found.code, found.span) for found in quick}
    ordered = in_order(diagnostics)
    return [{**_record(found, source), "late": (found.code, found.span) not in known} for found in ordered]


def _record(diagnostic: Diagnostic, source: Source) -> dict[str, Any]:
    spans = [diagnostic.span, *(call.span for call in reversed(diagnostic.calls))]
    here = next((span for span in spans if span.source == source), None)
    return {
        "code": diagnostic.code.id,
        "title": diagnostic.code.title,
        "severity": diagnostic.severity.value,
        "message": diagnostic.message,
        "hint": diagnostic.hint,
        "where": _where(diagnostic.span, source),
        "at": None if here is None else _units(here),
        "labels": [
            {"message": label.message, "where": _where(label.span, source), "at": _units(label.span)}
            for label in diagnostic.labels
            if label.span.source == source
        ],
        "fixes": [_fix(fix) for fix in diagnostic.fixes if all(edit.span.source == source for edit in fix.edits)],
    }


def _where(span: Span, source: Source) -> str:
    """Line and column, of another file with its name."""
    return str(span).removeprefix(f"{source.name}:") if span.source == source else str(span)


def _fix(fix: Fix) -> dict[str, Any]:
    edits = [{"at": _units(edit.span), "text": edit.replacement} for edit in fix.edits]
    return {"title": fix.title, "safe": fix.safe, "edits": edits}


def places(graph: Graph, source: Source) -> dict[str, Any]:
    """Where each node and scope stands in ``source``; None for those of other files."""

    def place(span: Span) -> list[int] | None:
        return _units(span) if span.source == source else None

    return {
        "nodes": [place(node.span) for node in graph.nodes],
        "scopes": [place(scope.span) for scope in graph.scopes],
    }


def _units(span: Span) -> list[int]:
    """Start and end as a browser counts: characters beyond U+FFFF are two."""
    wide = _wide(span.source)
    return [offset + bisect_left(wide, offset) for offset in (span.start, span.end)]


@lru_cache(maxsize=8)
def _wide(source: Source) -> list[int]:
    """Where characters stand that count twice."""
    return [] if source.text.isascii() else [offset for offset, char in enumerate(source.text) if char > "\uffff"]


def summary(graph: Graph, analysis: Analysis) -> dict[str, Any]:
    """The rows of the summary and its totals, as text."""
    found = summary_tree(graph, analysis, depth=_DEPTH)
    return {
        "title": f"{found.name}: {found.title}" if found.title else found.name,
        "rows": [_row(row) for row in found.rows],
        "totals": [list(figure) for figure in figures(found)],
    }


def _row(row: SummaryRow) -> dict[str, Any]:
    return {
        "level": row.level,
        "label": row.label if row.count == 1 else f"{row.label} ×{row.count}",
        "caption": row.caption,
        "path": row.path,
        "output": row.output,
        "parameters": "shared" if row.is_shared else exact(row.parameters) if row.parameters else "",
        "macs": "" if row.macs is None else exact(row.macs),
    }
