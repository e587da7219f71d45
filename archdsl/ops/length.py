"""Normalisation to a length, and the rearrangement that brings maps of different sizes together."""

from __future__ import annotations

from collections.abc import Sequence

from archdsl.ops.base import (
    Constructor,
    Family,
    Op,
    Positive,
    PositiveReal,
    Sample,
    ShapeError,
    TensorType,
    TorchCode,
    Weight,
    Window,
    register,
)
from archdsl.ops.sliding import require_float, require_groups
from archdsl.ops.view import View


@register
class L2Norm(Op):
    """Scale the channels of each place to a length: ``y[c] = weight[c] * x[c] / |x|``.

    Shape: unchanged; a vector, or any number of spatial axes. References: W. Liu, A. Rabinovich, A. Berg, "ParseNet:
    looking wider to see better", arXiv:1506.04579, section 3.3; SSD, arXiv:1512.02325, section 3.1.
    """

    scale: PositiveReal | Positive = 20
    """Initial weight of every channel: the length."""

    keyword = "l2norm"
    family = Family.NORM
    positional = "scale"
    samples = (Sample("l2norm 20", "8x5x4"), Sample("l2norm 1.5", "7"))

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        require_float(inputs[0], "`l2norm`")
        return inputs

    def weights(self, *inputs: TensorType) -> dict[str, Weight]:
        return {"weight": Weight((inputs[0].channels,))}

    def torch(self, inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> TorchCode:
        module = Constructor("L2Norm", (inputs[0].channels,), (("scale", self.scale),))
        return TorchCode("{module}({0})", module, runtime=("l2_norm",))

    def caption(self) -> str:
        return f"L2Norm {self.scale:g}"


@register
class Reorg(View):
    """Trade places for channels as Darknet does: a map becomes ``stride`` times smaller in height and width.

    The memory of the map is read as ``C/s^2`` channels of ``sH x sW`` places, in which channel ``(i s + j) C/s^2 + c``
    of the result's memory takes every ``s``-th row and column of channel ``c``, from row ``i`` and column ``j`` on.
    Neighbours stay together only by half, but that is what the trained weights of YOLO version 2 expect;
    ``space_to_depth`` of other libraries differs. Shape: ``CxHxW -> (s^2 C)x(H/s)x(W/s)``. Reference: ``reorg_cpu`` of
    Darknet; Redmon, Farhadi: YOLO9000, arXiv:1612.08242, section 2 (passthrough).
    """

    stride: Positive = 2
    """Factor between the sizes."""

    keyword = "reorg"
    positional = "stride"
    copies = "always"
    samples = (Sample("reorg /2", "8x4x6"), Sample("reorg 3", "9x3x3"))

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        (x,) = inputs
        step = self.stride
        if x.rank != 2:
            raise ShapeError(f"`reorg` takes 2 spatial axes, but {x} has {x.rank}", kind="rank", inputs=(0,))
        y = x.with_shape(x.channels * step**2, *(max(size // step, 1) for size in x.spatial))
        require_groups(step**2, x.channels, "channels", (y,))
        if any(size % step for size in x.spatial):
            message = f"a map of {x} does not divide into blocks of {step}x{step}"
            raise ShapeError(message, inputs=(0,), recovery=(y,))
        return (y,)

    def window(self, *inputs: TensorType) -> Window:
        """Memory is read across the rows of the map."""
        return Window(everywhere=True)

    def torch(self, inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> TorchCode:
        (x,), step = inputs, self.stride
        height, width = x.spatial
        split = f"{x.channels // step**2}, {height}, {step}, {width}, {step}"
        shape = ", ".join(map(str, outputs[0].shape))
        rows = f"{{0}}.reshape({{0}}.shape[0], {split}).permute(0, 3, 5, 1, 2, 4)"
        return TorchCode(f"{rows}.reshape({{0}}.shape[0], {shape})")

    def caption(self) -> str:
        return f"Reorg /{self.stride}"

    @property
    def is_identity(self) -> bool:
        return self.stride == 1
