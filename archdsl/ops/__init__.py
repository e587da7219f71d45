"""The catalogue of operators: everything that is known about each, one class per operator.

Operator modules are found by themselves: a new file in this package needs no other edit. They are imported when the
catalogue is first asked, not before.
"""

from __future__ import annotations

import pkgutil
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
