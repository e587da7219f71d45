"""Widths of text, so that every box is as large as its words and all engines and writers agree.

The advance widths are those of Helvetica (Adobe Font Metrics); Arial, Arimo and Liberation Sans have the same.
"""

from __future__ import annotations

from functools import lru_cache
from unicodedata import east_asian_width

#: Thousandths of the font size for the characters from space to tilde.
_REGULAR = (
    278, 278, 355, 556, 556, 889, 667, 191, 333, 333, 389, 584, 278, 333, 278, 278, 556, 556, 556, 556, 556, 556, 556,
    556, 556, 556, 278, 278, 584, 584, 584, 556, 1015, 667, 667, 722, 722, 667, 611, 778, 722, 278, 500, 667, 556, 833,
    722, 778, 667, 778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 278, 278, 278, 469, 556, 333, 556, 556, 500, 556,
    556, 278, 556, 556, 222, 222, 500, 222, 833, 556, 556, 556, 556, 333, 500, 278, 556, 500, 722, 500, 500, 500, 334,
    260, 334, 584,
)  # fmt: skip
_BOLD = (
    278, 333, 474, 556, 556, 889, 722, 238, 333, 333, 389, 584, 278, 333, 278, 278, 556, 556, 556, 556, 556, 556, 556,
    556, 556, 556, 333, 333, 584, 584, 584, 611, 975, 722, 722, 722, 722, 667, 611, 778, 722, 278, 556, 722, 611, 833,
    722, 778, 667, 778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 333, 278, 333, 584, 556, 333, 556, 611, 556, 611,
    556, 333, 611, 611, 278, 278, 556, 278, 889, 611, 611, 611, 611, 389, 556, 333, 611, 556, 778, 556, 556, 500, 389,
    280, 389, 584,
)  # fmt: skip
_OTHERS = {"×": 584, "·": 278, "–": 556, "…": 1000, "→": 1000}


@lru_cache(maxsize=4096)
def text_width(text: str, size: float, *, bold: bool = False) -> float:
    """Width of a line of text in points, ``size`` being that of the font."""
    widths = _BOLD if bold else _REGULAR
    return sum(_advance(char, widths) for char in text) * size / 1000


def _advance(char: str, widths: tuple[int, ...]) -> int:
    if " " <= char <= "~":
        return widths[ord(char) - 32]
    return _OTHERS.get(char) or (1000 if east_asian_width(char) in "WF" else 722)


def shorten(text: str, size: float, limit: float, *, bold: bool = False) -> str:
    """``text``, cut short with an ellipsis where it is wider than ``limit`` points."""
    if text_width(text, size, bold=bold) <= limit:
        return text
    while text and text_width(text + "…", size, bold=bold) > limit:
        text = text[:-1]
    return text.rstrip(" ,([") + "…"
