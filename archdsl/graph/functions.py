"""The pure functions of the language: ``floor ceil round min max len sum sqrt log2 divisible``."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import cast

from archdsl.graph.values import Indexed, Lookup, Streams, Value


def divisible(value: float, divisor: int) -> int:
    """The multiple of ``divisor`` nearest to ``value`` that is not more than a tenth below it.

    References
    ----------
    Howard et al.: MobileNets, arXiv:1704.04861; the rule is that of the authors' code.
    """
    if divisor < 1:
        raise ValueError("divisible needs a divisor of at least 1")
    rounded = max(divisor, int(value + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * value else rounded


def _as_list(values: tuple[Value, ...]) -> tuple[Value, ...]:
    """The items of the only argument if it is a list, else the arguments."""
    if len(values) == 1 and isinstance(values[0], tuple | range):
        return tuple(values[0])
    return values


def _length(value: Value) -> int:
    if isinstance(value, Streams):
        return len(value.items)
    if isinstance(value, Indexed):
        return len(value.items)
    if isinstance(value, Lookup):
        return len(value.entries)
    return len(cast("tuple[Value, ...]", value))


def _sum(values: Iterable[Value]) -> Value:
    return sum(cast("Iterable[float]", values))


def _round(value: float, digits: int = 0) -> float:
    return round(value, digits) if digits else round(value)


FUNCTIONS: dict[str, Callable[..., Value]] = {
    "floor": math.floor,
    "ceil": math.ceil,
    "round": _round,
    "min": lambda *values: min(cast("tuple[float, ...]", _as_list(values))),
    "max": lambda *values: max(cast("tuple[float, ...]", _as_list(values))),
    "len": _length,
    "sum": lambda *values: _sum(_as_list(values)),
    "sqrt": math.sqrt,
    "log2": math.log2,
    "divisible": divisible,
}
