"""Operators that disturb a network while it trains."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field

from archdsl.ops.base import (
    Family,
    Flag,
    Op,
    Probability,
    Sample,
    ShapeError,
    TensorType,
    TorchCode,
    register,
)
from archdsl.ops.sliding import require_float


@register
class Dropout(Op):
    """Zero elements at random while training, and scale the others by ``1 / (1 - p)``.

    Shape: any. Reference: Srivastava, Hinton, Krizhevsky, Sutskever, Salakhutdinov: Dropout, JMLR 15, 2014; whole
    channels: Tompson et al., arXiv:1411.4280.
    """

    keyword = "dropout"
    family = Family.REGULARISE
    positional = "p"
    # In evaluation the very input comes out.
    is_view = True
    saves_input = False
    samples = (
        Sample("dropout 0.5", "4096"),
        Sample("dropout 0.2", "64x8x8"),
        Sample("dropout 0.1 channelwise=true", "64x8x8"),
        Sample("dropout 0.1 channelwise=true", "16x12"),
        Sample("dropout 0.1 channelwise=true", "4x4x4x4"),
    )

    p: Probability = 0.5
    """Probability with which an element, or a channel, is zeroed."""
    channelwise: Flag = False
    """Zero whole channels instead of single elements."""

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        require_float(inputs[0], self.keyword)
        if self.channelwise and inputs[0].rank not in (1, 2, 3):
            raise ShapeError(
                f"channelwise dropout takes 1 to 3 spatial axes, and a stream of {inputs[0]} has {inputs[0].rank}",
                hint="drop its elements instead: `channelwise=false`",
                kind="rank",
                inputs=(0,),
                recovery=inputs,
            )
        return inputs

    def torch(self, inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> TorchCode:
        function = f"F.dropout{inputs[0].rank}d" if self.channelwise else "F.dropout"
        arguments = f"{{0}}, {self.p}, {{training}}"
        return TorchCode(f"{function}({arguments})", inplace=f"{function}({arguments}, inplace=True)")

    def caption(self) -> str:
        return f"Dropout {self.p:g}"

    @property
    def is_identity(self) -> bool:
        return self.p == 0


@register
class DropPath(Op):
    """Zero a whole branch at random while training (stochastic depth).

    With ``keep = 1 - p``, training multiplies by ``b / keep``, where ``b`` is 1 with probability ``keep`` and else 0,
    and evaluation by 1. With ``scale=test``, training multiplies by ``b`` and evaluation by ``keep``, as in
    the paper.

    Shape: any. Reference: Huang, Sun, Liu, Sedra, Weinberger: Deep networks with stochastic depth, arXiv:1603.09382,
    equations 2 and 5.
    """

    keyword = "droppath"
    also = ("stochasticdepth",)
    family = Family.REGULARISE
    positional = "p"
    # In evaluation the very input comes out.
    is_view = True
    saves_input = False
    samples = (
        Sample("droppath 0.2", "64x8x8"),
        Sample("droppath 0.5 scale=test", "64x8x8"),
        Sample("droppath 0.5 per=batch", "12"),
    )

    p: Annotated[float, Field(strict=True, ge=0, lt=1)]
    """Probability with which the branch is zeroed."""
    scale: Literal["train", "test"] = "train"
    """When the stream is scaled to the same mean: in training, or at test time."""
    per: Literal["sample", "batch"] = "sample"
    """What each draw is for: every sample on its own, or the whole batch."""

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        require_float(inputs[0], self.keyword)
        return inputs

    def torch(self, inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> TorchCode:
        options = "" if self.scale == "train" else ', scale="test"'
        options += "" if self.per == "sample" else ', per="batch"'
        return TorchCode(f"drop_path({{0}}, {self.p}, {{training}}{options})", runtime=("drop_path",))

    def caption(self) -> str:
        return f"DropPath {self.p:g}"

    @property
    def is_identity(self) -> bool:
        return self.p == 0
