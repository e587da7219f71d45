"""The difference of two networks as text and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import groupby
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from archdsl.analysis.compare import Comparison, NodeChange
    from archdsl.graph.graph import Graph

_SIGNS = {"added": "+", "removed": "-", "changed": "~", "moved": ">"}
#: What stays the same is left out where there is more of it than this.
_SAME = 2


def write_text(comparison: Comparison) -> str:
    """What differs, operator by operator, then totals and weights."""
    lines = [f"--- {comparison.before.name}", f"+++ {comparison.after.name}"]
    if comparison.is_equal:
        return "\n".join([*lines, "no difference"]) + "\n"
    lines += _body(comparison)
    lines += ["", *_totals(comparison)]
    return "\n".join(lines) + "\n"


def _body(comparison: Comparison) -> Iterator[str]:
    for is_same, run in groupby(comparison.nodes, key=lambda change: change.fate == "same"):
        changes = list(run)
        if is_same and len(changes) > _SAME:
            yield f"  … {len(changes)} operators the same"
        else:
            yield from (_line(comparison, change) for change in changes)


def _line(comparison: Comparison, change: NodeChange) -> str:
    sign = _SIGNS.get(change.fate, " ")
    graph, number = (comparison.before, change.before) if change.after is None else (comparison.after, change.after)
    assert number is not None
    node = graph.nodes[number]
    shape = ", ".join(map(str, node.outputs))
    told = "; ".join(change.differences)
    if change.fate == "moved" and change.before is not None:
        told = f"was {comparison.before.nodes[change.before].path}"
    return f"{sign} {node.path}: {node.op.caption()}  {shape}" + (f"   ({told})" if told else "")


def _totals(comparison: Comparison) -> Iterator[str]:
    one, other = comparison.cost_before, comparison.cost_after
    for name, before, after in (("parameters", one.parameters, other.parameters), ("MACs", one.macs, other.macs)):
        yield f"{name + ':':12}{before:,} → {after:,} ({after - before:+,})"
    kept = {name: f"{size:,} {name}" for name, size in comparison.survival.items()}
    order = [kept[name] for name in ("kept", "moved", "reshaped", "added", "removed") if name in kept]
    yield f"{'weights:':12}{', '.join(order) or 'none'}"


def write_json(comparison: Comparison) -> str:
    """Everything as plain values; changes only, what stays the same is counted."""
    return json.dumps(difference_json(comparison), indent=2, ensure_ascii=False) + "\n"


def difference_json(comparison: Comparison) -> dict[str, Any]:
    """Gather the difference as plain values."""
    one, other = comparison.cost_before, comparison.cost_after
    return {
        "before": comparison.before.name,
        "after": comparison.after.name,
        "equal": comparison.is_equal,
        "params": [one.parameters, other.parameters],
        "macs": [one.macs, other.macs],
        "operators": {fate: comparison.fates[fate] for fate in sorted(comparison.fates)},
        "weights": {name: comparison.survival[name] for name in sorted(comparison.survival)},
        "changes": [_row(comparison, change) for change in comparison.nodes if change.fate != "same"],
        "tensors": [
            {"what": change.survival, "before": change.before, "after": change.after, "size": change.size}
            for change in comparison.weights
        ],
    }


def _row(comparison: Comparison, change: NodeChange) -> dict[str, Any]:
    return {
        "what": change.fate,
        "before": _node(comparison.before, change.before),
        "after": _node(comparison.after, change.after),
        "differences": list(change.differences),
    }


def _node(graph: Graph, number: int | None) -> dict[str, Any] | None:
    if number is None:
        return None
    node = graph.nodes[number]
    return {"path": node.path, "op": node.op.keyword, "outputs": [list(type.shape) for type in node.outputs]}
