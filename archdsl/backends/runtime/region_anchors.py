"""Anchors of a region proposal network, and what the network says of them.

S. Ren, K. He, R. Girshick, J. Sun, "Faster R-CNN: Towards real-time object detection with region proposal networks",
arXiv:1506.01497, section 3.1.1; sides and order as in the code of its authors.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from archdsl.backends.runtime.boxes import at_least_single

#: Left, top, right and bottom edge.
Box = tuple[float, float, float, float]


def region_anchors(scores: Tensor, deltas: Tensor, boxes: Sequence[Box], stride: int) -> tuple[Tensor, Tensor, Tensor]:
    """What a network says of each anchor of each place, and where the anchors lie; in single precision at least.

    Parameters
    ----------
    scores, deltas
        As of ``anchor_rows``.
    boxes
        The anchors of the first place.

    Returns
    -------
    ``(batch, n)`` logits, ``(batch, n, 4)`` refinements and ``(n, 4)`` anchors.
    """
    height, width = deltas.shape[2:]
    logits, moves = anchor_rows(scores, deltas)
    anchors = torch.tensor(boxes, dtype=moves.dtype, device=moves.device)
    return logits, moves, place_anchors(anchors, height, width, stride)


def anchor_boxes(scales: Sequence[float], ratios: Sequence[float], base: int = 16) -> list[Box]:
    """The anchors of the first place: for each ratio, one of each scale."""
    centre = base / 2
    boxes = []
    for ratio in ratios:
        width = round(math.sqrt(base * base / ratio))
        height = round(width * ratio)
        for scale in scales:
            across, down = width * scale / 2, height * scale / 2
            boxes.append((centre - across, centre - down, centre + across, centre + down))
    return boxes


def place_anchors(anchors: Tensor, height: int, width: int, stride: int) -> Tensor:
    """The anchors of every place, row by row, as ``(height * width * anchors, 4)``."""
    down = torch.arange(height, device=anchors.device) * stride
    across = torch.arange(width, device=anchors.device) * stride
    y, x = torch.meshgrid(down, across, indexing="ij")
    return (torch.stack((x, y, x, y), dim=-1).unsqueeze(2) + anchors).reshape(-1, 4)


def anchor_rows(scores: Tensor, deltas: Tensor) -> tuple[Tensor, Tensor]:
    """Logits of being an object and refinements, a row for each anchor of each place, in single precision at least.

    Parameters
    ----------
    scores
        ``(batch, 2 * anchors, height, width)``: first all anchors' scores as background, then as objects; or as objects
        alone.
    deltas
        ``(batch, 4 * anchors, height, width)``: four numbers for one anchor after the other.

    Returns
    -------
    ``(batch, n)`` logits and ``(batch, n, 4)`` refinements.
    """
    scores, deltas = at_least_single(scores).permute(0, 2, 3, 1), at_least_single(deltas)
    if 2 * scores.shape[3] == deltas.shape[1]:
        background, objects = scores.chunk(2, dim=-1)
        scores = objects - background  # the logit of the softmax
    return scores.flatten(1), deltas.permute(0, 2, 3, 1).reshape(deltas.shape[0], -1, 4)
