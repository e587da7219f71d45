"""The loss of a region proposal network on the levels of a feature pyramid.

T.-Y. Lin, P. Dollár, R. Girshick, K. He, B. Hariharan, S. Belongie, "Feature pyramid networks for object detection",
arXiv:1612.03144, section 4.1.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from archdsl.backends.runtime.anchors import match_anchors
from archdsl.backends.runtime.boxes import encode_boxes, pairwise_iou, valid_truth
from archdsl.backends.runtime.pyramid_anchors import pyramid_anchors
from archdsl.backends.runtime.sampling import random_subset


def pyramid_loss(
    scores: Sequence[Tensor],
    deltas: Sequence[Tensor],
    truth: Tensor,
    scales: Sequence[float],
    ratios: Sequence[float],
    strides: Sequence[int],
    high: float,
    low: float,
    count: int,
    share: float,
    beta: float,
    box: float,
    clip: tuple[int, int] | None = None,
    centred: bool = False,
    outside: bool = False,
) -> Tensor:
    """Mean loss of the scores of ``count`` anchors of each image, of all levels, plus ``box`` times that of the boxes.

    Parameters
    ----------
    scores, deltas
        Of each level as of ``anchor_rows``.
    truth
        ``(batch, objects, 5)``: class, -1 for none, left, top, right, bottom.
    outside
        Whether anchors that reach beyond the image count as well.
    """
    height, width = deltas[0].shape[2:]
    image = clip or (height * strides[0], width * strides[0])
    levels = pyramid_anchors(scores, deltas, scales, ratios, strides, centred)
    logits = torch.cat([level for level, _, _ in levels], dim=1)
    moves = torch.cat([level for _, level, _ in levels], dim=1)
    anchors = torch.cat([level for _, _, level in levels])
    objects = truth[..., 1:].detach().to(moves.dtype)
    counts = within(anchors, image) | outside
    overlaps = pairwise_iou(objects, anchors) * counts
    assigned = match_anchors(overlaps, valid_truth(truth), high, low).masked_fill(~counts, -2)
    chosen = random_subset(assigned >= 0, round(share * count))
    others = random_subset(assigned == -1, count - chosen.sum(dim=1, keepdim=True))
    is_object = chosen.unsqueeze(-1)
    matched = objects.gather(1, assigned.clamp(min=0).unsqueeze(-1).expand(-1, -1, 4))
    targets = encode_boxes(torch.where(is_object, matched, anchors), anchors)
    entropy = F.binary_cross_entropy_with_logits(logits, chosen.to(logits.dtype), reduction="none")
    distance = F.smooth_l1_loss(moves, targets, reduction="none", beta=beta)
    total = (chosen | others).sum().clamp(min=1)
    return ((entropy * (chosen | others)).sum() + box * (distance * is_object).sum()) / total


def within(boxes: Tensor, image: tuple[int, int]) -> Tensor:
    """Which boxes lie within an image of this height and width."""
    limits = torch.tensor((image[1], image[0]), dtype=boxes.dtype, device=boxes.device)
    return ((boxes[:, :2] >= 0) & (boxes[:, 2:] <= limits)).all(dim=1)
