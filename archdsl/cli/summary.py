"""``archdsl summary``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import click

from archdsl.cli.target import read_network, target_options

if TYPE_CHECKING:
    from archdsl.network import InputLike


@click.command("summary")
@click.argument("target")
@target_options
@click.option("--depth", type=click.IntRange(min=0), help="Show so many levels of parts; all if not given.")
@click.option("--format", type=click.Choice(["text", "markdown", "json"]), default="text", show_default=True)
@click.option("--json", "format", flag_value="json", help="The same as --format json.")
def command(
    target: str,
    settings: dict[str, object],
    shape: InputLike | None,
    depth: int | None,
    format: Literal["text", "markdown", "json"],
) -> None:
    """Count a network: shapes, parameters, MACs, memory.

    \b
    Example:
      archdsl summary resnet50 --input 3x320x320 --set classes=10
    """
    click.echo(read_network(target, settings, shape).summary(depth=depth, format=format), nl=False)
