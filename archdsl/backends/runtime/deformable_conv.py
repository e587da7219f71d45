"""Convolution whose taps are moved by what it sees.

J. Dai, H. Qi, Y. Xiong, Y. Li, G. Zhang, H. Hu, Y. Wei, "Deformable convolutional networks", arXiv:1703.06211;
X. Zhu, H. Hu, S. Lin, J. Dai, "Deformable ConvNets v2: More deformable, better results", arXiv:1811.11168.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from archdsl.backends.runtime.fan_in import fan_in_uniform_
from archdsl.backends.runtime.parameter_groups import Pace, Paced
from archdsl.backends.runtime.sampled_conv import pair, sampled_conv, window_places


class DeformableConv(Paced):
    """Convolution with an offset for each place, tap and group of channels, from a convolution of the same input.

    ``offset_weight`` and ``offset_bias`` begin at 0 and yield ``2 * offset_groups * taps`` channels: for each group and
    tap, y and x. If ``modulated``, as many scales of samples follow, through a sigmoid; then the learning rate of both
    is 0.1 of the others' (``parameter_groups``). Arranged like the inputs of ``torchvision.ops.deform_conv2d``, so that
    weights carry over.
    """

    bias: Tensor | None

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: tuple[int, int],
        stride: int | tuple[int, int] = 1,
        padding: int | tuple[int, int] = 0,
        dilation: int | tuple[int, int] = 1,
        groups: int = 1,
        bias: bool = True,
        offset_groups: int = 1,
        offset_dilation: int | tuple[int, int] | None = None,
        modulated: bool = False,
    ) -> None:
        super().__init__()
        self.kernel_size, self.stride, self.padding = kernel_size, pair(stride), pair(padding)
        self.dilation, self.groups = pair(dilation), groups
        self.offset_groups, self.modulated = offset_groups, modulated
        self.offset_dilation = self.dilation if offset_dilation is None else pair(offset_dilation)
        self.paces = {name: Pace(lr=0.1) for name in ("offset_weight", "offset_bias")} if modulated else {}
        offsets = (3 if modulated else 2) * offset_groups * math.prod(kernel_size)
        self.weight = nn.Parameter(torch.empty(out_channels, in_channels // groups, *kernel_size))
        self.register_parameter("bias", nn.Parameter(torch.empty(out_channels)) if bias else None)
        self.offset_weight = nn.Parameter(torch.empty(offsets, in_channels, *kernel_size))
        self.offset_bias = nn.Parameter(torch.empty(offsets))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw weights and biases as ``nn.Conv2d`` does: uniformly within ``1/sqrt(fan_in)``."""
        fan_in_uniform_(self.weight, self.bias)
        self.reset_offsets()

    def reset_offsets(self) -> None:
        """Put the taps where those of a plain convolution are; a modulated one begins with half of each sample."""
        nn.init.zeros_(self.offset_weight)
        nn.init.zeros_(self.offset_bias)

    def forward(self, x: Tensor) -> Tensor:
        axes = zip(self.kernel_size, self.padding, self.dilation, self.offset_dilation, strict=True)
        padding = [pad + (own - gap) * (taps - 1) // 2 for taps, pad, gap, own in axes]
        offsets = F.conv2d(x, self.offset_weight, self.offset_bias, self.stride, padding, self.offset_dilation)
        mask = None
        if self.modulated:
            count = 2 * self.offset_groups * math.prod(self.kernel_size)
            offsets, mask = offsets[:, :count], offsets[:, count:].sigmoid()
        return deformable_conv(
            x, self.weight, offsets, mask, self.bias, self.stride, self.padding, self.dilation, self.groups
        )

    def extra_repr(self) -> str:
        out, channels = self.weight.shape[0], self.weight.shape[1] * self.groups
        return (
            f"{channels}, {out}, kernel_size={self.kernel_size}, stride={self.stride}, groups={self.groups}, "
            f"offset_groups={self.offset_groups}, modulated={self.modulated}"
        )


def deformable_conv(
    x: Tensor,
    weight: Tensor,
    offsets: Tensor,
    mask: Tensor | None = None,
    bias: Tensor | None = None,
    stride: tuple[int, int] = (1, 1),
    padding: tuple[int, int] = (0, 0),
    dilation: tuple[int, int] = (1, 1),
    groups: int = 1,
) -> Tensor:
    """Convolve with taps that are moved by ``offsets``, and samples scaled by ``mask``.

    Parameters
    ----------
    offsets
        ``(batch, offset groups * taps * 2, height, width)`` of the output: y and x, for one tap after the other.
    mask
        ``(batch, offset groups * taps, height, width)``.
    """
    batch, _, height, width = offsets.shape
    kernel = (weight.shape[2], weight.shape[3])
    taps = kernel[0] * kernel[1]
    places = window_places((height, width), kernel, stride, padding, dilation, x.device)
    moved = offsets.reshape(batch, -1, taps, 2, height * width).permute(0, 4, 2, 1, 3)
    if mask is not None:
        mask = mask.reshape(batch, -1, taps, height * width).permute(0, 3, 2, 1)
    return sampled_conv(x, weight, bias, places, moved, mask, (height, width), groups)
