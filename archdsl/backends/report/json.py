"""The summary of a network as JSON: every figure, and a row for every node."""

from __future__ import annotations

import json
from collections.abc import Mapping
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from archdsl.backends.report.paths import paths_json
from archdsl.backends.report.tree import summary_tree
from archdsl.graph.values import Lookup

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from archdsl.analysis import Analysis
    from archdsl.backends.report.tree import Reach, Summary
    from archdsl.graph.graph import Graph, Node


def write_json(
    graph: Graph, analysis: Analysis, *, paths: bool = False, shares: Sequence[Fraction | float] | None = None
) -> str:
    """Write ``summary_json`` as text, on request with the paths through the network."""
    values = summary_json(graph, analysis, shares)
    if paths:
        values["paths"] = paths_json(analysis.paths)
    return json.dumps(values, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def summary_json(graph: Graph, analysis: Analysis, shares: Sequence[Fraction | float] | None = None) -> dict[str, Any]:
    """Gather everything that is known of a network as plain values.

    MACs, FLOPs, neurons, connections and memory are for one element of the batch and of inference, ``train_macs``
    aside; parameters are those of the whole network; memory is in bytes. With the shares of the samples that leave at
    each early exit comes the mean of the MACs.
    """
    summary = summary_tree(graph, analysis, depth=0, shares=shares)
    totals = summary.totals
    return {
        "name": summary.name,
        "title": summary.title,
        "papers": list(summary.papers),
        "arguments": _plain(graph.arguments),
        "params": totals.parameters,
        "buffers": totals.buffers,
        "macs": totals.macs,
        "region_macs": totals.region_macs,
        "train_macs": totals.train_macs,
        "exits": [{"name": row.name, "entropy": row.entropy, "macs": row.macs} for row in summary.exits],
        "mean_macs": None if summary.expected is None else _plain(summary.expected.macs),
        "flops": totals.flops,
        "inputs": {stream.name: list(stream.shape) for stream in summary.inputs},
        "outputs": {stream.name: list(stream.shape) for stream in summary.outputs},
        "training_outputs": [stream.name for stream in summary.outputs if stream.only == "train"],
        "evaluation_outputs": [stream.name for stream in summary.outputs if stream.only == "eval"],
        "nodes": totals.nodes,
        "layers": totals.layers,
        "depth": totals.depth,
        "neurons": totals.neurons,
        "connections": totals.connections,
        "memory": _memory(analysis),
        "receptive_field": _receptive(summary),
        "not_counted": dict(totals.not_counted),
        "rows": [_row(analysis, node) for node in graph.nodes],
    }


def _memory(analysis: Analysis) -> dict[str, Any]:
    memory = analysis.memory
    return {
        "weights": memory.weights,
        "activations": memory.activations,
        "peak": memory.peak,
        "peak_node": memory.peak_node,
        "saved_for_training": memory.saved,
        "element_size": memory.element_size,
    }


def _receptive(summary: Summary) -> dict[str, Any]:
    return {
        "outputs": _by_stream(summary.output_reach),
        "features": {reach.input: {"path": reach.stream, **_reach(reach)} for reach in summary.feature_reach},
    }


def _by_stream(reaches: Iterable[Reach]) -> dict[str, dict[str, Any]]:
    grouped: dict[str, dict[str, Any]] = {}
    for reach in reaches:
        grouped.setdefault(reach.stream, {})[reach.input] = _reach(reach)
    return grouped


def _reach(reach: Reach) -> dict[str, Any]:
    return {
        "size": _plain(reach.size),
        "stride": _plain(reach.stride),
        "offset": _plain(reach.offset),
        "whole": reach.is_whole,
        "aligned": reach.is_aligned,
    }


def _row(analysis: Analysis, node: Node) -> dict[str, Any]:
    cost = analysis.cost[node.id]
    shapes = [list(stream.shape) for stream in node.outputs]
    return {
        "id": node.id,
        "path": node.path,
        "op": node.op.keyword,
        "arguments": node.op.model_dump(mode="json"),
        "inputs": [{"node": port.node, "output": port.index} for port in node.inputs],
        "output": shapes[0] if len(shapes) == 1 else shapes,
        "params": cost.parameters,
        "shared": not cost.is_owner,
        "macs": cost.macs,
        "inference": cost.is_inference,
        "training": cost.is_training,
        "line": node.span.line,
    }


def _plain(value: object) -> Any:
    """A value as JSON has it: fractions become numbers, tuples lists."""
    if isinstance(value, Fraction):
        return value.numerator if value.denominator == 1 else float(value)
    if isinstance(value, Lookup):
        value = value.entries
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)
