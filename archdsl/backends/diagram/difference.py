"""One figure of two networks: what was added, what was removed, what changed, and the rest faded."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from archdsl.analysis.compare import Comparison, Fate, NodeChange
from archdsl.backends.diagram.boxes import box_size
from archdsl.backends.diagram.column import streams
from archdsl.backends.diagram.figure import Box, Change, Figure, Frame, Junction, Link, Member
from archdsl.backends.diagram.labels import si
from archdsl.backends.diagram.options import Options
from archdsl.backends.diagram.subject import Subject
from archdsl.graph.graph import Graph

#: Boxes up to which the blocks around changes are opened.
MAX_BOXES = 60
_SIGNS: dict[Change, str] = {"added": "+ ", "removed": "- "}
#: Differences that a box states.
_STATED = 2


def unite(comparison: Comparison, before: Subject, after: Subject, options: Options) -> Figure:
    """The figure of both networks, open where they differ."""
    changed = [change for change in comparison.nodes if change.fate != "same"]
    old_nodes = {change.before for change in changed if change.before is not None}
    new_nodes = {change.after for change in changed if change.after is not None}
    old_chains, new_chains = _chains(before.graph, old_nodes), _chains(after.graph, new_nodes)
    deepest = max(map(len, (*old_chains, *new_chains)), default=0)
    for depth in range(deepest, -1, -1):
        old = before.figure(options, budget=None, folds=False, opened=_opened(old_chains, depth))
        new = after.figure(options, budget=None, folds=False, opened=_opened(new_chains, depth))
        union = _Union(comparison, old, new).figure()
        if len(list(union.boxes())) <= MAX_BOXES or depth == 0:
            return union
    raise AssertionError("depth 0 is always drawn")


def _chains(graph: Graph, nodes: Iterable[int]) -> set[tuple[int, ...]]:
    """The scopes around nodes, outermost first, the network left out."""
    found: dict[int, tuple[int, ...]] = {0: ()}
    for scope in graph.scopes[1:]:
        assert scope.parent is not None
        found[scope.id] = (*found[scope.parent], scope.id)
    return {found[graph.nodes[node].scope] for node in nodes}


def _opened(chains: Iterable[Sequence[int]], depth: int) -> frozenset[int]:
    """The outer scopes of chains, down to a depth."""
    return frozenset(scope for chain in chains for scope in chain[:depth])


class _Union:
    """The figure after, with what was removed put where it stood."""

    def __init__(self, comparison: Comparison, old: Figure, new: Figure) -> None:
        self._comparison, self._old, self._new = comparison, old, new
        self._fates: dict[int, NodeChange] = {c.after: c for c in comparison.nodes if c.after is not None}
        pairs = {c.before: c.after for c in comparison.nodes if c.before is not None and c.after is not None}
        owner = {node: box.key for box in new.boxes() for node in box.nodes}
        names = {box.path: box.key for box in new.boxes() if box.kind == "output"}
        self._keys: dict[str, str] = {}
        for box in old.boxes():
            named = [node for node in box.nodes if comparison.before.nodes[node].path == box.path]
            found = [owner[pairs[node]] for node in named or box.nodes if pairs.get(node) in owner]
            self._keys[box.key] = found[0] if found else names.get(box.path, f"old-{box.key}")
        self._removed = {key for key in self._keys.values() if key.startswith("old-")}

    def figure(self) -> Figure:
        frames = {frame.path for frame in self._new.frames()}
        behind = self._behind(frames)
        members = tuple(self._members(self._new.members, "", behind))
        one, other = self._comparison.cost_before, self._comparison.cost_after
        totals = " · ".join(
            f"{si(before)} → {si(after)} {name}"
            for name, before, after in (("params", one.parameters, other.parameters), ("MACs", one.macs, other.macs))
        )
        before, after = self._comparison.before.name, self._comparison.after.name
        return Figure(
            title=f"{before} → {after}",
            subtitle=totals,
            description=f"What differs from {before} to {after}: {totals}.",
            members=members,
            links=tuple(self._links()),
            totals=totals,
        )

    # Members

    def _behind(self, frames: set[str]) -> defaultdict[tuple[str, str], list[Member]]:
        """What was removed, by the path of the frame that holds it and the key of what it stood behind."""
        behind: defaultdict[tuple[str, str], list[Member]] = defaultdict(list)

        def walk(members: Sequence[Member], around: str) -> None:
            last = ""
            for member in members:
                if isinstance(member, Frame) and member.path in frames:
                    walk(member.members, member.path)
                    last = member.path
                elif isinstance(member, Frame):
                    inner = tuple(self._gone(member))
                    if inner:
                        behind[around, last] += inner
                elif isinstance(member, Box) and self._keys[member.key] in self._removed:
                    behind[around, last].append(self._removed_box(member))
                elif isinstance(member, Box):
                    last = self._keys[member.key]

        walk(self._old.members, "")
        return behind

    def _gone(self, frame: Frame) -> Iterator[Member]:
        """What is left of a frame that is there no more: itself if all in it was removed, else its removed boxes."""
        boxes = list(Figure("", "", "", (frame,), ()).boxes())
        removed = [box for box in boxes if self._keys[box.key] in self._removed]
        if len(removed) == len(boxes):
            yield self._renamed(frame)
        else:
            yield from map(self._removed_box, removed)

    def _renamed(self, member: Member) -> Member:
        if isinstance(member, Frame):
            inner = tuple(self._renamed(part) for part in member.members if not isinstance(part, Junction))
            return replace(member, key=f"old-{member.key}", members=inner)
        return self._removed_box(member) if isinstance(member, Box) else member

    def _removed_box(self, box: Box) -> Box:
        return _marked(replace(box, key=self._keys[box.key]), "removed", ())

    def _members(
        self, members: Sequence[Member], around: str, behind: defaultdict[tuple[str, str], list[Member]]
    ) -> Iterator[Member]:
        yield from (member for member in members if isinstance(member, Junction))
        yield from behind.pop((around, ""), ())
        for member in members:
            if isinstance(member, Junction):
                continue
            if isinstance(member, Frame):
                yield replace(member, members=tuple(self._members(member.members, member.path, behind)))
                yield from behind.pop((around, member.path), ())
            else:
                yield self._new_box(member)
                yield from behind.pop((around, member.key), ())

    def _new_box(self, box: Box) -> Box:
        changes = [self._fates[node] for node in box.nodes]
        fates: set[Fate] = {change.fate for change in changes}
        if not changes:
            is_new = box.path not in {old.path for old in self._old.boxes()}
            return _marked(box, "added" if is_new else "same", ())
        if fates == {"added"}:
            return _marked(box, "added", ())
        if fates <= {"same", "moved"}:
            return _marked(box, "same", ())
        told = tuple(dict.fromkeys(text for change in changes for text in change.differences))
        return _marked(box, "changed", told if box.kind == "operator" else ())

    # Links

    def _links(self) -> Iterator[Link]:
        """Streams of both networks, told apart."""
        before = {(self._keys[link.tail], self._keys[link.head]) for link in streams(self._old)}
        after = {(link.tail, link.head) for link in streams(self._new)}
        feeds = {link.head: link.tail for link in self._new.links}
        boxes = {box.key for box in self._new.boxes()}
        for link in self._new.links:
            tail = link.tail
            while tail not in boxes:
                tail = feeds[tail]
            is_new = link.kind != "tied" and link.head in boxes and (tail, link.head) not in before
            yield replace(link, change="added" if is_new else "same")
        for link in streams(self._old):
            tail, head = self._keys[link.tail], self._keys[link.head]
            if (tail, head) not in after and tail != head:
                yield Link(tail, head, link.kind, f"old-{link.stream}", "removed")


def _marked(box: Box, change: Change, told: Sequence[str]) -> Box:
    details = (*box.details, *told[:_STATED])
    spoken = box.spoken if change == "same" else f"{change}: {', '.join((box.spoken, *told))}"
    box = replace(box, title=_SIGNS.get(change, "") + box.title, details=details, spoken=spoken, change=change)
    width, height = box_size(box)
    return replace(box, width=width, height=height)
