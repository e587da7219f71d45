"""exits.

3x24x24 -> early 5, late 5, scores 5, mask 1x12x12.
5,172 parameters.
Built with classes=5.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Block(nn.Module):
    """``block(width=8)`` and its like, at ``block1``, ``body.block1``."""

    def __init__(self, in_channels: int, width: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, width, kernel_size=3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.bn1(self.conv1(x)), inplace=True)  # width x H x W


class GapFc(nn.Module):
    """The steps ``early``, ``scores``."""

    def __init__(self, in_features: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(in_features, 5)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc1(x.mean((2, 3), keepdim=True).flatten(1))  # 5


class HalvesA(nn.Module):
    """The step ``body.halves1.a``."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(8, 8, kernel_size=3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.conv1(x), inplace=True)  # 8x24x24


class ConvSigmoid(nn.Module):
    """The steps ``body.halves1.b``, ``mask``."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, out_channels, kernel_size=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv1(x).sigmoid_()  # out_channels x H x W


class Halves(nn.Module):
    """``halves``, at ``body.halves1``."""

    def __init__(self) -> None:
        super().__init__()
        self.a = HalvesA()
        self.b = ConvSigmoid(in_channels=8, out_channels=8)

    def forward(self, x: Tensor) -> Tensor:
        a = self.a(x)  # 8x24x24
        return a * self.b(x)  # 8x24x24


class Body(nn.Module):
    """The step ``body``."""

    def __init__(self) -> None:
        super().__init__()
        self.halves1 = Halves()
        self.block1 = Block(in_channels=8, width=16)

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(self.halves1(x), 2)  # 8x12x12
        return self.block1(x)  # 16x12x12


class Late(nn.Module):
    """The step ``late``."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(16, 4, kernel_size=1)
        self.fc1 = nn.Linear(576, 5)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc1(F.relu(self.conv1(x), inplace=True).flatten(1))  # 5


class ExitsEvaluationOutput(NamedTuple):
    """What ``Exits`` yields in evaluation."""

    late: Tensor  # 5
    scores: Tensor  # 5
    mask: Tensor  # 1x12x12


class ExitsOutput(NamedTuple):
    """What ``Exits`` yields in training."""

    early: Tensor  # 5
    late: Tensor  # 5
    scores: Tensor  # 5
    mask: Tensor  # 1x12x12


class Exits(nn.Module):
    """The network; its weights are initialised on ``device``, once."""

    def __init__(self, device: torch.device | str | None = None, dtype: torch.dtype | None = None) -> None:
        super().__init__()
        with torch.device("meta"):
            self.block1 = Block(in_channels=3, width=8)
            self.early = GapFc(in_features=8)
            self.body = Body()
            self.late = Late()
            self.scores = GapFc(in_features=16)
            self.mask = ConvSigmoid(in_channels=16, out_channels=1)
        if dtype is not None:
            self.to(dtype=dtype)
        self._apply(lambda weight: torch.empty(weight.shape, dtype=weight.dtype, device=device))
        self.reset_parameters()

    def forward(self, x: Tensor) -> ExitsOutput | ExitsEvaluationOutput:
        x = self.block1(x)  # 8x24x24
        if self.training:
            early = self.early(x)  # 5
        x = self.body(x)  # 16x12x12
        late = self.late(x)  # 5
        scores = self.scores(x)  # 5
        x = self.mask(x)  # 1x12x12
        if self.training:
            return ExitsOutput(early=early, late=late, scores=scores, mask=x)
        return ExitsEvaluationOutput(late=late, scores=scores, mask=x)

    def reset_parameters(self) -> None:
        """Initialise all weights."""
        for module in self.modules():
            if isinstance(module, (nn.Conv2d, nn.BatchNorm2d, nn.Linear)):
                module.reset_parameters()
