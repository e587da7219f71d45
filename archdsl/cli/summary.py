"""``archdsl summary``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from archdsl.cli.target import read_network, target_options

if TYPE_CHECKING:
    from archdsl.network import InputLike


@click.command("summary")
@click.argument("target")
@target_options
@click.option("--depth", type=click.IntRange(min=0), help="Show so many levels of blocks; all if not given.")
@click.option("--table/--tree", "as_table", default=False, help="One row per operator, or the tree of blocks.")
@click.option("--json", "as_json", is_flag=True, help="Write every figure as JSON.")
def command(
    target: str, settings: dict[str, object], shape: InputLike | None, depth: int | None, as_table: bool, as_json: bool
) -> None:
    """Show the parts of a network with shapes, parameters and multiply-accumulates.

    \b
    Example:
      archdsl summary resnet50 --input 3x320x320 --set classes=10
    """
    network = read_network(target, settings, shape)
    click.echo(network.summary_json() if as_json else network.summary(depth=depth, as_table=as_table))
