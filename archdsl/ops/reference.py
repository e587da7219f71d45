"""The documentation of operators, and of their arguments in the words that stand below their fields."""

from __future__ import annotations

import ast
import inspect
import sys
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from textwrap import wrap
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from archdsl.ops.base import Op

_KINDS = {int: "integer", float: "number", bool: "true or false", str: "string", type(None): "none"}


@dataclass(frozen=True, slots=True)
class Argument:
    """An argument of an operator: what values it takes, its default (None if it is required), and what it is."""

    name: str
    kind: str
    default: str | None
    description: str


def documentation(op: type[Op]) -> str:
    """All that is written about an operator."""
    return inspect.cleandoc(op.__doc__ or "")


def summary(op: type[Op]) -> str:
    """What an operator is, in one line."""
    return documentation(op).partition("\n")[0]


@cache
def arguments(op: type[Op]) -> tuple[Argument, ...]:
    """The arguments of an operator, the positional one first."""
    fields = op.model_fields
    return tuple(
        Argument(
            name,
            kind(fields[name].annotation),
            None if fields[name].is_required() else _written(fields[name].default),
            " ".join(description.split()),
        )
        for name, description in descriptions(op).items()
    )


def kind(annotation: Any) -> str:
    """What values a type takes, in a person's words."""
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return kind(parts[0])
    if origin in {Union, UnionType}:
        return " or ".join(dict.fromkeys(kind(part) for part in parts if part is not type(None)))
    if origin is Literal:
        return ", ".join(map(_written, parts))
    if origin is tuple:
        return "list"
    return _KINDS.get(annotation, getattr(annotation, "__name__", str(annotation)))


def _written(value: Any) -> str:
    """A default as it would be written in a specification."""
    if value is None or isinstance(value, bool):
        return str(value).lower()
    return "[" + ", ".join(map(_written, value)) + "]" if isinstance(value, tuple | list) else str(value)


def descriptions(op: type[Op]) -> dict[str, str]:
    """What each argument is, by name: the positional one first, then the operator's own, those of its bases last.

    An argument that nobody described has an empty text.
    """
    found: dict[str, str] = {}
    for owner in op.__mro__:
        if issubclass(owner, Op) and owner is not Op:
            found = found | {name: text for name, text in _docstrings(owner).items() if name not in found}
    order = sorted(found, key=lambda name: name != op.positional)
    return {name: found[name] for name in order if name in op.model_fields}


@cache
def _classes(module: str) -> dict[str, ast.ClassDef]:
    """The classes of a module, as they are written."""
    source = inspect.getsource(sys.modules[module])
    return {item.name: item for item in ast.parse(source).body if isinstance(item, ast.ClassDef)}


def _docstrings(cls: type[Op]) -> dict[str, str]:
    """The docstrings below the names that a class itself declares."""
    definition = _classes(cls.__module__)[cls.__name__]
    docs: dict[str, str] = {}
    for statement, follower in pairwise([*definition.body, ast.Pass()]):
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            docs[statement.target.id] = _text(follower)
    return docs


def _text(statement: ast.stmt) -> str:
    """The text of a statement that is a docstring, else nothing."""
    match statement:
        case ast.Expr(value=ast.Constant(value=str(text))):
            return inspect.cleandoc(text)
        case _:
            return ""


# For people and for programs ---------------------------------------------------------------------------------------


def explain(op: type[Op]) -> str:
    """Documentation, arguments and examples of one operator."""
    parts = [f"{op.keyword} ({op.family.value})", documentation(op)]
    if arguments(op):
        parts.append("Arguments:\n" + "\n".join(map(_explained, arguments(op))))
    if op.samples:
        samples = [f"  {sample.text:<32}  # {', '.join(sample.inputs)}" for sample in op.samples]
        parts.append("Examples, with the shapes of their inputs:\n" + "\n".join(samples))
    return "\n\n".join(parts)


def _explained(argument: Argument) -> str:
    default = "required" if argument.default is None else f"default {argument.default}"
    head = f"  {argument.name}: {argument.kind}; {default}"
    margin = " " * 6
    return "\n".join([head, *wrap(argument.description, 100, initial_indent=margin, subsequent_indent=margin)])


def record(op: type[Op]) -> dict[str, object]:
    """All that is known of an operator, as data."""
    return {
        "name": op.keyword,
        "family": op.family.value,
        "documentation": documentation(op),
        "positional": op.positional,
        "streams": op.arity,
        "stream_arguments": list(op.stream_arguments),
        "arguments": [
            {
                "name": argument.name,
                "kind": argument.kind,
                "default": argument.default or "",
                "description": argument.description,
            }
            for argument in arguments(op)
        ],
        "samples": [{"text": sample.text, "inputs": list(sample.inputs)} for sample in op.samples],
    }
