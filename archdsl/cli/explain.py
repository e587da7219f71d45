"""``archdsl explain``."""

from __future__ import annotations

import json
from collections.abc import Iterator
from textwrap import fill
from typing import TYPE_CHECKING

import click

from archdsl.cli.console import aligned

if TYPE_CHECKING:
    from archdsl.glossary import Entry

_MARGIN = "  "
#: Prose that is longer than what people wrap by hand is wrapped to a width.
_LONGEST, _WIDTH = 120, 100


@click.command("explain", context_settings={"ignore_unknown_options": True})  # `->` is none
@click.argument("name", required=False)
@click.option("--json", "as_json", is_flag=True, help="Write it as JSON.")
def command(name: str | None, as_json: bool) -> None:
    """Explain a code, a word or a sign; or list them all.

    A NAME is the code of a diagnostic, something of the language, a structure of its standard library, or an
    operator.

    \b
    Example:
      archdsl explain E0402
      archdsl explain set
      archdsl explain "->"
      archdsl explain residual
    """
    from archdsl.glossary import entries, explain, record

    if name is None:
        click.echo(_data() if as_json else "\n\n".join(_sections()))
        return
    try:
        text = explain(name)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="NAME") from None
    if as_json:
        found = [record(entry) for entry in entries(name)]
        click.echo(json.dumps(found[0] if len(found) == 1 else found, indent=2, ensure_ascii=False))
    else:
        click.echo("\n".join(map(_filled, text.splitlines())))


def _filled(line: str) -> str:
    """A line of prose in lines that a terminal holds; examples stay as they are."""
    is_prose = len(line) > _LONGEST and not line.startswith(" ")
    return fill(line, _WIDTH, break_long_words=False, break_on_hyphens=False) if is_prose else line


def _listed() -> Iterator[tuple[str, list[tuple[str, str]], tuple[Entry, ...]]]:
    """What there is: the title of each group, its rows, and its entries."""
    from archdsl.glossary import WORDS, structures
    from archdsl.lint.engine import catalogue

    codes = tuple(catalogue().values())
    yield "codes", [(code.id, code.title) for code in codes], codes
    for kind, words in WORDS.items():
        title = kind.replace("attribute", "attributes") if kind.startswith("attribute") else f"{kind}s"
        yield title, [(_name(word.name, word.also), word.summary) for word in words], words
    found = tuple(structures().values())
    yield "structures", [(item.name, item.head.partition(" where ")[0]) for item in found], found


def _name(name: str, also: tuple[str, ...]) -> str:
    """A name, and the sign that is asked for instead."""
    signs = [word for word in also if len(word) <= 2][:1]
    return " ".join([name, *signs])


def _sections() -> Iterator[str]:
    for title, rows, _ in _listed():
        yield f"{title}\n" + "\n".join(f"{_MARGIN}{line}" for line in aligned(rows).splitlines())
    yield "operators: `archdsl ops`"


def _data() -> str:
    from archdsl.glossary import record

    return json.dumps([record(entry) for _, _, group in _listed() for entry in group], indent=2, ensure_ascii=False)
