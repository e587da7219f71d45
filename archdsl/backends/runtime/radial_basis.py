"""Squared distances to fixed codes, one for each class.

Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, "Gradient-based learning applied to document recognition",
Proc. IEEE 86(11), 1998, section II-B and figure 3.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

#: The digits 0 to 9, each 7 pixels wide and 12 high.
DIGITS = (
    """
.......
..###..
.#...#.
#.....#
#.....#
#.....#
#.....#
#.....#
#.....#
.#...#.
..###..
.......
""",
    """
.......
...#...
..##...
.#.#...
...#...
...#...
...#...
...#...
...#...
...#...
.#####.
.......
""",
    """
.......
.#####.
#.....#
......#
......#
.....#.
...##..
..#....
.#.....
#......
#######
.......
""",
    """
.......
.#####.
#.....#
......#
......#
..####.
......#
......#
......#
#.....#
.#####.
.......
""",
    """
.......
.....#.
....##.
...#.#.
..#..#.
.#...#.
#....#.
#######
.....#.
.....#.
.....#.
.......
""",
    """
.......
#######
#......
#......
#.####.
##....#
......#
......#
......#
#.....#
.#####.
.......
""",
    """
.......
..####.
.#.....
#......
#......
#.####.
##....#
#.....#
#.....#
#.....#
.#####.
.......
""",
    """
.......
#######
......#
.....#.
.....#.
....#..
....#..
...#...
...#...
..#....
..#....
.......
""",
    """
.......
.#####.
#.....#
#.....#
#.....#
.#####.
#.....#
#.....#
#.....#
#.....#
.#####.
.......
""",
    """
.......
.#####.
#.....#
#.....#
#.....#
#....##
.####.#
......#
......#
.....#.
.####..
.......
""",
)


class RadialBasis(nn.Module):
    """``y[i] = sum over j of (x[j] - codes[i, j])^2``; the codes are +1 and -1 and are not trained."""

    codes: Tensor

    def __init__(self, features: int, classes: int) -> None:
        super().__init__()
        self.register_buffer("codes", torch.empty(classes, features))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Write the codes."""
        self.codes.copy_(self.drawn())

    def drawn(self) -> Tensor:
        """The codes, one row for each class."""
        raise NotImplementedError

    def forward(self, x: Tensor) -> Tensor:
        return (x.unsqueeze(1) - self.codes).square().sum(2)

    def extra_repr(self) -> str:
        return f"{self.codes.shape[1]}, {self.codes.shape[0]}"


class DigitCodes(RadialBasis):
    """Distances to pictures of the digits: +1 is ink, -1 is paper."""

    def __init__(self, classes: int = 10) -> None:
        super().__init__(84, classes)

    def drawn(self) -> Tensor:
        pictures = [[1.0 if pixel == "#" else -1.0 for pixel in "".join(digit.split())] for digit in DIGITS]
        return torch.tensor(pictures[: len(self.codes)], device="cpu")


class RandomCodes(RadialBasis):
    """Distances to codes drawn at random, the same for the same seed."""

    def __init__(self, features: int, classes: int, seed: int = 0) -> None:
        self.seed = seed
        super().__init__(features, classes)

    def drawn(self) -> Tensor:
        generator = torch.Generator("cpu").manual_seed(self.seed)
        return torch.randint(2, self.codes.shape, generator=generator, device="cpu") * 2.0 - 1.0
