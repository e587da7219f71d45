"""Random subsets of a fixed size."""

from __future__ import annotations

import torch
from torch import Tensor


def random_subset(candidates: Tensor, count: int | Tensor) -> Tensor:
    """Choose at most ``count`` of the candidates of each row at random, all with the same probability.

    Parameters
    ----------
    candidates
        ``(rows, n)``, true where there is one.
    count
        One number for all rows, or ``(rows, 1)``.

    Returns
    -------
    ``(rows, n)``, true where one is chosen.
    """
    lots = torch.rand(candidates.shape, device=candidates.device).masked_fill(~candidates, 2)
    return candidates & (lots.argsort(dim=1).argsort(dim=1) < count)
