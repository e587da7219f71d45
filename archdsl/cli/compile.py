"""``archdsl compile``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from archdsl.cli.console import saved, working
from archdsl.cli.target import TARGET, read_network, target_options

if TYPE_CHECKING:
    from archdsl.reading import InputLike


@click.command("compile")
@click.argument("target", type=TARGET)
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path, allow_dash=True),
    help="File to write; - for source on stdout.",
)
@click.option("--seed", type=int, help="Seed of the weights of a .pt2 file.")
@target_options
def command(target: str, settings: dict[str, object], shape: InputLike | None, output: Path, seed: int | None) -> None:
    """Compile a network to PyTorch.

    FILE.py is readable source that needs nothing but torch; FILE.pt2 is an exported program.

    \b
    Example:
      archdsl compile resnet50 -o resnet50.py
    """
    if output.suffix not in {".py", ".pt2"} and str(output) != "-":
        raise click.UsageError(f"{output} is neither a .py nor a .pt2 file")
    network = read_network(target, settings, shape)
    if output.suffix != ".pt2":
        saved(output, network.source().text)
        return
    with working(f"exporting {network.name}"):
        program = network.program(seed=seed)
    saved(output, program)
