"""Convolution with weights of its own at each place."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class LocalConv(nn.Module):
    """Multiply each window, its channels first, with ``weight[place]`` of shape ``(out, channels * taps)``."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        places: tuple[int, int],
        kernel_size: tuple[int, int],
        stride: tuple[int, int],
        padding: tuple[int, int],
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.places, self.kernel_size, self.stride, self.padding = places, kernel_size, stride, padding
        taps = in_channels * math.prod(kernel_size)
        self.weight = nn.Parameter(torch.empty(math.prod(places), out_channels, taps))
        self.bias = nn.Parameter(torch.empty(out_channels, *places)) if bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw weights and biases uniformly within ``1/sqrt(fan_in)``."""
        bound = 1 / math.sqrt(self.weight.shape[-1])
        for weight in self.parameters():
            nn.init.uniform_(weight, -bound, bound)

    def forward(self, x: Tensor) -> Tensor:
        windows = F.unfold(x, self.kernel_size, padding=self.padding, stride=self.stride)
        y = (self.weight @ windows.permute(2, 1, 0)).permute(2, 1, 0).reshape(len(x), -1, *self.places)
        return y if self.bias is None else y + self.bias

    def extra_repr(self) -> str:
        return f"{self.weight.shape[-1] // math.prod(self.kernel_size)}, {self.weight.shape[1]}, places={self.places}"
