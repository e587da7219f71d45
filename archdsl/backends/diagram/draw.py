"""Draw a network: graph -> figure -> layout -> scene -> bytes of a format."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal, get_args

from archdsl.analysis.analyse import Analysis, analyse
from archdsl.backends.diagram.dot import Direction
from archdsl.backends.diagram.engine import DrawingError, run_engine
from archdsl.backends.diagram.figure import Figure
from archdsl.backends.diagram.heat import Heat, heated
from archdsl.backends.diagram.layout import MIN_GAIN, Engine, Layout, lay_out, scale
from archdsl.backends.diagram.sketch import Detail, Shapes, sketch
from archdsl.backends.diagram.theme import DARK, LIGHT, ThemeName
from archdsl.backends.diagram.view import NODE_BUDGET, UnknownBlock, View
from archdsl.diagnostic import near
from archdsl.graph.graph import Graph

Format = Literal["svg", "png", "pdf", "tikz", "dot", "json"]
Style = Literal["graph"]

#: Numbers of boxes to aim at: the next lower one where a picture would have to shrink too much to fit on a page.
BUDGETS = (NODE_BUDGET, 30, 20)
#: A picture that shrinks to less than this is too small to read.
MIN_SCALE = 0.6

#: Pixels to the inch of a PNG: twice a screen's, so that small text is sharp.
DPI = 144.0


def draw(
    graph: Graph,
    *,
    style: Style = "graph",
    format: Format = "svg",
    theme: ThemeName = "light",
    depth: int | None = None,
    expand: Sequence[str] = (),
    collapse: Sequence[str] = (),
    detail: Detail = "default",
    direction: Direction = "TB",
    shapes: Shapes = "change",
    heat: Heat | None = None,
    legend: bool = True,
    dpi: float = DPI,
    engine: str | None = None,
    analysis: Analysis | None = None,
) -> bytes:
    """A picture of a network; the same bytes each time.

    Parameters
    ----------
    style
        ``graph``: boxes in nested frames, copies folded.
    format
        ``svg``, ``png``, ``pdf``, ``tikz`` (for LaTeX), ``dot`` (for other tools), ``json`` (boxes, links and places).
    theme
        ``light``, ``dark``, or ``auto``: an SVG that follows the reader's screen.
    depth
        Levels of blocks to open; without it, as many as fit about 40 boxes.
    expand, collapse
        Paths of blocks, or names of definitions, that are open or closed whatever the depth.
    detail
        ``default`` fuses a layer with its norm and activation; ``ops`` draws each operator; ``full`` each copy too.
    direction
        ``TB`` from top to bottom, ``LR`` from left to right.
    shapes
        Which boxes state the shape of their output: ``all``, ``change`` (layers, and what changes it), ``none``.
    heat
        Colours boxes by a figure, which they state: ``params``, ``macs``, ``memory`` (of outputs), ``receptive``.
    legend
        Whether to explain colours and lines below the picture.
    dpi
        Pixels to the inch of a PNG.
    engine
        Layout engine: a program's name or path; without it, ``graphviz-pure``, then ``dot``.
    analysis
        The graph's analyses, where they are at hand.

    Raises
    ------
    DrawingError
        An option has a value that it cannot have, or there is no engine that works.
    """
    _require("style", style, Style)
    _require("format", format, Format)
    _require("theme", theme, ThemeName)
    _require("detail", detail, Detail)
    _require("direction", direction, Direction)
    _require("shapes", shapes, Shapes)
    if heat is not None:
        _require("heat", heat, Heat)
    if not 10 <= dpi <= 1200:
        raise DrawingError(f"{dpi:g} dots per inch is out of range: 10 to 1200")
    known = analysis or analyse(graph)

    def figure(budget: int) -> Figure:
        view = View(depth, tuple(expand), tuple(collapse), budget)
        try:
            plain = sketch(graph, known.cost, view, detail=detail, shapes=shapes)
        except UnknownBlock as error:
            raise DrawingError(str(error)) from None
        return plain if heat is None else heated(plain, heat, known)

    if format == "dot":
        from archdsl.backends.diagram.writers.dot import write_dot

        return write_dot(figure(BUDGETS[0]), direction)

    def place(source: str, seconds: float) -> bytes:
        return run_engine(source, "-Tjson0", engine=engine, time_limit=seconds)

    is_fixed = depth is not None or detail == "full" or direction == "LR"
    figures = (figure(budget) for budget in (BUDGETS[:1] if is_fixed else BUDGETS))
    layout, shown = _most_legible(figures, direction, place)
    return _write(shown, layout, format, theme, dpi, engine, legend=legend)


def _most_legible(figures: Iterable[Figure], direction: Direction, place: Engine) -> tuple[Layout, Figure]:
    """The first figure that can be read on a page, or else the one that shrinks least."""
    best: tuple[Layout, Figure] | None = None
    for figure in figures:
        if best is not None and figure == best[1]:
            continue
        layout = lay_out(figure, direction, place)
        if best is None or scale(layout) > scale(best[0]) * MIN_GAIN:
            best = layout, figure
        if scale(best[0]) >= MIN_SCALE:
            break
    assert best is not None
    return best


def _write(
    figure: Figure,
    layout: Layout,
    format: Format,
    theme: ThemeName,
    dpi: float,
    engine: str | None,
    *,
    legend: bool,
) -> bytes:
    """The laid out figure in a format."""
    if format == "json":
        from archdsl.backends.diagram.writers.json import write_json

        return write_json(figure, layout)
    from archdsl.backends.diagram.styles.graph import paint_graph

    scene = paint_graph(figure, layout, legend=legend)
    if format == "svg":
        from archdsl.backends.diagram.writers.svg import write_svg

        return write_svg(scene, theme)
    fixed = DARK if theme == "dark" else LIGHT
    if format == "pdf":
        from archdsl.backends.diagram.writers.pdf import write_pdf

        return write_pdf(scene, fixed)
    if format == "tikz":
        from archdsl.backends.diagram.writers.tikz import write_tikz

        return write_tikz(scene, fixed)
    from archdsl.backends.diagram.writers.png import write_png

    def rasterise(source: str, *arguments: str) -> bytes:
        return run_engine(source, *arguments, engine=engine)

    return write_png(scene, fixed, dpi, rasterise)


def _require(option: str, value: str, choices: Any) -> None:
    """Refuse a value that is none of an option's choices."""
    known = get_args(choices)
    if value not in known:
        guess = near(str(value), known)
        hint = f"did you mean {guess!r}?" if guess else f"known: {', '.join(known)}"
        raise DrawingError(f"{value!r} is no {option}; {hint}")
