"""The summary of a network as text for a terminal."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from archdsl.backends.report.numbers import exact
from archdsl.backends.report.paths import path_lines
from archdsl.backends.report.table import layout, shorten, width
from archdsl.backends.report.totals import figures
from archdsl.backends.report.tree import summary_tree

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from fractions import Fraction

    from archdsl.analysis import Analysis
    from archdsl.backends.report.tree import Summary, SummaryRow
    from archdsl.graph.graph import Graph

_HEADER = ("layer", "operator", "output", "parameters", "MACs", "")
_ALIGNMENT = "lllrrl"
#: Columns of a terminal that a caption may take: a call with many arguments is cut.
_CAPTION = 44
#: Width to which prose is wrapped.
_PROSE = 100
#: Width to which the notes beside figures are wrapped.
_NOTE = 72


def write_text(
    graph: Graph,
    analysis: Analysis,
    *,
    depth: int | None = None,
    paths: bool = False,
    shares: Sequence[Fraction | float] | None = None,
) -> str:
    """Write the summary of a network.

    Parameters
    ----------
    depth
        Levels of the tree to list; None for all.
    paths
        Whether to count the paths through the network.
    shares
        Of the samples that leave at each early exit, to tell the mean of the MACs.
    """
    text = render_summary(summary_tree(graph, analysis, depth=depth, shares=shares))
    return "\n".join([text, *path_lines(analysis.paths), ""]) if paths else text


def write_totals(graph: Graph, analysis: Analysis) -> str:
    """Write the totals of a network alone."""
    return "\n".join(_totals(summary_tree(graph, analysis, depth=0)))


def render_summary(summary: Summary) -> str:
    """Write a summary as lines of text: what it is, the tree of its layers, the totals."""
    table = layout([_HEADER, *map(_cells, summary.rows)], _ALIGNMENT)
    rule = "─" * max(map(width, table))
    lines = [*_heading(summary), "", table[0], rule, *table[1:], rule, *_totals(summary)]
    return "\n".join(lines) + "\n"


def _heading(summary: Summary) -> Iterator[str]:
    yield f"{summary.name}: {summary.title}" if summary.title else summary.name
    for paper in summary.papers:
        yield from textwrap.wrap(paper, _PROSE, initial_indent="  ", subsequent_indent="    ")


def _cells(row: SummaryRow) -> tuple[str, ...]:
    name = row.label if row.count == 1 else f"{row.label} x{row.count}"
    return (
        "  " * row.level + name,
        shorten(row.caption, _CAPTION),
        row.output,
        "shared" if row.is_shared else exact(row.parameters) if row.parameters else "",
        "" if row.macs is None else exact(row.macs),
        "" if row.role == "inference" else row.role,
    )


def _totals(summary: Summary) -> Iterator[str]:
    if _has_open_run(summary):
        yield "x2 and more: figures are those of all copies; the rows below show one of them"
        yield ""
    listed = figures(summary)
    margin = max(width(figure.name) for figure in listed)
    column = max(width(figure.value) for figure in listed)
    for figure in listed:
        lead = figure.name.ljust(margin) + "  " + figure.value.rjust(column) + "  "
        if not figure.value:
            lead = figure.name.ljust(margin) + "  "
        yield from textwrap.wrap(
            figure.note, len(lead) + _NOTE, initial_indent=lead, subsequent_indent=" " * len(lead)
        ) or [lead.rstrip()]


def _has_open_run(summary: Summary) -> bool:
    """Whether a row for several copies has rows below it."""
    pairs = zip(summary.rows, summary.rows[1:], strict=False)
    return any(row.count > 1 and below.level > row.level for row, below in pairs)
