"""Max pooling of regions.

R. Girshick, "Fast R-CNN", arXiv:1504.08083, section 2.1.

The maximum over a bin of any size is the largest of four maxima over windows whose sides are powers of two, one at each
corner of the bin. Those of all windows stand in a table. M. Bender, M. Farach-Colton, "The LCA problem revisited",
LATIN 2000, section 3, has it for one axis.
"""

from __future__ import annotations

import torch
from torch import Tensor

from archdsl.backends.runtime.torchvision_operator import require_images, torchvision_operator

#: Maxima, and the places of the features where they are; elementwise of one shape.
Peaks = tuple[Tensor, Tensor]


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
    compiled = torchvision_operator("roi_pool", features)
    if compiled is not None:
        require_images(regions, len(features))
        return compiled(features, regions.detach().to(features.dtype), 1 / stride, *size)[0]
    _, channels, height, width = features.shape
    top, rows = bins(regions[:, 2], regions[:, 4], size[0], height, stride)
    left, columns = bins(regions[:, 1], regions[:, 3], size[1], width, stride)
    flat = features.permute(0, 2, 3, 1).reshape(-1, channels)
    places = torch.arange(flat.shape[0], dtype=torch.int32, device=flat.device).unsqueeze(1).expand_as(flat)
    # The search is not differentiated; its result is where the gradient goes.
    peaks = (flat.detach().view(-1, height, width, channels), places.view(-1, height, width, channels))
    peaks = windows(windows(peaks, dim=-3), dim=-2)
    _, best = lookup(peaks, regions[:, 0].long(), (top, rows), (left, columns))
    pooled = flat.gather(0, best.long()).view(-1, *size, channels)
    is_empty = (rows == 0)[:, :, None, None] | (columns == 0)[:, None, :, None]
    return pooled.masked_fill(is_empty, 0).permute(0, 3, 1, 2)


def bins(first: Tensor, last: Tensor, count: int, length: int, stride: int) -> tuple[Tensor, Tensor]:
    """Divide each region, from one edge to the other along an axis, into ``count`` bins.

    Returns
    -------
    ``(regions, count)`` first places, and numbers of places: 0 for a bin beyond the ``length`` places of the axis.
    """
    start, end = (torch.trunc(edge / stride + edge.sign() / 2).long().unsqueeze(1) for edge in (first, last))
    extent = (end - start + 1).clamp(min=1)
    steps = torch.arange(count + 1, device=first.device)
    # Whole numbers throughout: a quotient of floats may miss the last place of a bin.
    begin = start + (extent * steps[:-1]).div(count, rounding_mode="floor")
    stop = start - (extent * -steps[1:]).div(count, rounding_mode="floor")
    places = stop.clamp(0, length) - begin.clamp(0, length)
    return begin.clamp(0, length - 1), places


def larger(one: Peaks, other: Peaks) -> Peaks:
    """The larger of two maxima, and of equal ones the one that comes first."""
    is_other = (other[0] > one[0]) | ((other[0] == one[0]) & (other[1] < one[1]))
    return torch.where(is_other, other[0], one[0]), torch.where(is_other, other[1], one[1])


def windows(peaks: Peaks, dim: int) -> Peaks:
    """Maxima over 1, 2, 4, … places from each place on along an axis, stacked along a new first axis."""
    length = peaks[0].shape[dim]
    places = torch.arange(length, device=peaks[0].device)
    found, step = [peaks], 1
    while 2 * step <= length:
        values, origins = found[-1]
        further = (places + step).clamp(max=length - 1)
        found.append(larger(found[-1], (values.index_select(dim, further), origins.index_select(dim, further))))
        step *= 2
    return torch.stack([values for values, _ in found]), torch.stack([origins for _, origins in found])


def lookup(peaks: Peaks, image: Tensor, rows: tuple[Tensor, Tensor], columns: tuple[Tensor, Tensor]) -> Peaks:
    """Maxima over bins, as ``(regions * bins, channels)``, from those over windows."""
    levels, batch, height, width, channels = peaks[0].shape[1:]
    values, origins = (table.reshape(-1, channels) for table in peaks)
    level_down, *down = covering(*rows)
    level_across, *across = covering(*columns)
    tables = (level_across[:, None] * levels + level_down[:, :, None]) * batch + image[:, None, None]
    found: list[Peaks] = []
    for y in down:
        for x in across:
            number = ((tables * height + y[:, :, None]) * width + x[:, None]).flatten()
            found.append((values.index_select(0, number), origins.index_select(0, number)))
    return larger(larger(found[0], found[1]), larger(found[2], found[3]))


def covering(begin: Tensor, places: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The exponent of the largest power of two within each bin, and where windows begin that reach its two ends."""
    powers = 2 ** torch.arange(1, 31, device=begin.device)
    exponent = (places.unsqueeze(-1) >= powers).sum(-1)
    return exponent, begin, begin + (places - 2**exponent).clamp(min=0)
