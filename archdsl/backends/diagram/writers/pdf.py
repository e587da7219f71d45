"""A scene as PDF, on a page of its own size.

Text stays text, in the Helvetica that every reader of PDF brings, so that it can be searched and copied and no font is
embedded; its widths are those that the layout counted on.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from archdsl.backends.diagram.metrics import text_width
from archdsl.backends.diagram.scene import Curve, Line, Paint, Point, Polygon, Scene, Text
from archdsl.backends.diagram.theme import Theme

if TYPE_CHECKING:
    from fpdf import FPDF
    from fpdf.drawing import PaintedPath

#: What Helvetica has in PDF.
_ENCODING = "cp1252"
_DASHES = {"dashed": (4.0, 2.5), "dotted": (1.0, 2.2)}
#: One picture, one file: no date of making goes in.
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)


def write_pdf(scene: Scene, theme: Theme) -> bytes:
    """The picture as a PDF document of one page."""
    from fpdf import FPDF

    document = FPDF(unit="pt", format=(scene.width, scene.height))
    document.set_creation_date(_EPOCH)
    document.core_fonts_encoding = _ENCODING
    document.set_title(scene.title)
    document.set_subject(scene.description)
    document.set_producer("archdsl")
    document.set_margin(0)
    document.set_auto_page_break(False)
    document.add_page()
    for mark in scene.marks():
        if isinstance(mark, Text):
            _write_words(document, mark, theme)
        else:
            _draw(document, mark, theme)
    return bytes(document.output())


def _write_words(document: FPDF, mark: Text, theme: Theme) -> None:
    words = mark.text.replace("→", "->").encode(_ENCODING, "replace").decode(_ENCODING)
    document.set_font("helvetica", "B" if mark.bold else "", mark.size)
    document.set_text_color(theme.colour(mark.role))
    width = text_width(words, mark.size, bold=mark.bold)
    start = {"start": mark.x, "middle": mark.x - width / 2, "end": mark.x - width}[mark.anchor]
    document.text(start, mark.y, words)


def _draw(document: FPDF, mark: Polygon | Curve | Line, theme: Theme) -> None:
    with document.drawing_context() as context:
        path = _path(mark)
        _paint(path, mark.paint, theme)
        context.add_item(path)


def _path(mark: Polygon | Curve | Line) -> PaintedPath:
    from fpdf.drawing import PaintedPath

    start, *rest = mark.points
    path = PaintedPath(*start)
    if isinstance(mark, Curve):
        for place in range(0, len(rest), 3):
            path.curve_to(*_flat(rest[place : place + 3]))
    else:
        for point in rest:
            path.line_to(*point)
    if isinstance(mark, Polygon) or mark.points[0] == mark.points[-1]:
        path.close()
    return path


def _flat(points: list[Point]) -> tuple[float, float, float, float, float, float]:
    (x1, y1), (x2, y2), (x3, y3) = points
    return x1, y1, x2, y2, x3, y3


def _paint(path: PaintedPath, paint: Paint, theme: Theme) -> None:
    style = path.style
    style.auto_close = False
    style.fill_color = None if paint.fill is None else theme.colour(paint.fill)
    style.stroke_color = None if paint.stroke is None else theme.colour(paint.stroke)
    style.stroke_width = paint.width
    style.stroke_dash_pattern = _DASHES.get(paint.dash)
