"""The loss of a region proposal network.

S. Ren, K. He, R. Girshick, J. Sun, "Faster R-CNN: Towards real-time object detection with region proposal networks",
arXiv:1506.01497, section 3.1.2.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from archdsl.backends.runtime.anchors import match_anchors
from archdsl.backends.runtime.boxes import encode_boxes, pairwise_iou, valid_truth
from archdsl.backends.runtime.region_anchors import region_anchors
from archdsl.backends.runtime.sampling import random_subset


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
    logits, moves, anchors = region_anchors(scores, deltas, scales, ratios, stride)
    objects = truth[..., 1:].detach().to(moves.dtype)
    assigned = assign(anchors, objects, valid_truth(truth), clip or (height * stride, width * stride), high, low)
    chosen = random_subset(assigned >= 0, round(share * count))
    others = random_subset(assigned == -1, count - chosen.sum(dim=1, keepdim=True))
    total = (chosen | others).sum().clamp(min=1)
    entropy = F.binary_cross_entropy_with_logits(logits, chosen.to(logits.dtype), reduction="none")
    matched = objects.gather(1, assigned.clamp(min=0).unsqueeze(-1).expand(-1, -1, 4))
    is_object = chosen.unsqueeze(-1)
    targets = encode_boxes(torch.where(is_object, matched, anchors), anchors)
    distance = F.smooth_l1_loss(moves, targets, reduction="none", beta=beta)
    return ((entropy * (chosen | others)).sum() + box * (distance * is_object).sum()) / total


def assign(anchors: Tensor, objects: Tensor, exists: Tensor, image: tuple[int, int], high: float, low: float) -> Tensor:
    """Number of the object of each anchor; -1 for the background, -2 for what is neither or reaches beyond the image.

    Returns
    -------
    ``(batch, anchors)``.
    """
    limits = torch.tensor((image[1], image[0]), dtype=anchors.dtype, device=anchors.device)
    inside = ((anchors[:, :2] >= 0) & (anchors[:, 2:] <= limits)).all(dim=1)
    return match_anchors(pairwise_iou(objects, anchors) * inside, exists, high, low).masked_fill(~inside, -2)
