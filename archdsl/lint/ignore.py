"""``# arch: ignore[W0705]``: findings that the author of a file has looked at and wants.

``# arch: ignore-file[W0705]`` is for the whole file; either may be followed by the reason.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
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

_MARK = re.compile(r"arch:[ \t]*ignore(-file)?[ \t]*\[([A-Za-z0-9, \t]*)\]")


@dataclass(frozen=True, slots=True)
class Ignore:
    """A comment that hides some codes on one line, or in the whole file if ``line`` is None."""

    span: Span
    codes: frozenset[str]
    line: int | None

    def hides(self, diagnostic: Diagnostic) -> bool:
        """Whether this comment, of the file of a diagnostic, hides it; errors cannot be hidden."""
        is_here = self.line is None or self.line == diagnostic.span.line
        return is_here and diagnostic.code.id in self.codes and not diagnostic.is_error


@lru_cache(maxsize=64)
def ignores(source: Source) -> tuple[Ignore, ...]:
    """The comments of a text that hide findings: in all of it, on their line, or if that holds no more, on the next."""
    found = []
    for start, end in trivia(source.text).comments:
        mark = _MARK.search(source.text, start, end)
        if mark is None:
            continue
        span = source.span(start, end)
        position = span.first
        is_alone = not source.line(position.line)[: position.column - 1].strip()
        codes = frozenset(code.strip().upper() for code in mark[2].split(","))
        found.append(Ignore(span, codes, None if mark[1] else position.line + is_alone))
    return tuple(found)


def kept(diagnostics: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    """The diagnostics that nothing hides; errors cannot be hidden."""
    return tuple(diagnostic for diagnostic in diagnostics if not _hiding(diagnostic))


def needless(source: Source, diagnostics: Iterable[Diagnostic], *, is_all_seen: bool) -> tuple[Diagnostic, ...]:
    """Comments of a file that hide none of these diagnostics.

    Parameters
    ----------
    is_all_seen
        Whether there can be no others: what is defined in a file may be found fault with only where another one uses
        it, and what a variant builds only where that is looked at. If not, comments that hide warnings are kept.
    """
    used = {ignore for diagnostic in diagnostics for ignore in _hiding(diagnostic)}
    unused = [ignore for ignore in ignores(source) if ignore not in used]
    return tuple(_needless(ignore) for ignore in unused if is_all_seen or not _may_hide(ignore))


def _may_hide(ignore: Ignore) -> bool:
    """Whether any of the codes is that of a warning."""
    return any(code.startswith("W") for code in ignore.codes)


def _needless(ignore: Ignore) -> Diagnostic:
    message = f"there is no {' or '.join(sorted(ignore.codes))} here to ignore"
    fix = Fix("remove the comment", (Edit(ignore.span, ""),), safe=True)
    return Diagnostic(UNUSED_IGNORE, message, ignore.span, Severity.WARNING, fixes=(fix,))


def _hiding(diagnostic: Diagnostic) -> list[Ignore]:
    return [ignore for ignore in ignores(diagnostic.span.source) if ignore.hides(diagnostic)]
