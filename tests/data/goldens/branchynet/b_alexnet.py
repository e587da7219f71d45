"""b_alexnet: B-AlexNet.

Teerapittayanon, McDanel, Kung: BranchyNet: fast inference via early exiting from deep neural networks, ICPR
2016, arXiv:1709.01686

Chainer's alpha of 5e-5 weighs a sum; ours weighs a mean of n = 3 squares, hence 1.5e-4.

3x32x32 -> early 10, middle 10, out 10.
605,886 parameters.
Built with thresholds=[0.0001, 0.05], branches=true, classes=10.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def softmax_entropy(scores: Tensor) -> Tensor:
    """Entropy of the softmax of each row of scores, in nats: 0 if one class is certain.

    References
    ----------
    Teerapittayanon, McDanel, Kung: BranchyNet, arXiv:1709.01686, section III.
    """
    entropy: Tensor = torch.special.entr(scores.softmax(1, dtype=torch.float32)).sum(1)
    return entropy


def undecided(scores: Tensor, threshold: Tensor) -> Tensor:
    """Rows whose softmax has an entropy that is not below the threshold; one that is not a number is none either."""
    return (~(softmax_entropy(scores) < threshold)).nonzero().squeeze(1)


class C1(nn.Module):
    """The step ``c1``."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 32, kernel_size=5, padding=2)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv1(x)  # 32x32x32


class C2(nn.Module):
    """The steps ``c2``, ``c3``."""

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int, padding: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, out_channels, kernel_size=kernel_size, padding=padding)

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(F.relu(x), 3, stride=2, ceil_mode=True)  # in_channels x H' x W'
        x = F.local_response_norm(x, 3, alpha=0.00015, k=2.0)  # in_channels x H' x W'
        return self.conv1(x)  # out_channels x H' x W'


class Side(nn.Module):
    """``side`` and its like, at ``early.side1``, ``early.side2`` and 1 more."""

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, 32, kernel_size=3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.conv1(x), inplace=True)  # 32 x H x W


