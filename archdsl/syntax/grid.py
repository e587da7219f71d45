"""Columns of tables: numbers flush right, words flush left, as papers print them."""

from __future__ import annotations

import re
from collections.abc import Sequence

_MIN_ROWS = 3
_MAX_WIDTH = 96

_NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")


def grid(rows: Sequence[Sequence[str]], *, has_keys: bool) -> list[str]:
    """Lists of equally many cells as text, with their columns aligned; nothing if they are no table.

    Parameters
    ----------
    has_keys
        The first cell of each row is a key with its colon, which stands in front of the list.

    Examples
    --------
    >>> grid([["1", "16", "true"], ["6", "24", "false"], ["6", "320", "true"]], has_keys=False)
    ['[1,  16, true]', '[6,  24, false]', '[6, 320, true]']
    """
    if len(rows) < _MIN_ROWS or len({len(row) for row in rows}) > 1 or len(rows[0]) < 2 + has_keys:
        return []
    columns = [_column(cells) for cells in zip(*(row[has_keys:] for row in rows), strict=True)]
    lists = [f"[{' '.join(cells).rstrip(', ')}]" for cells in zip(*columns, strict=True)]
    if has_keys:
        longest = max(len(row[0]) for row in rows)
        lists = [f"{row[0]:{longest}} {cells}" for row, cells in zip(rows, lists, strict=True)]
    return lists if max(map(len, lists)) <= _MAX_WIDTH else []


def _column(cells: Sequence[str]) -> list[str]:
    """Cells with their commas, all of one width."""
    width = max(map(len, cells))
    if all(map(_NUMBER.fullmatch, cells)):
        return [f"{cell:>{width}}," for cell in cells]
    return [f"{cell},".ljust(width + 1) for cell in cells]
