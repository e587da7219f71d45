"""Regions cut at the borders of their image."""

from __future__ import annotations

import torch
from torch import Tensor


def clip_regions(boxes: Tensor, image: tuple[int, int], min_size: int) -> tuple[Tensor, Tensor]:
    """Cut off what reaches beyond the image, and shrink what is then too small to its corner.

    Parameters
    ----------
    boxes
        ``(batch, n, 4)``: left, top, right, bottom.
    image
        Height and width.

    Returns
    -------
    The boxes, and ``(batch, n)``: which of them are ``min_size`` wide and high at least.
    """
    bottom, right = image
    limits = torch.tensor((right, bottom, right, bottom), dtype=boxes.dtype, device=boxes.device)
    boxes = torch.minimum(boxes.clamp(min=0), limits)
    large = (boxes[..., 2:] - boxes[..., :2] >= min_size).all(dim=-1)
    return boxes.masked_fill(~large.unsqueeze(-1), 0), large
