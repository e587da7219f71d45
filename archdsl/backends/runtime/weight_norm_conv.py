"""Convolution with weights split into length and direction.

T. Salimans, D. Kingma, "Weight normalization: a simple reparameterization to accelerate training of deep neural
networks", arXiv:1602.07868.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from archdsl.backends.runtime.fan_in import fan_in_uniform_


class WeightNormConv(nn.Module):
    """Convolution with ``weight = weight_g * weight_v / |weight_v|``, the norm taken for each output channel.

    ``weight_v`` is ``(out, in/groups, *kernel_size)`` and ``weight_g`` ``(out, 1, …)``.
    """

    bias: Tensor | None

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: tuple[int, ...],
        stride: int | tuple[int, ...] = 1,
        padding: int | tuple[int, ...] = 0,
        dilation: int | tuple[int, ...] = 1,
        groups: int = 1,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.kernel_size, self.stride, self.padding = kernel_size, stride, padding
        self.dilation, self.groups = dilation, groups
        self.weight_g = nn.Parameter(torch.empty(out_channels, *(1,) * (len(kernel_size) + 1)))
        self.weight_v = nn.Parameter(torch.empty(out_channels, in_channels // groups, *kernel_size))
        self.register_parameter("bias", nn.Parameter(torch.empty(out_channels)) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw weights and biases as ``nn.Conv2d`` does: uniformly within ``1/sqrt(fan_in)``."""
        fan_in_uniform_(self.weight_v, self.bias)
        self.reset_gain()

    @torch.no_grad()
    def reset_gain(self) -> None:
        """Set ``weight_g`` so that the weight equals ``weight_v``."""
        self.weight_g.copy_(self.length())

    def length(self) -> Tensor:
        """Norm of the direction of each output channel."""
        axes = tuple(range(1, self.weight_v.dim()))
        length: Tensor = torch.linalg.vector_norm(self.weight_v, dim=axes, keepdim=True)
        return length

    def forward(self, x: Tensor) -> Tensor:
        convolve = (F.conv1d, F.conv2d, F.conv3d)[len(self.kernel_size) - 1]
        weight = self.weight_v * (self.weight_g / self.length())
        return convolve(x, weight, self.bias, self.stride, self.padding, self.dilation, self.groups)

    def extra_repr(self) -> str:
        out, channels = self.weight_v.shape[0], self.weight_v.shape[1] * self.groups
        return f"{channels}, {out}, kernel_size={self.kernel_size}, stride={self.stride}, groups={self.groups}"
