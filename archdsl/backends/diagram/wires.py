"""Links of a figure: what the streams of a graph are between the boxes that stand for its nodes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise

from archdsl.backends.diagram.figure import Link, LinkKind
from archdsl.graph.graph import Graph, Node, Port

#: With more pairs in a frame than these, lines between weights that are shared hide more than they show.
_MAX_TIED_LINKS = 6


def references(node: Node) -> set[int]:
    """Places of those inputs of a node of which only the size counts."""
    count = len(node.inputs)
    return set(range(max(1, count - len(node.op.stream_arguments)), count)) - set(node.op.training_inputs)


def is_said(graph: Graph, port: Port) -> bool:
    """Whether a size is told in words: that of an input which has its line into the network anyway."""
    if graph.nodes[port.node].op.keyword != "input":
        return False
    users = (graph.nodes[user] for user in graph.users(port.node))
    return any(
        source == port and place not in references(user) for user in users for place, source in enumerate(user.inputs)
    )


@dataclass(frozen=True, slots=True)
class Wires:
    """Links between boxes: ``drawn`` is the node drawn in each node's stead, ``owner`` the box of each drawn node."""

    graph: Graph
    drawn: Mapping[int, int]
    owner: Mapping[int, str]

    def streams(self, outputs: Iterable[tuple[Port, str]]) -> list[Link]:
        """Streams between boxes, each once, and those into the boxes of ``outputs``."""
        links: dict[tuple[Port, str, str], Link] = {}
        for head in self.graph.nodes:
            if self.drawn[head.id] != head.id:
                continue
            sizes = references(head)
            for place, port in enumerate(head.inputs):
                if place not in sizes:
                    self._connect(links, port, self.owner[head.id], "flow")
                elif not is_said(self.graph, port):
                    self._connect(links, port, self.owner[head.id], "reference")
        for port, key in outputs:
            self._connect(links, port, key, "flow")
        return list(links.values())

    def _connect(self, links: dict[tuple[Port, str, str], Link], port: Port, head: str, kind: LinkKind) -> None:
        source = Port(self.drawn[port.node], port.index)
        tail = self.owner[source.node]
        if tail != head:
            links.setdefault((source, tail, head), Link(tail, head, kind, f"{source.node}.{source.index}"))

    def tied(self, around: Mapping[str, tuple[str, ...]]) -> list[Link]:
        """Relations between boxes that share weights; none in a frame (``around`` tells) with too many to follow."""
        users: dict[str, list[str]] = {}
        for node in self.graph.nodes:
            boxes = users.setdefault(node.path, [])
            key = self.owner[self.drawn[node.id]]
            if key not in boxes:
                boxes.append(key)
        pairs: defaultdict[tuple[str, ...], dict[tuple[str, str], None]] = defaultdict(dict)
        for boxes in users.values():
            for tail, head in pairwise(boxes):
                shared = [one for one, other in zip(around[tail], around[head], strict=False) if one == other]
                pairs[tuple(shared)][tail, head] = None
        few = (group for group in pairs.values() if len(group) <= _MAX_TIED_LINKS)
        return [Link(tail, head, "tied") for group in few for tail, head in group]
