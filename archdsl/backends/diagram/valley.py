"""Networks that fall and rise: resolution shrinks and grows back, and skips lead from one side to the other."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from graphlib import TopologicalSorter

from archdsl.backends.diagram.figure import Figure, Link

#: How many skips across make a valley, and how much finer its far side must get than its floor.
MIN_SKIPS = 2
MIN_RISE = 4


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
    rises = max((places[key] for key in way[floor:]), default=0) >= MIN_RISE * lowest
    sources = {link.tail for link in skips}
    return behind if rises and len(sources) >= MIN_SKIPS else frozenset()


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

