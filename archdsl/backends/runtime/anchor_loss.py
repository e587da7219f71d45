"""What a network that proposes regions loses by what it says of anchors, wherever these lie.

S. Ren, K. He, R. Girshick, J. Sun, "Faster R-CNN: Towards real-time object detection with region proposal networks",
arXiv:1506.01497, section 3.1.2.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from archdsl.backends.runtime.anchors import match_anchors
from archdsl.backends.runtime.boxes import encode_boxes, pairwise_iou, valid_truth
from archdsl.backends.runtime.sampling import random_subset


def anchor_loss(
    logits: Tensor,
    moves: Tensor,
    anchors: Tensor,
    truth: Tensor,
    image: tuple[int, int],
    high: float,
    low: float,
    count: int,
    share: float,
    beta: float,
    box: float,
    outside: bool = False,
) -> Tensor:
    """Mean loss of the scores of ``count`` anchors of each image, plus ``box`` times that of their refinements.

    Parameters
    ----------
    logits, moves, anchors
        As ``region_anchors`` has them.
    truth
        ``(batch, objects, 5)``: class, -1 for none, left, top, right, bottom.
    image
        Height and width.
    outside
        Whether anchors that reach beyond the image count as well.
    """
    objects = truth[..., 1:].detach().to(moves.dtype)
    assigned = assign(anchors, objects, valid_truth(truth), image, high, low, outside)
    chosen = random_subset(assigned >= 0, round(share * count))
    others = random_subset(assigned == -1, count - chosen.sum(dim=1, keepdim=True))
    total = (chosen | others).sum().clamp(min=1)
    entropy = F.binary_cross_entropy_with_logits(logits, chosen.to(logits.dtype), reduction="none")
    matched = objects.gather(1, assigned.clamp(min=0).unsqueeze(-1).expand(-1, -1, 4))
    is_object = chosen.unsqueeze(-1)
    targets = encode_boxes(torch.where(is_object, matched, anchors), anchors)
    distance = F.smooth_l1_loss(moves, targets, reduction="none", beta=beta)
    return ((entropy * (chosen | others)).sum() + box * (distance * is_object).sum()) / total


def assign(
    anchors: Tensor,
    objects: Tensor,
    exists: Tensor,
    image: tuple[int, int],
    high: float,
    low: float,
    outside: bool = False,
) -> Tensor:
    """Number of the object of each anchor; -1 for the background, -2 for what is neither or does not count.

    Returns
    -------
    ``(batch, anchors)``.
    """
    limits = torch.tensor((image[1], image[0]), dtype=anchors.dtype, device=anchors.device)
    counts = ((anchors[:, :2] >= 0) & (anchors[:, 2:] <= limits)).all(dim=1) | outside
    return match_anchors(pairwise_iou(objects, anchors) * counts, exists, high, low).masked_fill(~counts, -2)
