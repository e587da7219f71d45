"""Diagnostics: errors are values with a code, a tight place, and a way out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from archdsl.codes import Code
from archdsl.source import Span


class Severity(StrEnum):
    """How much a diagnostic matters; only errors stop a build."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Label:
    """A second place that explains the first."""

    span: Span
    message: str


@dataclass(frozen=True, slots=True)
class Edit:
    """Put ``replacement`` where ``span`` is."""

    span: Span
    replacement: str


@dataclass(frozen=True, slots=True)
class Fix:
    """Edits that mend what a diagnostic found; safe if they cannot change what the file means."""

    title: str
    edits: tuple[Edit, ...]
    safe: bool = False


@dataclass(frozen=True, slots=True)
class Call:
    """One call on the way to the place of a diagnostic: what was called, and where."""

    name: str
    span: Span


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One finding.

    Parameters
    ----------
    code
        What kind of finding; ``archdsl explain`` prints its explanation.
    message
        One sentence, without a full stop.
    span
        The tightest place that a person would point at.
    labels
        Further places involved, each with a few words.
    hint
        What to do about it.
    calls
        The calls of definitions that led here, outermost first.
    """

    code: Code
    message: str
    span: Span
    severity: Severity = Severity.ERROR
    labels: tuple[Label, ...] = ()
    hint: str | None = None
    fixes: tuple[Fix, ...] = ()
    calls: tuple[Call, ...] = ()

    @property
    def is_error(self) -> bool:
        return self.severity is Severity.ERROR


class ArchError(Exception):
    """The specification has errors; raised by the façade alone.

    Attributes
    ----------
    diagnostics
        Every finding, errors and warnings, in order of place.
    """

    def __init__(self, diagnostics: Iterable[Diagnostic]) -> None:
        self.diagnostics = tuple(diagnostics)
        super().__init__(self.diagnostics)

    def __str__(self) -> str:
        from archdsl.render import render_text  # the renderer is needed only when somebody reads the error

        return "\n" + render_text(self.diagnostics)


class LoadError(Exception):
    """A file cannot be had; whoever asked for it knows the place and makes a diagnostic of it.

    Parameters
    ----------
    message
        One sentence without a full stop.
    hint
        What to do.
    """

    def __init__(self, code: Code, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.code, self.message, self.hint = code, message, hint


def near(name: str, candidates: Iterable[str]) -> str | None:
    """The candidate that ``name`` most likely meant, if one is close enough."""
    from difflib import get_close_matches  # only a mistake needs it

    matches = get_close_matches(name.lower(), sorted(set(candidates)), n=1, cutoff=0.6)
    return matches[0] if matches else None
