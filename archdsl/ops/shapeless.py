"""Convolutions without a fixed shape: their taps lie where they are learned to, or where the input moves them."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import TYPE_CHECKING, Any

from archdsl.ops.base import (
    Flag,
    PerAxis,
    Positive,
    Sample,
    ShapeError,
    TensorType,
    TorchCode,
    Weight,
    per_axis,
    register,
)
from archdsl.ops.conv import GroupedConvolution
from archdsl.ops.sliding import extent, require_groups

if TYPE_CHECKING:
    from torch import Tensor

    from archdsl.ops.fold import Affine, Weights


class SampledConvolution(GroupedConvolution):
    """A convolution of planes with taps between places; its window is that which it begins with."""

    uncounted = "sampling"

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        (x,) = inputs
        if x.rank != 2:
            message = f"`{self.keyword}` needs a plane with a height and a width, but the stream is {x}"
            raise ShapeError(message, hint="`conv` takes 1 to 3 spatial axes", kind="rank", inputs=(0,))
        return super().infer(x)

    def follows_exactly(self, *inputs: TensorType) -> bool:
        return False  # any tap may leave the input, and offsets see the input as it is

    def then(self, weights: Weights, after: Affine) -> dict[str, Tensor]:
        convolved = {name: tensor for name, tensor in weights.items() if name in ("weight", "bias")}
        return dict(weights) | super().then(convolved, after)


@register
class ActiveConv(SampledConvolution):
    """Convolve with taps whose positions are learned: one set, fractional, for all places and channels.

    ``y[o, p] = b[o] + sum over i, t of w[o, i, t] * x[i, p*stride + position[t]]``, interpolated bilinearly, with zeros
    beyond the borders. Shape: as of ``conv``, and so is the cost; ``positions`` has 2 numbers for each tap, and
    interpolating is not counted. It begins as ``conv``, and receptive fields are those of the beginning. Taps and
    positions are ordered from the centre, which never moves, outwards, each ring from the x axis towards y. The
    generated module's ``parameter_groups`` gives positions 0.01 of the learning rate, and no weight decay.

    References: Y. Jeon, J. Kim, "Active convolution: Learning the shape of convolution for image classification",
    arXiv:1703.09076, section 3.
    """

    keyword = "active_conv"
    samples = (
        Sample("3x3 active_conv 6", "4x7x8"),
        Sample("3x3 active_conv 6 /2 groups=2 bias=false", "4x7x8"),
        Sample("1x1 active_conv 5 init=he", "3x4x4"),
        Sample("active_conv 4 kernel=[2, 5] dilation=[1, 2] pad=tf_same", "3x7x12"),
        Sample("3x3 active_conv 2 pad=valid normalised=false bias_init=1", "3x6x5"),
    )

    normalised: Flag = True
    """Whether the gradient of each position is brought to length 1, so that its direction alone counts."""

    def weights(self, *inputs: TensorType) -> dict[str, Weight]:
        return super().weights(*inputs) | {"positions": Weight((prod(self.slide(*inputs).kernel), 2))}

    def torch(self, inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> TorchCode:
        return self.written(inputs, "ActiveConv", "active_conv", "reset_positions")

    def keywords(self, x: TensorType) -> tuple[tuple[str, Any], ...]:
        return super().keywords(x) + (() if self.normalised else (("normalised", False),))

    @property
    def label(self) -> str:
        return "ActiveConv"


@register
class DeformableConv(SampledConvolution):
    """Convolve with taps that are moved at each place, as far as a convolution of the same input says.

    ``y[o, p] = b[o] + sum over i, t of w[o, i, t] * m[p, t] * x[i, p*stride + t*dilation - pad + offset[p, t]]``,
    interpolated bilinearly, with zeros beyond the borders; ``m`` is 1 unless ``modulated``. Shape: as of ``conv``. The
    cost is that of both convolutions; interpolating is not counted. The one for the offsets has the same window, a bias
    and ``2 * offset_groups * taps`` channels: y and x of one tap after the other, all 0 in the beginning. Receptive
    fields are those of the beginning.

    References: J. Dai et al., "Deformable convolutional networks", arXiv:1703.06211, section 2.1; X. Zhu et al.,
    "Deformable ConvNets v2", arXiv:1811.11168, section 3.2.
    """

    keyword = "deformable_conv"
    samples = (
        Sample("3x3 deformable_conv 6", "4x7x8"),
        Sample("3x3 deformable_conv 6 /2 groups=2 offset_groups=4 bias=false", "4x7x8"),
        Sample("3x3 deformable_conv 6 dilation=2 offset_dilation=1 modulated=true", "4x7x8"),
        Sample("deformable_conv 4 kernel=[2, 5] pad=tf_same modulated=true offset_groups=3 init=he", "3x7x12"),
        Sample("1x1 deformable_conv 5 bias_init=1", "3x4x4"),
    )

    offset_groups: Positive = 1
    """Number of groups that the input channels divide into, each with its own offsets."""
    offset_dilation: PerAxis | None = None
    """Dilation of the convolution that makes the offsets; left out, that of the other."""
    modulated: Flag = False
    """Whether samples are scaled by numbers between 0 and 1 as well, as in the second version: ``offset_groups * taps``
    more channels, through a sigmoid, whose learning rate and that of the offsets ``parameter_groups`` puts to 0.1."""

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        outputs = super().infer(*inputs)
        (x,) = inputs
        require_groups(self.offset_groups, x.channels, "input channels", outputs, argument="offset_groups")
        window = self.slide(x)
        axes = zip(window.kernel, window.before, window.dilation, self._offset_dilation(x), strict=True)
        if any((own - gap) * (taps - 1) % 2 or pad + (own - gap) * (taps - 1) // 2 < 0 for taps, pad, gap, own in axes):
            message = f"with dilation {extent(self.offset_dilation or 1)}, offsets cannot be centred on the window"
            hint = "pad more, use an odd kernel, or leave `offset_dilation` out"
            raise ShapeError(message, hint=hint, inputs=(0,), recovery=outputs)
        return outputs

    def _offset_dilation(self, x: TensorType) -> tuple[int, ...]:
        own = self.dilation if self.offset_dilation is None else self.offset_dilation
        return per_axis(own, x.rank, "offset_dilation")

    def _offset_channels(self, x: TensorType) -> int:
        return (3 if self.modulated else 2) * self.offset_groups * prod(self.slide(x).kernel)

    def weights(self, *inputs: TensorType) -> dict[str, Weight]:
        (x,) = inputs
        channels = self._offset_channels(x)
        offset_weight = Weight((channels, x.channels, *self.slide(x).kernel))
        return super().weights(x) | {"offset_weight": offset_weight, "offset_bias": Weight((channels,))}

    def taps(self, x: TensorType) -> int:
        return super().taps(x) + self._offset_channels(x) * x.channels * prod(self.slide(x).kernel)

    def connections(self, inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> int:
        return super().connections(inputs, outputs) + prod(outputs[0].spatial) * self._offset_channels(inputs[0])

    def torch(self, inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> TorchCode:
        return self.written(inputs, "DeformableConv", "deformable_conv", "reset_offsets")

    def keywords(self, x: TensorType) -> tuple[tuple[str, Any], ...]:
        own = self._offset_dilation(x)
        arguments = (
            ("offset_groups", self.offset_groups, 1),
            ("offset_dilation", own, self.slide(x).dilation),
            ("modulated", self.modulated, False),
        )
        return super().keywords(x) + tuple((name, value) for name, value, default in arguments if value != default)

    @property
    def label(self) -> str:
        return "DeformConv"

    def marks(self) -> list[str]:
        marks = super().marks() + ([] if self.offset_groups == 1 else [f"og{self.offset_groups}"])
        return [*marks, "mod"] if self.modulated else marks
