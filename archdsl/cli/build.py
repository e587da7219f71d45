"""``archdsl build``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from archdsl.cli.console import saved
from archdsl.cli.draw import picture, picture_options
from archdsl.cli.target import TARGET, read_network, target_options

if TYPE_CHECKING:
    from archdsl.reading import InputLike


@click.command("build")
@click.argument("target", type=TARGET)
@click.option(
    "-o",
    "--output",
    default=Path("build"),
    show_default=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder to write to.",
)
@picture_options
@target_options
def command(target: str, settings: dict[str, object], shape: InputLike | None, output: Path, **options: Any) -> None:
    """Write source, pictures and summary of a network.

    NAME.py, NAME.svg, NAME.png, NAME.txt and NAME.json go to one folder.

    \b
    Example:
      archdsl build resnet50 -o out
    """
    network = read_network(target, settings, shape)
    saved(output / f"{network.name}.py", network.source().text)
    for suffix in ("svg", "png"):
        saved(output / f"{network.name}.{suffix}", picture(network, format=suffix, **options))
    saved(output / f"{network.name}.txt", network.summary())
    saved(output / f"{network.name}.json", network.summary(format="json"))
