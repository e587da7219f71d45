"""densenet_cifar: DenseNet for CIFAR.

Huang, Liu, van der Maaten, Weinberger: Densely connected convolutional networks, CVPR 2017, arXiv:1608.06993

3x32x32 -> out 10.
1,019,722 parameters.
Built with depth=40, growth=12, bottleneck=false, compression=1.0, classes=10.
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

    def forward(self, x: Tensor) -> Tensor:
        return self.conv1(x)  # 16x32x32


class Layer(nn.Module):
    """``layer`` and its like, at ``block1.layer1``, ``block1.layer2`` and 34 more."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv1 = nn.Conv2d(channels, 12, kernel_size=3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv1(F.relu(self.bn1(x), inplace=True))  # 12 x H x W


class Block(nn.Module):
    """The steps ``block1``, ``block2`` and 1 more."""

    def __init__(
        self,
        channels: int,
        layer2_channels: int,
        layer3_channels: int,
        layer4_channels: int,
        layer5_channels: int,
        layer6_channels: int,
        layer7_channels: int,
        layer8_channels: int,
        layer9_channels: int,
        layer10_channels: int,
        layer11_channels: int,
        layer12_channels: int,
    ) -> None:
        super().__init__()
        self.layer1 = Layer(channels=channels)
        self.layer2 = Layer(channels=layer2_channels)
        self.layer3 = Layer(channels=layer3_channels)
        self.layer4 = Layer(channels=layer4_channels)
        self.layer5 = Layer(channels=layer5_channels)
        self.layer6 = Layer(channels=layer6_channels)
        self.layer7 = Layer(channels=layer7_channels)
        self.layer8 = Layer(channels=layer8_channels)
        self.layer9 = Layer(channels=layer9_channels)
        self.layer10 = Layer(channels=layer10_channels)
        self.layer11 = Layer(channels=layer11_channels)
        self.layer12 = Layer(channels=layer12_channels)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.cat((x, self.layer1(x)), dim=1)  # layer2_channels x H x W
        x = torch.cat((x, self.layer2(x)), dim=1)  # layer3_channels x H x W
        x = torch.cat((x, self.layer3(x)), dim=1)  # layer4_channels x H x W
        x = torch.cat((x, self.layer4(x)), dim=1)  # layer5_channels x H x W
        x = torch.cat((x, self.layer5(x)), dim=1)  # layer6_channels x H x W
        x = torch.cat((x, self.layer6(x)), dim=1)  # layer7_channels x H x W
        x = torch.cat((x, self.layer7(x)), dim=1)  # layer8_channels x H x W
        x = torch.cat((x, self.layer8(x)), dim=1)  # layer9_channels x H x W
        x = torch.cat((x, self.layer9(x)), dim=1)  # layer10_channels x H x W
        x = torch.cat((x, self.layer10(x)), dim=1)  # layer11_channels x H x W
        x = torch.cat((x, self.layer11(x)), dim=1)  # layer12_channels x H x W
        return torch.cat((x, self.layer12(x)), dim=1)  # C x H x W


class Transition(nn.Module):
    """``transition`` and its like, at ``transition1``, ``transition2``."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv1 = nn.Conv2d(channels, channels, kernel_size=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv1(F.relu(self.bn1(x), inplace=True))  # channels x H x W
        return F.avg_pool2d(x, 2)  # channels x H' x W'


class Head(nn.Module):
    """The step ``head``."""

    def __init__(self) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(448)
        self.fc1 = nn.Linear(448, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.bn1(x), inplace=True).mean((2, 3), keepdim=True)  # 448x1x1
        return self.fc1(x.flatten(1))  # 10


class DensenetCifar(nn.Module):
    """The network; its weights are initialised on ``device``, once."""

    def __init__(self, device: torch.device | str | None = None, dtype: torch.dtype | None = None) -> None:
        super().__init__()
        with torch.device("meta"):
            self.stem = Stem()
            self.block1 = Block(
                channels=16,
                layer2_channels=28,
                layer3_channels=40,
                layer4_channels=52,
                layer5_channels=64,
                layer6_channels=76,
                layer7_channels=88,
                layer8_channels=100,
                layer9_channels=112,
                layer10_channels=124,
                layer11_channels=136,
                layer12_channels=148,
            )
            self.transition1 = Transition(channels=160)
            self.block2 = Block(
                channels=160,
                layer2_channels=172,
                layer3_channels=184,
                layer4_channels=196,
                layer5_channels=208,
                layer6_channels=220,
                layer7_channels=232,
                layer8_channels=244,
                layer9_channels=256,
                layer10_channels=268,
                layer11_channels=280,
                layer12_channels=292,
            )
            self.transition2 = Transition(channels=304)
            self.block3 = Block(
                channels=304,
                layer2_channels=316,
                layer3_channels=328,
                layer4_channels=340,
                layer5_channels=352,
                layer6_channels=364,
                layer7_channels=376,
                layer8_channels=388,
                layer9_channels=400,
                layer10_channels=412,
                layer11_channels=424,
                layer12_channels=436,
            )
            self.head = Head()
        if dtype is not None:
            self.to(dtype=dtype)
        self._apply(lambda weight: torch.empty(weight.shape, dtype=weight.dtype, device=device))
        self.reset_parameters()

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)  # 16x32x32
        x = self.block1(x)  # 160x32x32
        x = self.transition1(x)  # 160x16x16
        x = self.block2(x)  # 304x16x16
        x = self.transition2(x)  # 304x8x8
        x = self.block3(x)  # 448x8x8
        return self.head(x)  # 10

    def reset_parameters(self) -> None:
        """Initialise all weights."""
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_in", nonlinearity="relu")
            elif isinstance(module, (nn.BatchNorm2d, nn.Linear)):
                module.reset_parameters()
