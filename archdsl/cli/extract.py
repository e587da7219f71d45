"""``archdsl extract``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from archdsl.cli.console import Failure, saved, working
from archdsl.cli.target import read_network, target_options

if TYPE_CHECKING:
    from archdsl.network import InputLike, Network

_SUFFIXES = (".py", ".pt2", ".pt", ".svg", ".png")


@click.command("extract")
@click.argument("target")
@click.option("--column", required=True, type=click.IntRange(min=1), help="Number of the column; 1 is the deepest.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, allow_dash=True),
    help="File to write; - for source on stdout.",
)
@click.option(
    "--weights",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="state_dict of the whole network, for a .pt or .pt2 file.",
)
@click.option("--json", "as_json", is_flag=True, help="Say what the column is as JSON.")
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
    the whole network.

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
    state = None if weights is None else _weights(network, weights)
    if output is not None:
        _save(output, _content(network, output, state), quietly=as_json)
    if as_json:
        click.echo(json.dumps(_facts(network, whole, column), indent=2))


def _check(output: Path | None, weights: Path | None, *, as_json: bool) -> None:
    """Refuse what cannot be meant."""
    if output is None:
        if not as_json:
            raise click.UsageError("give a file to write: -o FILE, or ask with --json what the column is")
        return
    if output.suffix not in _SUFFIXES and str(output) != "-":
        raise click.UsageError(f"{output} is none of {', '.join(_SUFFIXES)}")
    if str(output) == "-" and as_json:
        raise click.UsageError("source and JSON cannot both go to stdout")
    if output.suffix == ".pt" and weights is None:
        raise click.UsageError("a .pt file takes the weights of the whole network: --weights FILE")
    if weights is not None and output.suffix not in {".pt", ".pt2"}:
        raise click.UsageError(f"{output} holds no weights; write a .pt or a .pt2 file")


def _weights(network: Network, path: Path) -> dict[str, Any]:
    from archdsl.backends.torch import read_weights

    try:
        return network.weights_from(read_weights(path.read_bytes()))
    except ValueError as error:
        raise Failure(f"{path}: {error}") from None


def _content(network: Network, output: Path, state: dict[str, Any] | None) -> str | bytes:
    """What the file holds, which its suffix decides."""
    if output.suffix == ".pt2":
        with working(f"exporting {network.name}"):
            return network.program(weights=state)
    if output.suffix == ".pt" and state is not None:
        from archdsl.backends.torch import write_weights

        return write_weights(state)
    if output.suffix in {".svg", ".png"}:
        from archdsl.cli.draw import picture

        return picture(network, format=output.suffix[1:])
    return network.source().text


def _save(output: Path, content: str | bytes, *, quietly: bool) -> None:
    if not quietly:
        saved(output, content)
        return
    from archdsl.project import write

    write(output, content)


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
