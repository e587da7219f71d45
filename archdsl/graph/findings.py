"""Collects diagnostics while elaboration runs: each once, at a place that the user wrote."""

from __future__ import annotations

from dataclasses import replace

from archdsl import codes
from archdsl.diagnostic import Call, Diagnostic, Label, Severity
from archdsl.graph.values import Problem, problem
from archdsl.source import Source, Span

MAX_FINDINGS = 100


class TooManyFindings(Exception):
    """There are so many errors that going on helps nobody."""


class Findings:
    """The diagnostics of one elaboration.

    Parameters
    ----------
    main
        The file that the user asked for; places in it are preferred.
    """

    def __init__(self, main: Source) -> None:
        self._main = main
        self._found: dict[tuple[str, str, int, int], Diagnostic] = {}
        self._prelude: set[str] = set()

    def trust(self, source: Source) -> None:
        """Mark a source as part of the standard library: errors in it are shown at the call that led there."""
        self._prelude.add(source.name)

    def add(self, diagnostic: Diagnostic) -> None:
        """Keep a diagnostic, unless the same one has been found at the same place."""
        moved = self._at_users_place(diagnostic)
        key = (moved.code.id, moved.span.source.name, moved.span.start, moved.span.end)
        self._found.setdefault(key, moved)
        if len(self._found) >= MAX_FINDINGS:
            raise TooManyFindings

    def report(self, found: Problem, calls: tuple[Call, ...]) -> None:
        """Keep what a problem says, with the calls that led to it."""
        if found.diagnostic is not None:
            self.add(replace(found.diagnostic, calls=calls))

    def _at_users_place(self, diagnostic: Diagnostic) -> Diagnostic:
        if diagnostic.span.source.name not in self._prelude:
            return diagnostic
        for call in reversed(diagnostic.calls):
            if call.span.source.name not in self._prelude:
                label = Label(diagnostic.span, "in the standard library, here")
                return replace(diagnostic, span=call.span, labels=(*diagnostic.labels, label), fixes=())
        return diagnostic

    @property
    def has_errors(self) -> bool:
        return any(diagnostic.severity is Severity.ERROR for diagnostic in self._found.values())

    def sorted(self) -> tuple[Diagnostic, ...]:
        """All diagnostics: those of the main file first, then by file and place."""

        def place(diagnostic: Diagnostic) -> tuple[bool, str, int, str]:
            source = diagnostic.span.source
            return source.name != self._main.name, source.name, diagnostic.span.start, diagnostic.code.id

        return tuple(sorted(self._found.values(), key=place))


#: How many elements one elaboration evaluates at most: loops without layers end too.
MAX_STEPS = 2_000_000


class Fuel:
    """Counts evaluated elements, so that every elaboration ends."""

    def __init__(self) -> None:
        self._left = MAX_STEPS

    def burn(self, span: Span) -> None:
        """Count one element.

        Raises
        ------
        Exhausted
            There have been too many.
        """
        self._left -= 1
        if self._left < 0:
            raise Exhausted(span)


class Exhausted(Exception):
    """Elaboration was stopped at a place because it went on for too long."""

    def __init__(self, span: Span) -> None:
        super().__init__(span)
        self.span = span

    def problem(self) -> Problem:
        """The error to report."""
        message = f"the network takes more than {MAX_STEPS:,} steps to build"
        return problem(codes.TOO_LARGE, message, self.span, hint="make a count or a recursion smaller")
