"""Regions that a region proposal network proposes on the levels of a feature pyramid.

T.-Y. Lin, P. Dollár, R. Girshick, K. He, B. Hariharan, S. Belongie, "Feature pyramid networks for object detection",
arXiv:1612.03144, section 4.1.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from archdsl.backends.runtime.boxes import decode_boxes
from archdsl.backends.runtime.clip_regions import clip_regions
from archdsl.backends.runtime.non_maximum import non_maximum
from archdsl.backends.runtime.number_boxes import number_boxes
from archdsl.backends.runtime.pyramid_anchors import pyramid_anchors


def pyramid_proposals(
    scores: Sequence[Tensor],
    deltas: Sequence[Tensor],
    scales: Sequence[float],
    ratios: Sequence[float],
    strides: Sequence[int],
    nms: float,
    before: int,
    after: int,
    min_size: int,
    clip: tuple[int, int] | None = None,
    centred: bool = False,
) -> Tensor:
    """Decode, clip and suppress the boxes of each level; ``after`` regions of all levels for each image, best first.

    Parameters
    ----------
    scores, deltas
        Of each level as of ``anchor_rows``.
    before
        Number of boxes of each level that enter its suppression.
    clip
        Height and width of the image.

    Returns
    -------
    ``(batch * after, 5)``, in single precision at least: image, left, top, right, bottom.
    """
    height, width = deltas[0].shape[2:]
    image = clip or (height * strides[0], width * strides[0])
    scores, deltas = [level.detach() for level in scores], [level.detach() for level in deltas]
    levels = pyramid_anchors(scores, deltas, scales, ratios, strides, centred)
    kept = [
        best_boxes(rank, decode_boxes(moves, anchors), image, min_size, before, nms) for rank, moves, anchors in levels
    ]
    boxes, rank = torch.cat([level for level, _ in kept], dim=1), torch.cat([level for _, level in kept], dim=1)
    rank, order = rank.sort(dim=1, descending=True, stable=True)
    order = order.where(rank > -math.inf, order[:, :1])[:, :after]
    order = torch.cat((order, order[:, :1].expand(-1, after - order.shape[1])), dim=1)
    return number_boxes(boxes.gather(1, order.unsqueeze(-1).expand(-1, -1, 4)))


def best_boxes(
    rank: Tensor, boxes: Tensor, image: tuple[int, int], min_size: int, before: int, nms: float
) -> tuple[Tensor, Tensor]:
    """Clip and sort the boxes of one level, and drop those that overlap better ones.

    Returns
    -------
    ``(batch, n, 4)`` boxes and their ranks, minus infinity for those that are dropped; ``n`` is ``before`` at most.
    """
    boxes, large = clip_regions(boxes, image, min_size)
    rank, order = rank.masked_fill(~large, -math.inf).sort(dim=1, descending=True, stable=True)
    rank, order = rank[:, :before], order[:, :before]
    boxes = boxes.gather(1, order.unsqueeze(-1).expand(-1, -1, 4))
    kept = non_maximum(boxes, rank > -math.inf, nms)
    return boxes, rank.masked_fill(~kept, -math.inf)
