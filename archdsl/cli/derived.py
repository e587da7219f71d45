"""Files of a network that is made from another one: its source, a program, a picture, or its weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from archdsl.cli.console import Failure, working

if TYPE_CHECKING:
    from archdsl.network import Network

Command = TypeVar("Command", bound=Callable[..., Any])

_PICTURES = (".svg", ".png", ".pdf")
_SUFFIXES = (".py", ".pt2", ".pt", *_PICTURES)


def derived_options(command: Command) -> Command:
    """Give a command ``--output`` and ``--weights``."""
    for option in (
        click.option(
            "--weights",
            type=click.Path(path_type=Path, exists=True, dir_okay=False),
            help="state_dict of the network that this one is made from, for a .pt or .pt2 file.",
        ),
        click.option(
            "-o",
            "--output",
            type=click.Path(path_type=Path, allow_dash=True),
            help="File to write; - for source on stdout.",
        ),
    ):
        command = option(command)
    return command


def check_output(output: Path, weights: Path | None) -> None:
    """Refuse a file that cannot be meant.

    Raises
    ------
    click.UsageError
        Its suffix says nothing, or weights are missing or have no place.
    """
    if output.suffix not in _SUFFIXES and str(output) != "-":
        raise click.UsageError(f"{output} is none of {', '.join(_SUFFIXES)}")
    if output.suffix == ".pt" and weights is None:
        raise click.UsageError("a .pt file takes the weights of the whole network: --weights FILE")
    if weights is not None and output.suffix not in {".pt", ".pt2"}:
        raise click.UsageError(f"{output} holds no weights; write a .pt or a .pt2 file")


def read_state(path: Path, convert: Callable[[Mapping[str, Any]], dict[str, Any]]) -> dict[str, Any]:
    """Weights of the network that another is made from, turned into those of the other.

    Raises
    ------
    Failure
        The file holds no weights, or those of another network.
    """
    from archdsl.backends.torch import read_weights

    try:
        return convert(read_weights(path.read_bytes()))
    except ValueError as error:
        raise Failure(f"{path}: {error}") from None


def content(network: Network, output: Path, state: dict[str, Any] | None) -> str | bytes:
    """What the file holds, which its suffix decides."""
    if output.suffix == ".pt2":
        with working(f"exporting {network.name}"):
            return network.program(weights=state)
    if output.suffix == ".pt" and state is not None:
        from archdsl.backends.torch import write_weights

        return write_weights(state)
    if output.suffix in _PICTURES:
        from archdsl.cli.draw import picture

        return picture(network, format=output.suffix[1:])
    return network.source().text
