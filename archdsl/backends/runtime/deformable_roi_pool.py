"""Mean pooling of regions with bins that are moved by what they see.

J. Dai, H. Qi, Y. Xiong, Y. Li, G. Zhang, H. Hu, Y. Wei, "Deformable convolutional networks", arXiv:1703.06211,
section 2.2.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from archdsl.backends.runtime.boxes import at_least_single
from archdsl.backends.runtime.ps_roi_pool import whole_pixels


def deformable_roi_pool(
    features: Tensor,
    regions: Tensor,
    offsets: Tensor | None,
    size: tuple[int, int],
    stride: int,
    sampling: int = 4,
    gamma: float = 0.1,
    sensitive: bool = False,
) -> Tensor:
    """Take the mean of interpolated samples in each of ``size`` bins of each region.

    Parameters
    ----------
    features
        ``(batch, channels, height, width)``, or ``channels * bins`` if ``sensitive``.
    regions
        ``(regions, 5)``: image, then left, top, right and bottom in pixels, ``stride`` of them for each place.
    offsets
        ``(regions, 2 * groups, *size)``: by how much each bin is moved, x and y for each group of channels, in units of
        ``gamma`` times the sides of the region. If None, bins stay where they are.
    sampling
        Number of samples along each side of a bin.
    sensitive
        Whether each bin has channels of its own.

    Returns
    -------
    ``(regions, channels, *size)``; 0 for a bin all of whose samples lie beyond the features.
    """
    batch, _, height, width = features.shape
    groups = 1 if offsets is None else offsets.shape[1] // 2
    planes = size[0] * size[1] if sensitive else 1
    edges = whole_pixels(at_least_single(regions.detach())[:, 1:]) / stride - 0.5
    left, top, right, bottom = edges.view(-1, 4, 1, 1, 1).unbind(1)
    wide, high = ((last - first).clamp(min=1 / stride) for first, last in ((left, right), (top, bottom)))
    x = left + wide * bin_starts(size[1], sampling, edges)
    y = top + high * bin_starts(size[0], sampling, edges).unsqueeze(1)
    x, y = x.unsqueeze(1), y.unsqueeze(1)
    if offsets is not None:
        moved = offsets.reshape(-1, groups, 2, *size, 1) * gamma
        x, y = x + moved[:, :, 0] * wide.unsqueeze(1), y + moved[:, :, 1] * high.unsqueeze(1)
    columns, across = bin_taps(x, width)
    rows, down = bin_taps(y, height)
    index = rows.unsqueeze(-1) * width + columns.unsqueeze(-2)  # regions, groups, rows, columns of bins, taps, taps
    index = index + regions[:, 0].long().view(-1, 1, 1, 1, 1, 1) * (height * width)
    plane = torch.arange(planes, device=index.device).view(size if sensitive else (1, 1))[..., None, None]
    group = torch.arange(groups, device=index.device).view(-1, 1, 1, 1, 1)
    index = (index * planes + plane) * groups + group
    share = down.unsqueeze(-1) * across.unsqueeze(-2)
    table = features.reshape(batch, groups, -1, planes, height * width).permute(0, 4, 3, 1, 2).flatten(0, 3)
    index = index.expand(-1, groups, *size, -1, -1).flatten(0, 3).flatten(1)
    share = share.expand(-1, groups, *size, -1, -1).flatten(0, 3).flatten(1).to(table.dtype)
    pooled = F.embedding_bag(index, table, mode="sum", per_sample_weights=share)
    return pooled.view(-1, groups, *size, table.shape[1]).permute(0, 1, 4, 2, 3).flatten(1, 2)


def bin_starts(count: int, sampling: int, like: Tensor) -> Tensor:
    """``(count, sampling)`` samples of each bin, as shares of the region that has ``count`` of them."""
    samples = torch.arange(count * sampling, dtype=like.dtype, device=like.device)
    return (samples / (count * sampling)).view(count, sampling)


def bin_taps(points: Tensor, length: int) -> tuple[Tensor, Tensor]:
    """The two places of an axis around each sample, and their shares in the mean over the samples of a bin.

    A sample half a place beyond the ``length`` places is taken from the last one, and does not count further out.

    Parameters
    ----------
    points
        ``(…, sampling)``.

    Returns
    -------
    Both ``(…, 2 * sampling)``.
    """
    within = (points >= -0.5) & (points <= length - 0.5)
    points = points.clamp(0, length - 1)
    low = points.detach().floor()
    fraction = points - low
    place = torch.stack((low, (low + 1).clamp(max=length - 1)), dim=-1).long()
    share = torch.stack((1 - fraction, fraction), dim=-1) * within.unsqueeze(-1)
    return place.flatten(-2), (share / within.sum(-1).clamp(min=1)[..., None, None]).flatten(-2)
