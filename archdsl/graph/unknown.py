"""Problems of names that mean nothing here: used too early, or misspelt."""

from __future__ import annotations

import re
from collections.abc import Iterable

from archdsl import codes
from archdsl.diagnostic import Edit, Fix, Label, near
from archdsl.graph.scope import Environment
from archdsl.graph.values import Problem, problem
from archdsl.source import Span
from archdsl.syntax import tree

_DECLARES = re.compile(
    r"(?:(?:tied|let)[ \t]+)?([A-Za-z_]\w*)[ \t]*(?:(?:\([^\n]*?\)[^\n:]*)?:|(?:\([^\n]*?\)[ \t]*)?=(?!=))"
)


def _bound_name(statement: tree.Statement) -> str | None:
    if isinstance(statement, tree.Assign | tree.Let | tree.Links):
        return statement.name
    if isinstance(statement, tree.Branch) and statement.kind == "tap":
        return statement.name
    return None


def declared_name(statement: tree.Broken) -> str | None:
    """The name that a statement which does not parse would have bound: of a definition, a step or a value."""
    found = _DECLARES.match(statement.span.text)
    return found[1] if found else None


def unknown_name(name: str, span: Span, environment: Environment) -> Problem:
    """The problem of a name that nothing binds here: used too early, or misspelt."""
    for scope in environment.outwards():
        for statement in scope.statements:
            if _bound_name(statement) == name and statement.span.start > span.start:
                return problem(
                    codes.USED_BEFORE,
                    f"`{name}` is used before its step",
                    span,
                    labels=(Label(statement.span, "it is made here"),),
                    hint="move the use behind the step",
                )
    beyond = _beyond_its_body(name, span, environment) or _beyond_its_block(name, span, environment)
    if beyond is not None:
        return beyond
    close = name.lower() if name.lower() in {"true", "false"} else near(name, environment.names())
    fixes = (Fix(f"use `{close}`", (Edit(span, close),)),) if close else ()
    hint = f"did you mean `{close}`?" if close else None
    return problem(codes.UNKNOWN_NAME, f"no value is called `{name}`", span, hint=hint, fixes=fixes)


def _beyond_its_body(name: str, span: Span, environment: Environment) -> Problem | None:
    """The problem of a parameter on a line behind the body, which ends with its own line unless it stands in braces."""
    above = [
        statement
        for scope in environment.outwards()
        for statement in scope.statements
        if isinstance(statement, tree.Definition) and statement.span.end < span.start
    ]
    last = max(above, key=lambda statement: statement.span.end, default=None)
    if last is None or name not in [parameter.name for parameter in last.parameters]:
        return None
    label = Label(last.body.span, f"the body of `{last.name}` ends here")
    hint = f"a body of several lines stands in braces: `{last.name}(…): {{ … }}`"
    return problem(codes.UNKNOWN_NAME, f"no value is called `{name}` here", span, labels=(label,), hint=hint)


def _beyond_its_block(name: str, span: Span, environment: Environment) -> Problem | None:
    """The problem of a name that was bound in a block which has ended."""
    inside = (
        node
        for scope in environment.outwards()
        for statement in scope.statements
        if statement.span.end < span.start
        for node in tree.walk(statement)
        if isinstance(node, tree.Assign | tree.Let) and node.name == name
    )
    found = next(inside, None)
    if found is None:
        return None
    is_family = isinstance(found, tree.Assign) and found.index is not None
    hint = f"begin with `{name}[0] = …` before the block" if is_family else "bind it before the block, or use it inside"
    label = Label(found.name_span, "it holds to the end of this block")
    return problem(codes.UNKNOWN_NAME, f"no value is called `{name}` here", span, labels=(label,), hint=hint)


def unknown_attribute(name: str, owner: str, names: Iterable[str], span: Span) -> Problem:
    """The problem of a member that does not exist."""
    known = sorted(names)
    close = near(name, known)
    return problem(
        codes.UNKNOWN_ATTRIBUTE,
        f"{owner} has no `{name}`",
        span,
        hint=f"did you mean `{close}`?" if close else "there are " + ", ".join(known) if known else None,
    )
