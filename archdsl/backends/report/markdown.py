"""The summary of a network as Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archdsl.backends.report.numbers import exact
from archdsl.backends.report.paths import path_lines
from archdsl.backends.report.totals import figures
from archdsl.backends.report.tree import summary_tree

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from fractions import Fraction

    from archdsl.analysis import Analysis
    from archdsl.backends.report.tree import Summary, SummaryRow
    from archdsl.graph.graph import Graph

#: Markdown drops leading blanks, so the tree is indented by these.
_INDENT = "&nbsp;" * 4


def write_markdown(
    graph: Graph,
    analysis: Analysis,
    *,
    depth: int | None = None,
    paths: bool = False,
    shares: Sequence[Fraction | float] | None = None,
) -> str:
    """Write the summary of a network as a heading and two tables.

    Parameters
    ----------
    depth
        Levels of the tree to list; None for all.
    paths
        Whether to count the paths through the network.
    shares
        Of the samples that leave at each early exit, to tell the mean of the MACs.
    """
    summary = summary_tree(graph, analysis, depth=depth, shares=shares)
    lines = [*_heading(summary), *_tree(summary), "", *_totals(summary)]
    if paths:
        lines += ["", "```text", *path_lines(analysis.paths), "```"]
    return "\n".join(lines) + "\n"


def _heading(summary: Summary) -> Iterator[str]:
    yield f"# {_escape(summary.name)}"
    yield ""
    for line in filter(None, (summary.title, *summary.papers)):
        yield _escape(line)
        yield ""


def _tree(summary: Summary) -> Iterator[str]:
    yield "| layer | operator | output | parameters | MACs |"
    yield "| :--- | :--- | :--- | ---: | ---: |"
    for row in summary.rows:
        yield f"| {' | '.join(_cells(row))} |"


def _cells(row: SummaryRow) -> tuple[str, ...]:
    name = row.label if row.count == 1 else f"{row.label} x{row.count}"
    return (
        _INDENT * row.level + _escape(name),
        _escape(row.caption),
        row.output,
        "shared" if row.is_shared else exact(row.parameters) if row.parameters else "",
        "" if row.macs is None else exact(row.macs),
    )


def _totals(summary: Summary) -> Iterator[str]:
    yield "| figure | value | |"
    yield "| :--- | ---: | :--- |"
    for figure in figures(summary):
        yield f"| {' | '.join(map(_escape, figure))} |"


def _escape(text: str) -> str:
    for char in "\\`*_[]<>|#":
        text = text.replace(char, f"\\{char}")
    return text
