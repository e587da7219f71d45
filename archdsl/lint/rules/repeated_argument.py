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
    "changed in one place, and nobody has to compare the uses to see that they agree. Where a `set` is there already "
    "that the uses depart from, it is for the definitions of other files, and nothing is reported.",
    "input 3x32x32\n3x3 conv 16 init=he -> relu\n3x3 conv 32 init=he -> relu\n3x3 conv 64 init=he -> relu",
    "input 3x32x32\nset conv init=he\n3x3 conv 16 -> relu\n3x3 conv 32 -> relu\n3x3 conv 64 -> relu",
)

_OFTEN = 3


def find(subject: Subject) -> Iterator[Diagnostic]:
    """Arguments that all of three or more steps of one operator have in common."""
    calls: dict[str, list[tree.Step]] = {}
    settled: dict[str, set[str]] = {}
    own = set()
    for node in tree.walk(subject.file.statements):
        if isinstance(node, tree.Step):
            calls.setdefault(node.name, []).append(node)
        elif isinstance(node, tree.Set):
            settled.setdefault(node.op, set()).update(item.name for item in node.arguments if item.name is not None)
        elif isinstance(node, tree.Parameter | tree.Let):
            own.add(node.name)
    for name, steps in calls.items():
        if len(steps) >= _OFTEN and name in registry():
            common = _common([_literals(step, own) for step in steps])
            if settled.get(name, set()).isdisjoint(common):
                yield from (_repeated(name, arguments) for arguments in common.values())


def _common(uses: list[dict[str, tree.Argument]]) -> dict[str, list[tree.Argument]]:
    """The arguments that have the same value in all uses, by keyword, in order of the uses."""
    every = {keyword: [use[keyword] for use in uses if keyword in use] for keyword in uses[0]}
    return {
        keyword: arguments
        for keyword, arguments in every.items()
        if len(arguments) == len(uses) and all(argument.value == arguments[0].value for argument in arguments)
    }


def _repeated(name: str, arguments: list[tree.Argument]) -> Diagnostic:
    first, *others = arguments
    labels = tuple(Label(other.span, "here again") for other in others[:2])
    message = f"all {len(arguments)} uses of `{name}` have `{first.span.text}`"
    hint = f"write `set {name} {first.span.text}` above them"
    return Diagnostic(CODE, message, first.span, Severity.WARNING, labels=labels, hint=hint)


def _literals(step: tree.Step, own: set[str]) -> dict[str, tree.Argument]:
    """The arguments with a keyword whose value is a plain number, word or string, not the name of a value."""
    return {item.name: item for item in step.arguments if item.name is not None and _is_literal(item.value, own)}


def _is_literal(value: tree.Expression, own: set[str]) -> bool:
    if isinstance(value, tree.Name):
        return value.name not in own
    return isinstance(value, tree.Number | tree.Boolean | tree.String)
