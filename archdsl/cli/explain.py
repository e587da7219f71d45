"""``archdsl explain``."""

from __future__ import annotations

import click


@click.command("explain")
@click.argument("code", required=False)
def command(code: str | None) -> None:
    """Explain the code of a diagnostic, or list all codes.

    \b
    Example:
      archdsl explain E0402
    """
    from archdsl.lint.engine import catalogue, explain

    if code is None:
        click.echo("\n".join(f"{entry.id}  {entry.title}" for entry in catalogue().values()))
        return
    try:
        click.echo(explain(code), nl=False)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="CODE") from None
