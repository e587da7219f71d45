"""What links are: streams in order, skips with nothing or one operator on them; and where they fork."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace

from archdsl.backends.diagram.figure import Box, Frame, Junction, Link, Member, keys_of
from archdsl.ops.base import Family


def classify(boxes: Sequence[Box], links: Sequence[Link]) -> list[Link]:
    """Links with the skips told from the rest.

    A link into a merge is an identity skip if another way leads to the merge from where it starts. A box that
    is a convolution without activation between a fork and a sum is a projection if the other way is longer.
    """
    order = {box.key: place for place, box in enumerate(boxes)}
    tails: defaultdict[str, list[str]] = defaultdict(list)
    heads: defaultdict[str, list[str]] = defaultdict(list)
    for link in links:
        if link.kind == "flow":
            tails[link.head].append(link.tail)
            heads[link.tail].append(link.head)
    merges = {box.key for box in boxes if _is_merge(box)}
    sums = {box.key for box in boxes if box.keyword == "add"}
    convolutions = {box.key for box in boxes if box.family is Family.CONV and not _is_activated(box)}
    identity = {
        (link.tail, link.head)
        for link in links
        if link.kind == "flow" and link.head in merges and len(heads[link.tail]) > 1 and _is_bypassed(link, tails, order)
    }
    projections = {
        key
        for key in order
        if len(tails[key]) == len(heads[key]) == 1
        and heads[key][0] in sums
        and key in convolutions
        and _is_projection(key, tails, heads, order, identity)
    }
    return [_classified(link, identity, projections) for link in links]


def _classified(link: Link, identity: set[tuple[str, str]], projections: set[str]) -> Link:
    if link.kind != "flow":
        return link
    if (link.tail, link.head) in identity:
        return replace(link, kind="identity")
    return replace(link, kind="projection") if projections & {link.tail, link.head} else link


def _is_merge(box: Box) -> bool:
    return box.kind == "operator" and box.family is Family.MERGE


def _is_activated(box: Box) -> bool:
    return any(band.family is Family.ACTIVATION for band in box.after)


def _is_bypassed(link: Link, tails: dict[str, list[str]], order: dict[str, int]) -> bool:
    """Whether the tail of a link reaches its head on another way."""
    return any(_reaches(link.tail, other, tails, order) for other in tails[link.head] if other != link.tail)


def _reaches(start: str, goal: str, tails: dict[str, list[str]], order: dict[str, int]) -> bool:
    """Whether a way leads from ``start`` to ``goal``; boxes come after all that they take from."""
    seen, waiting = {goal}, [goal]
    while waiting:
        for tail in tails[waiting.pop()]:
            if tail == start:
                return True
            if order[tail] > order[start] and tail not in seen:
                seen.add(tail)
                waiting.append(tail)
    return False


def _is_projection(
    key: str,
    tails: dict[str, list[str]],
    heads: dict[str, list[str]],
    order: dict[str, int],
    identity: set[tuple[str, str]],
) -> bool:
    """Whether the box is the only one of a skip whose other way is at least two boxes long."""
    source, merge = tails[key][0], heads[key][0]
    others = [tail for tail in tails[merge] if tail != key and (tail, merge) not in identity]
    return any(source not in tails[other] and _reaches(source, other, tails, order) for other in others)


def fork(members: tuple[Member, ...], links: Sequence[Link]) -> tuple[tuple[Member, ...], list[Link]]:
    """Let a stream that several boxes in a frame take enter it once, and fork inside."""
    forks = _Forks(members)
    result: list[Link] = []
    streams: dict[str, list[Link]] = {}
    for link in links:
        if link.kind == "tied":
            result.append(link)
        else:
            streams.setdefault(link.tail, []).append(link)
    for stream in streams.values():
        result += forks.route(stream)
    return forks.placed(members), result


class _Forks:
    """Junctions by the frame that they stand in."""

    def __init__(self, members: Iterable[Member]) -> None:
        self._around: dict[str, tuple[str, ...]] = {}
        self._junctions: defaultdict[str, list[Junction]] = defaultdict(list)
        for member in members:
            self._enter(member, ())

    def _enter(self, member: Member, around: tuple[str, ...]) -> None:
        if not isinstance(member, Frame):
            self._around[member.key] = around
            return
        for part in member.members:
            self._enter(part, (*around, member.key))

    def route(self, stream: Sequence[Link]) -> list[Link]:
        """Links of one tail, those into a common frame led through a junction."""
        outside = set(self._around[stream[0].tail])
        entering: dict[str, list[Link]] = {}
        result: list[Link] = []
        for link in stream:
            frames = [frame for frame in self._around[link.head] if frame not in outside]
            if frames:
                entering.setdefault(frames[0], []).append(link)
            else:
                result.append(link)
        for links in entering.values():
            result += self._joined(links) if len(links) > 1 else links
        return result

    def _joined(self, links: Sequence[Link]) -> list[Link]:
        """Links through a junction in the innermost frame that holds all their heads."""
        paths = [self._around[link.head] for link in links]
        depth = 0
        while all(len(path) > depth and path[depth] == paths[0][depth] for path in paths):
            depth += 1
        junction = Junction(f"j{sum(map(len, self._junctions.values()))}")
        self._junctions[paths[0][depth - 1]].append(junction)
        return [Link(links[0].tail, junction.key), *(replace(link, tail=junction.key) for link in links)]

    def placed(self, members: Iterable[Member]) -> tuple[Member, ...]:
        """Members with the junctions at the beginning of their frames."""
        return tuple(
            replace(member, members=(*self._junctions[member.key], *self.placed(member.members)))
            if isinstance(member, Frame)
            else member
            for member in members
        )
