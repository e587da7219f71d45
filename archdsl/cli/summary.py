"""``archdsl summary``."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Literal

import click

from archdsl.cli.target import TARGET, read_network, target_options

if TYPE_CHECKING:
    from archdsl.reading import InputLike


def _shares(_context: click.Context, _option: click.Parameter, text: str | None) -> tuple[Fraction, ...] | None:
    """Read shares, separated by commas: 0.943,0.057."""
    try:
        return None if text is None else tuple(map(Fraction, text.split(",")))
    except (ValueError, ZeroDivisionError):
        raise click.BadParameter(f"{text!r} are not shares like 0.9,0.1") from None


@click.command("summary")
@click.argument("target", type=TARGET)
@target_options
@click.option("--depth", type=click.IntRange(min=0), help="Show so many levels of parts; all if not given.")
@click.option("--paths", is_flag=True, help="Count the paths from input to output by their length.")
@click.option("--exits", metavar="SHARES", callback=_shares, help="Shares of the samples at each early exit: 0.9,0.1.")
@click.option("--format", type=click.Choice(["text", "markdown", "json"]), default="text", show_default=True)
@click.option("--json", "format", flag_value="json", help="The same as --format json.")
def command(
    target: str,
    settings: dict[str, object],
    shape: InputLike | None,
    depth: int | None,
    paths: bool,
    exits: tuple[Fraction, ...] | None,
    format: Literal["text", "markdown", "json"],
) -> None:
    """Count a network: shapes, parameters, MACs, memory.

    \b
    Example:
      archdsl summary resnet50 --input 3x320x320 --set classes=10
      archdsl summary b_lenet --exits 0.943,0.057
    """
    network = read_network(target, settings, shape)
    if exits is not None:
        try:
            network.analysis.exits.expected(exits)
        except ValueError as error:
            raise click.BadParameter(str(error), param_hint="--exits") from None
    click.echo(network.summary(depth=depth, paths=paths, exits=exits, format=format), nl=False)
