"""tied_pair.

left 3x16x16, right 3x16x16 -> out 16x8x8.
512 parameters.
Built with width=8.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Features(nn.Module):
    """``features``, at ``features``."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 8, kernel_size=3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(8)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.bn1(self.conv1(x)), inplace=True)  # 8x16x16
        return F.max_pool2d(x, 2)  # 8x8x8


class Mix(nn.Module):
    """``mix(i=1)``, at ``both.cross1.mix_1``, ``both.cross1.mix_2``."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(8, 8, kernel_size=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv1(x)  # 8x8x8


class Cross(nn.Module):
    """``cross``, at ``both.cross1``."""

    def __init__(self) -> None:
        super().__init__()
        self.mix_1 = Mix()
        self.mix_2 = Mix()

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.mix_1(x))  # 8x8x8
        b = F.relu(self.mix_2(x))  # 8x8x8
        b = self.mix_1(b)  # 8x8x8
        return torch.cat((x, b), dim=1)  # 16x8x8


class Both(nn.Module):
    """The step ``both``."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(16, 8, kernel_size=1)
        self.cross1 = Cross()

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        x = self.conv1(torch.cat((x, y), dim=1))  # 8x8x8
        return self.cross1(x)  # 16x8x8


class TiedPair(nn.Module):
    """The network; its weights are initialised on ``device``, once."""

    def __init__(self, device: torch.device | str | None = None, dtype: torch.dtype | None = None) -> None:
        super().__init__()
        with torch.device("meta"):
            self.features = Features()
            self.both = Both()
        if dtype is not None:
            self.to(dtype=dtype)
        self._apply(lambda weight: torch.empty(weight.shape, dtype=weight.dtype, device=device))
        self.reset_parameters()

    def forward(self, left: Tensor, right: Tensor) -> Tensor:
        x = self.features(left)  # 8x8x8
        r = self.features(right)  # 8x8x8
        return self.both(x, r)  # 16x8x8

    def reset_parameters(self) -> None:
        """Initialise all weights."""
        for module in self.modules():
            if isinstance(module, (nn.Conv2d, nn.BatchNorm2d)):
                module.reset_parameters()
