"""Sampling of regions from the levels of a feature pyramid.

T.-Y. Lin, P. Dollár, R. Girshick, K. He, B. Hariharan, S. Belongie, "Feature pyramid networks for object detection",
arXiv:1612.03144, section 4.2; K. He, G. Gkioxari, P. Dollár, R. Girshick, "Mask R-CNN", arXiv:1703.06870, section 3.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from archdsl.backends.runtime.boxes import box_area


def pyramid_align(
    features: Sequence[Tensor],
    regions: Tensor,
    size: tuple[int, int],
    strides: Sequence[int],
    places: float,
    sampling: int = 2,
    aligned: bool = False,
) -> Tensor:
    """Sample each region as ``roi_align`` does, on the level that its size asks for.

    The maps of all levels are one table, in which each region knows where its map begins and how large that is.

    Parameters
    ----------
    features
        ``(batch, channels, height, width)`` of each level, from fine to coarse.
    regions
        ``(regions, 5)``: image, then left, top, right and bottom in pixels, ``strides`` of them for each place.
    places
        As of ``region_levels``.

    Returns
    -------
    ``(regions, channels, *size)``.
    """
    channels = features[0].shape[1]
    planes = torch.cat([level.flatten(2) for level in features], dim=2)
    table = planes.transpose(1, 2).reshape(-1, channels)
    sizes = [level.shape[2] * level.shape[3] for level in features]
    starts = [sum(sizes[:number]) for number in range(len(sizes))]
    known = [(*level.shape[2:], start, stride) for level, start, stride in zip(features, starts, strides, strict=True)]
    regions = regions.detach()
    levels = region_levels(regions, strides, places)
    height, width, start, stride = torch.tensor(known, device=regions.device)[levels].unsqueeze(-1).unbind(1)
    edges = regions / stride - (0.5 if aligned else 0.0)
    down = level_taps(edges[:, 2:3], edges[:, 4:5], size[0], height, sampling, aligned)
    across = level_taps(edges[:, 1:2], edges[:, 3:4], size[1], width, sampling, aligned)
    start = start + regions[:, :1].long() * planes.shape[2]
    total = table.new_zeros(())
    for y, vertical in down:
        for x, horizontal in across:
            number = (start + y * width)[:, :, None] + x[:, None]
            weight = (vertical[:, :, None] * horizontal[:, None]).to(table.dtype)
            total = total + table.index_select(0, number.flatten()) * weight.flatten().unsqueeze(1)
    return total.view(-1, *size, channels).permute(0, 3, 1, 2)


def region_levels(regions: Tensor, strides: Sequence[int], places: float) -> Tensor:
    """The coarsest level on which the root of a region's area is ``places`` places or more; else the first level."""
    sides = box_area(regions[:, 1:]).sqrt()
    least = torch.tensor(strides[1:], dtype=sides.dtype, device=sides.device) * places
    return (sides.unsqueeze(1) >= least).sum(dim=1)


def level_taps(
    first: Tensor, last: Tensor, count: int, length: Tensor, sampling: int, aligned: bool
) -> list[tuple[Tensor, Tensor]]:
    """Places that the samples of each bin lie between along an axis, with their weights.

    Parameters
    ----------
    first, last, length
        ``(regions, 1)``: edges of each region, and how long its map is.

    Returns
    -------
    Two pairs for each sample of a bin: ``(regions, count)`` places, and their shares in the mean over the samples.
    """
    extent = last - first if aligned else (last - first).clamp(min=1)
    found = []
    for sample in range(sampling):
        bins = torch.arange(count, dtype=first.dtype, device=first.device) + (sample + 0.5) / sampling
        point = first + extent / count * bins
        share = ((point >= -1) & (point <= length)).to(point.dtype) / sampling
        point = torch.minimum(point.clamp(min=0), length - 1)
        low = torch.minimum(point.floor(), (length - 2).clamp(min=0))
        weight = point - low
        found.append((low.long(), (1 - weight) * share))
        found.append((torch.minimum(low.long() + 1, length - 1), weight * share))
    return found
