"""Sampling of regions without rounding.

K. He, G. Gkioxari, P. Dollár, R. Girshick, "Mask R-CNN", arXiv:1703.06870, section 3.
"""

from __future__ import annotations

import torch
from torch import Tensor

from archdsl.backends.runtime.torchvision_operator import require_images, torchvision_operator


def roi_align(
    features: Tensor,
    regions: Tensor,
    size: tuple[int, int],
    stride: int,
    sampling: int = 2,
    aligned: bool = False,
) -> Tensor:
    """Take the mean of interpolated samples in each of ``size`` bins of each region.

    Parameters
    ----------
    features
        ``(batch, channels, height, width)``.
    regions
        ``(regions, 5)``: image, then left, top, right and bottom in pixels, ``stride`` of them for each place.
    sampling
        Number of samples along each side of a bin.
    aligned
        Whether places are the centres of pixels instead of their corners.

    Returns
    -------
    ``(regions, channels, *size)``.
    """
    compiled = torchvision_operator("roi_align", features)
    if compiled is not None:
        require_images(regions, len(features))
        regions = regions.detach().to(features.dtype)
        return compiled(features, regions, 1 / stride, *size, sampling, aligned)
    _, channels, height, width = features.shape
    flat = features.permute(0, 2, 3, 1).reshape(-1, channels)
    edges = regions.detach() / stride - (0.5 if aligned else 0.0)
    down = taps(edges[:, 2], edges[:, 4], size[0], height, sampling, aligned)
    across = taps(edges[:, 1], edges[:, 3], size[1], width, sampling, aligned)
    image = regions[:, 0].long()[:, None, None] * height
    total = flat.new_zeros(())
    for y, vertical in down:
        for x, horizontal in across:
            number = (image + y[:, :, None]) * width + x[:, None]
            weight = (vertical[:, :, None] * horizontal[:, None]).to(flat.dtype)
            total = total + flat.index_select(0, number.flatten()) * weight.flatten().unsqueeze(1)
    return total.view(-1, *size, channels).permute(0, 3, 1, 2)


def taps(
    first: Tensor, last: Tensor, count: int, length: int, sampling: int, aligned: bool
) -> list[tuple[Tensor, Tensor]]:
    """Places that the samples of each bin lie between along an axis, with their weights.

    Returns
    -------
    Two pairs for each sample of a bin: ``(regions, count)`` places, and their shares in the mean over the samples.
    """
    extent = last - first if aligned else (last - first).clamp(min=1)
    found = []
    for sample in range(sampling):
        bins = torch.arange(count, dtype=first.dtype, device=first.device) + (sample + 0.5) / sampling
        point = first.unsqueeze(1) + extent.unsqueeze(1) / count * bins
        share = ((point >= -1) & (point <= length)).to(point.dtype) / sampling
        point = point.clamp(0, length - 1)
        low = point.floor().clamp(max=max(length - 2, 0))
        weight = point - low
        found.append((low.long(), (1 - weight) * share))
        found.append(((low.long() + 1).clamp(max=length - 1), weight * share))
    return found
