"""Who goes on at an early exit."""

from __future__ import annotations

import torch
from torch import Tensor


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
