"""Pooling: the largest or the mean value of a window, of a grid of regions, or of the whole plane."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import gcd

from archdsl.ops.base import (
    Family,
    Flag,
    Op,
    PerAxis,
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
from archdsl.ops.sliding import Pad, Slide, extent, require_fit, require_spatial, slide, uniform


class SlidingPool(Op):
    """Base of the pools with a sliding window."""

    family = Family.POOL

    kernel: PerAxis
    """Size of the window, written before the operator: `3x3 maxpool`."""
    stride: PerAxis | None = None
    """Step between windows, by default the size of the window; `/2` for short."""
    pad: Pad | None = None
    """Padding on both sides: a number, one for each axis, or the name of a rule.

    `same` is `(kernel - 1) * dilation // 2` for odd kernels and 0 for even ones; `valid` is 0; `tf_same` pads, the
    greater part behind, until there are `size / stride` windows, rounded up. The default is `same` for an axis whose
    stride differs from its kernel, and else 0; 0 too where `ceil` rounds up a stride above 1, in place of padding.
    """
    ceil: Flag = False
    """Keep a last window that reaches beyond the padded input, if it begins inside the input or the padding before."""

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        (stream,) = inputs
        require_spatial(stream, self.keyword, recovery=inputs)
        window = self.slide(stream)
        counts = self._counts(window)
        if not all(counts):
            require_fit(window, stream.channels, stream)
        result = stream.with_shape(stream.channels, *counts)
        if any(2 * pad > reach for pad, reach in zip(window.before, window.reach, strict=True)):
            raise ShapeError(
                f"a padding of {dims(window.before)} is more than half of a window of {dims(window.reach)}",
                hint="pad less: some windows would hold nothing but padding",
                kind="kernel",
                inputs=(0,),
                recovery=(result,),
            )
        return (result,)

    def slide(self, stream: TensorType) -> Slide:
        """The window over a stream, with its padding computed."""
        kernels = per_axis(self.kernel, stream.rank, "kernel")
        strides = kernels if self.stride is None else per_axis(self.stride, stream.rank, "stride")
        if self.pad is not None:
            return slide(stream, kernels, strides, self.pad, self.holes)
        padded = slide(stream, kernels, strides, "same", self.holes)
        pads = tuple(
            0 if stride == kernel or (self.ceil and stride > 1) else pad
            for kernel, stride, pad in zip(kernels, strides, padded.before, strict=True)
        )
        return replace(padded, before=pads, after=pads)

    @property
    def holes(self) -> int | Shape:
        """The dilation of the window."""
        return 1

    def _counts(self, window: Slide) -> Shape:
        """Number of windows along each axis, as torch counts them; 0 where none fits."""
        if not self.ceil or self.pad == "tf_same":
            return window.places
        axes = zip(window.size, window.padded, window.before, window.reach, window.stride, strict=True)
        return tuple(_rounded_up(*axis) for axis in axes)

    def window(self, *inputs: TensorType) -> Window | None:
        window = self.slide(inputs[0])
        return Window(window.kernel, window.stride, window.before, window.dilation)

    def call(self, function: str, stream: TensorType, *, outside: str = "", options: Sequence[str] = ()) -> TorchCode:
        """Call of a pooling function of torch; ``outside`` is what ``F.pad`` fills with."""
        window = self.slide(stream)
        source, ceil = "{0}", self.ceil or not window.symmetric
        if self._pads_apart(window):
            source, ceil = f"F.pad({{0}}, {self._tight(window).functional_padding}{outside})", False
            window = replace(window, before=(0,) * stream.rank)
        arguments = [source, str(uniform(window.kernel))]
        if window.stride != window.kernel:
            arguments.append(f"stride={uniform(window.stride)}")
        if any(window.before):
            arguments.append(f"padding={uniform(window.before)}")
        if any(hole > 1 for hole in window.dilation):
            arguments.append(f"dilation={uniform(window.dilation)}")
        if ceil:
            arguments.append("ceil_mode=True")
        return TorchCode(f"F.{function}{stream.rank}d({', '.join([*arguments, *options])})")

    def _pads_apart(self, window: Slide) -> bool:
        """Whether the padding is more than the pooling functions can do: uneven, or above half of the kernel."""
        if any(2 * pad > kernel for pad, kernel in zip(window.before, window.kernel, strict=True)):
            return True
        return not (window.symmetric or self.rounds_up(window))

    def _tight(self, window: Slide) -> Slide:
        """The same windows with just the padding behind that the last of them reaches."""
        axes = zip(self._counts(window), window.stride, window.reach, window.size, window.before, strict=True)
        after = (max((count - 1) * stride + reach - size - pad, 0) for count, stride, reach, size, pad in axes)
        return replace(window, after=tuple(after))

    def rounds_up(self, window: Slide) -> bool:
        """Whether rounding up does for the one place more of padding behind than in front.

        It does where only the last window would reach there, for strides above 1; that spares a padded copy.
        """
        sides = zip(window.before, window.after, window.stride, strict=True)
        return all(stride > 1 for before, after, stride in sides if before != after)

    def titled(self, name: str) -> str:
        """Caption of a pool of this name."""
        kernel, stride = extent(self.kernel), self.kernel if self.stride is None else self.stride
        if self._uniform(stride) == self._uniform(self.kernel):
            return f"{name} {kernel}"
        return f"{name} {kernel} /{extent(self._uniform(stride))}"

    @staticmethod
    def _uniform(value: int | Shape) -> int | Shape:
        return value if isinstance(value, int) else uniform(value)


def _rounded_up(size: int, padded: int, before: int, reach: int, stride: int) -> int:
    """Number of windows if the last may reach beyond the padding; it must not begin behind the input, though."""
    count = max(-(-(padded - reach) // stride) + 1, 0)
    return count - 1 if count and (count - 1) * stride >= size + before else count


@register
class MaxPool(SlidingPool):
    """Take the largest value of each window; padding never wins.

    Shape: ``CxHxW -> CxH'xW'`` with ``H' = floor((H + 2 pad - dilation * (kernel - 1) - 1) / stride) + 1``, for 1 to 3
    spatial axes.
    """

    keyword = "maxpool"
    also = ("maxpooling",)
    samples = (
        Sample("2x2 maxpool", "64x32x32"),
        Sample("3x3 maxpool /2", "64x112x112"),
        Sample("3x3 maxpool /1", "16x7x9"),
        Sample("3x3 maxpool /2 ceil=true", "16x56x57"),
        Sample("3x3 maxpool /2 ceil=true pad=1", "16x56x57"),
        Sample("3x3 maxpool /2 pad=tf_same", "8x14x15"),
        Sample("2x2 maxpool /1 pad=tf_same", "8x14x14"),
        Sample("3x3 maxpool /1 dilation=2", "8x16x16"),
        Sample("3x3 maxpool /2 dilation=2 pad=2 ceil=true", "8x16x17"),
        Sample("3x2 maxpool stride=[1, 2] pad=[1, 0]", "8x16x16"),
        Sample("maxpool kernel=3 /2", "8x15"),
        Sample("2x2x2 maxpool", "4x6x7x8"),
    )

    dilation: PerAxis = 1
    """Step between the places of a window."""

    @property
    def holes(self) -> int | Shape:
        return self.dilation

    def torch(self, inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> TorchCode:
        return self.call("max_pool", inputs[0], outside=', value=float("-inf")')

    def caption(self) -> str:
        return self.titled("MaxPool")


@register
class AvgPool(SlidingPool):
    """Take the mean of each window.

    Shape: as ``maxpool``. Padding counts as zeros, or with ``count_include_pad=false`` not at all.
    """

    keyword = "avgpool"
    also = ("averagepool", "averagepooling", "meanpool")
    samples = (
        Sample("2x2 avgpool", "64x32x32"),
        Sample("3x3 avgpool /2", "24x56x56"),
        Sample("3x3 avgpool /1 count_include_pad=false", "16x7x9"),
        Sample("5x5 avgpool /3 pad=valid", "512x14x14"),
        Sample("3x3 avgpool /2 ceil=true", "16x56x57"),
        Sample("3x3 avgpool /2 ceil=true pad=1", "16x56x57"),
        Sample("3x3 avgpool /2 pad=tf_same", "8x14x15"),
        Sample("3x3 avgpool /2 pad=tf_same count_include_pad=false", "8x14x15"),
        Sample("avgpool kernel=2", "8x15"),
        Sample("2x2x2 avgpool", "4x6x7x8"),
    )

    count_include_pad: Flag = True
    """Count the padding as zeros."""

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        result = super().infer(*inputs)
        window = self.slide(inputs[0])
        if not (window.symmetric or self.count_include_pad or self.rounds_up(window)):
            raise ShapeError(
                "an even window of stride 1 cannot leave its uneven padding out of the mean",
                hint="count it: `count_include_pad=true`",
                kind="kernel",
                inputs=(0,),
                recovery=result,
            )
        return result

    def rounds_up(self, window: Slide) -> bool:
        # Torch never counts what lies beyond the padding, so this serves only where padding is not counted at all.
        return not self.count_include_pad and super().rounds_up(window)

    def torch(self, inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> TorchCode:
        padded = any(self.slide(inputs[0]).after)
        options = ("count_include_pad=False",) if padded and not self.count_include_pad else ()
        return self.call("avg_pool", inputs[0], options=options)

    def caption(self) -> str:
        return self.titled("AvgPool")


class GlobalPool(Op):
    """Base of the pools over the whole plane."""

    family = Family.POOL

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        (stream,) = inputs
        require_spatial(stream, self.keyword, recovery=inputs)
        return (stream.with_shape(stream.channels, *[1] * stream.rank),)

    def window(self, *inputs: TensorType) -> Window | None:
        return Window(everywhere=True)

    def reduced(self, function: str, stream: TensorType) -> TorchCode:
        # What torch itself makes of an adaptive average pool of size 1. The adaptive maximum keeps an index per channel
        # and takes several times as long as the reduction.
        axes = ", ".join(str(axis) for axis in range(2, stream.rank + 2))
        return TorchCode(f"{{0}}.{function}(({axes}{',' if stream.rank == 1 else ''}), keepdim=True)")

    def caption(self) -> str:
        return self.keyword.upper()


@register
class GlobalAveragePool(GlobalPool):
    """Average each channel over all places.

    Shape: ``CxHxW -> Cx1x1``: the spatial axes stay, so that the result can gate a stream; ``fc`` flattens it.
    Reference: Lin, Chen, Yan: Network in network, arXiv:1312.4400, section 3.2.
    """

    keyword = "gap"
    also = ("globalavgpool", "globalaveragepool", "globalaveragepooling")
    saves_input = False
    samples = (Sample("gap", "2048x7x7"), Sample("gap", "16x40"), Sample("gap", "16x4x5x6"))

    def torch(self, inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> TorchCode:
        return self.reduced("mean", inputs[0])


@register
class GlobalMaxPool(GlobalPool):
    """Take the largest value of each channel over all places; equal ones share the gradient.

    Shape: ``CxHxW -> Cx1x1``.
    """

    keyword = "gmp"
    also = ("globalmaxpool", "globalmaxpooling")
    saves_output = True
    samples = (Sample("gmp", "64x7x7"), Sample("gmp", "16x40"), Sample("gmp", "16x4x5x6"))

    def torch(self, inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> TorchCode:
        return self.reduced("amax", inputs[0])


@register
class GlobalSumPool(GlobalPool):
    """Add up each channel over all places.

    Behind ``softmax over=spatial`` and ``mul`` it gives the context of an attention. Shape: ``CxHxW -> Cx1x1``.
    Reference: Cao, Xu, Lin, Wei, Hu: GCNet, arXiv:1904.11492, equation 3.
    """

    keyword = "gsum"
    saves_input = False
    samples = (Sample("gsum", "64x7x7"), Sample("gsum", "16x40"), Sample("gsum", "16x4x5x6"))

    def torch(self, inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> TorchCode:
        return self.reduced("sum", inputs[0])


class AdaptivePool(Op):
    """Base of the pools to a given size."""

    family = Family.POOL
    positional = "size"

    size: PerAxis
    """Number of regions along each spatial axis; one number for all of them, or one for each."""

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        (stream,) = inputs
        require_spatial(stream, self.keyword, recovery=inputs)
        return (stream.with_shape(stream.channels, *per_axis(self.size, stream.rank, "size")),)

    def window(self, *inputs: TensorType) -> Window | None:
        """The widest region and the mean step, rounded down: exact where the sizes divide."""
        sizes = per_axis(self.size, inputs[0].rank, "size")
        if set(sizes) == {1}:
            return Window(everywhere=True)
        pairs = list(zip(inputs[0].spatial, sizes, strict=True))
        rank = len(pairs)
        return Window(
            kernel=tuple(_widest(size, regions) for size, regions in pairs),
            stride=tuple(max(size // regions, 1) for size, regions in pairs),
            padding=(0,) * rank,
            dilation=(1,) * rank,
        )

    def titled(self, name: str) -> str:
        return f"{name} to {extent(self.size)}"


def _widest(size: int, regions: int) -> int:
    """Width of the widest of the regions that cover an axis.

    With ``size = q * regions + r``, regions begin at the multiples of ``gcd(r, regions)`` past a whole place; one that
    begins less than ``r`` before the next whole place touches two more places than ``q``.
    """
    whole, rest = divmod(size, regions)
    return whole + (rest > 0) + (rest > gcd(size, regions))


@register
class AdaptiveAvgPool(AdaptivePool):
    """Average each of a grid of regions that cover the plane.

    Region ``i`` of ``n`` along an axis of size ``H`` reaches from ``floor(i H / n)`` to ``ceil((i + 1) H / n)``.
    Shape: ``CxHxW -> Cxnxn``.
    """

    keyword = "adaptive_avgpool"
    samples = (
        Sample("adaptive_avgpool 7", "512x14x14"),
        Sample("adaptive_avgpool 3", "16x10"),
        Sample("adaptive_avgpool([1, 4])", "16x9x9"),
        Sample("adaptive_avgpool 2", "4x5x6x7"),
    )

    def torch(self, inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> TorchCode:
        rank = inputs[0].rank
        return TorchCode(f"F.adaptive_avg_pool{rank}d({{0}}, {uniform(outputs[0].spatial)})")

    def caption(self) -> str:
        return self.titled("AvgPool")


@register
class AdaptiveMaxPool(AdaptivePool):
    """Take the largest value of each of a grid of regions that cover the plane.

    The regions are those of ``adaptive_avgpool``. Shape: ``CxHxW -> Cxnxn``.
    """

    keyword = "adaptive_maxpool"
    samples = (
        Sample("adaptive_maxpool 7", "512x14x14"),
        Sample("adaptive_maxpool 3", "16x10"),
        Sample("adaptive_maxpool([1, 4])", "16x9x9"),
        Sample("adaptive_maxpool 2", "4x5x6x7"),
    )

    def torch(self, inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> TorchCode:
        rank = inputs[0].rank
        return TorchCode(f"F.adaptive_max_pool{rank}d({{0}}, {uniform(outputs[0].spatial)})")

    def caption(self) -> str:
        return self.titled("MaxPool")
