"""``archdsl lint``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from archdsl.cli.findings import Form, form_option, gather, show
from archdsl.cli.target import TARGET, every_target, opened, target_options

if TYPE_CHECKING:
    from archdsl.diagnostic import Diagnostic
    from archdsl.reading import InputLike


@click.command("lint")
@click.argument("targets", nargs=-1, required=True, metavar="TARGET...", type=TARGET)
@target_options
@form_option
@click.pass_context
def command(
    context: click.Context,
    targets: tuple[str, ...],
    settings: dict[str, object],
    shape: InputLike | None,
    form: Form,
) -> None:
    """Look for what might be better: widths, windows, norms, names.

    A TARGET may also be a folder: all the .arch files below it. Comments hide what is meant as it is.

    \b
    Example:
      archdsl lint nets
      # arch: ignore[W0705]        in a specification: on its line or the next
      # arch: ignore-file[W0705]   anywhere in the file

    Exit codes: 0 nothing found, 1 something, 2 wrong usage.
    """
    from archdsl.review import lint

    def examine(target: str) -> tuple[Diagnostic, ...]:
        return lint(opened(target), input=shape, **settings)

    each = every_target(targets)
    found = gather(each, "looking", examine)
    show(found, form, f"{len(each)} looked at, nothing found")
    context.exit(int(bool(found)))
