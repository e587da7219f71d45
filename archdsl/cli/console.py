"""What commands say on the terminal: findings, results, progress."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any, TextIO, TypeVar

import click

if TYPE_CHECKING:
    from pathlib import Path

    from archdsl.diagnostic import Diagnostic

Item = TypeVar("Item")


class Failure(click.ClickException):
    """Something that is asked for cannot be done, and no specification is to blame."""

    exit_code = 2

    def show(self, file: IO[Any] | None = None) -> None:
        colour = wants_colour(sys.stderr)
        click.echo(f"{click.style('error', fg='red', bold=True)}: {self.message}", err=True, color=colour)


def wants_colour(stream: TextIO) -> bool:
    """Whether to write colours: on a terminal, unless ``NO_COLOR`` says no or ``FORCE_COLOR`` yes; see no-color.org."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def report(diagnostics: Iterable[Diagnostic]) -> None:
    """Write findings to standard error."""
    findings = tuple(diagnostics)
    if findings:
        from archdsl.render import render_text

        colour = wants_colour(sys.stderr)
        click.echo(render_text(findings, colour=colour), err=True, color=colour)


def saved(path: Path, content: str | bytes, *, quiet: bool = False) -> None:
    """Write a file and say so, unless ``quiet``; ``-`` is standard output."""
    if str(path) == "-":
        click.echo(content, nl=False)
        return
    from archdsl.project import write

    write(path, content)
    if not quiet:
        click.echo(f"wrote {path}")


@contextmanager
def working(what: str) -> Iterator[None]:
    """Show that something takes its time, on a terminal only."""
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console

    with Console(stderr=True).status(what):
        yield


def progress(items: Sequence[Item], what: str) -> Iterable[Item]:
    """The items, with a bar that moves with them, on a terminal only."""
    if not sys.stderr.isatty():
        return items
    from rich.console import Console
    from rich.progress import track

    return track(items, what, console=Console(stderr=True), transient=True)


def aligned(rows: Sequence[Sequence[str]], right: frozenset[int] = frozenset()) -> str:
    """Rows of text in columns; those numbered in ``right`` are flush right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if number in right else cell.ljust(width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )
