"""``archdsl diff``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from archdsl.cli.console import Failure, saved, working
from archdsl.cli.draw import picture_options
from archdsl.cli.target import TARGET, read_network, target_options

if TYPE_CHECKING:
    from archdsl.reading import InputLike


@click.command("diff")
@click.argument("before", type=TARGET)
@click.argument("after", type=TARGET)
@click.option("--json", "as_json", is_flag=True, help="Write JSON: operators, totals, and what became of each tensor.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Draw what differs: .svg, .png, .pdf or .tikz.")
@picture_options
@target_options
def command(
    before: str,
    after: str,
    settings: dict[str, object],
    shape: InputLike | None,
    as_json: bool,
    output: Path | None,
    **options: Any,
) -> int:
    """Compare two networks, and see which weights survive.

    Exit codes: 0 no difference, 1 they differ or have errors, 2 wrong usage.

    \b
    Example:
      archdsl diff resnet50 resnet50_v1_caffe -o difference.svg
    """
    from archdsl.backends.report.difference import write_json, write_text

    one, other = (read_network(target, settings, shape) for target in (before, after))
    comparison = one.compare(other)
    click.echo(write_json(comparison) if as_json else write_text(comparison), nl=False)
    if output is not None:
        from archdsl.backends.diagram.draw import draw_difference
        from archdsl.backends.diagram.engine import DrawingError

        given = {name: value for name, value in options.items() if value is not None and value != ()}
        try:
            with working("drawing the difference"):
                picture = draw_difference(comparison, format=output.suffix.lstrip(".").lower() or "svg", **given)
        except DrawingError as error:
            raise Failure(str(error)) from None
        saved(output, picture, quiet=as_json)
    return 0 if comparison.is_equal else 1
