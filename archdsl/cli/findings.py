"""How commands gather findings, and show them: as text for people, or in a form for other programs."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import click

from archdsl import __version__
from archdsl.cli.console import progress, report
from archdsl.diagnostic import ArchError

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


def gather(
    targets: Sequence[str], doing: str, examine: Callable[[str], Iterable[Diagnostic]]
) -> tuple[Diagnostic, ...]:
    """What ``examine`` finds in each target, or why it cannot look at it; what several have in common is said once."""
    found: dict[Diagnostic, None] = {}
    for target in progress(targets, doing):
        try:
            found.update(dict.fromkeys(examine(target)))
        except ArchError as error:
            found.update(dict.fromkeys(error.diagnostics))
    return tuple(found)


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
