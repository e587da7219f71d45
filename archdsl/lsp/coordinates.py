"""Places as the protocol counts them: lines from 0, columns from 0 in the code units of an encoding."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from archdsl.source import Source, Span


class Place(NamedTuple):
    """A line and a column."""

    line: int
    character: int


@dataclass(frozen=True, slots=True)
class Coordinates:
    """Takes offsets to places and back.

    Parameters
    ----------
    encoding
        What columns count, as the client has asked for: ``utf-16`` unless it says otherwise.
    """

    encoding: str = "utf-16"

    def place(self, source: Source, offset: int) -> Place:
        """The place of an offset."""
        position = source.position(min(max(offset, 0), len(source.text)))
        before = source.line(position.line)[: position.column - 1]
        return Place(position.line - 1, sum(map(self._width, before)))

    def places(self, span: Span) -> tuple[Place, Place]:
        """The places at which a span begins and ends."""
        return self.place(span.source, span.start), self.place(span.source, span.end)

    def offset(self, source: Source, line: int, character: int) -> int:
        """The offset of a place; the nearest one if there is no such place."""
        if line < 0:
            return 0
        if line >= len(source.line_starts):
            return len(source.text)
        column = 0
        text = source.line(line + 1)
        for index, char in enumerate(text):
            if column >= character:
                return source.line_starts[line] + index
            column += self._width(char)
        return source.line_starts[line] + len(text)

    def length(self, text: str) -> int:
        """How many units a text has."""
        return sum(map(self._width, text))

    def _width(self, char: str) -> int:
        if char < "\x80" or self.encoding == "utf-32":
            return 1
        if self.encoding == "utf-8":
            return 2 if char < "\u0800" else 3 if char < "\U00010000" else 4
        return 2 if char > "\uffff" else 1
