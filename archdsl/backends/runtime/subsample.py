"""Subsampling with a trainable coefficient and bias for each channel.

Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, "Gradient-based learning applied to document recognition",
Proc. IEEE 86(11), 1998, layers S2 and S4.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Subsample(nn.Module):
    """Sum over each window, times ``weight[c]``, plus ``bias[c]``."""

    def __init__(self, channels: int, kernel_size: tuple[int, ...], stride: tuple[int, ...] | None = None) -> None:
        super().__init__()
        self.kernel_size, self.stride = kernel_size, stride or kernel_size
        self.weight = nn.Parameter(torch.empty(channels))
        self.bias = nn.Parameter(torch.empty(channels))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw coefficients and biases uniformly within ``1/sqrt(window)``."""
        bound = 1 / math.sqrt(math.prod(self.kernel_size))
        nn.init.uniform_(self.weight, -bound, bound)
        nn.init.uniform_(self.bias, -bound, bound)

    def forward(self, x: Tensor) -> Tensor:
        average = (F.avg_pool1d, F.avg_pool2d, F.avg_pool3d)[len(self.kernel_size) - 1]
        shape = (-1, *(1,) * len(self.kernel_size))
        sums = average(x, self.kernel_size, self.stride) * math.prod(self.kernel_size)
        return sums * self.weight.view(shape) + self.bias.view(shape)

    def extra_repr(self) -> str:
        return f"{len(self.weight)}, kernel_size={self.kernel_size}, stride={self.stride}"
