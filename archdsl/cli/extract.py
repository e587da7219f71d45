"""``archdsl extract``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from archdsl.cli.console import Failure, saved
from archdsl.cli.derived import check_output, content, derived_options, read_state
from archdsl.cli.target import TARGET, read_network, target_options

if TYPE_CHECKING:
    from archdsl.network import Network
    from archdsl.reading import InputLike


@click.command("extract")
@click.argument("target", type=TARGET)
@click.option("--column", required=True, type=click.IntRange(min=1), help="Number of the column; 1 is the deepest.")
@click.option("--json", "as_json", is_flag=True, help="Say what the column is as JSON.")
@derived_options
@target_options
def command(
    target: str,
    settings: dict[str, object],
    shape: InputLike | None,
    column: int,
    output: Path | None,
    weights: Path | None,
    as_json: bool,
) -> None:
    """Take one column out of a fractal network.

    The column is a network of its own, and its weights have the keys that they have in the whole network. FILE.py is
    its source, FILE.pt2 an exported program, FILE.svg or FILE.png a picture, and FILE.pt its weights out of those of
    the whole network. Running statistics of norms come along, a mixture over all columns; measuring them anew, as
    torch.optim.swa_utils.update_bn does, is worth several points of accuracy.

    \b
    Example:
      archdsl extract fractalnet20 --column 1 -o deepest.py
      archdsl extract fractalnet20 --column 1 --weights whole.pt -o deepest.pt
    """
    _check(output, weights, as_json=as_json)
    whole = read_network(target, settings, shape)
    try:
        network = whole.extract(column=column)
    except ValueError as error:
        raise Failure(str(error)) from None
    state = None if weights is None else read_state(weights, network.weights_from)
    if output is not None:
        saved(output, content(network, output, state), quiet=as_json)
    if as_json:
        click.echo(json.dumps(_facts(network, whole, column), indent=2))


def _check(output: Path | None, weights: Path | None, *, as_json: bool) -> None:
    """Refuse what cannot be meant."""
    if output is not None:
        check_output(output, weights)
        if str(output) == "-" and as_json:
            raise click.UsageError("source and JSON cannot both go to stdout")
    elif not as_json:
        raise click.UsageError("give a file to write: -o FILE, or ask with --json what the column is")


def _facts(network: Network, whole: Network, column: int) -> dict[str, Any]:
    from archdsl.graph.columns import column_count

    totals = network.analysis.cost
    return {
        "name": network.name,
        "column": column,
        "columns": column_count(whole.graph),
        "params": totals.parameters,
        "macs": totals.macs,
        "depth": network.analysis.depth.depth,
    }
