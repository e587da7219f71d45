"""A figure as DOT text: the one home of the ``graphviz`` package."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from archdsl.backends.diagram.boxes import badge_text, box_details, box_title, frame_label_size
from archdsl.backends.diagram.figure import Box, Figure, Frame, Junction, Link, LinkKind, Member, keys_of
from archdsl.backends.diagram.theme import LIGHT, Tone, tone_name
from archdsl.backends.diagram.valley import levels, spine
from archdsl.ops.base import Family

if TYPE_CHECKING:
    from graphviz import Digraph

#: From top to bottom, or from left to right.
Direction = Literal["TB", "LR"]

#: With more boxes than these, straightening lines to the last takes minutes; the engine gets fewer attempts.
LARGE = 1000

#: Names of the two ends of a sheet, where the stream comes in from the sheet before and goes on to the next.
ENTRY, EXIT = "entry", "exit"

_STYLES: dict[LinkKind, dict[str, str]] = {
    "flow": {"weight": "12"},
    "identity": {"weight": "1", "style": "dashed"},
    "projection": {"weight": "2"},
    "bus": {"weight": "30"},
    "reference": {"weight": "1"},
    "tied": {"style": "dotted", "constraint": "false", "dir": "none"},
}
_SHAPES = {Family.POOL: "invtrapezium", Family.RESAMPLE: "trapezium", Family.DETECTION: "octagon"}


@dataclass(frozen=True, slots=True)
class Sheet:
    """A stretch of a figure that is laid out on its own, and the boxes through which the stream enters and leaves.

    ``rising`` is what runs against the direction: the far side of a valley.
    """

    members: tuple[Member, ...]
    links: tuple[Link, ...]
    enters: tuple[Link, ...] = ()
    leaves: str | None = None
    rising: frozenset[str] = frozenset()


def layout_source(sheet: Sheet, direction: Direction, *, fast: bool = False) -> str:
    """DOT whose boxes have their final sizes and no text: what the engine needs to place them.

    ``fast`` trades beauty for time.
    """
    graph = _digraph(direction)
    if sum(1 for member in sheet.members for _ in keys_of(member)) > LARGE:
        graph.attr("graph", nslimit="0.3")
    if fast:
        graph.attr("graph", splines="polyline", nslimit="2", nslimit1="2", mclimit="0.3")
    if sheet.rising:
        graph.attr("graph", newrank="true")
    graph.attr("node", shape="box", fixedsize="true", label="")
    straight = frozenset(spine(sheet.links))
    groups = levels(sheet.members, sheet.links, sheet.rising) if sheet.rising else []
    alike = {} if sheet.rising else _alike(sheet.links)
    for member in sheet.members:
        _place(graph, member, straight, sheet.rising, alike)
    _level(graph, [*groups, *_abreast(sheet.members, alike)])
    writer = _LinkWriter(graph, straight, sheet.rising, groups, _slanted(sheet.members), direction)
    for link in (*sheet.links, *sheet.enters):
        writer.write(link)
    _ends(graph, sheet)
    return str(graph.source)


def _ends(graph: Digraph, sheet: Sheet) -> None:
    """Points at the top and at the bottom where the sheet joins its neighbours."""
    for name, rank, is_used in ((ENTRY, "source", bool(sheet.enters)), (EXIT, "sink", sheet.leaves is not None)):
        if not is_used:
            continue
        with graph.subgraph() as end:
            end.attr(rank=rank)
            end.node(name, shape="point", width="0.01", height="0.01", group="spine")
    if sheet.leaves is not None:
        graph.edge(sheet.leaves, EXIT, arrowhead="none", weight="12")


def readable_source(figure: Figure, direction: Direction) -> str:
    """DOT for other tools: with text and colours, and the engine's own shapes."""
    graph = _digraph(direction)
    graph.attr("graph", label=f"{figure.title}\n{figure.subtitle}", labelloc="t", fontname="Helvetica", fontsize="12")
    graph.attr("node", fontname="Helvetica", fontsize="10", style="filled", shape="box")
    for member in figure.members:
        _describe(graph, member)
    for link in figure.links:
        arrow = "none" if link.head.startswith("j") else "normal"
        graph.edge(link.tail, link.head, **_STYLES[link.kind], arrowhead=arrow)
    return str(graph.source)


def _digraph(direction: Direction) -> Digraph:
    from graphviz import Digraph  # takes a tenth of a second, which only drawing should cost

    graph = Digraph("network")
    graph.attr("graph", rankdir=direction, nodesep="0.3", ranksep="0.16", margin="0", pad="0")
    graph.attr("edge", arrowsize="0.6")
    return graph


def _alike(links: Sequence[Link]) -> dict[str, tuple[str, str]]:
    """Where the streams of what has just one on each side come from and go to."""
    tails: defaultdict[str, list[str]] = defaultdict(list)
    heads: defaultdict[str, list[str]] = defaultdict(list)
    for link in links:
        if link.kind != "tied":
            heads[link.tail].append(link.head)
            tails[link.head].append(link.tail)
    return {key: (tails[key][0], heads[key][0]) for key in heads if len(heads[key]) == len(tails.get(key, ())) == 1}


