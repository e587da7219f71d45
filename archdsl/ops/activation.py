"""Activations: functions of each element alone, and softmax."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from archdsl.ops.base import (
    Family,
    Flag,
    Op,
    Real,
    Sample,
    ShapeError,
    TensorType,
    TorchCode,
    Weight,
    Window,
    construct,
    register,
)
from archdsl.ops.sliding import require_float

Slope = Annotated[float, Field(strict=True, ge=0, allow_inf_nan=False)]


class Activation(Op):
    """Base of the functions of each element: the shape stays."""

    family = Family.ACTIVATION
    #: Name in a diagram.
    title: ClassVar[str] = ""

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        require_float(inputs[0], self.keyword)
        return inputs

    def caption(self) -> str:
        return self.title


@register
class Relu(Activation):
    """Rectify: ``max(x, 0)``.

    Shape: any. Reference: Nair, Hinton: Rectified linear units improve restricted Boltzmann machines, ICML 2010.
    """

    keyword = "relu"
    title = "ReLU"
    saves_input = False
    saves_output = True
    samples = (Sample("relu", "64x56x56"), Sample("relu", "10"))

    def torch(self, inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> TorchCode:
        return TorchCode("F.relu({0})", inplace="F.relu({0}, inplace=True)")


@register
class Relu6(Activation):
    """Rectify and cap at 6: ``min(max(x, 0), 6)``.

    Shape: any. Reference: Howard et al.: MobileNets, arXiv:1704.04861; Krizhevsky: Convolutional deep belief networks
    on CIFAR-10, 2010.
    """

    keyword = "relu6"
    title = "ReLU6"
    # The plain form keeps its input for the backward pass, the one in place its output.
    saves_output = True
    samples = (Sample("relu6", "32x14x14"),)

    def torch(self, inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> TorchCode:
        return TorchCode("F.relu6({0})", inplace="F.relu6({0}, inplace=True)")


@register
class Leaky(Activation):
    """Rectify, with a small slope below zero: ``x if x > 0 else slope * x``.

    Shape: any. Reference: Maas, Hannun, Ng: Rectifier nonlinearities improve neural network acoustic models, ICML 2013.
    """

    keyword = "leaky"
    also = ("leakyrelu", "lrelu")
    positional = "slope"
    saves_output = True
    samples = (Sample("leaky", "32x14x14"), Sample("leaky 0.1", "32x14x14"))

    slope: Slope = 0.01
    """Slope below zero."""

    def torch(self, inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> TorchCode:
        return TorchCode(
            f"F.leaky_relu({{0}}, {self.slope})", inplace=f"F.leaky_relu({{0}}, {self.slope}, inplace=True)"
        )

    def caption(self) -> str:
        return "LeakyReLU" if self.slope == 0.01 else f"LeakyReLU {self.slope:g}"


@register
class Prelu(Activation):
    """Rectify, with a learned slope below zero: ``x if x > 0 else a * x``.

    Shape: any; one slope per channel, or one for all. Reference: He, Zhang, Ren, Sun: Delving deep into rectifiers,
    arXiv:1502.01852, equation 1.
    """

    keyword = "prelu"
    title = "PReLU"
    samples = (Sample("prelu", "32x14x14"), Sample("prelu shared=true start=0.1", "32"), Sample("prelu", "8x4x4x4"))

    shared: Flag = False
    """One slope for all channels instead of one for each."""
    start: Real = 0.25
    """What the slopes are before training."""

    def weights(self, *inputs: TensorType) -> dict[str, Weight]:
        return {"weight": Weight((1 if self.shared else inputs[0].channels,))}

    def torch(self, inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> TorchCode:
        slopes = () if self.shared else (inputs[0].channels,)
        start = {} if self.start == 0.25 else {"init": self.start}
        return TorchCode("{module}({0})", module=construct("nn.PReLU", *slopes, **start))


@register
class Rrelu(Activation):
    """Rectify, with a random slope below zero while training and the mean of its range after.

    ``x if x > 0 else a * x`` with ``a`` uniform in ``[low, high]`` for each element. Shape: any. Reference: Xu, Wang,
    Chen, Li: Empirical evaluation of rectified activations in convolutional network, arXiv:1505.00853.
    """

    keyword = "rrelu"
    title = "RReLU"
    samples = (Sample("rrelu", "32x14x14"), Sample("rrelu low=0.1 high=0.3", "10"))

    low: Slope = 1 / 8
    """Smallest slope."""
    high: Slope = 1 / 3
    """Largest slope."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.low > self.high:
            raise ValueError("low is at most high")
        return self

    def torch(self, inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> TorchCode:
        return TorchCode(f"F.rrelu({{0}}, {self.low}, {self.high}, training={{training}})")


@register
class Elu(Activation):
    """Exponential linear unit: ``x if x > 0 else alpha * (exp(x) - 1)``.

    Shape: any. Reference: Clevert, Unterthiner, Hochreiter: Fast and accurate deep network learning by exponential
    linear units, arXiv:1511.07289.
    """

    keyword = "elu"
    title = "ELU"
    positional = "alpha"
    saves_output = True
    samples = (Sample("elu", "32x14x14"), Sample("elu 0.5", "10"))

    alpha: Slope = 1.0
    """Minus the value that the function approaches far below zero."""

    def torch(self, inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> TorchCode:
        alpha = "" if self.alpha == 1 else f", alpha={self.alpha}"
        return TorchCode(f"F.elu({{0}}{alpha})", inplace=f"F.elu({{0}}{alpha}, inplace=True)")


@register
class Selu(Activation):
    """Self-normalising exponential linear unit: ``1.0507 * (x if x > 0 else 1.6733 * (exp(x) - 1))``.

    Shape: any. Reference: Klambauer, Unterthiner, Mayr, Hochreiter: Self-normalizing neural networks, arXiv:1706.02515.
    """

    keyword = "selu"
    title = "SELU"
    saves_output = True
    samples = (Sample("selu", "32x14x14"),)

    def torch(self, inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> TorchCode:
        return TorchCode("F.selu({0})", inplace="F.selu({0}, inplace=True)")


@register
class Gelu(Activation):
    """Gaussian error linear unit: ``x * Phi(x)`` with the normal distribution function ``Phi``.

    Shape: any. Reference: Hendrycks, Gimpel: Gaussian error linear units, arXiv:1606.08415.
    """

    keyword = "gelu"
    title = "GELU"
    samples = (Sample("gelu", "64x14x14"), Sample("gelu approximate=tanh", "64"))

    approximate: Literal["none", "tanh"] = "none"
    """``tanh`` for the approximation of section 2 of the paper, as BERT and GPT-2 use it."""

    def torch(self, inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> TorchCode:
        approximate = "" if self.approximate == "none" else ', approximate="tanh"'
        return TorchCode(f"F.gelu({{0}}{approximate})")


@register
class Silu(Activation):
    """Sigmoid-weighted linear unit, also called swish: ``x * sigmoid(x)``.

    Shape: any. Reference: Elfwing, Uchibe, Doya, arXiv:1702.03118; Ramachandran, Zoph, Le: Searching for activation
    functions, arXiv:1710.05941.
    """

    # The form in place clones its input for the backward pass, so it would save nothing.
    keyword = "silu"
    also = ("swish",)
    title = "SiLU"
    samples = (Sample("silu", "32x14x14"),)

    def torch(self, inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> TorchCode:
        return TorchCode("F.silu({0})")


@register
class Hardswish(Activation):
    """Swish made of line segments: ``x * relu6(x + 3) / 6``.

    Shape: any. Reference: Howard et al.: Searching for MobileNetV3, arXiv:1905.02244, section 5.2.
    """

    keyword = "hardswish"
    title = "h-swish"
    samples = (Sample("hardswish", "32x14x14"),)

    def torch(self, inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> TorchCode:
        return TorchCode("F.hardswish({0})")


@register
class Hardsigmoid(Activation):
    """Sigmoid made of line segments: ``relu6(x + 3) / 6``.

    Shape: any. Reference: Howard et al.: Searching for MobileNetV3, arXiv:1905.02244, section 5.2.
    """

    keyword = "hardsigmoid"
    title = "h-sigmoid"
    samples = (Sample("hardsigmoid", "64x1x1"),)

    def torch(self, inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> TorchCode:
        return TorchCode("F.hardsigmoid({0})")


@register
class Sigmoid(Activation):
    """Logistic function: ``1 / (1 + exp(-x))``.

    Shape: any.
    """

    keyword = "sigmoid"
    title = "Sigmoid"
    saves_input = False
    saves_output = True
    samples = (Sample("sigmoid", "64x1x1"), Sample("sigmoid", "6x28x28"))

    def torch(self, inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> TorchCode:
        return TorchCode("torch.sigmoid({0})", inplace="{0}.sigmoid_()")


@register
class Tanh(Activation):
    """Hyperbolic tangent.

    Shape: any.
    """

    keyword = "tanh"
    title = "Tanh"
    saves_input = False
    saves_output = True
    samples = (Sample("tanh", "6x28x28"),)

    def torch(self, inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> TorchCode:
        return TorchCode("torch.tanh({0})", inplace="{0}.tanh_()")


@register
class ScaledTanh(Activation):
    """Hyperbolic tangent with gain 1 at 1: ``1.7159 * tanh(2/3 * x)``.

    Shape: any. Reference: LeCun, Bottou, Bengio, Haffner: Gradient-based learning applied to document recognition,
    Proc. IEEE 86(11), 1998, appendix A.
    """

    keyword = "scaled_tanh"
    title = "1.7159 tanh(2x/3)"
    saves_input = False
    samples = (Sample("scaled_tanh", "84"),)

    def torch(self, inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> TorchCode:
        return TorchCode("1.7159 * torch.tanh({0} * (2 / 3))")


@register
class Times(Activation):
    """Multiply by a constant: ``factor * x``.

    Shape: any. Reference: Szegedy, Ioffe, Vanhoucke, Alemi: Inception-v4, Inception-ResNet and the impact of residual
    connections on learning, arXiv:1602.07261, section 3.3 (scaling of the residuals).
    """

    keyword = "times"
    positional = "factor"
    saves_input = False
    samples = (Sample("times 0.17", "32x14x14"), Sample("times(-2)", "10"), Sample("times 1", "4x3"))

    factor: Real
    """The constant."""

    def torch(self, inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> TorchCode:
        return TorchCode(f"{self.factor!r} * {{0}}", inplace=f"{{0}}.mul_({self.factor!r})")

    def caption(self) -> str:
        return f"× {self.factor:g}"

    @property
    def is_identity(self) -> bool:
        return self.factor == 1


@register
class Softmax(Activation):
    """Turn scores into shares that sum to 1: ``exp(x_i) / sum_j exp(x_j)``.

    ``j`` runs over the channels of each place, over the places of each channel, or, for a list of streams, over the
    streams, of which there come out as many as go in.

    Shape: any; the streams of a list are alike. Reference: Li, Wang, Hu, Yang: Selective kernel networks,
    arXiv:1903.06586, equation 5 (over streams).
    """

    keyword = "softmax"
    positional = "over"
    saves_input = False
    saves_output = True
    samples = (
        Sample("softmax", "10"),
        Sample("softmax", "21x32x32"),
        Sample("softmax over=spatial", "4x14x14"),
        Sample("softmax over=streams", "64x1x1", "64x1x1", "64x1x1"),
    )

    over: Literal["channels", "spatial", "streams"] = "channels"
    """What the shares are of: the channels, the places, or the streams of a list."""

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        super().infer(*inputs)
        first = inputs[0]
        if self.over == "spatial" and first.rank == 0:
            raise ShapeError(f"a vector of {first} has no places to share", kind="rank", inputs=(0,), recovery=inputs)
        if self.over == "streams" and len(inputs) < 2:
            raise ShapeError(
                "softmax over streams needs several streams",
                hint="feed it a list, `( a | b )`",
                kind="count",
                recovery=inputs,
            )
        for number, stream in enumerate(inputs):
            if stream != first:
                raise ShapeError(
                    f"streams 1 and {number + 1} are {first} and {stream}, which cannot share one softmax",
                    kind="merge",
                    inputs=(0, number),
                    recovery=(first,) * len(inputs),
                )
        return inputs

    def window(self, *inputs: TensorType) -> Window | None:
        return Window(everywhere=True) if self.over == "spatial" else None

    def takes(self, count: int) -> bool:
        return count > 0 if self.over == "streams" else count == 1

    def torch(self, inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> TorchCode:
        if self.over == "streams":
            return TorchCode("torch.stack(({inputs})).softmax(dim=0).unbind()")
        if self.over == "channels":
            return TorchCode("F.softmax({0}, dim=1)")
        if inputs[0].rank == 1:
            return TorchCode("F.softmax({0}, dim=2)")
        return TorchCode("F.softmax({0}.flatten(2), dim=2).view({0}.shape)")

    def caption(self) -> str:
        return "Softmax" if self.over == "channels" else f"Softmax over {self.over}"
