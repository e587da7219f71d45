"""From a graph to a figure: fold it, open what is to be seen, and say what each box and link is."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Literal

from archdsl.analysis.cost import CostTable
from archdsl.backends.diagram.blocks import Block, Item, Leaf, Repeat, build_blocks, is_indexed, nodes_of
from archdsl.backends.diagram.boxes import box_size
from archdsl.backends.diagram.bus import bundle
from archdsl.backends.diagram.figure import Band, Box, Figure, Frame, Member
from archdsl.backends.diagram.fold import fold, representatives
from archdsl.backends.diagram.labels import (
    block_titles,
    common_caption,
    output_terms,
    path_tail,
    plain_text,
    range_text,
    roman,
    sentence,
    shape_text,
    si,
    spoken,
    times_text,
    totals_text,
)
from archdsl.backends.diagram.links import classify, fork, frames_around
from archdsl.backends.diagram.view import View, drawn, open_blocks
from archdsl.backends.diagram.wires import Wires, is_said, references
from archdsl.graph.graph import Graph, Node, Output, Port
from archdsl.ops.base import Family

#: ``default`` folds and fuses; ``ops`` gives each operator a box of its own; ``full`` draws every copy as well.
Detail = Literal["default", "ops", "full"]
#: Which boxes state the shape of their output.
Shapes = Literal["all", "change", "none"]

#: Families whose shape is stated even where it stays the same: a reader wants to know how wide a layer is.
_SIZED = frozenset({Family.CONV, Family.LINEAR, Family.POOL, Family.RESAMPLE, Family.DETECTION, Family.IO})


def sketch(
    graph: Graph,
    cost: CostTable,
    view: View,
    *,
    detail: Detail = "default",
    shapes: Shapes = "change",
    folds: bool = True,
) -> Figure:
    """The figure of a network; with ``folds``, copies that ``detail`` does not ask for are drawn once.

    Raises
    ------
    UnknownBlock
        ``view`` names a block that does not exist.
    """
    root = build_blocks(graph, fuse=detail == "default")
    if detail == "full":
        view = replace(view, budget=None)
    elif folds:
        root = fold(graph, root)
    return _Sketch(graph, cost, root, view, shapes).figure()


@dataclass(frozen=True, slots=True)
class _Copies:
    """How often something is drawn for, and which names its copies have."""

    count: int = 1
    is_parallel: bool = False
    last: str = ""


_ONCE = _Copies()


class _Sketch:
    """The figure under construction."""

    def __init__(self, graph: Graph, cost: CostTable, root: Block, view: View, shapes: Shapes) -> None:
        self._graph, self._cost, self._root, self._shapes = graph, cost, root, shapes
        self._outputs = _outputs_by_scope(graph)
        self._paths = {scope.path for scope in graph.scopes}
        self._users = Counter(node.path for node in graph.nodes)
        self._stands_for = representatives(root)
        self._copies: defaultdict[int, list[int]] = defaultdict(list)
        for node in graph.nodes:
            self._copies[self._drawn(node.id)].append(node.id)
        self._open = open_blocks(root, view, extra=len(graph.outputs), kept=self._rows())
        self._owner: dict[int, str] = {}
        self._boxes: dict[str, Box] = {}
        self._output_links: list[tuple[Port, str]] = []

    def figure(self) -> Figure:
        members = tuple(self._members(self._root.items, self._root))
        wires = Wires(self._graph, {node.id: self._drawn(node.id) for node in self._graph.nodes}, self._owner)
        links = classify(list(self._boxes.values()), wires.streams(self._output_links))
        links += wires.tied(frames_around(members))
        members, links = fork(*bundle(members, links))
        graph = self._graph
        arguments = ", ".join(f"{name}={plain_text(value)}" for name, value in graph.arguments.items())
        totals = totals_text(self._cost.parameters, self._cost.macs)
        return Figure(
            title=graph.title or graph.name,
            subtitle=" · ".join(part for part in (arguments, totals) if part),
            description=self._description(),
            members=members,
            links=tuple(links),
            totals=totals,
        )

    def _rows(self) -> frozenset[int]:
        """Scopes that are one of a row, of which none is opened alone."""
        return frozenset(scope.id for scope in self._graph.scopes if is_indexed(self._graph, scope))

    def _description(self) -> str:
        inputs = " and ".join(str(node.outputs[0]) for node in self._graph.inputs)
        parts = [
            f"Network {self._graph.name} of {len(self._graph.nodes)} operators",
            f"input {spoken(inputs)}",
            f"{si(self._cost.parameters)} parameters",
            f"{si(self._cost.macs)} multiply-accumulates",
        ]
        return "; ".join((sentence(*parts), *self._graph.papers)) + "."

    # Members

    def _members(self, items: Sequence[Item], around: Block, totals: str = "") -> Iterator[Member]:
        """Boxes and frames for the items of an open block, and its outputs behind those that they come from."""
        waiting = list(self._outputs[around.scope.id])
        for item in items:
            yield self._member(item, _ONCE, totals)
            for output in [output for output in waiting if self._drawn(output.port.node) in self._owner]:
                waiting.remove(output)
                yield self._output(output)

    def _member(self, item: Item, copies: _Copies, around: str) -> Member:
        """What stands for an item in a frame with the given totals, which are not said twice."""
        if isinstance(item, Leaf):
            return self._leaf(item, copies)
        if isinstance(item, Repeat):
            return self._repeat(item, around)
        if item.scope.id in self._open:
            return self._frame(item, copies, around)
        return self._closed(item, copies)

    def _repeat(self, repeat: Repeat, around: str) -> Member:
        blocks = [[item.scope.name for item in copy if isinstance(item, Block)] for copy in repeat.copies]
        paths = [[self._graph.nodes[item.first].path] for copy in repeat.copies for item in copy]
        names = blocks if len(blocks[0]) == 1 else [[path_tail(path) for path in row] for row in paths]
        copies = _Copies(len(repeat.copies), repeat.is_parallel, names[-1][-1])
        if len(repeat.copies[0]) == 1:
            return self._member(repeat.copies[0][0], copies, around)
        nodes = self._all_copies(nodes_of(repeat))
        totals = self._totals(nodes)
        return Frame(
            key=f"r{repeat.first}",
            path=f"{paths[0][0]}.repeat",
            kind="repeat",
            name=range_text(names[0][0], names[-1][-1]),
            caption="side by side" if repeat.is_parallel else "",
            note=totals if totals != around else "",
            count=copies.count,
            is_parallel=repeat.is_parallel,
            spoken=sentence(f"{copies.count} copies of {len(repeat.copies[0])} steps", spoken(totals)),
            members=tuple(self._member(child, _ONCE, totals) for child in drawn(repeat)),
            nodes=nodes,
        )

    def _frame(self, block: Block, copies: _Copies, around: str) -> Frame:
        nodes = self._all_copies(nodes_of(block))
        name, caption = self._titles(block, copies)
        totals = self._totals(nodes)
        return Frame(
            key=f"s{block.scope.id}",
            path=_block_path(block),
            kind=block.scope.kind,
            name=name,
            caption=caption,
            note=totals if totals != around else "",
            count=copies.count,
            is_parallel=copies.is_parallel,
            spoken=sentence(f"block {name}", caption, times_text(copies.count), spoken(totals)),
            members=tuple(self._members(drawn(block), block, totals)),
            nodes=nodes,
        )

    def _closed(self, block: Block, copies: _Copies) -> Box:
        nodes = self._all_copies(nodes_of(block))
        name, caption = self._titles(block, copies)
        result = self._result(block)
        shape = self._shape_of(result)
        terms = "".join(output_terms(output) for output in self._outputs[block.scope.id])
        totals = "" if is_indexed(self._graph, block.scope) else self._totals(nodes)  # much the same for all of a row
        details = (caption, "" if self._shapes == "none" else shape, totals, terms)
        is_exit = block.scope.kind == "exit"
        return self._add(
            nodes_of(block),
            result,
            Box(
                key=f"s{block.scope.id}",
                path=_block_path(block),
                kind="exit" if is_exit else "block",
                family=Family.IO if is_exit else Family.VIEW,
                keyword="",
                title=name,
                details=tuple(detail for detail in details if detail),
                before=(),
                after=(),
                count=copies.count,
                is_parallel=copies.is_parallel,
                spoken=sentence(f"block {name}", spoken(caption), times_text(copies.count), f"output {spoken(shape)}"),
                width=0,
                height=0,
                nodes=nodes,
                totals=totals,
            ),
        )

    def _leaf(self, leaf: Leaf, copies: _Copies) -> Box:
        main = self._graph.nodes[leaf.main]
        title = self._caption(main)
        window = main.op.window(*self._graph.input_types(main))
        bands = [Band(self._graph.nodes[n].op.family, self._caption(self._graph.nodes[n])) for n in leaf.nodes]
        place = leaf.nodes.index(leaf.main)
        shape = self._shape_of(main.id)
        then = "then " + ", ".join(band.text for band in bands[place + 1 :]) if place + 1 < len(bands) else ""
        first = ", ".join(band.text for band in bands[:place]) + " first" if place else ""
        return self._add(
            leaf.nodes,
            leaf.last,
            Box(
                key=f"n{leaf.first}",
                path=main.path,
                kind="operator",
                family=main.op.family,
                keyword=main.op.keyword,
                title=path_tail(main.path) if main.op.keyword == "input" and main.path != "input" else title,
                details=tuple(self._details(main, shape)),
                before=tuple(bands[:place]),
                after=tuple(bands[place + 1 :]),
                count=copies.count,
                is_parallel=copies.is_parallel,
                spoken=sentence(spoken(title), first, then, times_text(copies.count), f"output {spoken(shape)}"),
                width=0,
                height=0,
                nodes=self._all_copies(leaf.nodes),
                is_pointwise=window is not None and set(window.kernel) == {1},
                is_training=_is_training(main),
            ),
        )

    def _output(self, output: Output) -> Box:
        shape = str(self._graph.type_of(output.port))
        role = {"exit": "exit", "output": "output"}[output.kind]
        terms = output_terms(output)
        box = Box(
            key=f"o{self._graph.outputs.index(output)}",
            path=f"output.{output.name}",
            kind="output",
            family=Family.IO,
            keyword="",
            title=output.name,
            details=tuple(part for part in ("" if self._shapes == "none" else shape, terms) if part),
            before=(),
            after=(),
            count=1,
            is_parallel=False,
            spoken=sentence(f"{role} {output.name}", spoken(shape), spoken(terms)),
            width=0,
            height=0,
            nodes=(),
            is_training=output.only == "train",
        )
        self._output_links.append((output.port, box.key))
        return self._add((), output.port.node, box)

    def _add(self, nodes: Iterable[int], result: int, box: Box) -> Box:
        """Keep a box, its size set, as the one that stands for some nodes, of which ``result`` is the last."""
        width, height = box_size(box)
        box = replace(box, width=width, height=height, places=self._places(result))
        self._boxes[box.key] = box
        for node in nodes:
            self._owner[self._drawn(node)] = box.key
        return box

    def _details(self, node: Node, shape: str) -> Iterator[str]:
        """Lines below a name: shape, shared weights, whose size a box takes over, and when an input is there at all."""
        if self._states_shape(node):
            yield shape
        yield from self._shared_weights(node)
        for place in sorted(references(node)):
            if is_said(self._graph, node.inputs[place]):
                yield f"size of {path_tail(self._graph.nodes[node.inputs[place].node].path)}"
        if _is_training(node):
            yield "training only"

    def _shared_weights(self, node: Node) -> tuple[str, ...]:
        """The name of the weights of a box, if others use them too."""
        paths = {self._graph.nodes[copy].path for copy in self._copies[self._drawn(node.id)]}
        if len(paths) > 1 or self._users[node.path] == 1 or not self._cost[node.id].parameters:
            return ()
        return (f"weights {self._graph.scopes[node.scope].name}",)

    # Words and figures

    def _titles(self, block: Block, copies: _Copies) -> tuple[str, str]:
        """The bold name of a block and its call; bindings of one indexed name are told apart by Roman numerals."""
        name, caption = block_titles(block, copies.last)
        if not is_indexed(self._graph, block.scope):
            return name, caption
        again = re.fullmatch(r"(.+_\d+)_(\d+)", name)
        if again:
            return f"{again[1]} {roman(int(again[2]))}", caption
        return f"{name} {roman(1)}" if f"{block.scope.path}_2" in self._paths else name, caption

    def _drawn(self, node: int) -> int:
        """The node that is drawn in a node's stead."""
        return self._stands_for.get(node, node)

    def _all_copies(self, nodes: Iterable[int]) -> tuple[int, ...]:
        """Nodes with all their copies, in running order."""
        return tuple(sorted({copy for node in nodes for copy in self._copies[self._drawn(node)]}))

    def _totals(self, nodes: Iterable[int]) -> str:
        """Parameters, shared ones once, and MACs."""
        parameters: dict[str, int] = {}
        macs = 0
        for node in nodes:
            row = self._cost[node]
            parameters[self._graph.nodes[node].path] = row.parameters
            macs += row.macs or 0
        return totals_text(sum(parameters.values()), macs)

    def _caption(self, node: Node) -> str:
        captions = dict.fromkeys(self._graph.nodes[copy].op.caption() for copy in self._copies[self._drawn(node.id)])
        return common_caption(list(captions))

    def _shape_of(self, node: int) -> str:
        copies = [self._graph.nodes[copy] for copy in self._copies[self._drawn(node)]]
        outputs = zip(*(copy.outputs for copy in copies), strict=True)
        return ", ".join(dict.fromkeys(shape_text(types) for types in outputs))

    def _states_shape(self, node: Node) -> bool:
        if self._shapes == "none":
            return False
        inputs = self._graph.input_types(node)
        changes = any(type.shape != output.shape for type in inputs for output in node.outputs)
        return self._shapes == "all" or node.op.family in _SIZED or changes

    def _result(self, block: Block) -> int:
        """The last node whose output leaves a block, or its last node."""
        inside = range(block.first, block.last + 1)
        trunk = [node for node in inside if not self._is_aside(node, block)] or list(inside)
        leaving = [node for node in trunk if any(user not in inside for user in self._graph.users(node))]
        return leaving[-1] if leaving else trunk[-1]

    def _is_aside(self, node: int, block: Block) -> bool:
        """Whether a node belongs to a side branch within a block."""
        scope = self._graph.scopes[self._graph.nodes[node].scope]
        while scope.id != block.scope.id and scope.parent is not None:
            if scope.kind in ("exit", "tap"):
                return True
            scope = self._graph.scopes[scope.parent]
        return False

    def _places(self, node: int) -> int:
        outputs = self._graph.nodes[node].outputs
        return prod(outputs[0].spatial) if outputs and outputs[0].spatial else 0


def _is_training(node: Node) -> bool:
    """Whether a node is an input that training alone has."""
    return node.is_training_input


def _block_path(block: Block) -> str:
    scope = block.scope
    return f"{scope.path}.{scope.name}".strip(".") if scope.kind == "structure" else scope.path


def _outputs_by_scope(graph: Graph) -> defaultdict[int, list[Output]]:
    """Outputs by the exit that they belong to; the others belong to the network."""
    found: defaultdict[int, list[Output]] = defaultdict(list)
    for output in graph.outputs:
        scope = graph.scopes[graph.nodes[output.port.node].scope]
        while scope.parent is not None and not (scope.kind == "exit" and scope.name == output.name):
            scope = graph.scopes[scope.parent]
        found[scope.id].append(output)
    return found
