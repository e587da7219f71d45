"""What joins with global drop-path become in code: operators that no specification names.

The column of global drop-path is drawn once for the whole network. That is nobody's business but training's: graphs,
pictures and figures do not know of it, and it is put in when code is written.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from archdsl.ops.base import Family, Op, Positive, Probability, TensorType, TorchCode
from archdsl.ops.merge import Join


class DrawColumn(Op):
    """Draw the column that each sample of a stream keeps to.

    Shape: any -> 1: the number of the column, from 0, or -1 for a sample that keeps to none.
    """

    keyword = "draw_column"
    family = Family.REGULARISE
    saves_input = False

    columns: Positive
    """Number of columns to draw from."""
    share: Probability
    """Probability with which a sample keeps to one."""
    per: Literal["sample", "batch"]
    """What each draw is for."""

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        return (TensorType((1,), "int"),)

    def torch(self, inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> TorchCode:
        per = "" if self.per == "sample" else ', per="batch"'
        return TorchCode(f"draw_column({{0}}, {self.columns}, {self.share}{per})", runtime=("draw",))


class ColumnJoin(Join):
    """A join that takes the column that was drawn, ahead of its streams."""

    training_inputs = (0,)

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        return super().infer(*inputs[1:])

    def torch(self, inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> TorchCode:
        column, *streams = (f"{{{number}}}" for number in range(len(inputs)))
        return self.dropping(f"({', '.join(streams)})", column)
