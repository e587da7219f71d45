"""Columns of text that line up."""

from __future__ import annotations

from typing import TYPE_CHECKING
from unicodedata import combining, east_asian_width

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Between two columns.
_GAP = "  "


def width(text: str) -> int:
    """Count the columns of a terminal that a text takes."""
    if text.isascii():
        return len(text)
    return sum(0 if combining(char) else 2 if east_asian_width(char) in "WF" else 1 for char in text)


def layout(rows: Sequence[Sequence[str]], alignment: str) -> list[str]:
    """Lay out rows of cells as lines.

    Parameters
    ----------
    alignment
        One letter for each column: ``l`` for text, ``r`` for numbers.
    """
    widths = [max((width(cell) for cell in column), default=0) for column in zip(*rows, strict=True)]
    return [_GAP.join(map(_pad, row, widths, alignment)).rstrip() for row in rows]


def shorten(text: str, limit: int) -> str:
    """Cut a text that takes more than ``limit`` columns, with an ellipsis for the rest."""
    if width(text) <= limit:
        return text
    kept, room = "", limit - 1
    for char in text:
        room -= width(char)
        if room < 0:
            break
        kept += char
    return f"{kept}…"


def _pad(cell: str, columns: int, side: str) -> str:
    space = " " * (columns - width(cell))
    return space + cell if side == "r" else cell + space
