"""What a diagram shows, before anybody knows where: boxes, frames around them, and links between them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from archdsl.ops.base import Family

#: ``flow``: the ordinary stream; ``identity``: a skip that leaves out operators; ``projection``: a skip with one
#: convolution on it; ``reference``: a stream of which only the size counts; ``tied``: no stream, but both ends have the
#: same weights; ``bus``: all streams that joined it so far.
LinkKind = Literal["flow", "identity", "projection", "reference", "tied", "bus"]
#: A family for operators; a folded-up ``block`` or ``exit``; the pill of an ``output``.
BoxKind = Literal["operator", "block", "exit", "output"]

#: What became of a part of a network in another one.
Change = Literal["same", "changed", "added", "removed"]
#: Heat of a box of which the figure that a heat map shows says nothing.
COLD = -1


@dataclass(frozen=True, slots=True)
class Band:
    """A strip of a box that stands for an operator fused into it."""

    family: Family
    text: str


@dataclass(frozen=True, slots=True)
class Box:
    """One visible node.

    Parameters
    ----------
    key
        Name within the figure, safe in every format.
    path
        Path in the network: of the operator that names the box, of the block, or the name of the output.
    keyword
        The operator that names the box; empty for others than operators.
    title, details
        First line, and the smaller lines below.
    before, after
        Operators fused into the box, in running order, before and behind the one that names it.
    count
        How many copies it stands for.
    is_parallel
        Whether the copies run side by side.
    spoken
        What a person would say it is.
    width, height
        Size in points, without the bands' share of a neighbour.
    nodes
        The graph's nodes that it stands for, all copies.
    places
        Number of places of its output: height times width, and so on; 0 if it has none.
    is_pointwise
        Whether the operator that names the box looks at each place alone: a window of one.
    heat
        Level on the scale of a heat map, from 0; ``COLD`` for a box that has none, None without a heat map.
    change
        What became of it, in a figure of two networks; None in others.
    is_training
        Whether it is an input or an output that training alone has.
    totals
        The one of the details that counts parameters and MACs; empty if there is none.
    """

    key: str
    path: str
    kind: BoxKind
    family: Family
    keyword: str
    title: str
    details: tuple[str, ...]
    before: tuple[Band, ...]
    after: tuple[Band, ...]
    count: int
    is_parallel: bool
    spoken: str
    width: float
    height: float
    nodes: tuple[int, ...]
    places: int = 0
    is_pointwise: bool = False
    heat: int | None = None
    change: Change | None = None
    is_training: bool = False
    totals: str = ""


@dataclass(frozen=True, slots=True)
class Junction:
    """A point at which a stream that enters a frame forks."""

    key: str


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame around what a scope holds, or around copies of several things in a row.

    ``name`` and ``caption`` are the bold and the plain part of its first line, ``note`` is the second line.
    """

    key: str
    path: str
    kind: Literal["step", "call", "structure", "exit", "tap", "repeat", "network"]
    name: str
    caption: str
    note: str
    count: int
    is_parallel: bool
    spoken: str
    members: tuple[Member, ...]
    nodes: tuple[int, ...]


Member = Box | Frame | Junction


@dataclass(frozen=True, slots=True)
class Link:
    """A stream from one box or junction to another, or a relation between two boxes.

    Links of one ``stream`` carry the same data.
    """

    tail: str
    head: str
    kind: LinkKind = "flow"
    stream: str = ""
    change: Change | None = None


@dataclass(frozen=True, slots=True)
class Figure:
    """A whole diagram.

    ``title`` and ``subtitle`` head it; ``totals`` are the part of the subtitle that counts; ``description`` says in
    words what it shows; ``heat`` holds samples of a heat map's scale, a text and a level each.
    """

    title: str
    subtitle: str
    description: str
    members: tuple[Member, ...]
    links: tuple[Link, ...]
    totals: str = ""
    heat: tuple[tuple[str, int], ...] = ()

    def boxes(self) -> Iterator[Box]:
        """Every visible node, in running order."""
        for member in _walk(self.members):
            if isinstance(member, Box):
                yield member

    def frames(self) -> Iterator[Frame]:
        """Every frame, outer ones first."""
        for member in _walk(self.members):
            if isinstance(member, Frame):
                yield member

    def families(self, *, bands: bool = True) -> list[Family]:
        """Families that boxes show, and ``bands`` too, in the order in which the catalogue lists them."""
        shown = {box.family for box in self.boxes() if box.kind == "operator"}
        if bands:
            shown |= {band.family for box in self.boxes() for band in (*box.before, *box.after)}
        return [family for family in Family if family in shown]

    def only_output(self) -> str | None:
        """The key of the pill of an output that has no other beside it."""
        outputs = [box.key for box in self.boxes() if box.kind == "output"]
        return outputs[0] if len(outputs) == 1 else None


def keys_of(member: Member) -> Iterator[str]:
    """Keys of the boxes and junctions in a member."""
    for part in _walk((member,)):
        if not isinstance(part, Frame):
            yield part.key


def _walk(members: tuple[Member, ...]) -> Iterator[Member]:
    for member in members:
        yield member
        if isinstance(member, Frame):
            yield from _walk(member.members)
