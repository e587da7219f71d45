"""fractalnet: FractalNet.

Larsson, Maire, Shakhnarovich: FractalNet: Ultra-deep neural networks without residuals, ICLR 2017,
arXiv:1605.07648

The paper's 38.6 M parameters for 20 layers are not reproduced by any implementation: these widths give 33.7
M.

3x32x32 -> out 10.
33,714,314 parameters.
Built with cols=3, widths=[64, 128, 256, 512, 512], rates=[0, 0.1, 0.2, 0.3, 0.4], drop=0.15, column=0.5,
per="batch", bias=true, affine=false, pool="columns", classes=10.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def draw(x: Tensor, count: int, per: str) -> Tensor:
    """Numbers in [0, 1): ``count`` for each sample of ``x``, or for the whole batch; shape ``(count, samples)``.

    They come from torch's generator, and are made where ``x`` is, so that nothing waits for them.
    """
    samples = x.shape[0] if per == "sample" else 1
    return torch.rand(count, samples, dtype=torch.float32, device=x.device)


def draw_column(x: Tensor, columns: int, share: float, per: str = "sample") -> Tensor:
    """The one column, from 0, that samples pass through in the whole network; -1 for those that do not keep to one.

    A sample keeps to a column with probability ``share``, and to each with the same (global drop-path,
    arXiv:1605.07648, section 3). The shape is ``(samples, 1)``.
    """
    chance, place = draw(x, 2, per).unsqueeze(2)
    return torch.where(chance < share, (place * columns).long(), -1)


def join(
    streams: tuple[Tensor, ...], drop: float, training: bool, column: Tensor | None = None, per: str = "sample"
) -> Tensor:
    """Average the streams; in training, those that drop-path keeps (arXiv:1605.07648, section 3).

    Each sample, or the whole batch, drops each stream with probability ``drop``, but always keeps one. Samples that
    keep to a ``column`` of the network (see ``draw_column``) keep the stream of this number alone; where there is none,
    the join stands within a longer column, whose result they do not see.
    """
    first, *others = streams
    if not training:
        total = first
        for stream in others:
            total = total + stream
        return total / len(streams)
    noise = draw(first, len(streams), per)
    # The largest draw of a sample is kept even below the threshold: one of the streams at random.
    kept = noise >= noise.amax(0).clamp(max=drop)
    if column is not None:
        numbers = torch.arange(len(streams), device=first.device).unsqueeze(1)
        alone = numbers == column.to(first.device).squeeze(1)
        kept = torch.where(alone.any(0), alone, kept)
    share = (kept.to(first.dtype) / kept.sum(0)).view(len(streams), -1, *[1] * (first.dim() - 1))
    total = first * share[0]
    for stream, weight in zip(others, share[1:], strict=True):
        total = torch.addcmul(total, stream, weight)
    return total


class Unit2(nn.Module):
    """``unit`` and its like, at ``stage1.paths.unit1``, ``stage1.paths.unit2`` and 5 more."""

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, 64, kernel_size=3, padding=1)
        self.bn1 = nn.BatchNorm2d(64, affine=False)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.bn1(self.conv1(x)), inplace=True)  # 64x32x32


class PathsProjection(nn.Module):
    """The step ``stage1.paths``."""

    def __init__(self) -> None:
        super().__init__()
        self.unit1 = Unit2(in_channels=3)
        self.unit2 = Unit2(in_channels=64)
        self.unit3 = Unit2(in_channels=3)
        self.unit4 = Unit2(in_channels=64)
        self.unit5 = Unit2(in_channels=64)
        self.unit6 = Unit2(in_channels=64)
        self.unit7 = Unit2(in_channels=3)

    def forward(self, x: Tensor, column: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        y = self.unit1(x)  # 64x32x32
        y = self.unit2(y)  # 64x32x32
        y = join((y, self.unit3(x)), 0.15, self.training, column, per="batch")  # 64x32x32
        z = self.unit4(y)  # 64x32x32
        z = self.unit5(z)  # 64x32x32
        y = self.unit6(y)  # 64x32x32
        x = self.unit7(x)  # 64x32x32
        return z, y, x


class Stage1(nn.Module):
    """``stage(width=64, cols=3, rate=0)``, at ``stage1``."""

    def __init__(self) -> None:
        super().__init__()
        self.paths = PathsProjection()

    def forward(self, x: Tensor, column: Tensor | None) -> Tensor:
        paths_0, paths_1, paths_2 = self.paths(x, column)  # 64x32x32, 64x32x32, 64x32x32
        x = F.max_pool2d(paths_0, 2)  # 64x16x16
        del paths_0
        paths_1 = F.max_pool2d(paths_1, 2)  # 64x16x16
        paths_2 = F.max_pool2d(paths_2, 2)  # 64x16x16
        return join((x, paths_1, paths_2), 0.15, self.training, column, per="batch")  # 64x16x16


class Unit(nn.Module):
    """``unit`` and its like, at ``stage2.paths.unit1``, ``stage2.paths.unit2`` and 26 more."""

    def __init__(self, in_channels: int, out_channels: int, dropout: float) -> None:
        super().__init__()
        self.dropout = dropout
        self.conv1 = nn.Conv2d(in_channels, out_channels, kernel_size=3, padding=1)
        self.bn1 = nn.BatchNorm2d(out_channels, affine=False)

    def forward(self, x: Tensor) -> Tensor:
        x = F.dropout(self.conv1(x), self.dropout, self.training, inplace=True)  # out_channels x H x W
        return F.relu(self.bn1(x), inplace=True)  # out_channels x H x W


class Paths(nn.Module):
    """The steps ``stage2.paths``, ``stage3.paths`` and 2 more."""

    def __init__(self, in_channels: int, out_channels: int, dropout: float) -> None:
        super().__init__()
        self.unit1 = Unit(in_channels=in_channels, out_channels=out_channels, dropout=dropout)
        self.unit2 = Unit(in_channels=out_channels, out_channels=out_channels, dropout=dropout)
        self.unit3 = Unit(in_channels=in_channels, out_channels=out_channels, dropout=dropout)
        self.unit4 = Unit(in_channels=out_channels, out_channels=out_channels, dropout=dropout)
        self.unit5 = Unit(in_channels=out_channels, out_channels=out_channels, dropout=dropout)
        self.unit6 = Unit(in_channels=out_channels, out_channels=out_channels, dropout=dropout)
        self.unit7 = Unit(in_channels=in_channels, out_channels=out_channels, dropout=dropout)

    def forward(self, x: Tensor, column: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        y = self.unit1(x)  # out_channels x H x W
        y = self.unit2(y)  # out_channels x H x W
        y = join((y, self.unit3(x)), 0.15, self.training, column, per="batch")  # out_channels x H x W
        z = self.unit4(y)  # out_channels x H x W
        z = self.unit5(z)  # out_channels x H x W
        y = self.unit6(y)  # out_channels x H x W
        x = self.unit7(x)  # out_channels x H x W
        return z, y, x


class Stage(nn.Module):
    """``stage(width=128, cols=3, rate=0.1)`` and its like, at ``stage2``, ``stage3`` and 2 more."""

    def __init__(self, in_channels: int, width: int, rate: float) -> None:
        super().__init__()
        self.paths = Paths(in_channels=in_channels, out_channels=width, dropout=rate)

    def forward(self, x: Tensor, column: Tensor | None) -> Tensor:
        paths_0, paths_1, paths_2 = self.paths(x, column)  # width x H x W, width x H x W, width x H x W
        x = F.max_pool2d(paths_0, 2)  # width x H' x W'
        del paths_0
        paths_1 = F.max_pool2d(paths_1, 2)  # width x H' x W'
        paths_2 = F.max_pool2d(paths_2, 2)  # width x H' x W'
        return join((x, paths_1, paths_2), 0.15, self.training, column, per="batch")  # width x H' x W'


class Head(nn.Module):
    """The step ``head``."""

    def __init__(self) -> None:
        super().__init__()
        self.fc1 = nn.Linear(512, 10)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc1(x.flatten(1))  # 10


class Fractalnet(nn.Module):
    """The network; its weights are initialised on ``device``, once."""

    def __init__(self, device: torch.device | str | None = None, dtype: torch.dtype | None = None) -> None:
        super().__init__()
        with torch.device("meta"):
            self.stage1 = Stage1()
            self.stage2 = Stage(in_channels=64, width=128, rate=0.1)
            self.stage3 = Stage(in_channels=128, width=256, rate=0.2)
            self.stage4 = Stage(in_channels=256, width=512, rate=0.3)
            self.stage5 = Stage(in_channels=512, width=512, rate=0.4)
            self.head = Head()
        if dtype is not None:
            self.to(dtype=dtype)
        self._apply(lambda weight: torch.empty(weight.shape, dtype=weight.dtype, device=device))
        self.reset_parameters()

    def forward(self, x: Tensor) -> Tensor:
        column = None
        if self.training:
            column = draw_column(x, 3, 0.5, per="batch")  # 1
        x = self.stage1(x, column)  # 64x16x16
        x = self.stage2(x, column)  # 128x8x8
        x = self.stage3(x, column)  # 256x4x4
        x = self.stage4(x, column)  # 512x2x2
        x = self.stage5(x, column)  # 512x1x1
        return self.head(x)  # 10

    def reset_parameters(self) -> None:
        """Initialise all weights."""
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.xavier_normal_(module.weight)
                nn.init.constant_(module.bias, 0.0)
            elif isinstance(module, (nn.BatchNorm2d, nn.Linear)):
                module.reset_parameters()
