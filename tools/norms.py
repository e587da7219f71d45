"""Statistics of norms, measured anew."""

from __future__ import annotations

import copy
from collections.abc import Iterable

import torch
from torch import Tensor, nn


def measured(module: nn.Module, batches: Iterable[Tensor]) -> nn.Module:
    """A copy whose norms know the statistics of these batches in this very network; no weight changes.

    Each norm has the mean over the batches. All else is in evaluation mode while they are measured, as in the copy.
    """
    copied = copy.deepcopy(module).eval()
    for norm in copied.modules():
        if isinstance(norm, nn.BatchNorm2d):
            norm.reset_running_stats()
            norm.momentum = None  # the mean over all batches
            norm.train()
    with torch.no_grad():
        for batch in batches:
            copied(batch)
    return copied.eval()
