"""``archdsl draw``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from archdsl.cli.console import Failure, saved, working
from archdsl.cli.target import TARGET, read_network, target_options

if TYPE_CHECKING:
    from archdsl.network import Network
    from archdsl.reading import InputLike

Command = TypeVar("Command", bound=Callable[..., Any])


def picture_options(command: Command) -> Command:
    """Give a command the options that say how to draw; what they may be is the drawing's own affair."""
    for option in (
        click.option("--dpi", type=float, help="Pixels to the inch of a PNG."),
        click.option("--engine", metavar="PROGRAM", help="Graphviz to lay out with, in place of the one installed."),
        click.option(
            "--collapse", multiple=True, metavar="NAME", help="Keep a block or definition closed; repeatable."
        ),
        click.option("--expand", multiple=True, metavar="NAME", help="Open a block or definition; repeatable."),
        click.option("--legend/--no-legend", default=None, help="Whether to explain colours and lines."),
        click.option("--rule", metavar="NAME", help="Draw a definition that calls itself, as its rule."),
        click.option("--heat", metavar="[params|macs|memory|receptive]", help="Colour boxes by a figure."),
        click.option("--shapes", metavar="[all|change|none]", help="Which boxes state the shape of their output."),
        click.option("--detail", metavar="[default|ops|full]", help="Fused layers, every operator, or every copy too."),
        click.option("--direction", metavar="[TB|LR]", help="Top to bottom, or left to right."),
        click.option("--depth", type=click.IntRange(min=0), help="Levels of blocks to open; without it, what fits."),
        click.option("--theme", metavar="[light|dark|auto]", help="Colours; auto follows the reader's screen."),
        click.option("--style", metavar="[graph|paper|volumes|table]", help="Kind of picture; graph if not given."),
    ):
        command = option(command)
    return command


@click.command("draw")
@click.argument("targets", metavar="TARGET...", nargs=-1, required=True, type=TARGET)
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path, allow_dash=True),
    help="File to write, whose suffix decides the format; - for stdout.",
)
@click.option(
    "--format",
    metavar="NAME",
    help="Format, in place of the one of the suffix: svg (also on stdout), png, pdf, tikz, html, dot, json; of a table "
    "tex, md, csv, txt too.",
)
@picture_options
@target_options
def command(
    targets: tuple[str, ...],
    settings: dict[str, object],
    shape: InputLike | None,
    output: Path,
    format: str | None,
    **options: Any,
) -> None:
    """Draw a network as a picture, or several side by side.

    \b
    Example:
      archdsl draw resnet50 -o resnet50.svg --theme dark
      archdsl draw vgg19 resnet34 --style paper -o figure3.pdf
    """
    chosen = format or output.suffix.lstrip(".").lower() or "svg"
    network, *others = [read_network(target, settings, shape) for target in targets]
    saved(output, picture(network, beside=others, format=chosen, **options))


def picture(network: Network, **options: Any) -> bytes:
    """A picture; options that are not given keep their defaults."""
    from archdsl.backends.diagram.engine import DrawingError

    given = {name: value for name, value in options.items() if value is not None and value != ()}
    try:
        with working(f"drawing {network.name}"):
            return network.draw(**given)
    except DrawingError as error:
        raise Failure(str(error)) from None