def _abreast(members: Sequence[Member], alike: Mapping[str, tuple[str, str]]) -> Iterator[tuple[str, ...]]:
    """Boxes of one frame that are branches by themselves between the same two: they stand on one level."""
    branches: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for member in members:
        if isinstance(member, Box) and member.key in alike:
            branches[alike[member.key]].append(member.key)
    return (tuple(keys) for keys in branches.values() if len(keys) > 1)


def _level(graph: Digraph, groups: Iterable[Sequence[str]]) -> None:
    """Put what belongs to a group on one level."""
    for group in groups:
        with graph.subgraph() as level:
            level.attr(rank="same")
            for key in group:
                level.node(key)


def _place(
    graph: Digraph,
    member: Member,
    straight: frozenset[str],
    rising: frozenset[str],
    alike: Mapping[str, tuple[str, str]],
) -> None:
    group = {}
    if not isinstance(member, Frame) and member.key in straight:
        group = {"group": "rise" if member.key in rising else "spine"}
    if isinstance(member, Junction):
        graph.node(member.key, shape="point", width="0.01", height="0.01", **group)
    elif isinstance(member, Box):
        graph.node(member.key, width=_inches(member.width), height=_inches(member.height), **group)
    else:
        width, height = frame_label_size(member)
        with graph.subgraph(name=f"cluster_{member.key}") as cluster:
            cluster.attr(label=_blank(width, height), labeljust="l", margin="7")
            for part in member.members:
                _place(cluster, part, straight, rising, alike)
            _level(cluster, _abreast(member.members, alike))


def _blank(width: float, height: float) -> str:
    """An empty label of a size, whatever the engine's fonts."""
    table = 'border="0" cellborder="0" cellspacing="0" cellpadding="0" fixedsize="true"'
    return f'<<table {table} width="{width:.0f}" height="{height:.0f}"><tr><td></td></tr></table>>'


def _describe(graph: Digraph, member: Member) -> None:
    if isinstance(member, Junction):
        graph.node(member.key, shape="point", width="0.02")
    elif isinstance(member, Box):
        tone = _tone(member)
        bands = [" · ".join(band.text for band in row) for row in (member.before, member.after)]
        title = " ".join(part for part in (box_title(member), badge_text(member.count)) if part)
        lines = [bands[0], title, *box_details(member), bands[1]]
        graph.node(
            member.key,
            label=_escape("\n".join(line for line in lines if line)),
            id=member.path,
            tooltip=_escape(member.spoken),
            fillcolor=tone.fill,
            color=tone.line,
            fontcolor=tone.text,
            shape=_SHAPES.get(member.family, "box") if member.kind == "operator" else "box",
            peripheries="2" if member.count > 1 else "1",
        )
    else:
        first = " ".join(part for part in (member.name, member.caption, badge_text(member.count)) if part)
        with graph.subgraph(name=f"cluster_{member.key}") as cluster:
            cluster.attr(
                label=_escape("\n".join(line for line in (first, member.note) if line)) + r"\l",
                id=member.path,
                labeljust="l",
                fontsize="9",
                color=LIGHT.frame_line,
                peripheries="2" if member.count > 1 else "1",
            )
            for part in member.members:
                _describe(cluster, part)


def _escape(text: str) -> str:
    """Text that the engine takes literally, line ends apart."""
    from graphviz import escape

    return r"\n".join(str(escape(line)) for line in text.split("\n"))


def _tone(box: Box) -> Tone:
    return LIGHT.tones["block" if box.kind == "block" else tone_name(box.family)]


@dataclass(frozen=True, slots=True)
class _LinkWriter:
    """Adds links to a graph; what leads up the far side of a valley is given backwards, so that it points upwards."""

    graph: Digraph
    straight: frozenset[str]
    rising: frozenset[str]
    groups: Sequence[tuple[str, ...]]
    slanted: Mapping[str, Family]
    direction: Direction

    def write(self, link: Link) -> None:
        attributes = dict(_STYLES[link.kind])
        is_spine = link.kind == "flow" and {link.tail, link.head} <= self.straight
        if is_spine:
            attributes["weight"] = "40"
        is_level = any(link.tail in group and link.head in group for group in self.groups)
        is_upward = link.head in self.rising and (link.tail in self.rising or is_spine) and not is_level
        upper, lower = (link.head, link.tail) if is_upward else (link.tail, link.head)
        if not is_level and self.slanted.get(upper) is Family.POOL:
            attributes["tailport"] = "s" if self.direction == "TB" else "e"
        if not is_level and self.slanted.get(lower) is Family.RESAMPLE:
            attributes["headport"] = "n" if self.direction == "TB" else "w"
        ends_open = link.head.startswith("j")
        if is_upward:
            attributes["dir"] = "none" if ends_open else "back"
        elif ends_open:
            attributes["arrowhead"] = "none"
        if link.head in self.rising and link.tail not in self.rising and not is_upward:
            attributes["minlen"] = "0"
        self.graph.edge(upper, lower, **attributes)


def _slanted(members: Sequence[Member]) -> dict[str, Family]:
    """Boxes that are narrower at one end, where links meet them in the middle."""
    found: dict[str, Family] = {}
    for member in members:
        if isinstance(member, Frame):
            found |= _slanted(member.members)
        elif isinstance(member, Box) and member.kind == "operator":
            found[member.key] = member.family
    return found


def _inches(points: float) -> str:
    return f"{points / 72:.4f}"
