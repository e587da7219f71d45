"""Regions that a region proposal network proposes.

S. Ren, K. He, R. Girshick, J. Sun, "Faster R-CNN: Towards real-time object detection with region proposal networks",
arXiv:1506.01497, section 3.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import Tensor

from archdsl.backends.runtime.boxes import decode_boxes
from archdsl.backends.runtime.clip_regions import clip_regions
from archdsl.backends.runtime.number_boxes import number_boxes
from archdsl.backends.runtime.region_anchors import anchor_boxes, region_anchors
from archdsl.backends.runtime.suppression import suppress


def proposals(
    scores: Tensor,
    deltas: Tensor,
    scales: Sequence[float],
    ratios: Sequence[float],
    stride: int,
    nms: float,
    before: int,
    after: int,
    min_size: int,
    clip: tuple[int, int] | None = None,
) -> Tensor:
    """Decode, clip and suppress boxes: ``after`` regions for each image, the best first.

    Parameters
    ----------
    scores, deltas
        As of ``anchor_rows``.
    clip
        Height and width of the image.

    Returns
    -------
    ``(batch * after, 5)``, in single precision at least: image, left, top, right, bottom.
    """
    height, width = deltas.shape[2:]
    rank, moves, anchors = region_anchors(scores.detach(), deltas.detach(), anchor_boxes(scales, ratios), stride)
    image = clip or (height * stride, width * stride)
    boxes, large = clip_regions(decode_boxes(moves, anchors), image, min_size)
    best = rank.masked_fill(~large, -math.inf).argsort(dim=1, descending=True, stable=True)[:, :before]
    boxes = boxes.gather(1, best.unsqueeze(-1).expand(-1, -1, 4))
    chosen = suppress(boxes, large.gather(1, best), nms, after)
    return number_boxes(boxes.gather(1, chosen.unsqueeze(-1).expand(-1, -1, 4)))
