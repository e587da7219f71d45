"""The loss of a region proposal network on the levels of a feature pyramid.

T.-Y. Lin, P. Dollár, R. Girshick, K. He, B. Hariharan, S. Belongie, "Feature pyramid networks for object detection",
arXiv:1612.03144, section 4.1.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from archdsl.backends.runtime.anchor_loss import anchor_loss
from archdsl.backends.runtime.pyramid_anchors import pyramid_anchors


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
    return anchor_loss(logits, moves, anchors, truth, image, high, low, count, share, beta, box, outside)
