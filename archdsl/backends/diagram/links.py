"""What links are: streams in order, skips with nothing or one operator on them; and where they fork."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace

from archdsl.backends.diagram.figure import Box, Frame, Junction, Link, Member
from archdsl.ops.base import Family


def classify(boxes: Sequence[Box], links: Sequence[Link]) -> list[Link]:
    """Links with the skips told from the rest.

    A link into a merge is an identity skip if its stream reaches the merge on another way as well. A pointwise
    convolution without activation between a fork and a sum is a projection if the other way is longer.
    """
    ways = _Ways(boxes, links)
    merges = {box.key for box in boxes if box.kind == "operator" and box.family is Family.MERGE}
    identity = {link for link in links if link.kind == "flow" and link.head in merges and ways.is_bypassed(link)}
    sums = {box.key for box in boxes if box.keyword == "add"}
    projections = {box.key for box in boxes if _may_project(box) and ways.is_projection(box.key, sums, identity)}
    return [_classified(link, identity, projections) for link in links]


def _classified(link: Link, identity: set[Link], projections: set[str]) -> Link:
    if link.kind != "flow":
        return link
    if link in identity:
        return replace(link, kind="identity")
    return replace(link, kind="projection") if projections & {link.tail, link.head} else link


def _may_project(box: Box) -> bool:
    is_activated = any(band.family is Family.ACTIVATION for band in box.after)
    return box.family is Family.CONV and box.is_pointwise and not is_activated


class _Ways:
    """Who feeds whom."""

    def __init__(self, boxes: Sequence[Box], links: Sequence[Link]) -> None:
        self._order = {box.key: place for place, box in enumerate(boxes)}
        self._into: defaultdict[str, list[Link]] = defaultdict(list)
        self._out: defaultdict[str, list[Link]] = defaultdict(list)
        for link in links:
            if link.kind == "flow":
                self._into[link.head].append(link)
                self._out[link.tail].append(link)

    def is_bypassed(self, link: Link) -> bool:
        """Whether the stream of a link reaches its head on another way."""
        starts = {other.head for other in self._out[link.tail] if other.stream == link.stream and other != link}
        return bool(starts) and not starts.isdisjoint(self._before(link.head, link.tail))

    def is_projection(self, key: str, sums: set[str], identity: set[Link]) -> bool:
        """Whether the box is the only one of a skip into a sum whose other way is at least two boxes long."""
        if len(self._into[key]) != 1 or len(self._out[key]) != 1:
            return False
        source, merge = self._into[key][0].tail, self._out[key][0].head
        if merge not in sums:
            return False
        others = [link.tail for link in self._into[merge] if link.tail != key and link not in identity]
        feeders = {link.tail for other in others for link in self._into[other]}
        return source not in feeders and any(source in self._before(other, source) for other in others)

    def _before(self, goal: str, start: str) -> set[str]:
        """Boxes on the ways to ``goal``, back to ``start``; boxes come after all that they take from."""
        seen: set[str] = set()
        waiting = [goal]
        while waiting:
            for link in self._into[waiting.pop()]:
                if self._order[link.tail] >= self._order[start] and link.tail not in seen:
                    seen.add(link.tail)
                    waiting.append(link.tail)
        return seen


def fork(members: tuple[Member, ...], links: Sequence[Link]) -> tuple[tuple[Member, ...], list[Link]]:
    """Let a stream that several boxes in a frame take enter it once, and fork inside."""
    forks = _Forks(members)
    result: list[Link] = []
    streams: dict[str, list[Link]] = {}
    for link in links:
        if link.kind == "tied":
            result.append(link)
        else:
            streams.setdefault(f"{link.tail} {link.stream}", []).append(link)
    for stream in streams.values():
        result += forks.route(stream)
    return forks.placed(members), result


def frames_around(members: Iterable[Member], around: tuple[str, ...] = ()) -> dict[str, tuple[str, ...]]:
    """For each box and junction the frames that it stands in, outermost first."""
    found: dict[str, tuple[str, ...]] = {}
    for member in members:
        if isinstance(member, Frame):
            found |= frames_around(member.members, (*around, member.key))
        else:
            found[member.key] = around
    return found


class _Forks:
    """Junctions by the frame that they stand in."""

    def __init__(self, members: Iterable[Member]) -> None:
        self._around = frames_around(members)
        self._junctions: defaultdict[str, list[Junction]] = defaultdict(list)

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
        entry = Link(links[0].tail, junction.key, stream=links[0].stream)
        return [entry, *(replace(link, tail=junction.key) for link in links)]

    def placed(self, members: Iterable[Member]) -> tuple[Member, ...]:
        """Members with the junctions at the beginning of their frames."""
        return tuple(
            replace(member, members=(*self._junctions[member.key], *self.placed(member.members)))
            if isinstance(member, Frame)
            else member
            for member in members
        )
