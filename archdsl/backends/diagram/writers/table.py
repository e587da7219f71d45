"""A table of stages as text, Markdown, LaTeX or CSV."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator, Sequence
from io import StringIO

from archdsl.backends.diagram.stages import Cell, Group, Table
from archdsl.backends.diagram.writers.tikz import escaped

#: What a cell says, line by line.
Lines = list[str]


def write_text(table: Table) -> bytes:
    """Columns of text, with brackets around what repeats."""
    rows = list(_rows(table, _text_lines))
    widths = [max(len(line) for row in rows for line in row[column]) for column in range(len(rows[0]))]
    written = []
    for number, row in enumerate(rows):
        for place in range(max(map(len, row))):
            cells = (cell[place] if place < len(cell) else "" for cell in row)
            written.append("  ".join(map(str.ljust, cells, widths)).rstrip())
        if number in (0, len(rows) - 2):
            written.append("  ".join("-" * width for width in widths))
    return ("\n".join(written) + "\n").encode()


def write_markdown(table: Table) -> bytes:
    """A table of Markdown; lines of a cell are parted by ``<br>``."""
    rows = [["<br>".join(map(_markdown_text, cell)) for cell in row] for row in _rows(table, _inline)]
    head, *body = (f"| {' | '.join(row)} |" for row in rows)
    return ("\n".join([head, "|" + " --- |" * len(rows[0]), *body]) + "\n").encode()


def write_csv(table: Table) -> bytes:
    """Comma-separated values; groups of a cell are parted by semicolons."""
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    for row in _rows(table, _inline):
        writer.writerow(["; ".join(cell) for cell in row])
    return text.getvalue().encode()


def write_latex(table: Table) -> bytes:
    """A ``tabular`` with matrices, for ``\\input``; it needs no package."""
    rows = list(_rows(table, _latex_lines, _latex_text))
    columns = "l" + "c" * (len(rows[0]) - 1)
    written = [f"% {' '.join(table.title.split())}", f"\\begin{{tabular}}{{{columns}}}", "\\hline"]
    for number, row in enumerate(rows):
        cells = " & ".join(_stacked(cell) for cell in row)
        written.append(f"{cells} \\\\")
        if number in (0, len(rows) - 2, len(rows) - 1):
            written.append("\\hline")
        elif number < len(rows) - 2:
            written.append("\\noalign{\\smallskip}")
    return ("\n".join([*written, "\\end{tabular}"]) + "\n").encode()


def _rows(
    table: Table, lines: Callable[[Cell], Lines], plain: Callable[[str], str] = lambda text: text
) -> Iterator[list[Lines]]:
    """Rows of cells of lines: names, stages, totals; sizes once if all networks have the same."""
    sizes = table.has_common_sizes
    names = [plain(name) for name in table.names]
    yield [["stage"], *([["output"]] if sizes else []), *([name] for name in names)]
    for stage, cells in table.rows:
        size = next(cell.size for cell in cells if cell is not None)
        row = [[plain(stage)], *([[plain(size)]] if sizes else [])]
        for cell in cells:
            stated = lines(cell) if cell is not None else []
            row.append([*stated, *([] if sizes or cell is None else [plain(cell.size)])] or [""])
        yield row
    yield [["total"], *([[""]] if sizes else []), *(_split(plain(total)) for total in table.totals)]


def _split(totals: str) -> Lines:
    return re.split(r" · | \\ensuremath\{\\cdot\} ", totals)


def _text_lines(cell: Cell) -> Lines:
    return [line for group in cell.groups for line in _bracketed(group)]


def _bracketed(group: Group) -> Iterator[str]:
    """``3x3 conv, 64 ×2``, or several lines with a bracket on each side."""
    badge = f" ×{group.count}" if group.count > 1 else ""
    if len(group.lines) == 1:
        yield f"{group.lines[0]}{badge}"
        return
    width = max(map(len, group.lines))
    middle = (len(group.lines) - 1) // 2
    last = len(group.lines) - 1
    for number, line in enumerate(group.lines):
        left, right = ("⎡", "⎤") if number == 0 else ("⎣", "⎦") if number == last else ("⎢", "⎥")
        yield f"{left} {line.ljust(width)} {right}{badge if number == middle else ''}"


def _inline(cell: Cell) -> Lines:
    """A line for each group: ``[1x1 conv, 64; 3x3 conv, 64] ×3``."""
    texts = []
    for group in cell.groups:
        text = f"[{'; '.join(group.lines)}]" if len(group.lines) > 1 else group.lines[0]
        texts.append(f"{text} ×{group.count}" if group.count > 1 else text)
    return texts


def _markdown_text(text: str) -> str:
    return re.sub(r"([\\|*_<>`])", r"\\\1", text)


def _latex_lines(cell: Cell) -> Lines:
    return [_matrix(group) for group in cell.groups]


def _matrix(group: Group) -> str:
    times = f"\\times{group.count}" if group.count > 1 else ""
    lines = [_latex_text(line) for line in group.lines]
    if len(lines) == 1:
        return f"{lines[0]}{f' ${times}$' if times else ''}"
    rows = "\\\\".join(f"\\mbox{{{line}}}" for line in lines)
    return f"$\\left[\\begin{{array}}{{c}}{rows}\\end{{array}}\\right]{times}$"


def _latex_text(line: str) -> str:
    parts = re.split(r"(\d+(?:x\d+)+|→)", line)
    return "".join(_latex_part(part) for part in parts)


def _latex_part(part: str) -> str:
    if part == "→":
        return "$\\to$"
    if re.fullmatch(r"\d+(?:x\d+)+", part):
        return "$" + part.replace("x", r"{\times}") + "$"
    return escaped(part)


def _stacked(lines: Sequence[str]) -> str:
    """Several lines as one cell."""
    if len(lines) == 1:
        return lines[0]
    return r"\begin{tabular}{c}" + r"\\".join(lines) + r"\end{tabular}"
