"""The loss of detectors that classify and refine anchors in one go.

W. Liu et al., "SSD: Single shot multibox detector", arXiv:1512.02325, section 2.2.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from archdsl.backends.runtime.anchors import match_anchors
from archdsl.backends.runtime.boxes import at_least_single, encode_boxes, pairwise_iou, valid_truth


def multibox_loss(
    deltas: Tensor,
    logits: Tensor,
    anchors: Tensor,
    truth: Tensor,
    overlap: float,
    negatives: float,
    variances: tuple[float, float],
) -> Tensor:
    """The loss of classes and boxes, over the number of anchors that stand for a box; 0 if there are none.

    Parameters
    ----------
    deltas
        ``(batch, anchors, 4)``.
    logits
        ``(batch, anchors, classes)``, the first of them the background.
    anchors
        ``(batch, anchors, 4)``: left, top, right, bottom.
    truth
        ``(batch, boxes, 5)``: class, left, top, right, bottom; rows of class -1 are no boxes.
    overlap
        Intersection over union with a box from which on an anchor stands for it.
    negatives
        Number of anchors that learn the background, for each one that stands for a box: those that are worst at it.
    """
    deltas, logits = at_least_single(deltas), at_least_single(logits)
    anchors, truth = anchors.detach(), truth.detach()
    valid = valid_truth(truth)
    matched = match_anchors(pairwise_iou(truth[..., 1:], anchors), valid, overlap)
    positive = matched >= 0
    row = matched.clamp(min=0).unsqueeze(-1).expand(-1, -1, 5)
    target = truth.gather(1, row)
    classes = (target[..., 0].long() + 1).where(positive, 0)
    aims = target[..., 1:].where(positive.unsqueeze(-1), anchors)  # no logarithm of what is no box
    distance = F.smooth_l1_loss(deltas, encode_boxes(aims, anchors, variances), reduction="none").sum(dim=-1)
    surprise = F.cross_entropy(logits.flatten(0, 1), classes.flatten(), reduction="none").view_as(distance)
    hardness = surprise.detach().masked_fill(positive, -1)
    place = hardness.sort(dim=1, descending=True, stable=True).indices.argsort(dim=1)
    wanted = (positive.sum(dim=1, keepdim=True) * negatives).clamp(max=positive.shape[1])
    learns = positive | ((place < wanted) & ~positive)
    total = (distance * positive).sum() + (surprise * learns).sum()
    return total / positive.sum().clamp(min=1)
