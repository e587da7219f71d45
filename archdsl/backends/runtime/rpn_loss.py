"""The loss of a region proposal network.

S. Ren, K. He, R. Girshick, J. Sun, "Faster R-CNN: Towards real-time object detection with region proposal networks",
arXiv:1506.01497, section 3.1.2.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from archdsl.backends.runtime.anchor_loss import anchor_loss
from archdsl.backends.runtime.region_anchors import anchor_boxes, region_anchors


def rpn_loss(
    scores: Tensor,
    deltas: Tensor,
    truth: Tensor,
    scales: Sequence[float],
    ratios: Sequence[float],
    stride: int,
    high: float,
    low: float,
    count: int,
    share: float,
    beta: float,
    box: float,
    clip: tuple[int, int] | None = None,
) -> Tensor:
    """Mean loss of the scores of ``count`` anchors of each image, plus ``box`` times that of their refinements.

    Parameters
    ----------
    scores, deltas
        As of ``anchor_rows``.
    truth
        ``(batch, objects, 5)``: class, -1 for none, left, top, right, bottom.
    """
    height, width = deltas.shape[2:]
    image = clip or (height * stride, width * stride)
    said = region_anchors(scores, deltas, anchor_boxes(scales, ratios), stride)
    return anchor_loss(*said, truth, image, high, low, count, share, beta, box)
