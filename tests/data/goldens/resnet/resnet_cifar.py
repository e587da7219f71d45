"""resnet_cifar: ResNet for CIFAR.

He, Zhang, Ren, Sun: Deep residual learning for image recognition, CVPR 2016, arXiv:1512.03385

3x32x32 -> out 10.
269,722 parameters.
Built with depth=20, classes=10, shortcut="pad".
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Stem(nn.Module):
    """The step ``stem``."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, kernel_size=3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.bn1(self.conv1(x)), inplace=True)  # 16x32x32


class Unit(nn.Module):
    """``unit(width=16)`` and its like, at ``stage1.unit1``, ``stage1.unit2`` and 5 more."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(width, width, kernel_size=3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, kernel_size=3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.bn1(self.conv1(x)), inplace=True)  # width x H x W
        y = self.conv2(y)  # width x H x W
        return F.relu(self.bn2(y).add_(x), inplace=True)  # width x H x W


class Stage1(nn.Module):
    """``stage(width=16, stride=1)``, at ``stage1``."""

    def __init__(self) -> None:
        super().__init__()
        self.unit1 = Unit(width=16)
        self.unit2 = Unit(width=16)
        self.unit3 = Unit(width=16)

    def forward(self, x: Tensor) -> Tensor:
        x = self.unit1(x)  # 16x32x32
        x = self.unit2(x)  # 16x32x32
        return self.unit3(x)  # 16x32x32


class UnitDown(nn.Module):
    """``unit(width=32, stride=2)`` and its like, at ``stage2.unit1``, ``stage3.unit1``."""

    def __init__(self, width: int, pad: int) -> None:
        super().__init__()
        self.pad = pad
        self.conv1 = nn.Conv2d(width // 2, width, kernel_size=3, stride=2, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, kernel_size=3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.bn1(self.conv1(x)), inplace=True)  # width x H' x W'
        y = self.conv2(y)  # width x H' x W'
        y = self.bn2(y)  # width x H' x W'
        x = y.add_(F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, 0, self.pad)))  # width x H' x W'
        del y
        return F.relu(x, inplace=True)  # width x H' x W'


class Stage(nn.Module):
    """``stage(width=32)`` and its like, at ``stage2``, ``stage3``."""

    def __init__(self, width: int, pad: int) -> None:
        super().__init__()
        self.unit1 = UnitDown(width=width, pad=pad)
        self.unit2 = Unit(width=width)
        self.unit3 = Unit(width=width)

    def forward(self, x: Tensor) -> Tensor:
        x = self.unit1(x)  # width x H' x W'
        x = self.unit2(x)  # width x H' x W'
        return self.unit3(x)  # width x H' x W'


class Head(nn.Module):
    """The step ``head``."""

    def __init__(self) -> None:
        super().__init__()
        self.fc1 = nn.Linear(64, 10)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc1(x.mean((2, 3), keepdim=True).flatten(1))  # 10


class ResnetCifar(nn.Module):
    """The network; its weights are initialised on ``device``, once."""

    def __init__(self, device: torch.device | str | None = None, dtype: torch.dtype | None = None) -> None:
        super().__init__()
        with torch.device("meta"):
            self.stem = Stem()
            self.stage1 = Stage1()
            self.stage2 = Stage(width=32, pad=16)
            self.stage3 = Stage(width=64, pad=32)
            self.head = Head()
        if dtype is not None:
            self.to(dtype=dtype)
        self._apply(lambda weight: torch.empty(weight.shape, dtype=weight.dtype, device=device))
        self.reset_parameters()

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)  # 16x32x32
        x = self.stage1(x)  # 16x32x32
        x = self.stage2(x)  # 32x16x16
        x = self.stage3(x)  # 64x8x8
        return self.head(x)  # 10

    def reset_parameters(self) -> None:
        """Initialise all weights."""
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            elif isinstance(module, (nn.BatchNorm2d, nn.Linear)):
                module.reset_parameters()
