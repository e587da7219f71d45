"""The paths through a network in words and figures."""

from __future__ import annotations

import math
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from archdsl.backends.report.numbers import exact
from archdsl.backends.report.table import layout

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archdsl.analysis.paths import Distribution, PathTable

#: Rows of the table of lengths, and columns of its longest bar.
_ROWS, _BAR = 24, 40
#: Numbers from here on are written with three digits and an exponent.
_EXACT = 10**15
#: Shares below are not told from one another.
_LEAST = Fraction(1, 10_000)
#: Binary digits of the longest number that Python writes in decimal ones.
_WRITTEN = 14_000


def path_lines(table: PathTable) -> Iterator[str]:
    """Write a paragraph on the paths and a table of their lengths."""
    yield from _sentences(table)
    if len(table.whole.counts) > 1:
        yield ""
        yield from layout([("layers", "paths", "share", ""), *_bins(table.whole)], "rrrl")


def paths_json(table: PathTable) -> dict[str, Any]:
    """The table as plain values: counts are exact; those beyond 4,000 digits are text with an exponent."""
    return {
        **_plain(table.whole),
        "columns": list(table.columns),
        "outputs": {output.name: _plain(output.paths) for output in table.outputs},
    }


def _sentences(table: PathTable) -> Iterator[str]:
    yield f"paths from input to output: {_described(table.whole)}"
    if len(table.outputs) > 1:
        for output in table.outputs:
            yield f"  to {output.name}: {_described(output.paths)}"
    binomial = table.whole.binomial
    if binomial is not None:
        choices, step = binomial
        layers = f"{table.whole.shortest} + {'' if step == 1 else step}k"
        yield f"  binomial: C({choices}, k) paths of {layers} layers, k = 0 to {choices}"
    if table.columns:
        yield f"  columns of {', '.join(map(str, table.columns))} layers"


def _described(paths: Distribution) -> str:
    if paths.shortest == paths.longest:
        return f"{_number(paths.total)}, of {paths.shortest} layers with weights"
    mean = f"{float(paths.mean):.2f}".rstrip("0").rstrip(".")
    return f"{_number(paths.total)}, of {paths.shortest} to {paths.longest} layers with weights, {mean} on average"


def _bins(paths: Distribution) -> Iterator[tuple[str, str, str, str]]:
    """Lengths with the number of their paths, several lengths in a row where they are many."""
    step = math.gcd(*(length - paths.shortest for length, _ in paths.counts))
    width = step * math.ceil(((paths.longest - paths.shortest) // step + 1) / _ROWS)
    bins: dict[int, int] = {}
    for length, count in paths.counts:
        first = length - (length - paths.shortest) % width
        bins[first] = bins.get(first, 0) + count
    most = max(bins.values())
    for first, count in bins.items():
        last = min(first + width - step, paths.longest)
        lengths = str(first) if first == last else f"{first}-{last}"
        share = Fraction(count, paths.total)
        shown = f"{float(share):.2%}" if share >= _LEAST else f"<{float(_LEAST):.2%}"
        yield lengths, _number(count), shown, "█" * round(_BAR * Fraction(count, most))


def _number(count: int) -> str:
    return exact(count) if count < _EXACT else f"{Decimal(count):.2e}"


def _plain(paths: Distribution) -> dict[str, Any]:
    binomial = paths.binomial
    return {
        "total": _whole(paths.total),
        "shortest": paths.shortest,
        "longest": paths.longest,
        "mean": float(paths.mean),
        "counts": {str(length): _whole(count) for length, count in paths.counts},
        "binomial": None if binomial is None else binomial._asdict(),
    }


def _whole(count: int) -> int | str:
    return count if count.bit_length() < _WRITTEN else _number(count)
