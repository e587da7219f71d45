"""Networks that fall and rise: resolution shrinks and grows back, and skips lead from one side to the other."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise

from archdsl.backends.diagram.figure import Box, Figure, Frame, Link, Member, keys_of
from archdsl.ops.base import Family

#: How many skips across make a valley, and how often resolution must grow on its far side.
MIN_SKIPS = 2
MIN_RISES = 2


def spine(links: Sequence[Link]) -> list[str]:
    """Boxes of the longest way along the streams, in order: what is drawn straight."""
    tails: dict[str, list[str]] = {}
    for link in links:
        if link.kind != "tied":
            tails.setdefault(link.tail, [])
            tails.setdefault(link.head, []).append(link.tail)
    length: dict[str, int] = {}
    before: dict[str, str] = {}
    for key in TopologicalSorter(tails).static_order():
        best = max(tails[key], key=lambda tail: length[tail], default=None)
        length[key] = 1
        if best is not None:
            length[key], before[key] = length[best] + 1, best
    way = [max(length, key=lambda key: length[key])] if length else []
    while way and way[-1] in before:
        way.append(before[way[-1]])
    return way[::-1]


def rising_side(figure: Figure) -> frozenset[str]:
    """Keys of what lies behind the floor of a valley; empty for a network that is none."""
    places = {box.key: box.places for box in figure.boxes() if box.places > 0 and box.kind != "output"}
    way = [key for key in spine(figure.links) if key in places]
    if len(way) < 3:
        return frozenset()
    lowest = min(places[key] for key in way)
    floor = max(place for place, key in enumerate(way) if places[key] == lowest)
    behind = _reachable(way[floor], figure.links)
    skips = [
        link
        for link in figure.links
        if link.kind != "tied" and link.head in behind and link.tail not in behind and link.tail != way[floor]
    ]
    merges = {box.key for box in figure.boxes() if box.family is Family.MERGE}
    rises = [key for before, key in pairwise(way[floor:]) if places[key] > places[before] and key not in merges]
    is_valley = len(rises) >= MIN_RISES and len({link.tail for link in skips}) >= MIN_SKIPS
    return behind if is_valley else frozenset()


def _reachable(start: str, links: Sequence[Link]) -> frozenset[str]:
    heads: defaultdict[str, list[str]] = defaultdict(list)
    for link in links:
        if link.kind != "tied":
            heads[link.tail].append(link.head)
    seen: set[str] = set()
    waiting = [start]
    while waiting:
        for head in heads[waiting.pop()]:
            if head not in seen:
                seen.add(head)
                waiting.append(head)
    return frozenset(seen)


def levels(members: Sequence[Member], links: Sequence[Link], rising: frozenset[str]) -> list[tuple[str, ...]]:
    """Groups of boxes that stand side by side in a valley: both ends of a skip, and what leads into a frame and out.

    A group that would turn the order of things into a circle is left out.
    """
    streams = [link for link in links if link.kind in ("flow", "identity", "projection")]
    chosen: list[tuple[str, ...]] = []
    turn = set(pairwise(spine(links)))
    order = [_downwards(link, rising, turn) for link in streams]
    across = [link for link in streams if (link.tail, link.head) not in turn]
    for group in (*_skips(members, across, streams, rising), *_doors(members, streams, rising)):
        if _is_orderly(order, [*chosen, group]):
            chosen.append(group)
    return chosen


def _downwards(link: Link, rising: frozenset[str], turn: set[tuple[str, str]]) -> tuple[str, str]:
    """The upper and the lower end of a link."""
    is_upward = link.head in rising and (link.tail in rising or (link.tail, link.head) in turn)
    return (link.head, link.tail) if is_upward else (link.tail, link.head)


def _skips(
    members: Sequence[Member], across: Sequence[Link], links: Sequence[Link], rising: frozenset[str]
) -> Iterator[tuple[str, ...]]:
    """For each stream that crosses the valley its two ends; what only rearranges it stands beside its merge."""
    views = {box.key for box in _boxes(members) if box.family is Family.VIEW and box.kind == "operator"}
    seen: set[str] = set()
    for link in across:
        if link.head not in rising or link.tail in rising or link.tail in seen:
            continue
        seen.add(link.tail)
        beyond = [other.head for other in links if other.tail == link.head] if link.head in views else []
        yield (link.tail, link.head, *beyond[:1])


def _doors(members: Sequence[Member], links: Sequence[Link], rising: frozenset[str]) -> Iterator[tuple[str, ...]]:
    """For each frame with a part of both sides, the box before it and the box behind it."""
    for member in members:
        if not isinstance(member, Frame):
            continue
        inside = set(keys_of(member))
        if inside & rising and inside - rising:
            entering = {link.tail for link in links if link.head in inside and link.tail not in inside}
            leaving = {link.head for link in links if link.tail in inside and link.head not in inside}
            if len(entering) == len(leaving) == 1:
                yield (*entering, *leaving)
        yield from _doors(member.members, links, rising)


def _boxes(members: Iterable[Member]) -> Iterator[Box]:
    for member in members:
        if isinstance(member, Frame):
            yield from _boxes(member.members)
        elif isinstance(member, Box):
            yield member


def _is_orderly(order: Sequence[tuple[str, str]], groups: Sequence[tuple[str, ...]]) -> bool:
    """Whether the order from top to bottom is free of circles with every group on one level."""
    level: dict[str, str] = {}
    for group in groups:
        names = {level.get(key, key) for key in group}
        first = min(names)
        level = {key: first if name in names else name for key, name in level.items()}
        level |= dict.fromkeys((*group, *names), first)
    sorter: TopologicalSorter[str] = TopologicalSorter()
    for upper, lower in order:
        one, other = level.get(upper, upper), level.get(lower, lower)
        if one != other:
            sorter.add(other, one)
    try:
        sorter.prepare()
    except CycleError:
        return False
    return True
