"""Convolution whose weights are split into length and direction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from archdsl.ops.base import Sample, TensorType, TorchCode, Weight, register
from archdsl.ops.conv import Conv, GroupedConvolution

if TYPE_CHECKING:
    from torch import Tensor

    from archdsl.ops.fold import Weights


@register
class WeightNormConv(GroupedConvolution):
    """Convolve with weights split into length and direction: ``w[o] = g[o] * v[o] / |v[o]|``.

    Shape: as of ``conv``, and so is the cost; ``g`` has one number for each output channel. ``init`` fills ``v``, and
    ``g`` begins as its length, so that the first weights are those of a plain convolution.

    References: T. Salimans, D. Kingma, "Weight normalization: a simple reparameterization to accelerate training of
    deep neural networks", arXiv:1602.07868.
    """

    keyword = "wnconv"
    samples = (
        Sample("3x3 wnconv 6", "4x7x8"),
        Sample("3x3 wnconv 6 /2 groups=2 bias=false", "4x7x8"),
        Sample("wnconv 5 kernel=4 dilation=2 pad=tf_same init=he", "3x12"),
        Sample("3x3x3 wnconv 2 pad=1 init=normal bias_init=1", "3x5x5x5"),
        Sample("1x1 wnconv 6 bias_init=2", "4x3x3"),
    )

    def weights(self, *inputs: TensorType) -> dict[str, Weight]:
        plain = super().weights(*inputs)
        direction = plain.pop("weight")
        gain = Weight((self.out,) + (1,) * inputs[0].rank + (1,))
        return {"weight_g": gain, "weight_v": direction} | plain

    def torch(self, inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> TorchCode:
        return self.written(inputs, "WeightNormConv", "weight_norm_conv", "reset_gain", weight="weight_v")

    def plain(self) -> Conv:
        return Conv(**dict(self))

    def plain_weights(self, weights: Weights) -> dict[str, Tensor]:
        others = dict(weights)
        gain, direction = others.pop("weight_g"), others.pop("weight_v")
        length = direction.flatten(1).norm(dim=1)
        return {"weight": direction * (gain / self.across_outputs(length, direction))} | others

    @property
    def label(self) -> str:
        return "WNConv"
