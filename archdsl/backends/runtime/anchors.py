"""Anchors: boxes of given sizes at every place of a grid, and the boxes of an image that they stand for."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def anchor_grid(
    features: Tensor, boxes: Sequence[Sequence[float]], stride: tuple[float, float], offset: float
) -> Tensor:
    """Boxes of widths and heights ``boxes`` at each place of ``features``, row by row: ``(batch, anchors, 4)``.

    Place ``(row, column)`` has its centre ``offset`` of a stride behind ``(row, column) * stride``.
    """
    batch, _, height, width = features.shape
    dtype = torch.promote_types(features.dtype, torch.float32)
    sides = torch.tensor(boxes, dtype=dtype, device=features.device) / 2
    down = (torch.arange(height, dtype=dtype, device=features.device) + offset) * stride[0]
    across = (torch.arange(width, dtype=dtype, device=features.device) + offset) * stride[1]
    y, x = torch.meshgrid(down, across, indexing="ij")
    centres = torch.stack((x, y), dim=-1).unsqueeze(2)
    return torch.cat((centres - sides, centres + sides), dim=-1).reshape(1, -1, 4).expand(batch, -1, 4)


def match_anchors(overlaps: Tensor, valid: Tensor, high: float, low: float | None = None) -> Tensor:
    """Choose the box that each anchor stands for.

    An anchor stands for the box that it overlaps most, if by at least ``high``. Each box has in any case the anchor
    that it overlaps most, the last box if several want the same one.

    Parameters
    ----------
    overlaps
        ``(batch, boxes, anchors)``: intersection over union.
    valid
        ``(batch, boxes)``: which of the boxes there are.
    low
        Overlap below which an anchor is background; ``high`` if None.

    Returns
    -------
    ``(batch, anchors)``: the number of a box, -1 for background, -2 for anchors that are neither.
    """
    overlaps = overlaps.where(valid.unsqueeze(-1), -1)
    best, matched = overlaps.max(dim=1)
    background = torch.full_like(matched, -1)
    doubtful = background if low is None else background.where(best < low, -2)
    matched = matched.where(best >= high, doubtful)
    most, favourite = overlaps.max(dim=2)
    numbers = torch.arange(overlaps.shape[1], device=overlaps.device).where(most > 0, -1)
    claimed = background.scatter_reduce(1, favourite, numbers, "amax")
    return claimed.where(claimed >= 0, matched)
