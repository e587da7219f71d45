"""Max pooling of regions.

R. Girshick, "Fast R-CNN", arXiv:1504.08083, section 2.1. The maximum over a bin is the larger of the maxima over the
windows of a power of two at its corners, which are looked up in a table: the effort does not depend on the size of the
bins. M. Bender, M. Farach-Colton, "The LCA problem revisited", LATIN 2000, section 3.
"""

from __future__ import annotations

import torch
from torch import Tensor


def roi_pool(features: Tensor, regions: Tensor, size: tuple[int, int], stride: int) -> Tensor:
    """Take the maximum of each of ``size`` bins of each region.

    Parameters
    ----------
    features
        ``(batch, channels, height, width)``.
    regions
        ``(regions, 5)``: image, then left, top, right and bottom in pixels, ``stride`` of them for each place.

    Returns
    -------
    ``(regions, channels, *size)``; 0 for a bin beyond the features.
    """
    _, channels, height, width = features.shape
    image = regions[:, 0].long()
    top, down, rows = bins(regions[:, 2], regions[:, 4], size[0], height, stride)
    left, across, columns = bins(regions[:, 1], regions[:, 3], size[1], width, stride)
    values = features.permute(0, 2, 3, 1)
    places = first_largest(values.detach(), image, (top, down), (left, across))
    pooled = values.reshape(-1, channels).gather(0, places.flatten(0, 2)).view(places.shape)
    is_empty = (rows == 0)[:, :, None, None] | (columns == 0)[:, None, :, None]
    return pooled.masked_fill(is_empty, 0).permute(0, 3, 1, 2)


def bins(first: Tensor, last: Tensor, count: int, length: int, stride: int) -> tuple[Tensor, Tensor, Tensor]:
    """Divide regions along an axis into ``count`` bins each.

    Returns
    -------
    For each region and bin the first place, the start of the last window of a power of two in the bin, and the number
    of places that lie on the axis; the first two are places of the axis even if there is none.
    """
    start, end = (torch.trunc(edge / stride + torch.copysign(edge.new_tensor(0.5), edge)) for edge in (first, last))
    start, extent = start.long().unsqueeze(1), (end - start + 1).clamp(min=1).long().unsqueeze(1)
    steps = torch.arange(count + 1, device=first.device)
    # Whole numbers throughout: a quotient that is rounded can lose the last row of a bin.
    begin = (start + (extent * steps[:-1]).div(count, rounding_mode="floor")).clamp(0, length)
    stop = (start - (extent * -steps[1:]).div(count, rounding_mode="floor")).clamp(0, length)
    places = (stop - begin).clamp(min=0)
    begin = begin.clamp(max=length - 1)
    return begin, begin, places