class Early(nn.Module):
    """The step ``early``."""

    def __init__(self) -> None:
        super().__init__()
        self.side1 = Side(in_channels=64)
        self.side2 = Side(in_channels=32)
        self.fc1 = nn.Linear(512, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(F.relu(x), 3, stride=2, ceil_mode=True)  # 64x8x8
        x = F.local_response_norm(x, 3, alpha=0.00015, k=2.0)  # 64x8x8
        x = self.side1(x)  # 32x8x8
        x = self.side2(x)  # 32x8x8
        x = F.max_pool2d(x, 3, stride=2, ceil_mode=True)  # 32x4x4
        return self.fc1(x.flatten(1))  # 10


class Middle(nn.Module):
    """The step ``middle``."""

    def __init__(self) -> None:
        super().__init__()
        self.side1 = Side(in_channels=96)
        self.fc1 = nn.Linear(128, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(F.relu(x), 3, stride=2, ceil_mode=True)  # 96x4x4
        x = F.local_response_norm(x, 3, alpha=0.00015, k=2.0)  # 96x4x4
        x = self.side1(x)  # 32x4x4
        x = F.max_pool2d(x, 3, stride=2, ceil_mode=True)  # 32x2x2
        return self.fc1(x.flatten(1))  # 10


class C4(nn.Module):
    """The step ``c4``."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(96, 96, kernel_size=3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv1(F.relu(x))  # 96x8x8


class C5(nn.Module):
    """The step ``c5``."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(96, 64, kernel_size=3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.conv1(F.relu(x)), inplace=True)  # 64x8x8
        return F.max_pool2d(x, 3, stride=2, ceil_mode=True)  # 64x4x4


class Hidden(nn.Module):
    """``hidden(width=256)``, at ``f6``."""

    def __init__(self) -> None:
        super().__init__()
        self.fc1 = nn.Linear(1024, 256)

    def forward(self, x: Tensor) -> Tensor:
        return F.dropout(F.relu(self.fc1(x.flatten(1)), inplace=True), 0.5, self.training)  # 256


class F7(nn.Module):
    """``hidden(width=128)``, at ``f7``."""

    def __init__(self) -> None:
        super().__init__()
        self.fc1 = nn.Linear(256, 128)

    def forward(self, x: Tensor) -> Tensor:
        return F.dropout(F.relu(self.fc1(x), inplace=True), 0.5, self.training)  # 128


class Head(nn.Module):
    """The step ``head``."""

    def __init__(self) -> None:
        super().__init__()
        self.fc1 = nn.Linear(128, 10)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc1(x)  # 10


class BAlexnetOutput(NamedTuple):
    """What ``BAlexnet`` yields."""

    early: Tensor  # 10
    middle: Tensor  # 10
    out: Tensor  # 10


class BAlexnetInference(NamedTuple):
    """What ``BAlexnet.infer`` yields: for each sample its scores, and the exit that it left at."""

    scores: Tensor  # 10
    exits: Tensor  # 0: early, 1: middle, 2: out


class BAlexnet(nn.Module):
    """The network; its weights are initialised on ``device``, once."""

    thresholds: Tensor
    """For ``early``, ``middle``: a sample leaves if the entropy of its softmax, in nats, is below this."""

    def __init__(self, device: torch.device | str | None = None, dtype: torch.dtype | None = None) -> None:
        super().__init__()
        with torch.device("meta"):
            self.c1 = C1()
            self.c2 = C2(in_channels=32, out_channels=64, kernel_size=5, padding=2)
            self.early = Early()
            self.c3 = C2(in_channels=64, out_channels=96, kernel_size=3, padding=1)
            self.middle = Middle()
            self.c4 = C4()
            self.c5 = C5()
            self.f6 = Hidden()
            self.f7 = F7()
            self.head = Head()
            self.register_buffer("thresholds", torch.empty(2))
        if dtype is not None:
            self.to(dtype=dtype)
        self._apply(lambda weight: torch.empty(weight.shape, dtype=weight.dtype, device=device))
        self.reset_parameters()

    def forward(self, x: Tensor) -> BAlexnetOutput:
        early, x = self._until_early(x)  # 10, 64x16x16
        middle, x = self._until_middle(x)  # 10, 96x8x8
        x = self._until_out(x)  # 10
        return BAlexnetOutput(early=early, middle=middle, out=x)

    def _until_early(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """What runs on the way to ``early``: its scores, and the streams that go on."""
        x = self.c1(x)  # 32x32x32
        x = self.c2(x)  # 64x16x16
        early = self.early(x)  # 10
        return early, x

    def _until_middle(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """What runs on the way to ``middle``: its scores, and the streams that go on."""
        x = self.c3(x)  # 96x8x8
        middle = self.middle(x)  # 10
        return middle, x

    def _until_out(self, x: Tensor) -> Tensor:
        """What runs on the way to ``out``: its scores."""
        x = self.c4(x)  # 96x8x8
        x = self.c5(x)  # 64x4x4
        x = self.f6(x)  # 256
        x = self.f7(x)  # 128
        return self.head(x)  # 10

    def infer(self, x: Tensor) -> BAlexnetInference:
        """Classify each sample at the first exit whose softmax has an entropy below its threshold.

        Samples that an exit lets go take no part in the layers behind it; the order of the batch is kept.
        How many are left depends on the scores, so neither ``torch.export`` nor one graph of ``torch.compile``
        can hold this method: ``forward`` is for them, which yields every exit.

        Raises
        ------
        RuntimeError
            The network is in training, where the samples of a batch depend on each other.
        """
        if self.training:
            raise RuntimeError("`infer` is for evaluation: call `eval()` first")
        early, x = self._until_early(x)  # 10, 64x16x16
        scores, exits = early, torch.zeros(len(early), dtype=torch.long, device=early.device)
        rows = undecided(early, self.thresholds[0])
        if len(rows) == 0:
            return BAlexnetInference(scores, exits)
        x = x[rows]
        middle, x = self._until_middle(x)  # 10, 96x8x8
        scores, exits = scores.index_copy(0, rows, middle), exits.index_fill(0, rows, 1)
        staying = undecided(middle, self.thresholds[1])
        if len(staying) == 0:
            return BAlexnetInference(scores, exits)
        rows, x = rows[staying], x[staying]
        out = self._until_out(x)  # 10
        scores, exits = scores.index_copy(0, rows, out), exits.index_fill(0, rows, 2)
        return BAlexnetInference(scores, exits)

    @staticmethod
    def joint_loss(outputs: BAlexnetOutput, target: Tensor) -> Tensor:
        """Sum of the cross entropies of all outputs of training, each times its weight.

        ``target`` holds a class for each sample, or its probabilities, as for ``F.cross_entropy``.
        """
        loss = F.cross_entropy(outputs.early, target)
        loss = loss + F.cross_entropy(outputs.middle, target)
        return loss + F.cross_entropy(outputs.out, target)

    def reset_parameters(self) -> None:
        """Initialise all weights."""
        for module in self.modules():
            if isinstance(module, (nn.Conv2d, nn.Linear)):
                module.reset_parameters()
        self.thresholds.copy_(torch.tensor([0.0001, 0.05]))
