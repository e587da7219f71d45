"""``archdsl check``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from archdsl.cli.console import progress, report
from archdsl.cli.target import opened, target_options
from archdsl.diagnostic import ArchError, Diagnostic

if TYPE_CHECKING:
    from archdsl.network import InputLike


@click.command("check")
@click.argument("targets", nargs=-1, required=True, metavar="TARGET...")
@target_options
@click.option("--json", "as_json", is_flag=True, help="Write the findings as JSON to standard output.")
@click.pass_context
def command(
    context: click.Context,
    targets: tuple[str, ...],
    settings: dict[str, object],
    shape: InputLike | None,
    as_json: bool,
) -> None:
    """Check specifications with all their variants.

    \b
    Example:
      archdsl check nets/*.arch
    """
    from archdsl.network import check

    found: dict[Diagnostic, None] = {}
    for target in progress(targets, "checking"):
        try:
            found.update(dict.fromkeys(check(opened(target), input=shape, **settings)))
        except ArchError as error:
            found.update(dict.fromkeys(error.diagnostics))
    if as_json:
        from archdsl.render import render_json

        click.echo(render_json(found))
    else:
        report(found)
        if not found:
            click.echo(f"{len(targets)} checked, no errors")
    context.exit(int(any(diagnostic.is_error for diagnostic in found)))
