"""googlenet: GoogLeNet.

Szegedy, Liu, Jia, Sermanet, Reed, Anguelov, Erhan, Vanhoucke, Rabinovich: Going deeper with convolutions,
CVPR 2015, arXiv:1409.4842

3x224x224 -> aux1 1000, aux2 1000, out 1000.
13,378,280 parameters.
Built with aux=true, classes=1000.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Stem(nn.Module):
    """The step ``stem``."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, kernel_size=7, stride=2, padding=3)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.conv1(x), inplace=True)  # 64x112x112
        x = F.max_pool2d(x, 3, stride=2, ceil_mode=True)  # 64x56x56
        return F.local_response_norm(x, 5)  # 64x56x56


class Reduce(nn.Module):
    """The step ``reduce``."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(64, 64, kernel_size=1)
        self.conv2 = nn.Conv2d(64, 192, kernel_size=3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv2(F.relu(self.conv1(x), inplace=True))  # 192x56x56
        x = F.relu(x, inplace=True)  # 192x56x56
        x = F.local_response_norm(x, 5)  # 192x56x56
        return F.max_pool2d(x, 3, stride=2, ceil_mode=True)  # 192x28x28


class Inception(nn.Module):
    """``inception(one=64, three=[96, 128], five=[16, 32], pool=32)`` and its like, at ``i3a``, ``i3b`` and 7 more."""

    def __init__(
        self, in_channels: int, one: int, three_0: int, three_1: int, five_0: int, five_1: int, pool: int
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, one, kernel_size=1)
        self.conv2 = nn.Conv2d(in_channels, three_0, kernel_size=1)
        self.conv3 = nn.Conv2d(three_0, three_1, kernel_size=3, padding=1)
        self.conv4 = nn.Conv2d(in_channels, five_0, kernel_size=1)
        self.conv5 = nn.Conv2d(five_0, five_1, kernel_size=5, padding=2)
        self.conv6 = nn.Conv2d(in_channels, pool, kernel_size=1)

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.conv1(x), inplace=True)  # one x H x W
        z = self.conv3(F.relu(self.conv2(x), inplace=True))  # three_1 x H x W
        z = F.relu(z, inplace=True)  # three_1 x H x W
        u = self.conv5(F.relu(self.conv4(x), inplace=True))  # five_1 x H x W
        u = F.relu(u, inplace=True)  # five_1 x H x W
        x = self.conv6(F.max_pool2d(x, 3, stride=1, padding=1, ceil_mode=True))  # pool x H x W
        x = F.relu(x, inplace=True)  # pool x H x W
        return torch.cat((y, z, u, x), dim=1)  # C x H x W


class Classifier(nn.Module):
    """``classifier`` and its like, at ``aux1.classifier1``, ``aux2.classifier1``."""

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, 128, kernel_size=1)
        self.fc1 = nn.Linear(2048, 1024)
        self.fc2 = nn.Linear(1024, 1000)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.conv1(F.avg_pool2d(x, 5, stride=3)), inplace=True)  # 128x4x4
        x = F.dropout(F.relu(self.fc1(x.flatten(1)), inplace=True), 0.7, self.training)  # 1024
        return self.fc2(x)  # 1000


class Aux(nn.Module):
    """The steps ``aux1``, ``aux2``."""

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.classifier1 = Classifier(in_channels=in_channels)

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier1(x)  # 1000


class Head(nn.Module):
    """The step ``head``."""

    def __init__(self) -> None:
        super().__init__()
        self.fc1 = nn.Linear(1024, 1000)

    def forward(self, x: Tensor) -> Tensor:
        x = F.dropout(x.mean((2, 3), keepdim=True), 0.4, self.training, inplace=True)  # 1024x1x1
        return self.fc1(x.flatten(1))  # 1000


class GooglenetOutput(NamedTuple):
    """What ``Googlenet`` yields in training."""

    aux1: Tensor  # 1000
    aux2: Tensor  # 1000
    out: Tensor  # 1000


class Googlenet(nn.Module):
    """The network; its weights are initialised on ``device``, once."""

    def __init__(self, device: torch.device | str | None = None, dtype: torch.dtype | None = None) -> None:
        super().__init__()
        with torch.device("meta"):
            self.stem = Stem()
            self.reduce = Reduce()
            self.i3a = Inception(in_channels=192, one=64, three_0=96, three_1=128, five_0=16, five_1=32, pool=32)
            self.i3b = Inception(in_channels=256, one=128, three_0=128, three_1=192, five_0=32, five_1=96, pool=64)
            self.i4a = Inception(in_channels=480, one=192, three_0=96, three_1=208, five_0=16, five_1=48, pool=64)
            self.aux1 = Aux(in_channels=512)
            self.i4b = Inception(in_channels=512, one=160, three_0=112, three_1=224, five_0=24, five_1=64, pool=64)
            self.i4c = Inception(in_channels=512, one=128, three_0=128, three_1=256, five_0=24, five_1=64, pool=64)
            self.i4d = Inception(in_channels=512, one=112, three_0=144, three_1=288, five_0=32, five_1=64, pool=64)
            self.aux2 = Aux(in_channels=528)
            self.i4e = Inception(in_channels=528, one=256, three_0=160, three_1=320, five_0=32, five_1=128, pool=128)
            self.i5a = Inception(in_channels=832, one=256, three_0=160, three_1=320, five_0=32, five_1=128, pool=128)
            self.i5b = Inception(in_channels=832, one=384, three_0=192, three_1=384, five_0=48, five_1=128, pool=128)
            self.head = Head()
        if dtype is not None:
            self.to(dtype=dtype)
        self._apply(lambda weight: torch.empty(weight.shape, dtype=weight.dtype, device=device))
        self.reset_parameters()

    def forward(self, x: Tensor) -> GooglenetOutput | Tensor:
        x = self.stem(x)  # 64x56x56
        x = self.reduce(x)  # 192x28x28
        x = self.i3a(x)  # 256x28x28
        x = self.i3b(x)  # 480x28x28
        x = F.max_pool2d(x, 3, stride=2, ceil_mode=True)  # 480x14x14
        x = self.i4a(x)  # 512x14x14
        if self.training:
            aux1 = self.aux1(x)  # 1000
        x = self.i4b(x)  # 512x14x14
        x = self.i4c(x)  # 512x14x14
        x = self.i4d(x)  # 528x14x14
        if self.training:
            aux2 = self.aux2(x)  # 1000
        x = self.i4e(x)  # 832x14x14
        x = F.max_pool2d(x, 3, stride=2, ceil_mode=True)  # 832x7x7
        x = self.i5a(x)  # 832x7x7
        x = self.i5b(x)  # 1024x7x7
        x = self.head(x)  # 1000
        if self.training:
            return GooglenetOutput(aux1=aux1, aux2=aux2, out=x)
        return x

    @staticmethod
    def joint_loss(outputs: GooglenetOutput, target: Tensor) -> Tensor:
        """Sum of the cross entropies of all outputs of training, each times its weight.

        ``target`` holds a class for each sample, or its probabilities, as for ``F.cross_entropy``.
        """
        loss = 0.3 * F.cross_entropy(outputs.aux1, target)
        loss = loss + 0.3 * F.cross_entropy(outputs.aux2, target)
        return loss + F.cross_entropy(outputs.out, target)

    def reset_parameters(self) -> None:
        """Initialise all weights."""
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.xavier_normal_(module.weight)
                nn.init.constant_(module.bias, 0.0)
            elif isinstance(module, nn.Linear):
                module.reset_parameters()
