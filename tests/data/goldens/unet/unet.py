"""unet: U-Net.

Ronneberger, Fischer, Brox: U-Net: Convolutional networks for biomedical image segmentation, arXiv:1505.04597

1x572x572 -> out 2x388x388.
31,030,658 parameters.
Built with width=64, depth=4, channels=1, classes=2, size=572, padded=false, up="conv".
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def crop(x: Tensor, size: Sequence[int], offset: Sequence[int] | None = None) -> Tensor:
    """Cut the part of ``x`` of this size that begins at ``offset``, by default the middle."""
    for axis, length in enumerate(size, start=2):
        start = (x.shape[axis] - length) // 2 if offset is None else offset[axis - 2]
        x = x.narrow(axis, start, length)
    return x


class Layer(nn.Module):
    """``layer(width=64)`` and its like, at ``level1.left.layer1``, ``level1.left.layer2`` and 16 more."""

    def __init__(self, in_channels: int, width: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, width, kernel_size=3)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.conv1(x), inplace=True)  # width x H' x W'


class Double(nn.Module):
    """``double(width=64)`` and its like, at ``level1.left``, ``level1.lower.level1.left`` and 7 more."""

    def __init__(self, in_channels: int, width: int) -> None:
        super().__init__()
        self.layer1 = Layer(in_channels=in_channels, width=width)
        self.layer2 = Layer(in_channels=width, width=width)

    def forward(self, x: Tensor) -> Tensor:
        x = self.layer1(x)  # width x H' x W'
        return self.layer2(x)  # width x H'' x W''


class Level(nn.Module):
    """``level(width=1024, depth=0, out=1024)``, at ``level1.lower.level1.lower.level1.lower.level1.lower.level1``."""

    def __init__(self) -> None:
        super().__init__()
        self.double1 = Double(in_channels=512, width=1024)

    def forward(self, x: Tensor) -> Tensor:
        return F.dropout(self.double1(x), 0.5, self.training)  # 1024x28x28


class Lower(nn.Module):
    """The step ``level1.lower.level1.lower.level1.lower.level1.lower``."""

    def __init__(self) -> None:
        super().__init__()
        self.level1 = Level()

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(x, 2)  # 512x32x32
        return self.level1(x)  # 1024x28x28


class Right(nn.Module):
    """The steps.

    ``level1.lower.level1.lower.level1.lower.level1.right``, ``level1.lower.level1.lower.level1.right`` and 2 more.
    """

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.upconv1 = nn.ConvTranspose2d(in_channels, in_channels // 2, kernel_size=2, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        return self.upconv1(x)  # in_channels//2 x H' x W'


class Level2(nn.Module):
    """``level(width=512, depth=1, out=512)``, at ``level1.lower.level1.lower.level1.lower.level1``."""

    def __init__(self) -> None:
        super().__init__()
        self.left = Double(in_channels=256, width=512)
        self.lower = Lower()
        self.right = Right(in_channels=1024)
        self.double1 = Double(in_channels=1024, width=512)

    def forward(self, x: Tensor) -> Tensor:
        x = self.left(x)  # 512x64x64
        lower = self.lower(x)  # 1024x28x28
        right = self.right(lower)  # 512x56x56
        del lower
        x = crop(x, right.shape[2:])  # 512x56x56
        x = torch.cat((x, right), dim=1)  # 1024x56x56
        del right
        return self.double1(x)  # 512x52x52


class Lower2(nn.Module):
    """The step ``level1.lower.level1.lower.level1.lower``."""

    def __init__(self) -> None:
        super().__init__()
        self.level1 = Level2()

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(x, 2)  # 256x68x68
        return self.level1(x)  # 512x52x52


class Level3(nn.Module):
    """``level(width=256, depth=2, out=256)``, at ``level1.lower.level1.lower.level1``."""

    def __init__(self) -> None:
        super().__init__()
        self.left = Double(in_channels=128, width=256)
        self.lower = Lower2()
        self.right = Right(in_channels=512)
        self.double1 = Double(in_channels=512, width=256)

    def forward(self, x: Tensor) -> Tensor:
        x = self.left(x)  # 256x136x136
        lower = self.lower(x)  # 512x52x52
        right = self.right(lower)  # 256x104x104
        del lower
        x = crop(x, right.shape[2:])  # 256x104x104
        x = torch.cat((x, right), dim=1)  # 512x104x104
        del right
        return self.double1(x)  # 256x100x100


class Lower3(nn.Module):
    """The step ``level1.lower.level1.lower``."""

    def __init__(self) -> None:
        super().__init__()
        self.level1 = Level3()

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(x, 2)  # 128x140x140
        return self.level1(x)  # 256x100x100


class Level4(nn.Module):
    """``level(width=128, depth=3, out=128)``, at ``level1.lower.level1``."""

    def __init__(self) -> None:
        super().__init__()
        self.left = Double(in_channels=64, width=128)
        self.lower = Lower3()
        self.right = Right(in_channels=256)
        self.double1 = Double(in_channels=256, width=128)

    def forward(self, x: Tensor) -> Tensor:
        x = self.left(x)  # 128x280x280
        lower = self.lower(x)  # 256x100x100
        right = self.right(lower)  # 128x200x200
        del lower
        x = crop(x, right.shape[2:])  # 128x200x200
        x = torch.cat((x, right), dim=1)  # 256x200x200
        del right
        return self.double1(x)  # 128x196x196


class Lower4(nn.Module):
    """The step ``level1.lower``."""

    def __init__(self) -> None:
        super().__init__()
        self.level1 = Level4()

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(x, 2)  # 64x284x284
        return self.level1(x)  # 128x196x196


class Level5(nn.Module):
    """``level(width=64, depth=4)``, at ``level1``."""

    def __init__(self) -> None:
        super().__init__()
        self.left = Double(in_channels=1, width=64)
        self.lower = Lower4()
        self.right = Right(in_channels=128)
        self.double1 = Double(in_channels=128, width=64)

    def forward(self, x: Tensor) -> Tensor:
        x = self.left(x)  # 64x568x568
        lower = self.lower(x)  # 128x196x196
        right = self.right(lower)  # 64x392x392
        del lower
        x = crop(x, right.shape[2:])  # 64x392x392
        x = torch.cat((x, right), dim=1)  # 128x392x392
        del right
        return self.double1(x)  # 64x388x388


class Head(nn.Module):
    """The step ``head``."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(64, 2, kernel_size=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv1(x)  # 2x388x388


class Unet(nn.Module):
    """The network; its weights are initialised on ``device``, once."""

    def __init__(self, device: torch.device | str | None = None, dtype: torch.dtype | None = None) -> None:
        super().__init__()
        with torch.device("meta"):
            self.level1 = Level5()
            self.head = Head()
        if dtype is not None:
            self.to(dtype=dtype)
        self._apply(lambda weight: torch.empty(weight.shape, dtype=weight.dtype, device=device))
        self.reset_parameters()

    def forward(self, x: Tensor) -> Tensor:
        x = self.level1(x)  # 64x388x388
        return self.head(x)  # 2x388x388

    def reset_parameters(self) -> None:
        """Initialise all weights."""
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
                nn.init.constant_(module.bias, 0.0)
            elif isinstance(module, nn.ConvTranspose2d):
                module.reset_parameters()
