"""The totals of a summary in words: a name, a figure, and what is to be said of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from archdsl.backends.report.numbers import exact, length, lengths, short, size

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from archdsl.analysis.receptive import Length
    from archdsl.backends.report.tree import Reach, Stream, Summary


class Figure(NamedTuple):
    """One line of the totals; ``name`` is empty on a line that goes on with the one before."""

    name: str
    value: str
    note: str = ""


def figures(summary: Summary) -> tuple[Figure, ...]:
    """Write the totals of a network in words, in the order in which people ask for them."""
    return (*_costs(summary), *_shape(summary), *_memory(summary), *_reach(summary), *_not_counted(summary))


def _costs(summary: Summary) -> Iterator[Figure]:
    totals = summary.totals
    yield Figure("parameters", exact(totals.parameters), f"{short(totals.parameters)}, all trainable")
    if totals.buffers:
        yield Figure("buffers", exact(totals.buffers), "stored, not trained")
    yield Figure("MACs", exact(totals.macs), f"{short(totals.macs)}, at inference, for one {_unit(summary)}")
    if totals.region_macs:
        yield Figure("", exact(totals.region_macs), "of these again for every further region")
    if totals.train_macs != totals.macs:
        yield Figure("training MACs", exact(totals.train_macs), f"{short(totals.train_macs)}, forward, all outputs")
    yield from _exits(summary)
    yield Figure("FLOPs", exact(totals.flops), f"{short(totals.flops)}, 2 for each MAC")


def _exits(summary: Summary) -> Iterator[Figure]:
    """The cost until each early exit, and its mean where the shares of the exits are known."""
    for number, row in enumerate(summary.exits):
        left = "" if row.entropy is None else f", left below an entropy of {row.entropy:g}"
        note = f"until {row.name}{left}: {row.macs / summary.exits[-1].macs:.1%}"
        yield Figure("exit MACs" if number == 0 else "", exact(row.macs), note)
    if summary.expected is not None:
        shares = zip(summary.expected.shares, summary.exits, strict=True)
        parts = ", ".join(f"{float(share):.1%} at {row.name}" for share, row in shares)
        mean = summary.expected.macs
        yield Figure("mean MACs", exact(round(mean)), f"{float(mean / summary.exits[-1].macs):.1%}, if {parts}")


def _unit(summary: Summary) -> str:
    return "image and one region" if summary.totals.region_macs else "element of the batch"


def _shape(summary: Summary) -> Iterator[Figure]:
    totals = summary.totals
    yield from _streams("input", summary.inputs)
    yield from _streams("output", summary.outputs)
    layers = f"layers with weights on the longest path; {exact(totals.layers)} in all"
    yield Figure("depth", exact(totals.depth), layers)
    yield Figure("nodes", exact(totals.nodes))
    if totals.neurons:
        yield Figure("neurons", exact(totals.neurons), "outputs of layers with weights")
    if totals.connections is not None:
        yield Figure("connections", exact(totals.connections), "as LeCun et al. 1998 count them")


_MODES = {"train": "training", "eval": "evaluation"}


def _streams(kind: str, streams: Iterable[Stream]) -> Iterator[Figure]:
    listed = tuple(streams)
    for number, stream in enumerate(listed):
        name = kind if len(listed) == 1 else f"{kind}s"
        notes = [stream.name]
        notes += ["for each region"] if stream.batch == "roi" else []
        notes += [f"in {_MODES[stream.only]} only"] if stream.only else []
        shape = "x".join(map(str, stream.shape)) or "scalar"
        yield Figure(name if number == 0 else "", shape, ", ".join(notes))


def _memory(summary: Summary) -> Iterator[Figure]:
    totals = summary.totals
    yield Figure("weights", size(totals.weights), "with buffers" if totals.buffers else "")
    yield Figure("activations", size(totals.activations), f"{size(totals.saved)} saved for training, estimated")
    yield Figure("peak", size(totals.peak), f"of activations at inference, at {totals.peak_path}")


def _reach(summary: Summary) -> Iterator[Figure]:
    """The receptive fields of the outputs, and of the features before them where those see only a part."""
    shown = [reach for reach in summary.output_reach if not reach.is_whole]
    partly = {reach.input for reach in shown}
    shown += [reach for reach in summary.feature_reach if reach.input not in partly]
    whole = [reach for reach in summary.output_reach if reach.is_whole]
    single = len(summary.inputs) == 1
    lines = [_whole(reach, single=single) for reach in whole] + [_part(reach, single=single) for reach in shown]
    for number, (value, note) in enumerate(lines):
        yield Figure("receptive field" if number == 0 else "", value, note)


def _whole(reach: Reach, *, single: bool) -> tuple[str, str]:
    return "whole input", reach.stream if single else f"{reach.stream} on {reach.input}"


def _part(reach: Reach, *, single: bool) -> tuple[str, str]:
    note = f"{reach.stream}, stride {_once(reach.stride)}, offset {_once(reach.offset)}"
    note += "" if single else f", on {reach.input}"
    note += "" if reach.is_aligned else ", paths of different stride meet"
    return lengths(reach.size), note


def _once(values: tuple[Length, ...]) -> str:
    """One number where all axes agree."""
    return length(values[0]) if len(set(values)) == 1 else lengths(values)


def _not_counted(summary: Summary) -> Iterator[Figure]:
    listed = [f"{keyword} {exact(number)}" for keyword, number in summary.totals.not_counted]
    if listed:
        yield Figure("no MACs by convention", "", ", ".join(listed))
