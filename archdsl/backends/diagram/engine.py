"""The layout engine: another program that reads DOT and says where everything goes.

The engine of choice comes as a Python package (``graphviz-pure``) and needs nothing else installed; Graphviz's own
``dot`` on the search path stands in for it. An engine is not trusted: it gets a time limit, and a complaint counts as
a failure even where it wrote a picture.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from functools import cache
from importlib import metadata
from pathlib import Path

#: Seconds that one call may take.
TIME_LIMIT = 60.0
_PACKAGE = "graphviz-pure"


class DrawingError(Exception):
    """A picture cannot be drawn, and not because of the network."""


class EngineTimeout(DrawingError):
    """The engine was stopped because it took too long."""


def find_engine(engine: str | None = None) -> str:
    """The program to run: ``engine`` (a name on the search path, or a path) or else the best one installed.

    Raises
    ------
    DrawingError
        There is none.
    """
    if engine is not None:
        found = _packaged() if engine == _PACKAGE else shutil.which(engine)
        if found is None:
            raise DrawingError(f"the layout engine {engine!r} is not installed or not on the search path")
        return found
    found = _packaged() or shutil.which("dot")
    if found is None:
        raise DrawingError(
            "no layout engine: neither the package graphviz-pure (pip install graphviz-pure) nor the program dot of "
            "Graphviz is installed"
        )
    return found


def run_engine(source: str, *arguments: str, engine: str | None = None, time_limit: float = TIME_LIMIT) -> bytes:
    """What the engine makes of DOT text.

    Raises
    ------
    DrawingError
        There is no engine, it fails, it complains, or (``EngineTimeout``) it takes longer than ``time_limit`` seconds.
    """
    program = find_engine(engine)
    name = Path(program).name
    try:
        done = subprocess.run(  # noqa: S603  the program is the engine that was asked for
            [program, *arguments],
            input=source.encode(),
            capture_output=True,
            timeout=time_limit,
            check=False,
            env={**os.environ, "LC_ALL": "C"},
        )
    except subprocess.TimeoutExpired:
        raise EngineTimeout(f"the layout engine {name} took longer than {time_limit:g} seconds") from None
    except OSError as error:
        raise DrawingError(f"the layout engine {name} cannot be run: {error.strerror or error}") from None
    complaint = done.stderr.decode(errors="replace").strip()
    if done.returncode != 0:
        how = f"with status {done.returncode}" if done.returncode > 0 else f"by signal {-done.returncode}"
        what = f": {_first_line(complaint)}" if complaint else ""
        raise DrawingError(f"the layout engine {name} ended {how}{what}")
    if "Error:" in complaint:
        raise DrawingError(f"the layout engine {name} failed: {_first_line(complaint)}")
    if not done.stdout:
        raise DrawingError(f"the layout engine {name} wrote nothing")
    return done.stdout


def _first_line(text: str) -> str:
    lines = [line for line in text.splitlines() if "Error:" in line] or text.splitlines()
    return lines[0].strip()


@cache
def _packaged() -> str | None:
    """The program that the package installed."""
    beside = shutil.which(_PACKAGE, path=str(Path(sys.executable).parent))
    return beside or _recorded() or shutil.which(_PACKAGE)


def _recorded() -> str | None:
    """The program's place as the package's list of files has it."""
    try:
        files = metadata.files(_PACKAGE) or []
    except metadata.PackageNotFoundError:
        return None
    for file in files:
        if file.stem == _PACKAGE and file.suffix in ("", ".exe"):
            place = Path(str(file.locate())).resolve()
            if place.is_file():
                return str(place)
    return None
