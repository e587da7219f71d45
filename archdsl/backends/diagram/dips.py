"""Ways on which the resolution falls and rises again, hung below the skips that bridge them: a U-Net becomes a U."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from archdsl.backends.diagram.column import Arc, Branches, Part, Series, boxes_of


def hung(series: Series, arcs: Sequence[Arc], side: Callable[[str], int]) -> Series:
    """The series with branches, of which the first is empty, instead of every way with a dip below a skip.

    Parameters
    ----------
    side
        The longest side of what a box yields, by the box's key; 0 without one.
    """
    return _bridged([_hung_within(part, arcs, side) for part in series.parts], arcs, side)


def hangs(part: Part) -> bool:
    """Whether the first series of branches is but a line, below which the rest hangs."""
    return isinstance(part, Branches) and not part.series[0].parts


def _hung_within(part: Part, arcs: Sequence[Arc], side: Callable[[str], int]) -> Part:
    if isinstance(part, str):
        return part
    return Branches(tuple(hung(series, arcs, side) for series in part.series))


def _bridged(parts: Sequence[Part], arcs: Sequence[Arc], side: Callable[[str], int]) -> Series:
    """Parts of which each is hung already, with the ways between them hung, the one that ends last first."""
    places = {key: place for place, part in enumerate(parts) for key in boxes_of(part)}
    for arc in sorted(arcs, key=lambda arc: -places.get(arc.head, 0)):
        start, end = places.get(arc.tail, -1), places.get(arc.head, -1)
        if start >= 0 and end > start + 1 and _dips(arc, parts[start + 1 : end], side):
            below = Branches((Series(()), _bridged(parts[start + 1 : end], arcs, side)))
            return _bridged((*parts[: start + 1], below, *parts[end:]), arcs, side)
    return Series(tuple(parts))


def _dips(arc: Arc, between: Sequence[Part], side: Callable[[str], int]) -> bool:
    """Whether the resolution is lower between the ends of an arc than at both, and that is not hung yet."""
    if len(between) == 1 and hangs(between[0]):
        return False
    ends = min(side(arc.tail), side(arc.head))
    return any(0 < side(key) < ends for part in between for key in boxes_of(part))
