"""A window that is larger than what it slides over."""

from __future__ import annotations

from collections.abc import Iterator

from archdsl.codes import Code
from archdsl.diagnostic import Diagnostic
from archdsl.lint.rule import Subject, nodes, place, warning
from archdsl.ops.base import Family, TensorType, dims

CODE = Code(
    "W0702",
    "kernel larger than its input",
    "The window covers more places than the stream has, so that in every position some of its weights meet nothing but "
    "padding and are never trained. The network has usually lost its resolution too early, or was made for larger "
    "inputs.",
    "input 3x4x4\n3x3 conv 16 /2 -> relu -> 7x7 conv 16",
    "input 3x4x4\n3x3 conv 16 /2 -> relu -> 1x1 conv 16",
)


def find(subject: Subject) -> Iterator[Diagnostic]:
    """Convolutions and pools whose window is larger than their input."""
    for graph, node in nodes(subject):
        if node.op.family not in {Family.CONV, Family.POOL}:
            continue
        stream = graph.input_types(node)[0]
        reach = _reach(node.op.window(*graph.input_types(node)), stream)
        if any(length > size for length, size in zip(reach, stream.spatial, strict=False)):
            message = f"the window covers {dims(reach)} places, but the stream has {dims(stream.spatial)}"
            hint = "use a smaller kernel or dilation, or keep more resolution on the way here"
            yield warning(CODE, message, place(graph, node), hint)


def _reach(window: object, stream: TensorType) -> tuple[int, ...]:
    """Places from the first tap of a window to its last, along each axis; none if it does not slide."""
    kernel: tuple[int, ...] = getattr(window, "kernel", ())
    if getattr(window, "everywhere", True) or getattr(window, "upscale", ()):
        return ()
    dilation = getattr(window, "dilation", ()) or (1,) * stream.rank
    return tuple((size - 1) * step + 1 for size, step in zip(kernel, dilation, strict=False))
