"""``archdsl ops``."""

from __future__ import annotations

import json
from itertools import groupby
from textwrap import wrap
from typing import TYPE_CHECKING

import click

from archdsl.diagnostic import near

if TYPE_CHECKING:
    from archdsl.ops.base import Op
    from archdsl.ops.reference import Argument


@click.command("ops")
@click.argument("name", required=False)
@click.option("--json", "as_json", is_flag=True, help="Write the reference as JSON.")
def command(name: str | None, as_json: bool) -> None:
    """List operators, or explain one.

    A NAME that is none lists the operators that have to do with it.

    \b
    Example:
      archdsl ops conv
      archdsl ops pool
    """
    from archdsl.ops import catalogue

    operators = catalogue()
    is_one = name in operators
    chosen = list(operators.values()) if name is None else _about(name)
    if as_json:
        records = [_record(operator) for operator in chosen]
        click.echo(json.dumps(records[0] if is_one else records, indent=2, ensure_ascii=False))
    else:
        click.echo(_reference(chosen[0]) if is_one else _listing(chosen))


def _about(word: str) -> list[type[Op]]:
    """The operator of this name, here or elsewhere; else those whose family, name or documentation has the word."""
    from archdsl.ops import catalogue, translate
    from archdsl.ops.reference import documentation

    operators = catalogue()
    named = word if word in operators else translate(word)
    if named is not None:
        return [operators[named]]
    sought = word.lower().replace("_", " ")
    found = [
        operator
        for operator in operators.values()
        if operator.family == sought
        or any(sought in known for known in (operator.keyword, *operator.also))
        or sought in documentation(operator).lower()
    ]
    if not found:
        meant = near(word, operators)
        hint = f"did you mean {meant}?" if meant else "`archdsl ops` lists what there is"
        raise click.BadParameter(
            f"there is no operator {word!r}, and none has to do with it; {hint}", param_hint="NAME"
        )
    return found


def _listing(operators: list[type[Op]]) -> str:
    """Operators by family, each with its first line."""
    from archdsl.ops.reference import summary

    ordered = sorted(operators, key=lambda operator: (operator.family.value, operator.keyword))
    width = max(len(operator.keyword) for operator in ordered)
    return "\n\n".join(
        f"{family.value}\n" + "\n".join(f"  {operator.keyword:<{width}}  {summary(operator)}" for operator in members)
        for family, members in groupby(ordered, key=lambda operator: operator.family)
    )


def _reference(operator: type[Op]) -> str:
    """Documentation, arguments and examples of one operator."""
    from archdsl.ops.reference import arguments, documentation

    parts = [f"{operator.keyword} ({operator.family.value})", documentation(operator)]
    if arguments(operator):
        parts.append("Arguments:\n" + "\n".join(map(_argument, arguments(operator))))
    if operator.samples:
        samples = [f"  {sample.text:<32}  # {', '.join(sample.inputs)}" for sample in operator.samples]
        parts.append("Examples, with the shapes of their inputs:\n" + "\n".join(samples))
    return "\n\n".join(parts)


def _argument(argument: Argument) -> str:
    default = "required" if argument.default is None else f"default {argument.default}"
    head = f"  {argument.name}: {argument.kind}; {default}"
    margin = " " * 6
    return "\n".join([head, *wrap(argument.description, 100, initial_indent=margin, subsequent_indent=margin)])


def _record(operator: type[Op]) -> dict[str, object]:
    from archdsl.ops.reference import arguments, documentation

    return {
        "name": operator.keyword,
        "family": operator.family.value,
        "documentation": documentation(operator),
        "positional": operator.positional,
        "streams": operator.arity,
        "stream_arguments": list(operator.stream_arguments),
        "arguments": [
            {
                "name": argument.name,
                "kind": argument.kind,
                "default": argument.default or "",
                "description": argument.description,
            }
            for argument in arguments(operator)
        ],
        "samples": [{"text": sample.text, "inputs": list(sample.inputs)} for sample in operator.samples],
    }
