"""Anchors on the levels of a feature pyramid, and what a region proposal network says of them.

T.-Y. Lin, P. Dollár, R. Girshick, K. He, B. Hariharan, S. Belongie, "Feature pyramid networks for object detection",
arXiv:1612.03144, section 4.1.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import Tensor

from archdsl.backends.runtime.region_anchors import Box, anchor_boxes, region_anchors


def pyramid_anchors(
    scores: Sequence[Tensor],
    deltas: Sequence[Tensor],
    scales: Sequence[float],
    ratios: Sequence[float],
    strides: Sequence[int],
    centred: bool,
) -> list[tuple[Tensor, Tensor, Tensor]]:
    """Logits, refinements and anchors of each level, as ``region_anchors`` has those of one; scale 1 is a stride.

    Parameters
    ----------
    scores, deltas
        Of each level as of ``anchor_rows``.
    centred
        Whether anchors are those of ``centred_boxes``.
    """
    boxes = centred_boxes if centred else anchor_boxes
    return [
        region_anchors(logits, moves, boxes(scales, ratios, stride), stride)
        for logits, moves, stride in zip(scores, deltas, strides, strict=True)
    ]


def centred_boxes(scales: Sequence[float], ratios: Sequence[float], base: int) -> list[Box]:
    """The anchors around the corner of the first place, as torchvision has them: for each ratio, one of each scale."""
    boxes = []
    for ratio in ratios:
        for scale in scales:
            across = float(round(base * scale / math.sqrt(ratio) / 2))
            down = float(round(base * scale * math.sqrt(ratio) / 2))
            boxes.append((-across, -down, across, down))
    return boxes
