"""Operators of LeNet-5 that later networks dropped."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Literal

from archdsl.ops.base import (
    Constructor,
    Family,
    Natural,
    Op,
    PerAxis,
    Positive,
    Sample,
    ShapeError,
    TensorType,
    TorchCode,
    Weight,
    Window,
    per_axis,
    register,
)
from archdsl.ops.initialise import Filled
from archdsl.ops.sliding import Slide, extent, require_fit, require_float, require_spatial, slide

#: Length of a code vector of 7 x 12 pixels.
BITMAP_SIZE = 84
DIGITS = 10


@register
class Subsample(Filled):
    """Add up each window and map the sum by two trainable numbers per channel: ``y[c] = a[c] * sum + b[c]``.

    Shape: ``C x S… -> C x floor((S - kernel) / stride) + 1`` on 1 to 3 spatial axes. The squashing function behind it
    is an operator of its own.

    References: Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, "Gradient-based learning applied to document recognition",
    Proc. IEEE 86(11), 1998, layers S2 and S4.
    """

    kernel: PerAxis = 2
    """Size of the window."""
    stride: PerAxis | None = None
    """Step of the window; left out, windows do not overlap."""
    init: Literal["default", "normal", "uniform", "constant", "zero"] = "default"
    """Initial coefficients: ``default`` is uniform within ``1/sqrt(window)``; the others as of ``conv``."""

    keyword = "subsample"
    family = Family.POOL
    samples = (
        Sample("2x2 subsample", "3x8x6"),
        Sample("3x2 subsample /2 init=constant value=0.25", "3x8x7"),
        Sample("subsample kernel=2 bias_init=1", "3x9"),
        Sample("2x2x2 subsample", "2x4x5x6"),
    )

    def slide(self, x: TensorType) -> Slide:
        """The window over this input."""
        return slide(x, self.kernel, self.kernel if self.stride is None else self.stride, "valid")

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        (x,) = inputs
        require_spatial(x, "`subsample`")
        window = self.slide(x)
        require_fit(window, x.channels, x)
        return (x.with_shape(x.channels, *window.places),)

    def settle(self, *inputs: TensorType, before_norm: bool) -> Subsample:
        if not (inputs and inputs[0].rank):
            return self
        return self.model_copy(update={"kernel": per_axis(self.kernel, inputs[0].rank, "kernel")})

    def weights(self, *inputs: TensorType) -> dict[str, Weight]:
        shape = (inputs[0].channels,)
        return {"weight": Weight(shape), "bias": Weight(shape)}

    def connections(self, inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> int:
        return outputs[0].size * (prod(self.slide(inputs[0]).kernel) + 1)

    def window(self, *inputs: TensorType) -> Window:
        window = self.slide(inputs[0])
        return Window(window.kernel, window.stride, window.before, window.dilation)

    def torch(self, inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> TorchCode:
        (x,) = inputs
        window = self.slide(x)
        stride = () if window.stride == window.kernel else (("stride", window.stride),)
        start = self.fill(self.init, bias=True)
        return TorchCode(
            "{module}({0})",
            Constructor("Subsample", (x.channels,), (("kernel_size", window.kernel), *stride)),
            runtime=("subsample",),
            init=start.statements,
            init_complete=start.complete,
        )

    def caption(self) -> str:
        return f"Subsample {extent(self.kernel)}"


@register
class RadialBasis(Op):
    """Measure the squared distance to a fixed code of each class: ``y[i] = sum over j of (x[j] - w[i, j])^2``.

    Shape: a vector ``-> classes``; the class of the smallest output wins. Codes are +1 and -1 and are not trained.
    ``ascii-7x12`` are pictures of the digits, 7 pixels wide and 12 high, so that confusable digits have similar codes;
    they need a vector of 84. ``random`` codes fit any vector.

    References: Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, "Gradient-based learning applied to document recognition",
    Proc. IEEE 86(11), 1998, section II-B and figure 3.
    """

    classes: Positive
    """Number of classes."""
    codes: Literal["ascii-7x12", "random"] = "ascii-7x12"
    """What the codes are."""
    seed: Natural = 0
    """Seed of random codes."""

    keyword = "rbf"
    family = Family.LINEAR
    positional = "classes"
    samples = (Sample('rbf 10 codes="ascii-7x12"', "84"), Sample('rbf 12 codes="random" seed=3', "20"))

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        (x,) = inputs
        require_float(x, "`rbf`")
        y = x.with_shape(self.classes)
        if x.rank:
            message = f"`rbf` takes a vector, but the stream is {x}"
            raise ShapeError(message, hint="put an `fc` before it", kind="rank", inputs=(0,), recovery=(y,))
        if self.codes == "ascii-7x12" and x.size != BITMAP_SIZE:
            raise ShapeError(
                f"codes of 7x12 pixels need a vector of {BITMAP_SIZE}, but the stream has {x.size}",
                hint=f'put `fc {BITMAP_SIZE}` before it, or use codes="random"',
                inputs=(0,),
                recovery=(y,),
            )
        if self.codes == "ascii-7x12" and self.classes > DIGITS:
            hint = 'use codes="random"'
            raise ShapeError(f"there are pictures of {DIGITS} digits, not of {self.classes}", hint=hint, recovery=(y,))
        return (y,)

    def weights(self, *inputs: TensorType) -> dict[str, Weight]:
        return {"codes": Weight((self.classes, inputs[0].size), trainable=False)}

    def connections(self, inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> int:
        return inputs[0].size * self.classes

    def window(self, *inputs: TensorType) -> Window:
        return Window(everywhere=True)

    def torch(self, inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> TorchCode:
        if self.codes == "ascii-7x12":
            module = Constructor("DigitCodes", (self.classes,))
        else:
            module = Constructor("RandomCodes", (inputs[0].size, self.classes), (("seed", self.seed),))
        return TorchCode("{module}({0})", module, runtime=("radial_basis",))

    def caption(self) -> str:
        return "RBF"
