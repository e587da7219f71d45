"""A number that is written again and again."""

from __future__ import annotations

from collections.abc import Iterator

from archdsl.codes import Code
from archdsl.diagnostic import Diagnostic, Label, Severity
from archdsl.lint.rule import Subject
from archdsl.ops.base import registry
from archdsl.syntax import tree

CODE = Code(
    "W0708",
    "argument repeated",
    "Every use of the operator in this file gives the same argument the same value. Said once, by `set`, it can be "
    "changed in one place, and nobody has to compare the uses to see that they agree.",
    "input 3x32x32\n3x3 conv 16 init=he -> relu\n3x3 conv 32 init=he -> relu\n3x3 conv 64 init=he -> relu",
    "input 3x32x32\nset conv init=he\n3x3 conv 16 -> relu\n3x3 conv 32 -> relu\n3x3 conv 64 -> relu",
)

_OFTEN = 3


def find(subject: Subject) -> Iterator[Diagnostic]:
    """Arguments that all of three or more steps of one operator have in common."""
    calls: dict[str, list[tree.Step]] = {}
    own = set()
    for node in tree.walk(subject.file.statements):
        if isinstance(node, tree.Step):
            calls.setdefault(node.name, []).append(node)
        elif isinstance(node, tree.Parameter | tree.Let):
            own.add(node.name)
    for name, steps in calls.items():
        if len(steps) >= _OFTEN and name in registry():
            yield from _common(name, steps, own)


def _common(name: str, steps: list[tree.Step], own: set[str]) -> Iterator[Diagnostic]:
    first, *others = [_literals(step, own) for step in steps]
    for keyword, argument in first.items():
        same = [step.get(keyword) for step in others]
        if any(other is None or other.value != argument.value for other in same):
            continue
        labels = tuple(Label(other.span, "here again") for other in same[:2] if other is not None)
        message = f"all {len(steps)} uses of `{name}` have `{argument.span.text}`"
        hint = f"write `set {name} {argument.span.text}` above them"
        yield Diagnostic(CODE, message, argument.span, Severity.WARNING, labels=labels, hint=hint)


def _literals(step: tree.Step, own: set[str]) -> dict[str, tree.Argument]:
    """The arguments with a keyword whose value is a plain number, word or string, not the name of a value."""
    return {item.name: item for item in step.arguments if item.name is not None and _is_literal(item.value, own)}


def _is_literal(value: tree.Expression, own: set[str]) -> bool:
    if isinstance(value, tree.Name):
        return value.name not in own
    return isinstance(value, tree.Number | tree.Boolean | tree.String)
