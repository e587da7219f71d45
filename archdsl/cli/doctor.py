"""``archdsl doctor``."""

from __future__ import annotations

import json
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

import click

from archdsl.cli.console import aligned, wants_colour

#: What the package needs to check, count and draw.
REQUIRED = ("click", "fpdf2", "graphviz", "lark", "networkx", "pydantic", "pygls", "rich")
#: Oldest Python that runs it.
PYTHON = (3, 11)
#: Programs that are used where they are there, and for what.
OPTIONAL = (
    (("chromium", "chromium-browser", "google-chrome"), "opens pictures to look around in"),
    (("pdflatex", "lualatex", "tectonic"), "typesets pictures for LaTeX"),
)

State = Literal["ok", "missing", "optional"]
_MARKS: dict[State, tuple[str, str]] = {"ok": ("✓", "green"), "missing": ("✗", "red"), "optional": ("–", "yellow")}


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at: what is there, and what to do where something is missing.

    ``state`` is ``missing`` for what is needed and not there, and ``optional`` for what need not be there.
    """

    name: str
    state: State
    found: str
    fix: str = ""


@click.command("doctor")
@click.option("--json", "as_json", is_flag=True, help="Write the findings as JSON.")
@click.pass_context
def command(context: click.Context, as_json: bool) -> None:
    """See whether all that is needed is there.

    What is missing is named with how to get it.

    \b
    Example:
      archdsl doctor

    Exit codes: 0 fine, 1 something that is needed is missing.
    """
    checks = list(examine())
    if as_json:
        click.echo(json.dumps([asdict(check) for check in checks], indent=2))
    else:
        _show(checks)
    context.exit(int(any(check.state == "missing" for check in checks)))


def examine() -> Iterator[Check]:
    """Look at everything; torch is found, not imported."""
    yield _python()
    yield from map(_package, REQUIRED)
    yield _torch()
    yield _engine()
    yield _cache()
    yield _colours()
    for names, use in OPTIONAL:
        found = next(filter(None, map(shutil.which, names)), None)
        yield Check(names[0], "ok", found) if found else Check(names[0], "optional", f"not found; {use}")


def _python() -> Check:
    version = f"{platform.python_version()} at {sys.executable}"
    if sys.version_info >= PYTHON:
        return Check("Python", "ok", version)
    return Check("Python", "missing", version, f"install Python {PYTHON[0]}.{PYTHON[1]} or later")


def _package(name: str) -> Check:
    try:
        return Check(name, "ok", metadata.version(name))
    except metadata.PackageNotFoundError:
        return Check(name, "missing", "not installed", f"pip install {name}")


def _torch() -> Check:
    spec = find_spec("torch")
    if spec is not None:
        with suppress(metadata.PackageNotFoundError):
            return Check("torch", "ok", metadata.version("torch"))
        return Check("torch", "ok", f"at {spec.origin}")
    return Check("torch", "missing", "not installed: networks cannot be run or trained", "pip install torch")


def _engine() -> Check:
    """The engine that lays pictures out: which one, and why it."""
    from archdsl.backends.diagram.engine import DrawingError, find_engine, run_engine

    on_path = shutil.which("dot")
    spare = f"in reserve: {on_path}" if on_path else "no dot on the search path to fall back on"
    try:
        program = find_engine()
        run_engine("digraph { a -> b }", "-Tjson0")
    except DrawingError as error:
        return Check("layout engine", "missing", str(error), "pip install graphviz-pure")
    if program == on_path:
        return Check("layout engine", "ok", f"{program}, because the package graphviz-pure is not installed")
    return Check("layout engine", "ok", f"graphviz-pure {metadata.version('graphviz-pure')} at {program}; {spare}")


def _cache() -> Check:
    """Whether the parser can be kept between runs; without, each run builds it again."""
    try:
        folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "archdsl"
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return Check("cache", "ok", str(folder))
    except (OSError, RuntimeError) as error:
        why = getattr(error, "strerror", None) or str(error)
        return Check("cache", "optional", f"cannot be written ({why}); commands start slower", "set XDG_CACHE_HOME")


def _colours() -> Check:
    if wants_colour(sys.stdout):
        return Check("colours", "ok", "on")
    why = "NO_COLOR is set" if os.environ.get("NO_COLOR") else "the output is no terminal that has them"
    return Check("colours", "optional", f"off: {why}")


def _show(checks: list[Check]) -> None:
    colour = wants_colour(sys.stdout)
    lines = aligned([(check.name, check.found) for check in checks]).splitlines()
    for check, line in zip(checks, lines, strict=True):
        mark, tone = _MARKS[check.state]
        click.echo(f"{click.style(mark, fg=tone)} {line}", color=colour)
        if check.fix:
            click.echo(f"  {click.style('fix', fg='cyan')}: {check.fix}", color=colour)
