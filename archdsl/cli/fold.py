"""``archdsl fold``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from archdsl.cli.console import saved
from archdsl.cli.derived import check_output, content, derived_options, read_state
from archdsl.cli.target import TARGET, read_network, target_options

if TYPE_CHECKING:
    from archdsl.network import Network
    from archdsl.reading import InputLike


@click.command("fold")
@click.argument("target", type=TARGET)
@derived_options
@target_options
def command(
    target: str, settings: dict[str, object], shape: InputLike | None, output: Path | None, weights: Path | None
) -> None:
    """Fold norms and parametrised weights into plain layers.

    What comes out is for inference: fewer operators and the same results. FILE.py is its source, FILE.pt2 an exported
    program, FILE.svg, FILE.png or FILE.pdf a picture, and FILE.pt its weights, made of those of the network.

    \b
    Example:
      archdsl fold diracnet18 -o folded.py
      archdsl fold diracnet18 --weights trained.pt -o folded.pt
    """
    if output is None:
        raise click.UsageError("give a file to write: -o FILE")
    check_output(output, weights)
    network = read_network(target, settings, shape)
    state = None if weights is None else read_state(weights, network.fold_weights)
    folded = network.fold()
    saved(output, content(folded, output, state))
    if str(output) != "-":
        click.echo(_facts(network, folded))


def _facts(network: Network, folded: Network) -> str:
    operators = (len(one.graph.nodes) - len(one.graph.inputs) for one in (network, folded))
    parameters = (f"{one.analysis.cost.parameters:,}" for one in (network, folded))
    return f"{' -> '.join(map(str, operators))} operators, {' -> '.join(parameters)} parameters"
