"""Draw networks: graph -> figure -> layout -> scene -> bytes of a format."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from archdsl.analysis.analyse import Analysis, analyse
from archdsl.analysis.compare import Comparison
from archdsl.backends.diagram.engine import DrawingError, run_engine
from archdsl.backends.diagram.options import TABULAR, Options
from archdsl.backends.diagram.scene import Scene
from archdsl.backends.diagram.subject import Subject, only
from archdsl.backends.diagram.theme import DARK, LIGHT
from archdsl.backends.diagram.view import NODE_BUDGET
from archdsl.graph.graph import Graph


def draw(graph: Graph, *others: Graph, analysis: Analysis | None = None, **options: Any) -> bytes:
    """A picture of a network, or of several side by side; the same bytes each time.

    Parameters
    ----------
    others
        Networks to draw beside the first.
    analysis
        The first graph's analyses, where they are at hand.
    options
        See ``Options``.

    Raises
    ------
    DrawingError
        An option has a value that it cannot have, or there is no engine that works.
    """
    chosen = Options(**options)
    if chosen.rule is not None:
        from archdsl.backends.diagram.rule import rule_of

        graph, analysis = rule_of(graph, chosen.rule), None
        chosen = replace(chosen, collapse=(*chosen.collapse, chosen.rule))
    subjects = [Subject(graph, analysis or analyse(graph)), *(Subject(other, analyse(other)) for other in others)]
    if chosen.format == "dot":
        from archdsl.backends.diagram.writers.dot import write_dot

        return write_dot(only(subjects, "graph").figure(chosen, budget=NODE_BUDGET), chosen.direction)
    if chosen.format == "json":
        from archdsl.backends.diagram.legible import legible
        from archdsl.backends.diagram.writers.json import write_json

        layout, figure = legible(only(subjects, "graph"), chosen)
        return write_json(figure, layout)
    if chosen.format == "html":
        from archdsl.backends.diagram.writers.html import write_html

        return write_html(only(subjects, "graph"), chosen)
    if chosen.style == "table" and chosen.format in (*TABULAR, "tex"):
        return _tabulate(subjects, chosen)
    return _write(paint(subjects, chosen), chosen)


def _tabulate(subjects: Sequence[Subject], options: Options) -> bytes:
    from archdsl.backends.diagram.stages import tabulate
    from archdsl.backends.diagram.writers.table import write_csv, write_latex, write_markdown, write_text

    writers = {"txt": write_text, "md": write_markdown, "csv": write_csv, "tex": write_latex}
    return writers[options.format](tabulate(subjects, options))


def paint(subjects: Sequence[Subject], options: Options) -> Scene:
    """The picture, before it is written in a format.

    Raises
    ------
    DrawingError
        The style draws one network at a time, or there is no engine that works.
    """
    if options.style == "table":
        from archdsl.backends.diagram.stages import tabulate
        from archdsl.backends.diagram.styles.table import paint_table

        table = tabulate(subjects, options)
        return paint_table(table, f"Stages of {', '.join(table.names)}.")
    if options.style == "paper":
        from archdsl.backends.diagram.styles.paper import paint_paper

        return paint_paper(subjects, options)
    if options.style == "volumes":
        from archdsl.backends.diagram.styles.volumes import paint_volumes

        return paint_volumes(subjects, options)
    from archdsl.backends.diagram.legible import legible
    from archdsl.backends.diagram.styles.graph import paint_graph

    layout, figure = legible(only(subjects, options.style), options)
    return paint_graph(figure, layout, legend=options.legend)


def _write(scene: Scene, options: Options) -> bytes:
    """The picture in a format."""
    if options.format == "svg":
        from archdsl.backends.diagram.writers.svg import write_svg

        return write_svg(scene, options.theme or "light")
    theme = DARK if options.theme == "dark" else LIGHT
    if options.format == "pdf":
        from archdsl.backends.diagram.writers.pdf import write_pdf

        return write_pdf(scene, theme)
    if options.format in ("tikz", "tex"):
        from archdsl.backends.diagram.writers.tikz import write_tikz

        return write_tikz(scene, theme)
    from archdsl.backends.diagram.writers.png import write_png

    def rasterise(source: str, *arguments: str) -> bytes:
        return run_engine(source, *arguments, engine=options.engine)

    return write_png(scene, theme, options.dpi, rasterise)


def draw_difference(comparison: Comparison, **options: Any) -> bytes:
    """A picture of what differs between two networks; see ``Options``, of which ``style`` is always ``graph``.

    Raises
    ------
    DrawingError
        An option has a value that it cannot have, or there is no engine that works.
    """
    from archdsl.backends.diagram.difference import unite
    from archdsl.backends.diagram.legible import place
    from archdsl.backends.diagram.styles.graph import paint_graph

    chosen = Options(**options)
    if chosen.style != "graph" or chosen.format in ("dot", "json"):
        raise DrawingError("a difference is drawn in style 'graph', as svg, png, pdf or tikz")
    before, after = (Subject(graph, analyse(graph)) for graph in (comparison.before, comparison.after))
    figure = unite(comparison, before, after, chosen)
    return _write(paint_graph(figure, place(figure, chosen), legend=chosen.legend), chosen)
