"""Finds definitions and values of a file that nothing mentions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from archdsl import codes
from archdsl.diagnostic import Diagnostic, Edit, Fix, Severity
from archdsl.source import Span
from archdsl.syntax import tree


def unused(file: tree.File) -> tuple[Diagnostic, ...]:
    """Warnings for what a file defines but never mentions.

    A file without an ``input`` is a library: its definitions and values are there for others.
    """
    if not any(isinstance(statement, tree.Input) for statement in file.statements):
        return ()
    if any(isinstance(item, tree.Broken) for item in tree.walk(file.statements)):  # it may have mentioned anything
        return ()
    mentions = Counter(_mentions(file.statements))
    found = []
    for statement, name, what, span in _declarations(file.statements):
        own = Counter(_mentions(statement.body)) if isinstance(statement, tree.Definition) else Counter[str]()
        if mentions[name] > own[name]:
            continue
        code = codes.UNUSED_DEFINITION if what == "definition" else codes.UNUSED_NAME
        fixes = () if what == "parameter" else (Fix("remove it", (Edit(statement.span, ""),)),)
        message = f"the {what} `{name}` is never used"
        found.append(Diagnostic(code, message, span, Severity.WARNING, fixes=fixes))
    return tuple(found)


def _declarations(statements: tuple[tree.Statement, ...]) -> Iterator[tuple[tree.Statement, str, str, Span]]:
    names = {"block"}  # `block` is the body that structural definitions use when none is given
    for statement in _all_statements(statements):
        if isinstance(statement, tree.Definition) and statement.name not in names:
            yield statement, statement.name, "definition", statement.name_span
        elif isinstance(statement, tree.Let):
            yield statement, statement.name, "value", statement.name_span
        elif isinstance(statement, tree.Links):
            yield statement, statement.name, "table", statement.name_span
        elif isinstance(statement, tree.Net):
            for parameter in statement.parameters:
                yield statement, parameter.name, "parameter", parameter.span


def _all_statements(node: object) -> Iterator[tree.Statement]:
    for item in tree.walk(node):
        if isinstance(item, tree.Statement):
            yield item


def _mentions(node: object) -> Iterator[str]:
    """Every name that is used, not bound, below a node."""
    for item in tree.walk(node):
        if isinstance(item, tree.Name | tree.Select | tree.Step):
            yield item.name.split(".")[0]
