"""``archdsl new``."""

from __future__ import annotations

from pathlib import Path

import click

from archdsl.cli.console import Failure, aligned, saved
from archdsl.diagnostic import near


@click.command("new")
@click.argument("name", required=False)
@click.option("--like", default="plain", show_default=True, metavar="TEMPLATE", help="What to start from.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, allow_dash=True, dir_okay=False),
    help="File to write, NAME.arch if not given; - for stdout.",
)
@click.option("--list", "is_listing", is_flag=True, help="List the templates.")
def command(name: str | None, like: str, output: Path | None, is_listing: bool) -> None:
    """Start a specification from a template that teaches.

    A file that is there is never overwritten.

    \b
    Example:
      archdsl new mynet --like resnet
    """
    from archdsl.start import begin, is_name, templates

    known = templates()
    if is_listing:
        click.echo(aligned([(template.name, template.title) for template in known.values()]))
        return
    if name is None:
        raise click.UsageError("name the network: `archdsl new mynet`; --list shows what it can start from")
    if like not in known:
        meant = near(like, known)
        hint = f"did you mean `{meant}`?" if meant else f"there are {', '.join(known)}"
        raise click.BadParameter(f"there is no template `{like}`; {hint}", param_hint="--like")
    if not is_name(name):
        hint = "a name is letters, digits and _, begins with no digit, and is no word like `if`"
        raise click.BadParameter(f"`{name}` cannot name a network: {hint}", param_hint="NAME")
    source = begin(name, known[like])
    path = Path(source.name) if output is None else output
    if str(path) != "-" and path.exists():
        raise Failure(f"{path} is there already; -o FILE writes another one")
    saved(path, source.text)
    if str(path) != "-":
        click.echo(
            f"next: archdsl watch {path}, archdsl summary {path}, archdsl draw {path} -o {path.with_suffix('.svg')}"
        )
