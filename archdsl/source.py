"""Source text and places in it: the coordinates that everything else speaks in."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from functools import cached_property


@dataclass(frozen=True)
class Source:
    """A named text.

    Parameters
    ----------
    name
        What a person calls it: a path relative to where they are, or ``<text>``.
    text
        The whole text, with ``\\n`` line ends.
    """

    name: str
    text: str = field(repr=False)

    @cached_property
    def line_starts(self) -> list[int]:
        """Offsets at which the lines begin."""
        starts = [0]
        starts.extend(i + 1 for i, char in enumerate(self.text) if char == "\n")
        return starts

    def position(self, offset: int) -> Position:
        """Line and column of an offset, both counted from 1."""
        line = bisect_right(self.line_starts, offset)
        return Position(line, offset - self.line_starts[line - 1] + 1)

    def line(self, number: int) -> str:
        """Text of a line, without its end; lines count from 1."""
        start = self.line_starts[number - 1]
        end = self.text.find("\n", start)
        return self.text[start:] if end < 0 else self.text[start:end]

    def span(self, start: int, end: int) -> Span:
        """The place from ``start`` up to, not including, ``end``."""
        return Span(self, start, end)


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A line and a column, both counted from 1, in code points."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Span:
    """A half-open range of offsets in a source."""

    source: Source
    start: int
    end: int

    @property
    def text(self) -> str:
        """The text that the span covers."""
        return self.source.text[self.start : self.end]

    @property
    def first(self) -> Position:
        """Where the span begins."""
        return self.source.position(self.start)

    @property
    def last(self) -> Position:
        """Where the span ends (the column after its last character)."""
        return self.source.position(self.end)

    @property
    def line(self) -> int:
        """Line on which the span begins."""
        return self.first.line

    def to(self, other: Span) -> Span:
        """The span from here to the end of ``other``."""
        return Span(self.source, self.start, other.end)

    def __str__(self) -> str:
        first = self.first
        return f"{self.source.name}:{first.line}:{first.column}"
