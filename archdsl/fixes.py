"""Applies the fixes that diagnostics carry: pure, text in, text out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from archdsl.diagnostic import Diagnostic, Edit, Fix
from archdsl.source import Source


@dataclass(frozen=True, slots=True)
class Mended:
    """A text after some fixes, and the diagnostics that they were for."""

    text: str
    applied: tuple[Diagnostic, ...]


def mend(source: Source, diagnostics: Iterable[Diagnostic], *, unsafe: bool = False) -> Mended:
    """Apply the first fix of each diagnostic that touches this text alone, unless it overlaps with one before.

    A fix is applied with all of its edits or not at all. Of two that overlap, the one of the earlier diagnostic wins;
    the other one can be tried on the result.

    Parameters
    ----------
    unsafe
        Also apply fixes that may change what the file means.
    """
    edits: list[Edit] = []
    applied = []
    for diagnostic in sorted(diagnostics, key=lambda item: item.span.start):
        fix = next((fix for fix in diagnostic.fixes if _is_meant(fix, source, unsafe=unsafe)), None)
        if fix is None:
            continue
        new = [edit for edit in fix.edits if edit not in edits]
        if not any(_overlap(edit, other) for edit in new for other in edits):
            edits += new
            applied.append(diagnostic)
    return Mended(_edited(source.text, edits), tuple(applied))


def _is_meant(fix: Fix, source: Source, *, unsafe: bool) -> bool:
    return (fix.safe or unsafe) and bool(fix.edits) and all(edit.span.source == source for edit in fix.edits)


def _overlap(one: Edit, other: Edit) -> bool:
    """Whether edits touch the same text; two insertions at one place do, as their order would matter."""
    if one.span.start == other.span.start:
        return True
    return one.span.start < other.span.end and other.span.start < one.span.end


def _edited(text: str, edits: Iterable[Edit]) -> str:
    parts, end = [], 0
    for edit in sorted(edits, key=lambda edit: edit.span.start):
        parts += [text[end : edit.span.start], edit.replacement]
        end = edit.span.end
    return "".join([*parts, text[end:]])
