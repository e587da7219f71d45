"""Changing the extent of a stream: slicing, decimating, padding and cropping."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

from pydantic import model_validator

from archdsl.ops.base import (
    Family,
    Flag,
    Natural,
    Op,
    PerAxis,
    PerAxisNatural,
    Positive,
    Real,
    Sample,
    Shape,
    ShapeError,
    TensorType,
    TorchCode,
    Window,
    dims,
    per_axis,
    register,
)
from archdsl.ops.sliding import extent, require_spatial
from archdsl.ops.view import View


@register
class Slice(View):
    """Take a range of the channels, or of another axis.

    ``y = x[start], x[start + step], …`` before ``stop``. Shape: ``CxHxW -> C'xHxW`` with
    ``C' = ceil((stop - start) / step)``.
    """

    keyword = "slice"
    samples = (
        Sample("slice stop=16", "64x8x8"),
        Sample("slice start=16 length=32", "64x8x8"),
        Sample("slice start=1 step=2", "9x4x4"),
        Sample("slice axis=2 start=2 stop=7 step=2", "4x6x9"),
    )

    start: Natural = 0
    """First place that is taken."""
    stop: Positive | None = None
    """Place before which the range ends; the whole rest by default."""
    length: Positive | None = None
    """Number of places that the range spans, in place of ``stop``."""
    step: Positive = 1
    """Distance between the places that are taken."""
    axis: Natural = 0
    """0 for the channels, then the spatial axes."""

    @model_validator(mode="after")
    def _stop_or_length(self) -> Self:
        if self.stop is not None and self.length is not None:
            raise ValueError("give either stop or length")
        return self

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        (stream,) = inputs
        if self.axis > stream.rank:
            message = f"a stream of {stream} has no axis {self.axis}"
            raise ShapeError(message, kind="rank", inputs=(0,), recovery=(stream,))
        size, stop = stream.shape[self.axis], self._stop(stream)
        if not self.start < stop <= size:
            what = "channels" if self.axis == 0 else f"places along axis {self.axis}"
            message = f"the range from {self.start} to {stop} is not within the {size} {what}"
            raise ShapeError(message, kind="empty", inputs=(0,), recovery=(stream,))
        taken = -(-(stop - self.start) // self.step)
        return (stream.with_shape(*stream.shape[: self.axis], taken, *stream.shape[self.axis + 1 :]),)

    def _stop(self, stream: TensorType) -> int:
        if self.length is not None:
            return self.start + self.length
        return stream.shape[self.axis] if self.stop is None else self.stop

    def window(self, *inputs: TensorType) -> Window | None:
        if self.axis == 0:
            return None
        rank, here = inputs[0].rank, self.axis - 1
        return Window(
            kernel=(1,) * rank,
            stride=tuple(self.step if axis == here else 1 for axis in range(rank)),
            padding=tuple(-self.start if axis == here else 0 for axis in range(rank)),
            dilation=(1,) * rank,
        )

    def torch(self, inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> TorchCode:
        stop = "" if self.stop is None and self.length is None else str(self._stop(inputs[0]))
        step = "" if self.step == 1 else f":{self.step}"
        start = str(self.start) if self.start else ""
        return TorchCode(f"{{0}}[{':, ' * (self.axis + 1)}{start}:{stop}{step}]")

    def caption(self) -> str:
        end = self.start + self.length if self.length is not None else self.stop
        return f"Slice {self.start}:{'' if end is None else end}{'' if self.step == 1 else f':{self.step}'}"


@register
class Decimate(View):
    """Keep every n-th place of each spatial axis, from the first one on.

    ``y[c, h, w] = x[c, n h, n w]``: how the identity shortcut of a residual network meets a stride (option A).
    Shape: ``CxHxW -> Cxceil(H/n)xceil(W/n)``. Reference: He, Zhang, Ren, Sun: Deep residual learning for image
    recognition, arXiv:1512.03385, section 3.3.
    """

    keyword = "decimate"
    positional = "stride"
    samples = (Sample("decimate 2", "16x32x32"), Sample("decimate /3", "8x10"), Sample("decimate([1, 2])", "8x7x7"))

    stride: PerAxis
    """Distance between the places that are kept; one number for all spatial axes, or one for each."""

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        (stream,) = inputs
        if stream.rank == 0:
            message = f"a vector of {stream} has no places to drop"
            raise ShapeError(message, kind="rank", inputs=(0,), recovery=(stream,))
        sizes = zip(stream.spatial, self._strides(stream), strict=True)
        return (stream.with_shape(stream.channels, *(-(-size // stride) for size, stride in sizes)),)

    def _strides(self, stream: TensorType) -> Shape:
        return per_axis(self.stride, stream.rank, "stride")

    def window(self, *inputs: TensorType) -> Window | None:
        ones = (1,) * inputs[0].rank
        return Window(kernel=ones, stride=self._strides(inputs[0]), padding=(0,) * len(ones), dilation=ones)

    def torch(self, inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> TorchCode:
        return TorchCode(f"{{0}}[:, :, {', '.join(f'::{stride}' for stride in self._strides(inputs[0]))}]")

    def caption(self) -> str:
        return f"Decimate /{extent(self.stride)}"

    @property
    def is_identity(self) -> bool:
        return self.stride == 1


#: Widths before and after an axis, or one for both.
Sides = Natural | tuple[Natural, Natural]


@register
class Pad(Op):
    """Surround a stream with a constant, fill it up to another's size, or append channels.

    Shape: ``CxHxW -> (before + C + after)x(H + 2 spatial)x(W + 2 spatial)``. Reference: He, Zhang, Ren, Sun: Deep
    residual learning for image recognition, arXiv:1512.03385, section 3.3 (zero channels of shortcut option A).
    """

    keyword = "pad"
    family = Family.VIEW
    positional = "spatial"
    stream_arguments = ("like",)
    saves_input = False
    samples = (
        Sample("pad 3", "3x8x8"),
        Sample("pad channels=[0, 16]", "16x32x32"),
        Sample("pad channels=[4, 4]", "16"),
        Sample("pad([1, [0, 2]], value=-1.5)", "2x5x6"),
        Sample("pad 2 channels=[1, 0]", "2x5x6"),
        Sample("pad 1", "2x3x4x5"),
        Sample("pad like=y", "8x5x6", "4x8x6"),
    )

    spatial: Natural | tuple[Sides, ...] = 0
    """Width on both sides of every spatial axis; or for each axis a width or a pair of widths, before and after."""
    channels: tuple[Natural, Natural] = (0, 0)
    """Number of channels before and after."""
    value: Real = 0.0
    """The constant."""
    like: Flag = False
    """A stream whose size to reach; of an odd rest, one place more is added behind."""

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        stream, *like = inputs
        sides = (self.channels, *self._sides(stream, *like))
        return (stream.with_shape(*(sum(pair) + size for pair, size in zip(sides, stream.shape, strict=True))),)

    def _sides(self, stream: TensorType, *like: TensorType) -> list[tuple[int, int]]:
        """Widths before and after, for each spatial axis."""
        if like:
            return self._missing(stream, like[0])
        if isinstance(self.spatial, int):
            if self.spatial and stream.rank == 0:
                message = f"a vector of {stream} has no spatial axes to pad"
                hint = "pad its channels: `pad channels=[0, 16]`"
                raise ShapeError(message, hint=hint, kind="rank", inputs=(0,), recovery=(stream,))
            return [(self.spatial, self.spatial)] * stream.rank
        if len(self.spatial) != stream.rank:
            message = f"{len(self.spatial)} widths for the {stream.rank} spatial axes of a stream of {stream}"
            raise ShapeError(message, kind="rank", inputs=(0,), recovery=(stream,))
        return [(side, side) if isinstance(side, int) else side for side in self.spatial]

    @staticmethod
    def _missing(stream: TensorType, like: TensorType) -> list[tuple[int, int]]:
        """Widths that bring a stream to the size of another."""
        missing = [wanted - size for wanted, size in zip(like.spatial, stream.spatial, strict=False)]
        if stream.rank != like.rank or any(width < 0 for width in missing):
            message = f"a stream of {stream} cannot be padded to the size of {like}"
            raise ShapeError(message, hint="crop it instead: `crop like=…`", kind="merge", inputs=(0, 1))
        return [(width // 2, width - width // 2) for width in missing]

    def window(self, *inputs: TensorType) -> Window | None:
        if (self.spatial == 0 and not self.like) or inputs[0].rank == 0:
            return None
        ones = (1,) * inputs[0].rank
        return Window(kernel=ones, stride=ones, padding=tuple(b for b, _ in self._sides(*inputs)), dilation=ones)

    def torch(self, inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> TorchCode:
        spatial = self._sides(*inputs)
        sides = [self.channels, *spatial] if any(self.channels) else spatial
        widths = ", ".join(f"{before}, {after}" for before, after in reversed(sides))
        value = f", value={self.value}" if self.value else ""
        return TorchCode(f"F.pad({{0}}, ({widths}){value})")

    def caption(self) -> str:
        parts = [] if self.spatial == 0 else [str(self.spatial) if isinstance(self.spatial, int) else "edges"]
        parts += [f"+{sum(self.channels)} channels"] if any(self.channels) else []
        return " ".join(["Pad", *parts])

    @property
    def is_identity(self) -> bool:
        return self.spatial == 0 and self.channels == (0, 0) and not self.like


@register
class Crop(View):
    """Cut the spatial axes: by an amount on each side, to a size, or to the size of another stream.

    ``crop like=y`` and ``crop size=…`` keep the middle (of an odd rest, one place more is lost behind), or begin at
    ``offset``. Shape: ``CxHxW -> CxH'xW'``; one of ``amount``, ``size`` and ``like`` is given.

    References: Ronneberger, Fischer, Brox: U-Net, arXiv:1505.04597, figure 1; Shelhamer, Long, Darrell: Fully
    convolutional networks for semantic segmentation, arXiv:1605.06211 (offsets).
    """

    keyword = "crop"
    positional = "amount"
    stream_arguments = ("like",)
    samples = (
        Sample("crop 2", "8x12x13"),
        Sample("crop([0, 3])", "8x12x13"),
        Sample("crop size=7", "8x12x13"),
        Sample("crop size=[7, 8] offset=[5, 1]", "8x12x13"),
        Sample("crop like=y", "64x64x64", "64x56x55"),
        Sample("crop like=y offset=5", "21x70x70", "3x32x32"),
        Sample("crop like=y", "4x9", "7x6"),
    )

    amount: PerAxisNatural | None = None
    """Places cut from both sides of every spatial axis; one number, or one for each axis."""
    size: PerAxis | None = None
    """Size of the result; one number, or one for each axis."""
    like: Flag = False
    """A stream whose size the result takes."""
    offset: PerAxisNatural | None = None
    """Where the result begins, in place of the middle; one number, or one for each axis."""

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        stream = inputs[0]
        require_spatial(stream, self.keyword, recovery=(stream,))
        sizes = self._sizes(inputs)
        starts = self._starts(stream, sizes)
        result = stream.with_shape(stream.channels, *(max(size, 1) for size in sizes))
        if min(sizes) < 1:
            message = f"cutting {extent(self.amount or 0)} from both sides leaves nothing of a stream of {stream}"
            raise ShapeError(message, kind="empty", inputs=(0,), recovery=(result,))
        if any(b < 0 or b + new > old for b, new, old in zip(starts, sizes, stream.spatial, strict=True)):
            at = "" if self.offset is None else f" from {dims(starts)} on"
            raise ShapeError(
                f"a stream of {stream} has no {dims(sizes)} places{at} to keep",
                hint="swap the streams, or pad" if self.like and self.offset is None else None,
                inputs=range(len(inputs)),
                recovery=(result,),
            )
        return (result,)

    @model_validator(mode="after")
    def _one_target(self) -> Self:
        if [self.amount is not None, self.size is not None, self.like].count(True) != 1:
            raise ValueError("give one of amount, size and like: `crop like=y`")
        if self.amount is not None and self.offset is not None:
            raise ValueError("an amount has no offset: give size or like")
        return self

    def _sizes(self, inputs: Sequence[TensorType]) -> Shape:
        stream = inputs[0]
        if self.amount is not None:
            amounts = per_axis(self.amount, stream.rank, "amount")
            return tuple(size - 2 * amount for size, amount in zip(stream.spatial, amounts, strict=True))
        if self.size is not None:
            return per_axis(self.size, stream.rank, "size")
        if inputs[1].rank != stream.rank:
            message = f"a stream of {stream} cannot take the size of one of {inputs[1]}: they differ in their axes"
            raise ShapeError(message, kind="merge", inputs=(0, 1), recovery=(stream,))
        return inputs[1].spatial

    def _starts(self, stream: TensorType, sizes: Shape) -> Shape:
        """Where the result begins, for each spatial axis."""
        if self.offset is not None:
            return per_axis(self.offset, stream.rank, "offset")
        return tuple((old - new) // 2 for old, new in zip(stream.spatial, sizes, strict=True))

    def window(self, *inputs: TensorType) -> Window | None:
        ones = (1,) * inputs[0].rank
        starts = self._starts(inputs[0], self._sizes(inputs))
        return Window(kernel=ones, stride=ones, padding=tuple(-start for start in starts), dilation=ones)

    def torch(self, inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> TorchCode:
        if self.like:
            offset = "" if self.offset is None else f", {per_axis(self.offset, inputs[0].rank, 'offset')}"
            return TorchCode(f"crop({{0}}, {{1}}.shape[2:]{offset})", runtime=("crop",))
        if self.amount is not None:
            cuts = per_axis(self.amount, inputs[0].rank, "amount")
            return TorchCode(f"{{0}}[:, :, {', '.join(f'{cut}:-{cut}' if cut else ':' for cut in cuts)}]")
        starts = self._starts(inputs[0], outputs[0].spatial)
        ranges = (f"{start}:{start + size}" for start, size in zip(starts, outputs[0].spatial, strict=True))
        return TorchCode(f"{{0}}[:, :, {', '.join(ranges)}]")

    def caption(self) -> str:
        if self.size is not None:
            return f"Crop to {extent(self.size)}"
        return "Crop" if self.amount is None else f"Crop {extent(self.amount)}"

    @property
    def is_identity(self) -> bool:
        return self.amount == 0 and self.size is None and not self.like
