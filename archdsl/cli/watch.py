"""``archdsl watch``."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from time import sleep
from typing import TYPE_CHECKING

import click

from archdsl.cli.console import aligned, wants_colour
from archdsl.cli.target import TARGET, target_options
from archdsl.diagnostic import ArchError, Diagnostic

if TYPE_CHECKING:
    from archdsl.graph.graph import Graph
    from archdsl.reading import InputLike

#: Seconds between two looks at the files.
PAUSE = 0.3

Stamps = dict[Path, tuple[int, int] | None]


@dataclass(frozen=True, slots=True)
class _Look:
    """What was found in one target, and every file that it depends on."""

    target: str
    diagnostics: tuple[Diagnostic, ...]
    graphs: tuple[Graph, ...]
    files: frozenset[Path]

    @property
    def has_errors(self) -> bool:
        return any(diagnostic.is_error for diagnostic in self.diagnostics)


@click.command("watch")
@click.argument("targets", nargs=-1, required=True, metavar="FILE...", type=TARGET)
@target_options
@click.option("--lint", "with_lint", is_flag=True, help="Also report what `archdsl lint` finds.")
@click.option("--once", is_flag=True, help="Look once and end, with 1 if there are errors.")
@click.pass_context
def command(
    context: click.Context,
    targets: tuple[str, ...],
    settings: dict[str, object],
    shape: InputLike | None,
    with_lint: bool,
    once: bool,
) -> None:
    """Check specifications each time they are saved, and count them.

    Files that they use are watched too. Ctrl-C ends it.

    \b
    Example:
      archdsl watch nets/mine.arch
    """
    if "-" in targets:
        raise click.UsageError("watch follows files; standard input is none")
    known: Stamps = {}
    try:
        while True:
            stamps = _stamps(known)
            if not known or stamps != known:
                looks = [_look(target, settings, shape, with_lint) for target in targets]
                files = frozenset[Path]().union(*(look.files for look in looks))
                known = {path: stamps[path] if path in stamps else _stamp(path) for path in files}
                _show(looks, is_terminal=sys.stdout.isatty() and not once)
                if once:
                    context.exit(int(any(look.has_errors for look in looks)))
            sleep(PAUSE)
    except KeyboardInterrupt:
        click.echo()


# Looking -----------------------------------------------------------------------------------------------------------


def _look(target: str, settings: dict[str, object], shape: InputLike | None, with_lint: bool) -> _Look:
    """Read and build one target with all its variants; whatever is wrong with it is a finding."""
    from archdsl.project import find
    from archdsl.review import examine

    files = frozenset({_file(target)})
    try:
        found = find(target)
        examined = examine(found, settings, shape, with_lint=with_lint)
    except ArchError as error:
        return _Look(target, error.diagnostics, (), files)
    return _Look(target, examined.diagnostics, examined.graphs, found.project.wanted or files)


def _file(target: str) -> Path:
    """The file that a target names, which need not exist."""
    from archdsl.project import SUFFIX

    path, colon, _ = target.rpartition(":")
    return Path(path if colon and path.endswith(SUFFIX) else target).absolute()


def _stamps(files: Iterable[Path]) -> Stamps:
    return {path: _stamp(path) for path in files}


def _stamp(path: Path) -> tuple[int, int] | None:
    """What changes when a file is written; None while there is none."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size


# Showing -----------------------------------------------------------------------------------------------------------


def _show(looks: Iterable[_Look], *, is_terminal: bool) -> None:
    from rich.console import Console

    console = Console(highlight=False, soft_wrap=True)
    if is_terminal:
        console.clear()
    for look in looks:
        _show_one(look)
    if is_terminal:
        console.print(f"{datetime.now():%H:%M:%S}; waiting for the next save, Ctrl-C ends", style="dim")


def _show_one(look: _Look) -> None:
    from archdsl.render import render_text

    colour = wants_colour(sys.stdout)
    click.echo(click.style(look.target, bold=True), color=colour)
    if look.diagnostics:
        click.echo(render_text(look.diagnostics, colour=colour), color=colour)
    elif look.graphs:
        click.echo("no errors")
    else:
        click.echo("no errors; definitions alone, no network")
    if look.graphs and not look.has_errors:
        click.echo(f"\n{_totals(look.graphs)}")
    click.echo()


def _totals(graphs: tuple[Graph, ...]) -> str:
    """The totals of the first network, and one line for each variant."""
    from archdsl.analysis import analyse
    from archdsl.backends.report.text import write_totals

    first, *variants = graphs
    totals = write_totals(first, analyse(first))
    if not variants:
        return totals
    rows = [(graph.name, f"{(cost := analyse(graph).cost).parameters:,}", f"{cost.macs:,}") for graph in variants]
    return f"{totals}\n\n{aligned([('variant', 'parameters', 'MACs'), *rows], right=frozenset({1, 2}))}"
