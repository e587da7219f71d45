"""Where streams enter a network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from archdsl.ops.base import Family, Op, Positive, Sample, TensorType, TorchCode, register


@register
class Input(Op):
    """Take a stream from outside.

    Shape: ``-> shape``. The ``input`` statement of the language makes it; ``forward`` has one argument for each, those
    of training alone at the end, where they may be left out in evaluation.
    """

    shape: tuple[Positive, ...]
    """Channels first, then the spatial axes; the batch axis is implied."""
    only: Literal["train"] | None = None
    """Whether training alone has it, as it has the boxes that a detector should find."""

    keyword = "input"
    family = Family.IO
    positional = "shape"
    arity = 0
    samples = (Sample("input 3x224x224"), Sample("input 40x100"), Sample("input [2, 4, 8, 8]"), Sample("input [16]"))
    saves_input = False

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        return (TensorType(self.shape),)

    def torch(self, inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> TorchCode:
        """An argument of ``forward``: there is no expression to compute."""
        return TorchCode("")

    def caption(self) -> str:
        return "Input"
