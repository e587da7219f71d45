"""Generated Python text that knows, line by line, what it was generated from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from archdsl.backends.python.layout import INDENT, lay_out
from archdsl.source import Span


@dataclass(frozen=True, slots=True)
class Mark:
    """A part of a generated line that computes one operator, or calls one module.

    Parameters
    ----------
    start, stop
        Columns, from 0.
    path
        Path below the module whose ``forward`` this is.
    """

    start: int
    stop: int
    path: str
    span: Span

    def shifted(self, columns: int) -> Mark:
        """The same mark further to the right."""
        return Mark(self.start + columns, self.stop + columns, self.path, self.span)


@dataclass(frozen=True)
class PythonSource:
    """A generated module.

    Parameters
    ----------
    text
        The whole text.
    lines
        For each line the place in the specification that it stands for; None where there is none.
    class_name
        Name of the class that is the network.
    marks
        For each line the operators that it runs.
    places
        Where the operator with a path was written, if it is the only one with this path.
    """

    text: str
    lines: tuple[Span | None, ...]
    class_name: str
    marks: tuple[tuple[Mark, ...], ...] = field(default=(), repr=False)
    places: Mapping[str, Span] = field(default_factory=dict, repr=False)


class Writer:
    """Collects lines, indented, each with its origin."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._spans: list[Span | None] = []
        self._marks: list[tuple[Mark, ...]] = []
        self._depth = 0

    @contextmanager
    def indented(self) -> Iterator[None]:
        """Lines written within stand one level deeper."""
        self.open()
        yield
        self.close()

    def open(self) -> None:
        """Begin a block."""
        self._depth += 1

    def close(self) -> None:
        """End a block."""
        self._depth -= 1

    def line(self, text: str = "", span: Span | None = None, *, comment: str = "", marks: Sequence[Mark] = ()) -> None:
        """Write a statement, over several lines if it is too long for one.

        Parameters
        ----------
        comment
            What stands behind it, if there is room.
        marks
            In columns of ``text``.
        """
        indent = INDENT * self._depth if text else ""
        lines = lay_out(indent + text, comment)
        single = len(lines) == 1
        self._lines += lines
        self._spans += [span] * len(lines)
        self._marks += [tuple(mark.shifted(len(indent)) if single else _whole(mark) for mark in marks)] * len(lines)

    def verbatim(self, text: str) -> None:
        """Write lines as they are."""
        lines = text.splitlines()
        self._lines += lines
        self._spans += [None] * len(lines)
        self._marks += [()] * len(lines)

    def finish(self, class_name: str, places: Mapping[str, Span]) -> PythonSource:
        """Everything written."""
        text = "\n".join(self._lines) + "\n"
        return PythonSource(text, tuple(self._spans), class_name, tuple(self._marks), places)


def _whole(mark: Mark) -> Mark:
    """The mark of a statement that takes several lines: on each, all of it."""
    return Mark(0, 10_000 + mark.stop - mark.start, mark.path, mark.span)
