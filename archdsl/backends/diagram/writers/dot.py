"""A figure as DOT, for other tools to lay out."""

from __future__ import annotations

from archdsl.backends.diagram.dot import Direction, readable_source
from archdsl.backends.diagram.figure import Figure


def write_dot(figure: Figure, direction: Direction) -> bytes:
    """The figure as DOT text with words and colours."""
    return readable_source(figure, direction).encode()
