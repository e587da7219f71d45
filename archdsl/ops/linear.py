"""Linear maps of vectors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from archdsl.ops.base import (
    Constructor,
    Family,
    Flag,
    Positive,
    Sample,
    TensorType,
    TorchCode,
    Weight,
    Window,
    register,
)
from archdsl.ops.fold import LinearMap
from archdsl.ops.initialise import Initialised
from archdsl.ops.sliding import require_float

if TYPE_CHECKING:
    from torch import Tensor


@register
class FullyConnected(Initialised, LinearMap):
    """Map the flattened input: ``y = W x + b``.

    Shape: any ``-> out``. Cost: inputs x out multiply-accumulates. Every output sees the whole input.
    """

    out: Positive
    """Length of the output vector."""
    bias: Flag | None = None
    """Whether a bias is added; left out, it is unless a norm that would cancel it follows at once."""

    keyword = "fc"
    also = ("linear", "fullyconnected", "innerproduct", "affine")
    family = Family.LINEAR
    positional = "out"
    samples = (
        Sample("fc 10", "16"),
        Sample("fc 5", "4x3x2"),
        Sample("fc 5 bias=false", "4x6"),
        Sample("fc 3", "2x3x2x2"),
        Sample("fc 5 init=normal std=0.01 bias_init=0.1", "4x3x3"),
        Sample("fc 5 init=xavier_uniform", "12"),
        Sample("fc 5 init=xavier", "12"),
        Sample("fc 5 init=uniform std=0.1", "12"),
        Sample("fc 5 init=zero", "12"),
    )

    @property
    def has_bias(self) -> bool:
        return self.bias is not False

    def settle(self, *inputs: TensorType, before_norm: bool) -> FullyConnected:
        return self.model_copy(update={"bias": not before_norm}) if self.bias is None else self

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        (x,) = inputs
        require_float(x, "`fc`")
        return (x.with_shape(self.out),)

    def weights(self, *inputs: TensorType) -> dict[str, Weight]:
        weights = {"weight": Weight((self.out, inputs[0].size))}
        return weights | ({"bias": Weight((self.out,))} if self.has_bias else {})

    def macs(self, inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> int:
        return inputs[0].size * self.out

    def connections(self, inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> int:
        return (inputs[0].size + self.has_bias) * self.out

    def window(self, *inputs: TensorType) -> Window:
        return Window(everywhere=True)

    def torch(self, inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> TorchCode:
        (x,) = inputs
        start = self.fill(self.init, bias=self.has_bias)
        bias = () if self.has_bias else (("bias", False),)
        return TorchCode(
            "{module}({0}.flatten(1))" if x.rank else "{module}({0})",
            Constructor("nn.Linear", (x.size, self.out), bias),
            init=start.statements,
            init_complete=start.complete,
        )

    def follows_exactly(self, *inputs: TensorType) -> bool:
        return True

    def across_inputs(self, values: Tensor, weight: Tensor) -> Tensor:
        places = weight.shape[1] // len(values)
        return values.repeat_interleave(places).unsqueeze(0)

    def caption(self) -> str:
        return "FC"
