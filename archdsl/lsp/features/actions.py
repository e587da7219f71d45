"""The fixes that findings carry."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from archdsl.diagnostic import Diagnostic, Edit, Fix
from archdsl.fixes import mend
from archdsl.source import Source


@dataclass(frozen=True, slots=True)
class Action:
    """Something to choose: edits that mend findings."""

    title: str
    edits: tuple[Edit, ...]
    diagnostics: tuple[Diagnostic, ...]
    is_preferred: bool = False
    is_for_all: bool = False


def actions(source: Source, findings: Iterable[Diagnostic], start: int, end: int) -> tuple[Action, ...]:
    """Fixes of the findings between two offsets, and one for all that cannot change what the text means.

    Findings of another text than ``source`` have none: their places may have moved.
    """
    own = [item for item in findings if item.span.source == source]
    found = [
        Action(fix.title, fix.edits, (item,), is_preferred=fix.safe or len(item.fixes) == 1)
        for item in own
        if item.span.start <= end and start <= item.span.end
        for fix in item.fixes
        if _is_here(fix, source)
    ]
    mended = mend(source, own)
    if mended.applied:
        everything = Edit(source.span(0, len(source.text)), mended.text)
        found.append(Action("mend all that is safe to mend", (everything,), mended.applied, is_for_all=True))
    return tuple(found)


def _is_here(fix: Fix, source: Source) -> bool:
    return bool(fix.edits) and all(edit.span.source == source for edit in fix.edits)
