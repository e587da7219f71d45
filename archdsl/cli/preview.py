"""``archdsl preview``."""

from __future__ import annotations

from pathlib import Path

import click

from archdsl.cli.console import Failure


@click.command("preview")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--variant", metavar="NAME", default="", help="The network of the file to show first.")
@click.option("--port", type=click.IntRange(1024, 65535), help="Where to listen; without it, the first free from 8710.")
@click.option("--no-open", is_flag=True, help="Print the address, but open no browser.")
def command(file: Path, variant: str, port: int | None, no_open: bool) -> None:
    """Show a specification in the browser while it is being written.

    The page follows each save, and has an editor to try things out in; only its Save button writes to the file. It is
    for this machine and this user alone. Ctrl-C ends it.

    \b
    Example:
      archdsl preview nets/mine.arch
    """
    from archdsl.preview.server import PortInUse, Server

    _require(file, variant)
    try:
        server = Server(file, variant=variant, port=port)
    except PortInUse as error:
        raise Failure(str(error)) from None
    try:
        click.echo(f"{file} is shown at {server.gate.address}")
        click.echo("Ctrl-C ends it")
        if not no_open:
            _open(server.gate.address)
        server.serve_forever()
    except KeyboardInterrupt:
        click.echo()
    finally:
        server.server_close()


def _require(file: Path, variant: str) -> None:
    """Refuse a file that cannot be read, and a variant that it does not have.

    Raises
    ------
    ArchError
        The file cannot be read.
    """
    from archdsl.diagnostic import near
    from archdsl.project import find
    from archdsl.syntax import tree
    from archdsl.syntax.parse import parse

    statements = parse(find(file).source).file.statements
    variants = [item.name for item in statements if isinstance(item, tree.Variant)]
    if variant and variant not in variants:
        meant = near(variant, variants)
        hint = f"did you mean {meant!r}?" if meant else f"it has {', '.join(variants) or 'none'}"
        raise click.BadParameter(f"{file} has no variant {variant!r}; {hint}", param_hint="--variant")


def _open(address: str) -> None:
    """Open a browser; where there is none, the address on the terminal is enough."""
    import webbrowser
    from contextlib import suppress

    with suppress(webbrowser.Error, OSError):
        webbrowser.open(address)
