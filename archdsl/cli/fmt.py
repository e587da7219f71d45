"""``archdsl fmt``."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click

from archdsl.cli.console import Failure, report
from archdsl.cli.target import every_target
from archdsl.diagnostic import ArchError


@dataclass(frozen=True, slots=True)
class _Formatted:
    """A file with the text that it has and the one that it should have."""

    path: str
    before: str
    after: str


@click.command("fmt")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option("--check", "only_check", is_flag=True, help="Write nothing; name the files that would change.")
@click.option("--diff", "only_diff", is_flag=True, help="Write nothing; show what would change.")
@click.pass_context
def command(context: click.Context, paths: tuple[str, ...], only_check: bool, only_diff: bool) -> None:
    """Bring specifications into the one canonical style.

    A PATH is a file, a folder with all the .arch files below it, or - for standard input, whose text goes to standard
    output. Comments stay, and so does the meaning: both are checked before a file is written. A file with syntax errors
    is left as it is.

    \b
    Example:
      archdsl fmt nets

    Exit codes: 0 fine; 1 a file has syntax errors, or with --check or
    --diff would change; 2 a file cannot be read or written.
    """
    files = every_target(paths)
    errors, changed = 0, 0
    for path in files:
        try:
            formatted = _formatted(path)
        except ArchError as error:
            report(error.diagnostics)
            errors += 1
            continue
        is_changed = formatted.before != formatted.after
        changed += is_changed
        if only_diff:
            click.echo("".join(_difference(formatted)), nl=False)
        elif path == "-" and not only_check:
            click.echo(formatted.after, nl=False)
        elif is_changed:
            _settle(formatted, only_check=only_check)
    if paths != ("-",):
        click.echo(_outcome(len(files), changed, errors, is_dry=only_check or only_diff), err=True)
    context.exit(int(errors > 0 or (changed > 0 and (only_check or only_diff))))


def _formatted(path: str) -> _Formatted:
    """Format one file.

    Raises
    ------
    ArchError
        It has syntax errors, or is no text.
    """
    from archdsl.project import MAX_BYTES, received
    from archdsl.syntax.format import LawBroken, format

    if path == "-":
        data, name = sys.stdin.buffer.read(MAX_BYTES + 1), "<stdin>"
    else:
        with Path(path).open("rb") as file:
            data, name = file.read(MAX_BYTES + 1), path
    source = received(data, name)
    try:
        return _Formatted(path, data.decode("utf-8"), format(source.text, name))
    except LawBroken as error:
        raise Failure(f"{name} is left as it is, as the formatter has a fault: {error}") from error


def _settle(formatted: _Formatted, *, only_check: bool) -> None:
    if only_check:
        click.echo(f"would format {formatted.path}")
        return
    from archdsl.project import write

    write(Path(formatted.path), formatted.after)
    click.echo(f"formatted {formatted.path}")


def _difference(formatted: _Formatted) -> Iterator[str]:
    from difflib import unified_diff

    before, after = formatted.before.splitlines(keepends=True), formatted.after.splitlines(keepends=True)
    for line in unified_diff(before, after, formatted.path, formatted.path):
        yield line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"


def _outcome(files: int, changed: int, errors: int, *, is_dry: bool) -> str:
    said = [
        f"{changed} {'would change' if is_dry else 'formatted'}" if changed else "",
        f"{files - changed - errors} as they should be" if files - changed - errors else "",
        f"{errors} with errors" if errors else "",
    ]
    return ", ".join(filter(None, said))
