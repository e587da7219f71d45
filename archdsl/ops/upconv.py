"""Transposed convolution."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import TYPE_CHECKING, Any, Literal

from archdsl.ops.base import (
    Constructor,
    Family,
    Flag,
    PerAxis,
    PerAxisNatural,
    Positive,
    Sample,
    Shape,
    ShapeError,
    TensorType,
    TorchCode,
    Weight,
    Window,
    dims,
    per_axis,
    register,
)
from archdsl.ops.fold import LinearMap
from archdsl.ops.initialise import Filled, Scheme
from archdsl.ops.sliding import extent, require_groups, require_spatial, uniform

if TYPE_CHECKING:
    from torch import Tensor


@register
class TransposedConv(Filled, LinearMap):
    """Convolve backwards: each input place adds a weighted window to the output.

    Shape: ``C x S… -> out x (S - 1)*stride - 2*pad + dilation*(kernel - 1) + output_pad + 1`` on 1 to 3 spatial axes.
    It is the gradient of a convolution with respect to its input: it restores the shape, not the values.
    Cost: input places x C x out/groups x kernel multiply-accumulates.

    References: M. Zeiler, D. Krishnan, G. Taylor, R. Fergus, "Deconvolutional networks", CVPR 2010; J. Long,
    E. Shelhamer, T. Darrell, "Fully convolutional networks for semantic segmentation", arXiv:1411.4038 (``bilinear``).
    """

    out: Positive
    """Number of output channels."""
    kernel: PerAxis
    """Size of the window, usually written before the operator: ``2x2 upconv``."""
    stride: PerAxis = 1
    """Distance of the windows of neighbouring input places, usually written ``/2``."""
    pad: PerAxisNatural = 0
    """Number of places cut off on both sides."""
    output_pad: PerAxisNatural = 0
    """Number of places added behind; less than the stride or the dilation."""
    dilation: PerAxis = 1
    """Distance between neighbouring taps of the window."""
    groups: Positive = 1
    """Number of groups that the channels divide into."""
    bias: Flag | None = None
    """Whether a bias is added; left out, it is unless a norm that would cancel it follows at once."""
    init: Scheme | Literal["bilinear"] = "default"
    """Initial weights, as of ``conv``; ``bilinear`` interpolates each channel by itself (Long et al.)."""

    keyword = "upconv"
    also = ("convtranspose", "transposedconv", "deconv", "deconvolution")
    family = Family.CONV
    positional = "out"
    samples = (
        Sample("2x2 upconv 3 /2", "4x5x6"),
        Sample("3x3 upconv 4", "4x2x2"),
        Sample("3x3 upconv 6 /2 pad=1 output_pad=1 groups=2", "4x5x6"),
        Sample("4x4 upconv 3 /2 pad=1 bias=false init=bilinear", "3x5x5"),
        Sample("4x4 upconv 4 /2 groups=4 init=bilinear", "4x5x5"),
        Sample("3x3 upconv 3 dilation=2 pad=[1, 2] stride=[2, 1] init=he", "2x5x6"),
        Sample("upconv 3 kernel=4 /3 init=normal bias_init=1", "2x7"),
        Sample("2x2x2 upconv 3 /2 init=he_in", "2x3x3x2"),
    )

    @property
    def has_bias(self) -> bool:
        return self.bias is not False

    def settle(self, *inputs: TensorType, before_norm: bool) -> TransposedConv:
        changes: dict[str, Any] = {}
        if self.bias is None:
            changes["bias"] = not before_norm
        if inputs and inputs[0].rank:
            changes["kernel"] = per_axis(self.kernel, inputs[0].rank, "kernel")
        return self.model_copy(update=changes)

    def places(self, x: TensorType) -> Shape:
        """Number of output places along each axis, not positive where everything is cut off."""
        names = ("kernel", "stride", "pad", "output_pad", "dilation")
        columns = [per_axis(getattr(self, name), x.rank, name) for name in names]
        return tuple(
            (n - 1) * stride - 2 * pad + dilation * (kernel - 1) + extra + 1
            for n, kernel, stride, pad, extra, dilation in zip(x.spatial, *columns, strict=True)
        )

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        (x,) = inputs
        require_spatial(x, "`upconv`")
        places = self.places(x)
        y = x.with_shape(self.out, *(max(n, 1) for n in places))
        if min(places) < 1:
            raise ShapeError(
                f"cutting {dims(per_axis(self.pad, x.rank, 'pad'))} off both sides leaves nothing",
                hint="use a smaller pad or a larger kernel",
                kind="empty",
                inputs=(0,),
                recovery=(y,),
            )
        self._require_output_pad(x, y)
        if self.init == "bilinear" and self.out != x.channels:
            message = f"init=bilinear keeps the channels, but {x.channels} come in and {self.out} go out"
            raise ShapeError(message, hint=f"use `upconv {x.channels}`", inputs=(0,), recovery=(y,))
        require_groups(self.groups, x.channels, "input channels", (y,))
        require_groups(self.groups, self.out, "output channels", (y,))
        return (y,)

    def _require_output_pad(self, x: TensorType, y: TensorType) -> None:
        extras = per_axis(self.output_pad, x.rank, "output_pad")
        strides, dilations = per_axis(self.stride, x.rank, "stride"), per_axis(self.dilation, x.rank, "dilation")
        for extra, stride, dilation in zip(extras, strides, dilations, strict=True):
            if extra >= max(stride, dilation):
                raise ShapeError(
                    f"output_pad {extra} is not less than the stride {stride} or the dilation {dilation}",
                    hint="places that no window reaches are of no use; reduce output_pad",
                    recovery=(y,),
                )

    def weights(self, *inputs: TensorType) -> dict[str, Weight]:
        (x,) = inputs
        kernel = per_axis(self.kernel, x.rank, "kernel")
        weights = {"weight": Weight((x.channels, self.out // self.groups, *kernel))}
        return weights | ({"bias": Weight((self.out,))} if self.has_bias else {})

    def macs(self, inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> int:
        return prod(inputs[0].spatial) * self.weights(*inputs)["weight"].size

    def connections(self, inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> int:
        biases = outputs[0].size if self.has_bias else 0
        return self.macs(inputs, outputs) + biases

    def window(self, *inputs: TensorType) -> Window:
        rank = inputs[0].rank
        kernel, dilation = per_axis(self.kernel, rank, "kernel"), per_axis(self.dilation, rank, "dilation")
        pads = per_axis(self.pad, rank, "pad")
        before = tuple(d * (k - 1) - p for k, d, p in zip(kernel, dilation, pads, strict=True))
        return Window(kernel, (1,) * rank, before, dilation, upscale=per_axis(self.stride, rank, "stride"))

    def torch(self, inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> TorchCode:
        (x,) = inputs
        start = self.fill(self.init, bias=self.has_bias, transposed=True)
        return TorchCode(
            "{module}({0})",
            Constructor(f"nn.ConvTranspose{x.rank}d", (x.channels, self.out), self._keywords(x.rank)),
            runtime=("bilinear",) if self.init == "bilinear" else (),
            init=start.statements,
            init_complete=start.complete,
        )

    def _keywords(self, rank: int) -> tuple[tuple[str, Any], ...]:
        arguments = (
            ("kernel_size", uniform(per_axis(self.kernel, rank, "kernel")), None),
            ("stride", uniform(per_axis(self.stride, rank, "stride")), 1),
            ("padding", uniform(per_axis(self.pad, rank, "pad")), 0),
            ("output_padding", uniform(per_axis(self.output_pad, rank, "output_pad")), 0),
            ("dilation", uniform(per_axis(self.dilation, rank, "dilation")), 1),
            ("groups", self.groups, 1),
            ("bias", self.has_bias, True),
        )
        return tuple((name, value) for name, value, default in arguments if value != default)

    def across_outputs(self, values: Tensor, weight: Tensor) -> Tensor:
        channels, out, *kernel = weight.shape
        spread = values.reshape(self.groups, 1, out).expand(self.groups, channels // self.groups, out)
        return spread.reshape(channels, out, *(1,) * len(kernel))

    def caption(self) -> str:
        parts = ["UpConv", extent(self.kernel)]
        if self.stride != 1:
            parts.append(f"/{extent(self.stride)}")
        if self.dilation != 1:
            parts.append(f"d{extent(self.dilation)}")
        if self.groups != 1:
            parts.append(f"g{self.groups}")
        return " ".join(parts)
