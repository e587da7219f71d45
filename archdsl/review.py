"""What is said about a specification beyond its errors, and what can be mended by itself."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from archdsl.diagnostic import Diagnostic
from archdsl.fixes import mend
from archdsl.project import Target, TargetLike, find
from archdsl.reading import InputLike, Survey, survey, without_ignored

#: How often a text is mended and checked again at most.
MAX_ROUNDS = 20


@dataclass(frozen=True, slots=True)
class Repaired:
    """A specification after its fixes.

    Parameters
    ----------
    target
        What was read, with the mended text.
    mended
        How many findings were mended.
    diagnostics
        What is left.
    """

    target: Target
    mended: int
    diagnostics: tuple[Diagnostic, ...]


def lint(target: TargetLike, *, input: InputLike | None = None, **parameters: Any) -> tuple[Diagnostic, ...]:
    """What might be better about a specification, and what is wrong with it, with all of its variants.

    A comment ``# arch: ignore[W0705]`` on a line, or on the line before, hides findings with that code, and ``# arch:
    ignore-file[W0705]`` those in the whole file.

    Raises
    ------
    ArchError
        There is no such specification, or its file cannot be read.
    """
    return findings(find(target), parameters, input, with_lint=True)


def findings(
    target: Target, parameters: dict[str, Any], input: InputLike | None = None, *, with_lint: bool = False
) -> tuple[Diagnostic, ...]:
    """What the check finds in a specification, or the check and the rules of style."""
    return examine(target, parameters, input, with_lint=with_lint).diagnostics


def examine(
    target: Target, parameters: dict[str, Any], input: InputLike | None = None, *, with_lint: bool = False
) -> Survey:
    """The networks that a specification describes, with the ``findings`` in it."""
    found = survey(target, parameters, input)
    is_whole = target.variant is None and not parameters and input is None
    return replace(found, diagnostics=_linted(found, is_whole) if with_lint else without_ignored(found.diagnostics))


def _linted(found: Survey, is_whole: bool) -> tuple[Diagnostic, ...]:
    from archdsl.lint.engine import lint
    from archdsl.lint.rule import Subject

    return lint(Subject(found.file, found.graphs, is_whole), found.diagnostics)


def repair(
    target: Target,
    parameters: dict[str, Any],
    input: InputLike | None = None,
    *,
    with_lint: bool = False,
    unsafe: bool = False,
) -> Repaired:
    """Apply the fixes of all findings, and check again, until nothing is left to mend; nothing is written.

    Fixes that would add errors are left out.
    """
    left = findings(target, parameters, input, with_lint=with_lint)
    mended = 0
    for _ in range(MAX_ROUNDS):
        result = mend(target.source, left, unsafe=unsafe)
        if result.text == target.source.text:
            break
        source = target.project.revised(target.source, result.text)
        changed = replace(target, source=source)
        after = findings(changed, parameters, input, with_lint=with_lint)
        if _errors(after) > _errors(left):
            break
        target, left, mended = changed, after, mended + len(result.applied)
    return Repaired(target, mended, left)


def _errors(diagnostics: tuple[Diagnostic, ...]) -> int:
    return sum(diagnostic.is_error for diagnostic in diagnostics)
