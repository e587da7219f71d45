"""Weights of a transposed convolution that interpolates bilinearly.

J. Long, E. Shelhamer, T. Darrell, "Fully convolutional networks for semantic segmentation", arXiv:1411.4038.
"""

from __future__ import annotations

import torch
from torch import Tensor


@torch.no_grad()
def bilinear_(weight: Tensor) -> Tensor:
    """Fill ``(channels, channels/groups, *kernel)`` with a tent for each channel and zeros between channels."""
    tent = torch.ones((), device=weight.device, dtype=weight.dtype)
    for size in weight.shape[2:]:
        half = (size + 1) // 2
        centre = half - 1 if size % 2 else half - 0.5
        places = torch.arange(size, device=weight.device, dtype=weight.dtype)
        tent = tent[..., None] * (1 - (places - centre).abs() / half)
    channels = torch.arange(weight.shape[0], device=weight.device)
    weight.zero_()
    weight[channels, channels % weight.shape[1]] = tent
    return weight
