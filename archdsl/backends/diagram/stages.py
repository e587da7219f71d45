"""The table of the papers: a row for each stage, its output size, and its layers as matrices with their number.

Compare He, Zhang, Ren, Sun: Deep residual learning for image recognition, arXiv:1512.03385, table 1.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from archdsl.backends.diagram.column import Series, arrange, boxes_of
from archdsl.backends.diagram.figure import Box, Figure, Frame, Member, keys_of
from archdsl.backends.diagram.labels import paper_words, range_text
from archdsl.backends.diagram.options import Options
from archdsl.backends.diagram.subject import Subject, unfused
from archdsl.graph.graph import Graph
from archdsl.ops.base import Family

_ALL = 10_000


@dataclass(frozen=True, slots=True)
class Group:
    """Layers that are repeated together."""

    lines: tuple[str, ...]
    count: int = 1


@dataclass(frozen=True, slots=True)
class Cell:
    """A stage of one network: its output size and its layers."""

    size: str
    groups: tuple[Group, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """Stages of one or more networks.

    Parameters
    ----------
    names
        Names of the networks, a column each.
    rows
        For each stage its name, and for each network its cell, or None if it has no such stage.
    totals
        Parameters and MACs of each network, in words.
    """

    title: str
    names: tuple[str, ...]
    rows: tuple[tuple[str, tuple[Cell | None, ...]], ...]
    totals: tuple[str, ...]

    @property
    def has_common_sizes(self) -> bool:
        """Whether each stage has the same output size in all networks."""
        return all(len({cell.size for cell in cells if cell is not None}) <= 1 for _, cells in self.rows)


def tabulate(subjects: Sequence[Subject], options: Options) -> Table:
    """The stages of networks, those of equal name side by side.

    Raises
    ------
    DrawingError
        A block that is to be open or closed does not exist.
    """
    opened = unfused(options)
    if options.depth is None:
        opened = replace(opened, depth=_ALL)
    figures = [subject.figure(opened, budget=None) for subject in subjects]
    columns = [dict(_Stages(subject.graph, figure).rows()) for subject, figure in zip(subjects, figures, strict=True)]
    rows = tuple((name, tuple(column.get(name) for column in columns)) for name in _merged(columns))
    title = ", ".join(dict.fromkeys(figure.title for figure in figures))
    names = tuple(subject.graph.name for subject in subjects)
    return Table(title, names, rows, tuple(figure.totals for figure in figures))


def _merged(columns: Sequence[dict[str, Cell]]) -> list[str]:
    """Names of all stages, in an order that is that of each network."""
    names: list[str] = []
    for column in columns:
        place = 0
        for name in column:
            if name in names:
                place = names.index(name) + 1
            else:
                names.insert(place, name)
                place += 1
    return names


class _Stages:
    """The stages of one figure."""

    def __init__(self, graph: Graph, figure: Figure) -> None:
        self._graph, self._figure = graph, figure
        self._boxes = {box.key: box for box in figure.boxes()}
        column = arrange(figure)
        self._parts = {key: part for part in column.series.parts for key in boxes_of(part)}
        self._shortcuts = {key for arc in column.arcs for key in arc.via}

    def rows(self) -> Iterator[tuple[str, Cell]]:
        """Names and cells; boxes that stand in no stage and have the same output size share a row."""
        seen: dict[str, int] = {}
        for members in self._together():
            groups = tuple(_collected(group for member in members for group in self._groups(member, 1)))
            if not groups:
                continue
            name = range_text(self._name(members[0]), self._name(members[-1]))
            seen[name] = seen.get(name, 0) + 1
            yield name if seen[name] == 1 else f"{name} ({seen[name]})", Cell(self._size(members[-1]), groups)

    def _together(self) -> Iterator[list[Member]]:
        run: list[Member] = []
        for member in self._figure.members:
            if not isinstance(member, Frame) and not self._is_layer(member.key):
                continue
            is_alone = isinstance(member, Frame) or (run and isinstance(run[-1], Frame))
            if run and (is_alone or self._size(run[-1]) != self._size(member)):
                yield run
                run = []
            run.append(member)
        if run:
            yield run

    def _is_layer(self, key: str) -> bool:
        """Whether a member is an operator of the network or a block, and no junction, input or output."""
        box = self._boxes.get(key)
        return box is not None and box.kind != "output" and box.keyword != "input"

    def _name(self, member: Member) -> str:
        if isinstance(member, Frame):
            return member.name
        box = self._boxes[member.key]
        return box.path.partition(".")[0] if box.kind == "operator" else box.title

    def _size(self, member: Member) -> str:
        last = [self._boxes[key] for key in keys_of(member) if key in self._boxes and self._boxes[key].nodes][-1]
        output = self._graph.nodes[last.nodes[-1]].outputs[0]
        return "x".join(map(str, output.spatial or output.shape)) or "scalar"

    def _groups(self, member: Member, count: int) -> Iterator[Group]:
        """Layers of a member; boxes side by side in a frame are one group."""
        if not isinstance(member, Frame):
            if member.key in self._boxes:
                yield from self._alone(self._boxes[member.key], count)
            return
        count *= member.count
        direct = [part.key for part in member.members if not isinstance(part, Frame) and part.key in self._boxes]
        if count == 1 and member.kind in ("step", "network") and len(direct) == len(member.members):
            for part in member.members:
                yield from self._groups(part, 1)
        elif any(isinstance(part, Frame) for part in member.members) and not _is_unit(member):
            for part in member.members:
                yield from self._groups(part, count)
        else:
            lines = tuple(self._lines(list(keys_of(member))))
            if lines:
                yield Group(lines, count)

    def _alone(self, box: Box, count: int) -> Iterator[Group]:
        if self._is_stated(box):
            yield Group((paper_words(box, self._graph),), count * box.count)

    def _is_stated(self, box: Box) -> bool:
        is_layer = box.family in (Family.CONV, Family.LINEAR, Family.POOL, Family.RESAMPLE, Family.DETECTION)
        return box.key not in self._shortcuts and (box.kind == "block" or (box.kind == "operator" and is_layer))

    def _lines(self, keys: Sequence[str]) -> Iterator[str]:
        """A line for each box, and for each of several branches."""
        done: set[int] = set()
        for key in keys:
            part = self._parts.get(key, key)
            if isinstance(part, str):
                box = self._boxes.get(key)
                if box is not None and self._is_stated(box):
                    yield paper_words(box, self._graph)
            elif id(part) not in done:
                done.add(id(part))
                for series in part.series:
                    yield from self._branch(series, set(keys))

    def _branch(self, series: Series, inside: set[str]) -> Iterator[str]:
        boxes = [self._boxes[key] for key in boxes_of(series) if key in inside]
        words = [paper_words(box, self._graph) for box in boxes if self._is_stated(box)]
        if words:
            yield " → ".join(words)


def _is_unit(frame: Frame) -> bool:
    """Whether a frame is read as one thing, whatever frames it holds: a block with boxes of its own that repeats."""
    return frame.count > 1 or (frame.kind == "call" and any(isinstance(part, Box) for part in frame.members))


def _collected(groups: Iterator[Group]) -> Iterator[Group]:
    """Groups, equal neighbours taken together, and those that differ by the stride of the first alone."""
    last: Group | None = None
    for group in groups:
        if last is not None and last.lines == group.lines:
            last = Group(last.lines, last.count + group.count)
        elif last is not None and len(group.lines) > 1 and _plain(last.lines) == _plain(group.lines):
            last = Group(_plain(last.lines), last.count + group.count)
        else:
            if last is not None:
                yield last
            last = group
    if last is not None:
        yield last


def _plain(lines: Sequence[str]) -> tuple[str, ...]:
    return tuple(re.sub(r", /\d+(?:x\d+)*$", "", line) for line in lines)
