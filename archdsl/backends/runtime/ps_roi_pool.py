"""Mean pooling of regions in which each bin has channels of its own.

J. Dai, Y. Li, K. He, J. Sun, "R-FCN: Object detection via region-based fully convolutional networks", arXiv:1605.06409,
section 2. Sums over bins are differences of sums over all places above and left of a corner: F. Crow, "Summed-area
tables for texture mapping", SIGGRAPH 1984.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def ps_roi_pool(features: Tensor, regions: Tensor, size: tuple[int, int], stride: int) -> Tensor:
    """Take the mean of each of ``size`` bins of each region, over those channels that belong to the bin.

    Parameters
    ----------
    features
        ``(batch, channels * bins, height, width)``.
    regions
        ``(regions, 5)``: image, then left, top, right and bottom in pixels, ``stride`` of them for each place.

    Returns
    -------
    ``(regions, channels, *size)``; 0 for a bin beyond the features.
    """
    batch, _, height, width = features.shape
    bins = size[0] * size[1]
    # Small differences of large sums are taken; of all devices, only MPS has no double precision.
    wide = features.to(torch.float32 if features.device.type == "mps" else torch.float64)
    sums = F.pad(wide.cumsum(2).cumsum(3), (1, 0, 1, 0))
    table = sums.reshape(batch, -1, bins, (height + 1) * (width + 1)).permute(0, 2, 3, 1).flatten(0, 2)
    top, bottom = bin_edges(regions[:, 2], regions[:, 4], size[0], height, stride)
    left, right = bin_edges(regions[:, 1], regions[:, 3], size[1], width, stride)
    plane = regions[:, 0].long()[:, None, None] * bins + torch.arange(bins, device=table.device).view(size)

    def sums_above(rows: Tensor) -> Tensor:
        """Sums over the columns of each bin, from the first row on to those given."""
        row = (plane * (height + 1) + rows[:, :, None]) * (width + 1)
        before, behind = (table.index_select(0, (row + column[:, None]).flatten()) for column in (left, right))
        return behind - before

    places = (bottom - top)[:, :, None] * (right - left)[:, None]
    pooled = (sums_above(bottom) - sums_above(top)) / places.clamp(min=1).flatten().unsqueeze(1)
    return pooled.to(features.dtype).view(-1, *size, table.shape[1]).permute(0, 3, 1, 2)


def bin_edges(first: Tensor, last: Tensor, count: int, length: int, stride: int) -> tuple[Tensor, Tensor]:
    """Places among the ``length`` of an axis where the ``count`` bins of each region begin, and before which they end.

    Bins that share a place both have it.
    """
    start, end = (whole_pixels(edge).long().unsqueeze(1) for edge in (first, last))
    extent = (end - start).clamp(min=1)
    steps = torch.arange(count + 1, device=first.device)
    # Whole numbers throughout, in units of a place divided by ``count``: a quotient of floats may miss an edge.
    edges, unit = start * count + extent * steps, stride * count
    begin = edges[:, :-1].div(unit, rounding_mode="floor")
    stop = -(-edges[:, 1:]).div(unit, rounding_mode="floor")
    return begin.clamp(0, length), stop.clamp(0, length)


def whole_pixels(edges: Tensor) -> Tensor:
    """Edges rounded to pixels, halves away from 0."""
    return torch.trunc(edges + edges.sign() / 2)
