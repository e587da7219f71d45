"""How figures are written: exactly, and short enough to be read."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

#: The largest denominator of a fraction that is written as one.
_PLAIN = 64
_PREFIXES = ("", " k", " M", " G", " T", " P", " E")
_BINARY = (" B", " KiB", " MiB", " GiB", " TiB", " PiB", " EiB")


def exact(number: int) -> str:
    """Write every digit, in groups of three: ``25,557,032``."""
    return f"{number:,}"


def short(number: int) -> str:
    """Write three digits and an SI prefix: ``25.6 M``.

    Examples
    --------
    >>> short(25_557_032), short(999_999), short(600)
    ('25.6 M', '1.00 M', '600')
    """
    return _scaled(number, 1000, _PREFIXES)


def size(count: int) -> str:
    """Write a number of bytes with three digits and a binary prefix.

    Examples
    --------
    >>> size(102_228_128), size(512)
    ('97.5 MiB', '512 B')
    """
    return _scaled(count, 1024, _BINARY)


def lengths(values: Sequence[int | Fraction | None]) -> str:
    """Write one length per axis: ``7x7``, ``all`` for a whole axis.

    Examples
    --------
    >>> lengths((7, 7)), lengths((None, Fraction(3, 2)))
    ('7x7', 'allx3/2')
    """
    return "x".join("all" if value is None else length(value) for value in values)


def length(value: int | Fraction) -> str:
    """Write a length: ``1/2`` for half an element, two decimals where the fraction would tell nobody anything.

    Examples
    --------
    >>> length(7), length(Fraction(1, 4)), length(Fraction(544, 69))
    ('7', '1/4', '7.88')
    """
    return str(value) if value.denominator <= _PLAIN else f"{float(value):.2f}"


def _scaled(number: int, base: int, prefixes: Sequence[str]) -> str:
    value, power = float(number), 0
    # 999.5 would be written with four digits, so it goes to the next prefix
    while abs(value) >= (base if power == 0 else 999.5) and power < len(prefixes) - 1:
        value, power = value / base, power + 1
    if power == 0:
        return f"{number}{prefixes[0]}"
    digits = 2 if abs(value) < 9.995 else 1 if abs(value) < 99.95 else 0
    return f"{value:.{digits}f}{prefixes[power]}"
