"""The arithmetic of windows that slide: how much is padded, and how many places they reach.

Formulas as in V. Dumoulin, F. Visin, "A guide to convolution arithmetic for deep learning", arXiv:1603.07285.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Literal

from archdsl.ops.base import PerAxisNatural, Shape, ShapeError, TensorType, dims, per_axis

#: How a window's input is padded: by rule, by one number, or by one for each axis.
Pad = Literal["same", "valid", "tf_same"] | PerAxisNatural


@dataclass(frozen=True, slots=True)
class Slide:
    """A window on an input of known size; every field has one number per spatial axis.

    ``before`` and ``after`` are the padding on either side.
    """

    size: Shape
    kernel: Shape
    stride: Shape
    dilation: Shape
    before: Shape
    after: Shape

    @property
    def reach(self) -> Shape:
        """Width of the window with its holes: ``dilation * (kernel - 1) + 1``."""
        return tuple(d * (k - 1) + 1 for k, d in zip(self.kernel, self.dilation, strict=True))

    @property
    def padded(self) -> Shape:
        """Size of the padded input."""
        return tuple(n + b + a for n, b, a in zip(self.size, self.before, self.after, strict=True))

    @property
    def places(self) -> Shape:
        """Number of places: ``floor((padded - reach) / stride) + 1``, and 0 where the window does not fit."""
        triples = zip(self.padded, self.reach, self.stride, strict=True)
        return tuple((n - r) // s + 1 if n >= r else 0 for n, r, s in triples)

    @property
    def symmetric(self) -> bool:
        """Whether both sides are padded alike."""
        return self.before == self.after

    @property
    def functional_padding(self) -> Shape:
        """The padding as ``F.pad`` wants it: last axis first, before and after."""
        return tuple(side for pair in reversed(list(zip(self.before, self.after, strict=True))) for side in pair)


def slide(
    x: TensorType,
    kernel: int | Shape,
    stride: int | Shape = 1,
    pad: Literal["same", "valid", "tf_same"] | int | Shape = "same",
    dilation: int | Shape = 1,
) -> Slide:
    """The window over a stream, with its padding computed.

    ``same`` pads odd kernels by ``floor((kernel - 1) * dilation / 2)`` on both sides and even ones not at all;
    ``tf_same`` pads, unevenly if need be and the greater part behind, so that ``ceil(size / stride)`` places result.

    Raises
    ------
    ShapeError
        An argument has another number of axes than the stream.
    """
    kernels = per_axis(kernel, x.rank, "kernel")
    strides = per_axis(stride, x.rank, "stride")
    dilations = per_axis(dilation, x.rank, "dilation")
    match pad:
        case "valid":
            before = after = (0,) * x.rank
        case "same":
            before = after = tuple((k - 1) * d // 2 if k % 2 else 0 for k, d in zip(kernels, dilations, strict=True))
        case "tf_same":
            axes = zip(x.spatial, kernels, strides, dilations, strict=True)
            totals = [max((ceil(n / s) - 1) * s + d * (k - 1) + 1 - n, 0) for n, k, s, d in axes]
            before, after = tuple(t // 2 for t in totals), tuple(t - t // 2 for t in totals)
        case _:
            before = after = per_axis(pad, x.rank, "pad")
    return Slide(x.spatial, kernels, strides, dilations, before, after)


def require_fit(window: Slide, out: int, x: TensorType) -> None:
    """Refuse a window that is larger than its padded input.

    Raises
    ------
    ShapeError
        It does not fit along some axis; recovery has ``out`` channels and at least one place per axis.
    """
    if all(window.places):
        return
    kernel = dims(window.kernel)
    if any(d > 1 for d in window.dilation):
        kernel += f" (with dilation {dims(window.reach)})"
    padded = "" if window.padded == window.size else f", padded to {dims(window.padded)}"
    raise ShapeError(
        f"a kernel of {kernel} does not fit into {dims(window.size)}{padded}",
        hint="pad the input, use a smaller kernel, or reduce the stream less before",
        kind="kernel",
        inputs=(0,),
        recovery=(x.with_shape(out, *(max(n, 1) for n in window.places)),),
    )


def require_groups(
    groups: int, channels: int, what: str, recovery: Sequence[TensorType], *, argument: str = "groups"
) -> None:
    """Refuse channels that do not divide into as many groups as ``argument`` says.

    Raises
    ------
    ShapeError
        ``channels`` is no multiple of ``groups``.
    """
    if channels % groups == 0:
        return
    divisors = [n for n in range(1, min(channels, 4096) + 1) if channels % n == 0]
    nearest = min(divisors, key=lambda n: abs(n - groups))
    raise ShapeError(
        f"{channels} {what} do not divide into {groups} groups",
        hint=f"use a divisor of {channels}, such as {argument}={nearest}, "
        f"or {ceil(channels / groups) * groups} channels",
        kind="groups",
        inputs=(0,),
        recovery=recovery,
    )


def require_spatial(x: TensorType, what: str, *, most: int = 3, recovery: Sequence[TensorType] | None = None) -> None:
    """Refuse a stream that is not a float map of 1 to ``most`` spatial axes.

    Raises
    ------
    ShapeError
        It has too few or too many axes, or holds integers.
    """
    require_float(x, what)
    if 1 <= x.rank <= most:
        return
    if x.rank == 0:
        message, hint = f"{what} needs spatial axes, but the stream is a vector of {x.channels}", "`fc` maps vectors"
    else:
        message = f"{what} takes 1 to {most} spatial axes, but {x} has {x.rank}"
        hint = "torch has no such operator"
    raise ShapeError(message, hint=hint, kind="rank", inputs=(0,), recovery=recovery)


def require_float(x: TensorType, what: str) -> None:
    """Refuse a stream of integers.

    Raises
    ------
    ShapeError
        It does not hold floating point numbers.
    """
    if x.dtype != "float":
        message = f"{what} takes floating point numbers, but the stream holds integers"
        raise ShapeError(message, hint="integers can be cut and rearranged, not computed with", inputs=(0,))


def uniform(values: Shape) -> int | Shape:
    """One number where all axes agree, as people write it."""
    return values[0] if len(set(values)) == 1 else values


def extent(value: int | Shape) -> str:
    """A size as captions show it: ``3x3``."""
    return str(value) if isinstance(value, int) else dims(value)
