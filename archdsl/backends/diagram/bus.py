"""Dense wiring: where everything reads everything before it, a bus carries the streams instead of a line for each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import pairwise

from archdsl.backends.diagram.figure import Frame, Junction, Link, Member
from archdsl.backends.diagram.links import frames_around

#: With more streams than these into each of several boxes of a frame, its lines become a bus.
MAX_DENSE_LINKS = 6
_STREAMS = ("flow", "identity")


def bundle(members: tuple[Member, ...], links: Sequence[Link]) -> tuple[tuple[Member, ...], list[Link]]:
    """Members and links, the links of densely wired frames led through a bus each.

    A bus is a row of junctions, one for each stream in running order. A box reads it behind the last of its streams, so
    what it reads is all that joined the bus before; the least that is meant is said by its number of streams.
    """
    around = frames_around(members)
    order = {key: place for place, key in enumerate(around)}
    into: defaultdict[str, list[Link]] = defaultdict(list)
    for link in links:
        if link.kind in _STREAMS:
            into[link.head].append(link)
    dense: defaultdict[tuple[str, ...], list[str]] = defaultdict(list)
    for head, streams in into.items():
        if len({link.tail for link in streams}) > MAX_DENSE_LINKS:
            dense[around[head]].append(head)
    added: dict[str, list[Junction]] = {}
    result = list(links)
    for number, (frames, heads) in enumerate(dense.items()):
        if len(heads) < 2 or not frames:
            continue
        tails = sorted({link.tail for head in heads for link in into[head]}, key=order.__getitem__)
        junctions = {tail: f"jbus{number}_{place}" for place, tail in enumerate(tails)}
        around |= dict.fromkeys(junctions.values(), frames)
        added[frames[-1]] = [Junction(key) for key in junctions.values()]
        result = _through(junctions, result, frames, around)
    return _with(members, added), result


def _through(
    junctions: dict[str, str], links: Iterable[Link], frames: tuple[str, ...], around: dict[str, tuple[str, ...]]
) -> list[Link]:
    """Links with those between the tails and heads of a bus led through it."""
    places = {tail: place for place, tail in enumerate(junctions)}
    bus = [Link(tail, key) for tail, key in junctions.items()]
    bus += [Link(before, after, "bus") for before, after in pairwise(junctions.values())]
    readers: dict[str, str] = {}
    rest: list[Link] = []
    for link in links:
        is_inside = around[link.head][: len(frames)] == frames
        if link.kind not in _STREAMS or link.tail not in places or not is_inside:
            rest.append(link)
        elif link.head not in readers or places[link.tail] > places[readers[link.head]]:
            readers[link.head] = link.tail
    return [*rest, *bus, *(Link(junctions[tail], head) for head, tail in readers.items())]


def _with(members: tuple[Member, ...], added: dict[str, list[Junction]]) -> tuple[Member, ...]:
    """Members with junctions at the beginning of frames."""
    return tuple(
        replace(member, members=(*added.get(member.key, ()), *_with(member.members, added)))
        if isinstance(member, Frame)
        else member
        for member in members
    )
