"""How commands show findings: as text for people, or in a form for other programs."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import click

from archdsl import __version__
from archdsl.cli.console import report

if TYPE_CHECKING:
    from archdsl.diagnostic import Diagnostic

Form = Literal["text", "json", "sarif", "github"]

Command = TypeVar("Command", bound=Callable[..., Any])

_FORMS = ("text", "json", "sarif", "github")


def form_option(command: Command) -> Command:
    """Give a command the options ``--format`` and ``--json``."""
    shown = click.option(
        "--format",
        "form",
        type=click.Choice(_FORMS),
        default="text",
        help="text for people (on standard error); json, sarif, or github for the annotations of its actions.",
    )
    short = click.option("--json", "form", flag_value="json", help="The same as --format json.")
    return shown(short(command))


def show(diagnostics: Collection[Diagnostic], form: Form, nothing: str) -> None:
    """Write findings in a form; ``nothing`` is what to say to a person if there are none."""
    if form == "text":
        report(diagnostics)
        if not diagnostics:
            click.echo(nothing)
    elif form == "json":
        from archdsl.render import render_json

        click.echo(render_json(diagnostics))
    elif form == "sarif":
        from archdsl.exchange import render_sarif

        click.echo(render_sarif(diagnostics, __version__))
    else:
        from archdsl.exchange import render_github

        click.echo(render_github(diagnostics), nl=False)
