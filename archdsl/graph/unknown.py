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

_DECLARES = re.compile(r"(?:(?:tied|let)[ \t]+)?([A-Za-z_]\w*)[ \t]*(?:(?:\([^\n]*?\)[^\n:]*)?:|=(?!=))")


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
    close = near(name, environment.names())
    fixes = (Fix(f"use `{close}`", (Edit(span, close),)),) if close else ()
    hint = f"did you mean `{close}`?" if close else None
    return problem(codes.UNKNOWN_NAME, f"no value is called `{name}`", span, hint=hint, fixes=fixes)


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
