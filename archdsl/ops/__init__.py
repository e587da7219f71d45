"""The catalogue of operators: everything that is known about each, one class per operator.

Operator modules are found by themselves: a new file in this package needs no other edit. They are imported when the
catalogue is first asked, not before.
"""

from __future__ import annotations

import pkgutil
import re
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from types import MappingProxyType

from archdsl.ops.base import Op, registry


@cache
def catalogue() -> Mapping[str, type[Op]]:
    """Every operator by its keyword, in alphabetical order."""
    for module in pkgutil.iter_modules(__path__):
        import_module(f"{__name__}.{module.name}")
    return MappingProxyType(dict(sorted(registry().items())))


def lookup(keyword: str) -> type[Op] | None:
    """The operator of this name, or None."""
    return catalogue().get(keyword)


def translate(word: str) -> str | None:
    """The keyword of the operator that is called so elsewhere: ``fc`` for ``Linear``, ``bn`` for ``BatchNorm2d``."""
    plain = re.sub(r"[123]d$", "", word.lower().replace("_", ""))
    known = catalogue()
    if plain in known:
        return plain
    return next((keyword for keyword, operator in known.items() if plain in operator.also), None)
