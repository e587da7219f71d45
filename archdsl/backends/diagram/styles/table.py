"""Style ``table``: stages as rows, their layers as matrices, several networks side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from archdsl.backends.diagram.boxes import badge_text
from archdsl.backends.diagram.figure import Figure
from archdsl.backends.diagram.metrics import text_width
from archdsl.backends.diagram.page import compose
from archdsl.backends.diagram.scene import Line, Mark, Paint, Part, Point, Scene, Text
from archdsl.backends.diagram.stages import Cell, Group, Table

SIZE = 8.5
_LINE, _SPACE, _MARGIN, _GAP = 11.5, 4.0, 5.0, 22.0
_RULE, _HAIR = Paint(stroke="text", width=1.0), Paint(stroke="frame.line", width=0.5)
_BRACKET = Paint(stroke="text", width=0.8)


def paint_table(table: Table, description: str) -> Scene:
    """The table as a picture, with the rules of a printed table."""
    marks: list[Mark] = []
    sizes = table.has_common_sizes
    heads = ["stage", "output", *table.names]
    firsts = [[name for name, _ in table.rows], [_size(cells, is_common=sizes) for _, cells in table.rows]]
    firsts = [[head, *texts] for head, texts in zip(heads[:2], firsts, strict=True)]
    widths = [max(text_width(text, SIZE, bold=True) for text in texts) for texts in firsts]
    for column, name in enumerate(table.names):
        own = [_cell_width(cell) for _, row in table.rows if (cell := row[column]) is not None]
        widths.append(max([text_width(name, SIZE, bold=True), text_width(table.totals[column], SIZE), *own]))
    lefts = [sum(widths[:column]) + _GAP * column for column in range(len(widths))]
    whole = sum(widths) + _GAP * (len(widths) - 1)
    y = _LINE
    for head, left, width in zip(heads, lefts, widths, strict=True):
        is_first = left == 0
        x, anchor = (left, "start") if is_first else (left + width / 2, "middle")
        marks.append(Text(x, y - 3, head, SIZE, bold=True, anchor=anchor))  # type: ignore[arg-type]
    marks += [Line(((0, -1), (whole, -1)), _RULE), Line(((0, y + 2), (whole, y + 2)), Paint(stroke="text", width=0.6))]
    y += 2
    for number, (name, cells) in enumerate(table.rows):
        height = max(_cell_height(cell) for cell in cells) + 2 * _MARGIN
        if number:
            marks.append(Line(((0, y), (whole, y)), _HAIR))
        middle = y + height / 2
        marks.append(Text(0, middle + 3, name, SIZE))
        size = _size(cells, is_common=sizes)
        marks.append(Text(lefts[1] + widths[1] / 2, middle + 3, size, SIZE, anchor="middle"))
        for cell, left, width in zip(cells, lefts[2:], widths[2:], strict=True):
            if cell is not None:
                marks += _cell(cell, left + width / 2, middle)
        y += height
    marks += [Line(((0, y), (whole, y)), Paint(stroke="text", width=0.6)), Text(0, y + 11, "total", SIZE)]
    for total, left, width in zip(table.totals, lefts[2:], widths[2:], strict=True):
        marks.append(Text(left + width / 2, y + 11, total, SIZE, anchor="middle"))
    y += 16
    marks.append(Line(((0, y), (whole, y)), _RULE))
    figure = Figure(table.title, "", description, (), ())
    return compose(figure, whole, y, [Part(None, "table", description, tuple(marks))], [], [])


def _size(cells: Sequence[Cell | None], *, is_common: bool) -> str:
    sizes = list(dict.fromkeys(cell.size for cell in cells if cell is not None))
    return sizes[0] if is_common else ", ".join(sizes)


def _cell_width(cell: Cell) -> float:
    return max(sum(_group_widths(group)) for group in cell.groups)


def _group_widths(group: Group) -> tuple[float, float]:
    """Width of the lines with their brackets, and of the number behind them."""
    lines = max(text_width(line, SIZE) for line in group.lines) + (10 if len(group.lines) > 1 else 0)
    return lines, text_width(badge_text(group.count), SIZE) + 4 if group.count > 1 else 0.0


def _cell_height(cell: Cell | None) -> float:
    if cell is None:
        return _LINE
    return sum(_LINE * len(group.lines) for group in cell.groups) + _SPACE * (len(cell.groups) - 1)


def _cell(cell: Cell, centre: float, middle: float) -> Iterator[Mark]:
    y = middle - _cell_height(cell) / 2
    for group in cell.groups:
        width, badge = _group_widths(group)
        left, bottom = centre - (width + badge) / 2, y + _LINE * len(group.lines)
        if len(group.lines) > 1:
            yield Line(_bracket(left, y + 1, bottom - 1, 3.0), _BRACKET)
            yield Line(_bracket(left + width, y + 1, bottom - 1, -3.0), _BRACKET)
        for number, line in enumerate(group.lines):
            yield Text(left + width / 2, y + _LINE * number + 8.6, line, SIZE, anchor="middle")
        if badge:
            yield Text(left + width + 4, (y + bottom) / 2 + 3, badge_text(group.count), SIZE)
        y = bottom + _SPACE


def _bracket(x: float, top: float, bottom: float, reach: float) -> tuple[Point, ...]:
    return (x + reach, top), (x, top), (x, bottom), (x + reach, bottom)
