"""``# arch: ignore[W0705]``: findings that the author of a file has looked at and wants."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from archdsl.codes import Code
from archdsl.diagnostic import Diagnostic, Edit, Fix, Severity
from archdsl.source import Source, Span
from archdsl.syntax.scan import trivia

UNUSED_IGNORE = Code(
    "W0709",
    "nothing to ignore",
    "The comment tells `archdsl lint` to ignore a code that is not found there, so it hides nothing, now, and may hide "
    "something later.",
    "input 3x32x32\nrelu # arch: ignore[W0705]",
    "input 3x32x32\nrelu",
)

_MARK = re.compile(r"arch:[ \t]*ignore[ \t]*\[([A-Za-z0-9, \t]*)\]")


@dataclass(frozen=True, slots=True)
class Ignore:
    """A comment that hides some codes on one line."""

    span: Span
    codes: frozenset[str]
    line: int


@lru_cache(maxsize=64)
def ignores(source: Source) -> tuple[Ignore, ...]:
    """The comments of a text that hide findings: those of their own line, or if it holds nothing else, of the next."""
    found = []
    for start, end in trivia(source.text).comments:
        mark = _MARK.search(source.text, start, end)
        if mark is None:
            continue
        span = source.span(start, end)
        position = span.first
        is_alone = not source.line(position.line)[: position.column - 1].strip()
        codes = frozenset(code.strip().upper() for code in mark[1].split(","))
        found.append(Ignore(span, codes, position.line + is_alone))
    return tuple(found)


def kept(diagnostics: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    """The diagnostics that nothing hides; errors cannot be hidden."""
    return tuple(diagnostic for diagnostic in diagnostics if not _hiding(diagnostic))


def needless(source: Source, diagnostics: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    """Comments of a file that hide none of these diagnostics."""
    used = {ignore for diagnostic in diagnostics for ignore in _hiding(diagnostic)}
    return tuple(_needless(ignore) for ignore in ignores(source) if ignore not in used)


def _needless(ignore: Ignore) -> Diagnostic:
    message = f"there is no {' or '.join(sorted(ignore.codes))} here to ignore"
    fix = Fix("remove the comment", (Edit(ignore.span, ""),), safe=True)
    return Diagnostic(UNUSED_IGNORE, message, ignore.span, Severity.WARNING, fixes=(fix,))


def _hiding(diagnostic: Diagnostic) -> list[Ignore]:
    if diagnostic.is_error:
        return []
    by_line = _by_line(diagnostic.span.source)
    return [ignore for ignore in by_line.get(diagnostic.span.line, ()) if diagnostic.code.id in ignore.codes]


@lru_cache(maxsize=64)
def _by_line(source: Source) -> Mapping[int, tuple[Ignore, ...]]:
    lines: dict[int, tuple[Ignore, ...]] = {}
    for ignore in ignores(source):
        lines[ignore.line] = (*lines.get(ignore.line, ()), ignore)
    return lines
