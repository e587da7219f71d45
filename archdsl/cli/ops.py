"""``archdsl ops``."""

from __future__ import annotations

import inspect
import json
from itertools import groupby
from textwrap import wrap
from types import UnionType
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union, get_args, get_origin

import click

from archdsl.diagnostic import near

if TYPE_CHECKING:
    from archdsl.ops.base import Op

_KINDS = {int: "integer", float: "number", bool: "true or false", str: "string", type(None): "none"}


@click.command("ops")
@click.argument("name", required=False)
@click.option("--json", "as_json", is_flag=True, help="Write the reference as JSON.")
def command(name: str | None, as_json: bool) -> None:
    """List operators, or explain one.

    \b
    Example:
      archdsl ops conv
    """
    from archdsl.ops import catalogue

    operators = catalogue()
    if name is not None and name not in operators:
        meant = near(name, operators)
        raise click.BadParameter(
            f"there is no operator {name!r}" + (f"; did you mean {meant}?" if meant else ""), param_hint="NAME"
        )
    chosen = list(operators.values()) if name is None else [operators[name]]
    if as_json:
        records = [_record(operator) for operator in chosen]
        click.echo(json.dumps(records if name is None else records[0], indent=2, ensure_ascii=False))
    else:
        click.echo(_listing(chosen) if name is None else _reference(chosen[0]))


def _listing(operators: list[type[Op]]) -> str:
    """Operators by family, each with its first line."""
    ordered = sorted(operators, key=lambda operator: (operator.family.value, operator.keyword))
    width = max(len(operator.keyword) for operator in ordered)
    return "\n\n".join(
        f"{family.value}\n" + "\n".join(f"  {operator.keyword:<{width}}  {_summary(operator)}" for operator in members)
        for family, members in groupby(ordered, key=lambda operator: operator.family)
    )


def _reference(operator: type[Op]) -> str:
    """Documentation, arguments and examples of one operator."""
    parts = [f"{operator.keyword} ({operator.family.value})", _documentation(operator)]
    arguments = _arguments(operator)
    if arguments:
        parts.append("Arguments:\n" + "\n".join(map(_argument, arguments)))
    if operator.samples:
        samples = [f"  {sample.text:<32}  # {', '.join(sample.inputs)}" for sample in operator.samples]
        parts.append("Examples, with the shapes of their inputs:\n" + "\n".join(samples))
    return "\n\n".join(parts)


def _argument(argument: dict[str, str]) -> str:
    default = f"default {argument['default']}" if argument["default"] else "required"
    head = f"  {argument['name']}: {argument['kind']}; {default}"
    margin = " " * 6
    return "\n".join([head, *wrap(argument["description"], 100, initial_indent=margin, subsequent_indent=margin)])


def _record(operator: type[Op]) -> dict[str, object]:
    return {
        "name": operator.keyword,
        "family": operator.family.value,
        "documentation": _documentation(operator),
        "positional": operator.positional,
        "streams": operator.arity,
        "stream_arguments": list(operator.stream_arguments),
        "arguments": _arguments(operator),
        "samples": [{"text": sample.text, "inputs": list(sample.inputs)} for sample in operator.samples],
    }


def _documentation(operator: type[Op]) -> str:
    return inspect.cleandoc(operator.__doc__ or "")


def _summary(operator: type[Op]) -> str:
    return _documentation(operator).partition("\n")[0]


def _arguments(operator: type[Op]) -> list[dict[str, str]]:
    """Name, kind, default (empty if required) and description of each argument."""
    from archdsl.ops.reference import descriptions

    fields = operator.model_fields
    return [
        {
            "name": name,
            "kind": kind(fields[name].annotation),
            "default": "" if fields[name].is_required() else _written(fields[name].default),
            "description": " ".join(description.split()),
        }
        for name, description in descriptions(operator).items()
    ]


def _written(value: Any) -> str:
    """A default as it would be written in a specification."""
    if value is None or isinstance(value, bool):
        return str(value).lower()
    return "[" + ", ".join(map(_written, value)) + "]" if isinstance(value, tuple | list) else str(value)


def kind(annotation: Any) -> str:
    """What values a type takes, in a person's words."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return kind(arguments[0])
    if origin in {Union, UnionType}:
        return " or ".join(dict.fromkeys(kind(argument) for argument in arguments if argument is not type(None)))
    if origin is Literal:
        return ", ".join(map(_written, arguments))
    if origin is tuple:
        return "list"
    return _KINDS.get(annotation, getattr(annotation, "__name__", str(annotation)))
