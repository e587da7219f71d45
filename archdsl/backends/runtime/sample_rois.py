"""Regions to train on, with their targets.

R. Girshick, "Fast R-CNN", arXiv:1504.08083, section 2.3.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from archdsl.backends.runtime.boxes import encode_boxes, pairwise_iou, valid_truth
from archdsl.backends.runtime.number_boxes import number_boxes
from archdsl.backends.runtime.sampling import random_subset


def sample_rois(
    regions: Tensor,
    truth: Tensor | None,
    count: int,
    share: float,
    overlap: float,
    background: float,
    variances: tuple[float, float],
) -> tuple[Tensor, Tensor | None, Tensor | None]:
    """Choose ``count`` regions of each image: some that overlap objects, and some of the background.

    Parameters
    ----------
    regions
        ``(batch * n, 5)``: image, left, top, right, bottom, those of one image after those of the other; or
        ``(batch, n, 4)``.
    truth
        ``(batch, objects, 5)``: class, -1 for none, left, top, right, bottom. None: all regions pass through.

    Returns
    -------
    ``(batch * count, 5)`` regions; ``(batch * count, 1)`` labels, 0 for the background and -1 for none; and as many
    targets ``tx``, ``ty``, ``tw``, ``th``, 0 where there is no object.
    """
    if truth is None:
        return (regions if regions.dim() == 2 else number_boxes(regions)), None, None
    boxes = regions.detach()
    boxes = boxes[:, 1:].reshape(truth.shape[0], -1, 4) if boxes.dim() == 2 else boxes
    repeated = (boxes == boxes[:, :1]).all(dim=2)
    repeated[:, 0] = False
    truth = truth.detach().to(boxes.dtype)
    classes, objects = truth[..., 0], truth[..., 1:]
    exists = valid_truth(truth)
    candidates = torch.cat((~repeated, exists), dim=1)
    boxes = torch.cat((boxes, objects), dim=1)
    best, match = pairwise_iou(boxes, objects).masked_fill(~exists.unsqueeze(1), -1).max(dim=2)
    # Without any object, all there is is background.
    lone = ~exists.any(dim=1, keepdim=True)
    chosen = random_subset(candidates & (best >= overlap), round(share * count))
    others = candidates & (best < overlap) & ((best >= background) | lone)
    others = random_subset(others, count - chosen.sum(dim=1, keepdim=True))
    label = torch.where(chosen, classes.gather(1, match) + 1, others.to(classes.dtype) - 1)
    order = (chosen.byte() * 2 + others.byte()).argsort(dim=1, descending=True, stable=True)[:, :count]
    missing = count - order.shape[1]
    order = F.pad(order, (0, missing))
    label = F.pad(label.gather(1, order[:, : count - missing]), (0, missing), value=-1.0)
    boxes = boxes.gather(1, order.unsqueeze(-1).expand(-1, -1, 4))
    matched = objects.gather(1, match.gather(1, order).unsqueeze(-1).expand(-1, -1, 4))
    is_object = (label > 0).unsqueeze(-1)
    # A region without a size has no targets, and needs none.
    targets = encode_boxes(matched, torch.where(is_object, boxes, matched), variances)
    targets = torch.where(is_object, targets, 0.0).flatten(0, 1)
    return number_boxes(boxes), label.long().view(-1, 1), targets
