"""How a network is to be drawn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

from archdsl.backends.diagram.dot import Direction
from archdsl.backends.diagram.engine import DrawingError
from archdsl.backends.diagram.heat import Heat
from archdsl.backends.diagram.sketch import Detail, Shapes
from archdsl.backends.diagram.theme import ThemeName
from archdsl.diagnostic import near

Style = Literal["graph", "paper", "volumes", "table"]
Format = Literal["svg", "png", "pdf", "tikz", "html", "tex", "dot", "json", "txt", "md", "csv"]

#: Pixels to the inch of a PNG: twice a screen's, so that small text is sharp.
DPI = 144.0

#: Formats of tables alone.
TABULAR = ("txt", "md", "csv")

_CHOICES: dict[str, Any] = {
    "style": Style,
    "format": Format,
    "theme": ThemeName,
    "detail": Detail,
    "direction": Direction,
    "shapes": Shapes,
    "heat": Heat,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How to draw.

    Parameters
    ----------
    style
        ``graph``: boxes in nested frames, copies folded. ``paper``: the tall column of flat boxes that papers print,
        skips around it; takes several networks side by side. ``volumes``: feature maps as boxes in space.
        ``table``: stages as rows, their layers as matrices; takes several networks.
    format
        ``svg``, ``png``, ``pdf``, ``tikz`` or ``tex`` (for LaTeX), ``html`` (to look around in), ``dot`` (for other
        tools), ``json`` (boxes, links and places); a table also ``txt``, ``md`` and ``csv``, and its ``tex`` is a
        ``tabular``.
    theme
        ``light``, ``dark``, or ``auto``: an SVG that follows the reader's screen. Without it, HTML is ``auto`` and all
        else is ``light``.
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
    rule
        Name of a definition that calls itself: draws one call of it, with the calls of itself as closed boxes.
    legend
        Whether to explain colours and lines below the picture.
    dpi
        Pixels to the inch of a PNG.
    engine
        Layout engine: a program's name or path; without it, ``graphviz-pure``, then ``dot``.

    Raises
    ------
    DrawingError
        An option has a value that it cannot have.
    """

    style: Style = "graph"
    format: Format = "svg"
    theme: ThemeName | None = None
    depth: int | None = None
    expand: tuple[str, ...] = ()
    collapse: tuple[str, ...] = ()
    detail: Detail = "default"
    direction: Direction = "TB"
    shapes: Shapes = "change"
    heat: Heat | None = None
    rule: str | None = None
    legend: bool = True
    dpi: float = DPI
    engine: str | None = None

    def __post_init__(self) -> None:
        for option, choices in _CHOICES.items():
            value = getattr(self, option)
            if value is not None:
                _require(option, value, get_args(choices))
        if self.format in TABULAR and self.style != "table":
            raise DrawingError(f"{self.format!r} is a format of style 'table'")
        if not 10 <= self.dpi <= 1200:
            raise DrawingError(f"{self.dpi:g} dots per inch is out of range: 10 to 1200")


def _require(option: str, value: str, known: tuple[str, ...]) -> None:
    """Refuse a value that is none of an option's choices."""
    if value not in known:
        guess = near(str(value), known)
        hint = f"did you mean {guess!r}?" if guess else f"known: {', '.join(known)}"
        raise DrawingError(f"{value!r} is no {option}; {hint}")
