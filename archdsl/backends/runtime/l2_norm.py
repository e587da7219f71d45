"""Normalisation of the channels of each place to a length."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class L2Norm(nn.Module):
    """Divide the channels of each place by their length, and multiply them with ``weight[c]``."""

    def __init__(self, channels: int, scale: float) -> None:
        super().__init__()
        self.scale = scale
        self.weight = nn.Parameter(torch.empty(channels))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Set the weights to the initial length."""
        nn.init.constant_(self.weight, self.scale)

    def forward(self, x: Tensor) -> Tensor:
        return F.normalize(x) * self.weight.view(-1, *(1,) * (x.dim() - 2))

    def extra_repr(self) -> str:
        return f"{len(self.weight)}, scale={self.scale}"
