"""A window that is larger than what it slides over."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

from archdsl.codes import Code
from archdsl.diagnostic import Diagnostic
from archdsl.lint.rule import Subject, nodes, place, warning
from archdsl.ops.base import Family, TensorType, Window

CODE = Code(
    "W0702",
    "window beyond its input",
    "Some places of the window meet nothing but padding, wherever it stands, so that the weights there are never "
    "trained. The network has usually lost its resolution too early, or was made for larger inputs.",
    "input 3x4x4\n3x3 conv 16 /2 -> relu -> 7x7 conv 16",
    "input 3x4x4\n3x3 conv 16 /2 -> relu -> 3x3 conv 16",
)

#: Positions of a window that are looked at one by one, where some places of the stream lie between them.
_MOST = 1000


def find(subject: Subject) -> Iterator[Diagnostic]:
    """Convolutions and pools with places in their window that never meet the input."""
    for graph, node in nodes(subject):
        if node.op.family not in {Family.CONV, Family.POOL}:
            continue
        window = node.op.window(*graph.input_types(node))
        if window is None or window.everywhere or window.upscale:
            continue
        every = prod(window.kernel)
        idle = every - prod(_met(window, graph.input_types(node)[0], node.outputs[0]))
        if idle:
            message = f"{idle} of the {every} places of the window meet nothing but padding"
            hint = "use a smaller kernel or dilation, or keep more resolution on the way here"
            yield warning(CODE, message, place(graph, node), hint)


def _met(window: Window, stream: TensorType, result: TensorType) -> Iterator[int]:
    """How many places of a window meet the stream from somewhere, along each axis."""
    dilation = window.dilation or (1,) * stream.rank
    # A span is the distances from the beginning of the window at which it has the stream, in some of its positions.
    axes = zip(window.kernel, window.stride, window.padding, dilation, stream.spatial, result.spatial, strict=True)
    for kernel, stride, padding, step, size, count in axes:
        if stride <= size:  # what one position leaves out, the next one meets
            spans = [(padding - (count - 1) * stride, padding + size)]
        else:
            firsts = [padding - number * stride for number in range(min(count, _MOST))]
            spans = [(first, first + size) for first in firsts]
        places = (range(max(0, -(-first // step)), min(kernel, -(-last // step))) for first, last in spans)
        yield sum(map(len, places)) if stride <= size or count <= _MOST else kernel
