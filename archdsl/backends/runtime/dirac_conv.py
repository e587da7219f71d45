"""Convolution whose weights begin as the identity.

S. Zagoruyko, N. Komodakis, "DiracNets: training very deep neural networks without skip-connections",
arXiv:1706.00388.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from archdsl.backends.runtime.fan_in import fan_in_uniform_


class DiracConv(nn.Module):
    """Convolution with ``alpha * delta + beta * weight / |weight|``, the norm taken for each output channel.

    ``delta`` passes channels on: it is 1 where an output meets the input of its number in the middle of the window.
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
        self.weight = nn.Parameter(torch.empty(out_channels, in_channels // groups, *kernel_size))
        self.alpha = nn.Parameter(torch.empty(out_channels))
        self.beta = nn.Parameter(torch.empty(out_channels))
        self.register_parameter("bias", nn.Parameter(torch.empty(out_channels)) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw weights and biases as ``nn.Conv2d`` does, uniformly within ``1/sqrt(fan_in)``; scales are 1 and 0.1."""
        fan_in_uniform_(self.weight, self.bias)
        nn.init.constant_(self.alpha, 1.0)
        nn.init.constant_(self.beta, 0.1)

    def merged(self) -> Tensor:
        """The weight that convolves."""
        column = (-1, *(1,) * (self.weight.dim() - 1))
        weight = F.normalize(self.weight.flatten(1)).view_as(self.weight) * self.beta.view(column)
        # Adding along a diagonal spares a tensor of the size of the weight.
        middle = (slice(None),) * 3 + tuple(size // 2 for size in self.kernel_size)
        groups = weight.view(self.groups, -1, *weight.shape[1:])
        identity = groups[middle].diagonal(dim1=1, dim2=2)
        identity.add_(self.alpha.view(self.groups, -1)[:, : identity.shape[1]])
        return weight

    def forward(self, x: Tensor) -> Tensor:
        convolve = (F.conv1d, F.conv2d, F.conv3d)[len(self.kernel_size) - 1]
        return convolve(x, self.merged(), self.bias, self.stride, self.padding, self.dilation, self.groups)

    def extra_repr(self) -> str:
        out, channels = self.weight.shape[0], self.weight.shape[1] * self.groups
        return f"{channels}, {out}, kernel_size={self.kernel_size}, stride={self.stride}, groups={self.groups}"
