"""``archdsl ops``."""

from __future__ import annotations

import json
import re
from itertools import groupby
from typing import TYPE_CHECKING

import click

from archdsl.diagnostic import near

if TYPE_CHECKING:
    from archdsl.ops.base import Op


@click.command("ops")
@click.argument("name", required=False)
@click.option("--json", "as_json", is_flag=True, help="Write the reference as JSON.")
def command(name: str | None, as_json: bool) -> None:
    """List operators, or explain one.

    A NAME that is none lists the operators that have to do with it. Statements, words and structures such as residual
    are explained by `archdsl explain`.

    \b
    Example:
      archdsl ops conv
      archdsl ops pool
    """
    from archdsl.glossary import structures
    from archdsl.ops import catalogue
    from archdsl.ops.reference import explain, record

    operators = catalogue()
    if name in structures():
        message = f"`{name}` is no operator but a definition of the standard library: `archdsl explain {name}`"
        raise click.BadParameter(message, param_hint="NAME")
    is_one = name in operators
    chosen = list(operators.values()) if name is None else _about(name)
    if as_json:
        records = [record(operator) for operator in chosen]
        click.echo(json.dumps(records[0] if is_one else records, indent=2, ensure_ascii=False))
    else:
        click.echo(explain(chosen[0]) if is_one else _listing(chosen))


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
        or re.search(rf"\b{re.escape(sought)}", documentation(operator).lower())
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
