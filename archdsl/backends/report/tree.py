"""The summary of a network as plain data: rows of a tree, and totals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from fractions import Fraction

    from archdsl.analysis import Analysis
    from archdsl.analysis.cost import NodeCost
    from archdsl.analysis.exits import ExitCost, ExpectedCost
    from archdsl.analysis.receptive import Field, Length
    from archdsl.analysis.structure import Member
    from archdsl.graph.graph import Graph, Node, Scope


Role = Literal["inference", "training only", "idle"]


@dataclass(frozen=True, slots=True)
class SummaryRow:
    """An operator or a block; or several equal neighbours, whose figures are then those of all together.

    Parameters
    ----------
    level
        Depth in the tree, from 0.
    label
        Name within the block around it; of several, the first and the last.
    count
        How many equal neighbours the row stands for.
    is_block
        Whether the row is a block; the rows below it, if any, are its parts, of one copy if there are several.
    caption
        The operator, or the call that made the block.
    path
        Path of the operator or block; of several, of the first.
    output
        Shape of the output, as text; several outputs are separated by commas.
    parameters
        Parameters; shared ones count where they are first used.
    macs
        Multiply-accumulates; None if nothing in the row is counted.
    is_shared
        Whether all weights were counted in an earlier row.
    role
        Whether inference runs the row, training alone, or neither: an idle row leads to no output.
    line
        Line of the specification.
    """

    level: int
    label: str
    count: int
    is_block: bool
    caption: str
    path: str
    output: str
    parameters: int
    macs: int | None
    is_shared: bool
    role: Role
    line: int


@dataclass(frozen=True, slots=True)
class Stream:
    """An input or output of the network."""

    name: str
    shape: tuple[int, ...]
    batch: str
    only: Literal["train", "eval"] | None = None


@dataclass(frozen=True, slots=True)
class Reach:
    """The receptive field of a stream on one input; lengths per axis, in elements of the input.

    Parameters
    ----------
    stream
        Name of the output, or path of the node.
    input
        Name of the input.
    size
        None along an axis that is seen whole.
    """

    stream: str
    input: str
    size: tuple[Length | None, ...]
    stride: tuple[Length, ...]
    offset: tuple[Length, ...]
    is_whole: bool
    is_aligned: bool


@dataclass(frozen=True, slots=True)
class Totals:
    """The figures of a whole network; see the analyses for what each means and its unit."""

    parameters: int
    buffers: int
    macs: int
    region_macs: int
    train_macs: int
    flops: int
    depth: int
    layers: int
    nodes: int
    neurons: int
    connections: int | None
    activations: int
    peak: int
    peak_path: str
    saved: int
    weights: int
    not_counted: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Summary:
    """What there is to say of a network at a glance."""

    name: str
    title: str | None
    papers: tuple[str, ...]
    rows: tuple[SummaryRow, ...]
    totals: Totals
    inputs: tuple[Stream, ...]
    outputs: tuple[Stream, ...]
    output_reach: tuple[Reach, ...]
    feature_reach: tuple[Reach, ...]
    exits: tuple[ExitCost, ...] = ()
    expected: ExpectedCost | None = None


def summary_tree(
    graph: Graph, analysis: Analysis, *, depth: int | None = None, shares: Sequence[Fraction | float] | None = None
) -> Summary:
    """Gather the summary of a network.

    Parameters
    ----------
    depth
        Levels of the tree to list; None for all.
    shares
        Of the samples that leave at each exit, to tell the mean cost; see ``ExitTable.expected``.

    Raises
    ------
    ValueError
        The shares are not those of exits of the network.
    """
    reached = analysis.receptive
    return Summary(
        name=graph.name,
        title=graph.title,
        papers=graph.papers,
        rows=tuple(_Tree(graph, analysis, depth).rows()),
        totals=summarise_totals(graph, analysis),
        inputs=tuple(
            Stream(node.path, node.outputs[0].shape, node.outputs[0].batch, "train" if node.is_training_input else None)
            for node in graph.inputs
        ),
        outputs=tuple(
            Stream(output.name, stream.shape, stream.batch, output.only)
            for output in graph.outputs
            for stream in (graph.type_of(output.port),)
        ),
        output_reach=tuple(
            _reach(graph, name, source, field)
            for name, fields in reached.outputs.items()
            for source, field in fields.items()
            if field.axes
        ),
        feature_reach=tuple(
            _reach(graph, graph.nodes[node].path, source, reached[node][source])
            for source, node in sorted(reached.features.items())
        ),
        exits=analysis.exits.rows,
        expected=None if shares is None else analysis.exits.expected(shares),
    )


def summarise_totals(graph: Graph, analysis: Analysis) -> Totals:
    """Gather the figures of a whole network."""
    cost, memory = analysis.cost, analysis.memory
    return Totals(
        parameters=cost.parameters,
        buffers=cost.buffers,
        macs=cost.macs,
        region_macs=cost.region_macs,
        train_macs=cost.train_macs,
        flops=cost.flops,
        depth=analysis.depth.depth,
        layers=cost.layers,
        nodes=len(graph.nodes),
        neurons=cost.neurons,
        connections=cost.connections,
        activations=memory.activations,
        peak=memory.peak,
        peak_path=graph.nodes[memory.peak_node].path if graph.nodes else "",
        saved=memory.saved,
        weights=memory.weights,
        not_counted=cost.not_counted,
    )


def _reach(graph: Graph, stream: str, source: int, field: Field) -> Reach:
    return Reach(
        stream=stream,
        input=graph.nodes[source].path,
        size=tuple(axis.size for axis in field.axes),
        stride=tuple(axis.stride for axis in field.axes),
        offset=tuple(axis.offset for axis in field.axes),
        is_whole=field.is_whole,
        is_aligned=field.is_aligned,
    )


class _Tree:
    """Walks the tree of scopes and writes its rows."""

    def __init__(self, graph: Graph, analysis: Analysis, depth: int | None) -> None:
        self._graph = graph
        self._analysis = analysis
        self._depth = depth

    def rows(self) -> Iterator[SummaryRow]:
        return self._below(0, "", 0)

    def _below(self, scope: int, prefix: str, level: int) -> Iterator[SummaryRow]:
        if self._depth is not None and level >= self._depth:
            return
        for run in self._analysis.structure.runs(scope):
            chains = [self._chain(member) for member in (run[0], run[-1])]
            labels = [_label(self._path(chain[-1]), prefix, self._name(chain[-1])) for chain in chains]
            yield self._row(run, chains[0][-1], _range(labels, len(run)), level)
            last = chains[0][-1]
            if last.is_scope:
                yield from self._below(last.id, self._graph.scopes[last.id].path, level + 1)

    def _chain(self, member: Member) -> list[Member]:
        """Follow blocks that hold nothing but one part down to the first that holds more: they share a row."""
        chain = [member]
        while chain[-1].is_scope:
            parts = self._analysis.structure.members[chain[-1].id]
            if len(parts) != 1:
                break
            chain.append(parts[0])
        return chain

    def _path(self, member: Member) -> str:
        return self._graph.scopes[member.id].path if member.is_scope else self._graph.nodes[member.id].path

    def _name(self, member: Member) -> str:
        return self._graph.scopes[member.id].name if member.is_scope else ""

    def _row(self, run: Sequence[Member], shown: Member, label: str, level: int) -> SummaryRow:
        graph, cost, count = self._graph, self._analysis.cost, len(run)
        if shown.is_scope:
            scope = graph.scopes[shown.id]
            numbers = self._analysis.totals[scope.id].nodes
            result = self._analysis.totals[scope.id].result
            caption, line = _scope_caption(scope), scope.span.line
        else:
            numbers, result = range(shown.id, shown.id + 1), shown.id
            caption, line = graph.nodes[shown.id].op.caption(), graph.nodes[shown.id].span.line
        rows = [cost[number] for number in numbers]
        parameters = sum(row.own_parameters for row in rows)
        counted = [row.macs for row in rows if row.macs is not None]
        return SummaryRow(
            level=level,
            label=label,
            count=count,
            is_block=shown.is_scope,
            caption=caption,
            path=self._path(shown),
            output="" if result is None else _shapes(graph.nodes[result]),
            parameters=count * parameters,
            macs=count * sum(counted) if counted else None,
            is_shared=parameters == 0 and any(row.parameters for row in rows),
            role=_role(rows),
            line=line,
        )


def _role(rows: Sequence[NodeCost]) -> Role:
    if any(row.is_inference for row in rows):
        return "inference"
    return "training only" if any(row.is_training for row in rows) else "idle"


def _label(path: str, prefix: str, structure: str) -> str:
    """Name a part within its block; a structure has the path of the block around it, so its own name stands in."""
    if path == prefix:
        return structure
    return path.removeprefix(f"{prefix}.") if prefix else path


def _range(labels: Sequence[str], count: int) -> str:
    return labels[0] if count == 1 else f"{labels[0]}..{labels[-1]}"


def _scope_caption(scope: Scope) -> str:
    return "" if scope.caption == scope.name else scope.caption


def _shapes(node: Node) -> str:
    return ", ".join(map(str, node.outputs))
