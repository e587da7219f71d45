"""A language for neural network architectures: check, count, draw and compile to PyTorch.

>>> import archdsl
>>> network = archdsl.load("resnet50")
>>> network.name
'resnet50'

Everything here is imported when it is first used, so that ``import archdsl`` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from archdsl.diagnostic import ArchError, Diagnostic
    from archdsl.glossary import explain
    from archdsl.network import Network
    from archdsl.project import text, zoo
    from archdsl.reading import check, compile, draw, load, summarize
    from archdsl.source import Source
    from archdsl.syntax.format import format

__version__ = "0.1.0"

__all__ = [
    "ArchError",
    "Diagnostic",
    "Network",
    "Source",
    "check",
    "compile",
    "draw",
    "explain",
    "format",
    "load",
    "summarize",
    "text",
    "zoo",
]

_HOMES = {
    "ArchError": "archdsl.diagnostic",
    "Diagnostic": "archdsl.diagnostic",
    "Network": "archdsl.network",
    "Source": "archdsl.source",
    "check": "archdsl.reading",
    "compile": "archdsl.reading",
    "draw": "archdsl.reading",
    "explain": "archdsl.glossary",
    "format": "archdsl.syntax.format",
    "load": "archdsl.reading",
    "summarize": "archdsl.reading",
    "text": "archdsl.project",
    "zoo": "archdsl.project",
}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(home), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
