"""``archdsl fold``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from archdsl.cli.console import Failure, saved, working
from archdsl.cli.target import read_network, target_options

if TYPE_CHECKING:
    from archdsl.network import InputLike, Network

_SUFFIXES = (".py", ".pt2", ".pt", ".svg", ".png")


@click.command("fold")
@click.argument("target")
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path, allow_dash=True),
    help="File to write; - for source on stdout.",
)
@click.option(
    "--weights",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="state_dict of the network as it was trained, for a .pt or .pt2 file.",
)
@target_options
def command(
    target: str, settings: dict[str, object], shape: InputLike | None, output: Path, weights: Path | None
) -> None:
    """Fold norms and parametrised weights into plain layers.

    What comes out is for inference: fewer operators and the same results. FILE.py is its source, FILE.pt2 an exported
    program, FILE.svg or FILE.png a picture, and FILE.pt its weights, made of those of the network.

    \b
    Example:
      archdsl fold diracnet18 -o folded.py
      archdsl fold diracnet18 --weights trained.pt -o folded.pt
    """
    _check(output, weights)
    network = read_network(target, settings, shape)
    state = None if weights is None else _weights(network, weights)
    folded = network.fold()
    saved(output, _content(folded, output, state))
    if str(output) != "-":
        click.echo(_facts(network, folded))


def _check(output: Path, weights: Path | None) -> None:
    """Refuse what cannot be meant."""
    if output.suffix not in _SUFFIXES and str(output) != "-":
        raise click.UsageError(f"{output} is none of {', '.join(_SUFFIXES)}")
    if output.suffix == ".pt" and weights is None:
        raise click.UsageError("a .pt file takes the weights of the network: --weights FILE")
    if weights is not None and output.suffix not in {".pt", ".pt2"}:
        raise click.UsageError(f"{output} holds no weights; write a .pt or a .pt2 file")


def _weights(network: Network, path: Path) -> dict[str, Any]:
    from archdsl.backends.torch import read_weights

    try:
        return network.fold_weights(read_weights(path.read_bytes()))
    except ValueError as error:
        raise Failure(f"{path}: {error}") from None


def _content(folded: Network, output: Path, state: dict[str, Any] | None) -> str | bytes:
    """What the file holds, which its suffix decides."""
    if output.suffix == ".pt2":
        with working(f"exporting {folded.name}"):
            return folded.program(weights=state)
    if output.suffix == ".pt" and state is not None:
        from archdsl.backends.torch import write_weights

        return write_weights(state)
    if output.suffix in {".svg", ".png"}:
        from archdsl.cli.draw import picture

        return picture(folded, format=output.suffix[1:])
    return folded.source().text


def _facts(network: Network, folded: Network) -> str:
    operators = (len(one.graph.nodes) - len(one.graph.inputs) for one in (network, folded))
    parameters = (f"{one.analysis.cost.parameters:,}" for one in (network, folded))
    return f"{' -> '.join(map(str, operators))} operators, {' -> '.join(parameters)} parameters"
