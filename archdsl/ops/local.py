"""Windows with weights of their own at each place."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Literal

from archdsl.ops.base import (
    Constructor,
    Family,
    Flag,
    PerAxis,
    Positive,
    Sample,
    TensorType,
    TorchCode,
    Weight,
    Window,
    per_axis,
    register,
)
from archdsl.ops.initialise import Filled
from archdsl.ops.sliding import Pad, Slide, extent, require_fit, require_spatial, slide


@register
class LocalConv(Filled):
    """Convolve with weights that are not shared: each place has a kernel and a bias of its own.

    ``y[o, p] = b[o, p] + sum over i, t of w[p, o, i, t] * x[i, p*stride + t - pad]``. Shape: as of ``conv`` on 2
    spatial axes. Cost: places x out x C x kernel multiply-accumulates, as of ``conv``, but as many weights.
    References: K. Gregor, Y. LeCun, "Emergence of complex-like cells in a temporal product network with local receptive
    fields", arXiv:1006.0448; the last layer but one of YOLO in Darknet.
    """

    kernel: PerAxis
    """Size of the window; one number, or height and width."""
    out: Positive
    """Number of output channels."""
    stride: PerAxis = 1
    """Step of the window, usually written ``/2``."""
    pad: Pad = "same"
    """As of ``conv``, but the same before and behind."""
    bias: Flag = True
    """Whether a bias is added."""
    init: Literal["default", "normal", "uniform", "constant", "zero"] = "default"
    """Initial weights: ``default`` is uniform within ``1/sqrt(fan_in)``; the others as of ``conv``."""

    keyword = "local_conv"
    family = Family.CONV
    positional = "out"
    samples = (
        Sample("3x3 local_conv 4", "3x5x4"),
        Sample("3x2 local_conv 4 /2 pad=valid bias=false", "3x7x6"),
        Sample("1x1 local_conv 2 init=normal std=0.02", "3x4x4"),
    )

    def slide(self, x: TensorType) -> Slide:
        """The window over this input."""
        return slide(x, self.kernel, self.stride, self.pad)

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        (x,) = inputs
        require_spatial(x, "`local_conv`", most=2)
        window = self.slide(x)
        require_fit(window, self.out, x)
        return (x.with_shape(self.out, *window.places),)

    def settle(self, *inputs: TensorType, before_norm: bool) -> LocalConv:
        if not (inputs and inputs[0].rank):
            return self
        return self.model_copy(update={"kernel": per_axis(self.kernel, inputs[0].rank, "kernel")})

    def weights(self, *inputs: TensorType) -> dict[str, Weight]:
        window = self.slide(inputs[0])
        taps = inputs[0].channels * prod(window.kernel)
        weights = {"weight": Weight((prod(window.places), self.out, taps))}
        return weights | ({"bias": Weight((self.out, *window.places))} if self.bias else {})

    def macs(self, inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> int:
        return outputs[0].size * inputs[0].channels * prod(self.slide(inputs[0]).kernel)

    def connections(self, inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> int:
        return self.macs(inputs, outputs) + (outputs[0].size if self.bias else 0)

    def window(self, *inputs: TensorType) -> Window:
        window = self.slide(inputs[0])
        return Window(window.kernel, window.stride, window.before, window.dilation)

    def torch(self, inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> TorchCode:
        (x,) = inputs
        window = self.slide(x)
        start = self.fill(self.init, bias=self.bias)
        keywords = (
            ("places", window.places),
            ("kernel_size", window.kernel),
            ("stride", window.stride),
            ("padding", window.before),
            *((("bias", False),) if not self.bias else ()),
        )
        return TorchCode(
            "{module}({0})",
            Constructor("LocalConv", (x.channels, self.out), keywords),
            runtime=("local_conv",),
            init=start.statements,
            init_complete=start.complete,
        )

    def caption(self) -> str:
        step = "" if self.stride == 1 else f" /{extent(self.stride)}"
        return f"Local {extent(self.kernel)}{step}"
