"""The page around a drawing: title above, legend below."""

from __future__ import annotations

from collections.abc import Sequence

from archdsl.backends.diagram.figure import Figure
from archdsl.backends.diagram.metrics import shorten, text_width
from archdsl.backends.diagram.scene import Line, Mark, Paint, Part, Scene, Text, rectangle

BORDER = 14.0
TITLE_SIZE = 14.0
SUBTITLE_SIZE = 8.5
LEGEND_SIZE = 8.0
#: Least width of a picture: room for a title.
MIN_WIDTH = 200.0
_HEADER = 34.0
_ROW = 14.0
_ABOVE_LEGEND = 12.0
_GAP = 14.0


def compose(
    figure: Figure,
    width: float,
    height: float,
    parts: Sequence[Part],
    swatches: Sequence[tuple[str, Mark]],
    strokes: Sequence[tuple[str, Paint]],
) -> Scene:
    """A scene of ``parts``, which are ``width`` by ``height`` points, with title and legend.

    ``swatches`` and ``strokes`` are the legend's entries: what boxes and lines mean.
    """
    titles = max(text_width(figure.title, TITLE_SIZE, bold=True), min(text_width(figure.subtitle, SUBTITLE_SIZE), 360))
    inner = max(width, MIN_WIDTH, titles)
    entries = [*((name, mark) for name, mark in swatches), *((name, _sample(paint)) for name, paint in strokes)]
    legend, legend_height = _legend(entries, BORDER, BORDER + _HEADER + height + _ABOVE_LEGEND, inner)
    total_width = inner + 2 * BORDER
    total_height = BORDER + _HEADER + height + (_ABOVE_LEGEND + legend_height if entries else 0) + BORDER
    drawing = tuple(moved(part, BORDER + (inner - width) / 2, BORDER + _HEADER) for part in parts)
    background = Part(None, "paper", marks=(rectangle(0, 0, total_width, total_height, Paint("paper")),))
    return Scene(
        width=round(total_width, 2),
        height=round(total_height, 2),
        title=figure.title,
        description=figure.description,
        parts=(background, _header(figure, inner), *drawing, legend),
    )


def _header(figure: Figure, width: float) -> Part:
    lines = [Text(BORDER, BORDER + 13, shorten(figure.title, TITLE_SIZE, width, bold=True), TITLE_SIZE, bold=True)]
    if figure.subtitle:
        subtitle = _fitted(figure, width)
        lines.append(Text(BORDER, BORDER + 27, subtitle, SUBTITLE_SIZE, "faint"))
    return Part(None, "header", marks=tuple(lines))


def _fitted(figure: Figure, width: float) -> str:
    """The subtitle, shortened to a width before its totals, which readers look for."""
    ending = f" · {figure.totals}"
    room = width - text_width(ending, SUBTITLE_SIZE)
    if not figure.subtitle.endswith(ending) or text_width(figure.subtitle, SUBTITLE_SIZE) <= width or room < width / 4:
        return shorten(figure.subtitle, SUBTITLE_SIZE, width)
    return shorten(figure.subtitle.removesuffix(ending), SUBTITLE_SIZE, room) + ending


def _sample(paint: Paint) -> Mark:
    return Line(((0, 5), (16, 5)), paint)


def _legend(entries: Sequence[tuple[str, Mark]], left: float, top: float, width: float) -> tuple[Part, float]:
    """Entries in rows, and how high they are together."""
    marks: list[Mark] = []
    x, y = left, top
    for name, mark in entries:
        needed = 21 + text_width(name, LEGEND_SIZE)
        if x > left and x + needed > left + width:
            x, y = left, y + _ROW
        marks += [_moved_mark(mark, x, y), Text(x + 21, y + 8, name, LEGEND_SIZE, "faint")]
        x += needed + _GAP
    return Part(None, "legend", marks=tuple(marks)), y - top + _ROW - 4


def moved(part: Part, dx: float, dy: float) -> Part:
    """A part in another place."""
    marks = tuple([_moved_mark(mark, dx, dy) for mark in part.marks])
    return Part(part.id, part.role, part.label, marks, tuple([moved(inner, dx, dy) for inner in part.parts]))


def _moved_mark(mark: Mark, dx: float, dy: float) -> Mark:
    if isinstance(mark, Text):
        return Text(mark.x + dx, mark.y + dy, mark.text, mark.size, mark.role, mark.bold, mark.anchor)
    return type(mark)(tuple([(x + dx, y + dy) for x, y in mark.points]), mark.paint)
