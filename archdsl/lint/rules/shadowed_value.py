"""A name that hides another one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from archdsl.codes import Code
from archdsl.diagnostic import Diagnostic, Label, Severity
from archdsl.lint.rule import Subject
from archdsl.source import Span
from archdsl.syntax import tree

CODE = Code(
    "W0707",
    "hidden value",
    "A `let`, a loop or a step has the name of a parameter or a value around it, which cannot be reached from here on. "
    "The two are easily taken for one another. Parameters of definitions are not reported: that they are seen instead "
    "of what is around is what a definition is for.",
    "net n(width=8)\ninput 3x32x32\n1x1 conv width\nfor width in [16, 32] { 3x3 conv width }",
    "net n(width=8)\ninput 3x32x32\n1x1 conv width\nfor wider in [16, 32] { 3x3 conv wider }",
)

_Names = Mapping[str, Span]


def find(subject: Subject) -> Iterator[Diagnostic]:
    """Values that hide a value or a parameter around them."""
    pending: list[tuple[object, _Names]] = [(subject.file.statements, _declared(subject.file.statements))]
    while pending:
        node, known = pending.pop()
        if isinstance(node, tuple):
            pending.extend((item, known) for item in node)
        elif isinstance(node, tree.Tree):
            bound = _bound(node)
            for name, span in bound.items():
                if name in known:
                    yield _hidden(name, span, known[name])
            inner = {**known, **bound, **_parameters(node)}
            pending.extend((child, inner) for child in node.children())


def _declared(statements: tuple[tree.Statement, ...]) -> dict[str, Span]:
    """The values that statements declare for those around them: parameters of the network, and by `let`."""
    names: dict[str, Span] = {}
    for statement in statements:
        if isinstance(statement, tree.Net):
            names.update((parameter.name, parameter.span) for parameter in statement.parameters)
        elif isinstance(statement, tree.Let):
            names[statement.name] = statement.name_span
    return names


def _bound(node: tree.Tree) -> dict[str, Span]:
    """The names that a node binds for what is in it."""
    if isinstance(node, tree.For | tree.GroupFor | tree.Comprehension):
        return {node.name: node.span}
    if isinstance(node, tree.Block):
        steps = [item for item in node.statements if isinstance(item, tree.Assign) and item.index is None]
        return {**_declared(node.statements), **{step.name: step.name_span for step in steps}}
    return {}


def _parameters(node: tree.Tree) -> dict[str, Span]:
    if not isinstance(node, tree.Definition):
        return {}
    return {parameter.name: parameter.span for parameter in node.parameters}


def _hidden(name: str, span: Span, outer: Span) -> Diagnostic:
    label = Label(outer, "hidden from here on")
    message, hint = f"`{name}` hides the value of the same name around it", "give one of the two another name"
    return Diagnostic(CODE, message, span, Severity.WARNING, labels=(label,), hint=hint)
