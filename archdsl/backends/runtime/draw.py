"""Random choices of paths: for each sample, or for the whole batch at once."""

from __future__ import annotations

import torch
from torch import Tensor


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
