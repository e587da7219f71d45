"""Regions that a region proposal network proposes.

S. Ren, K. He, R. Girshick, J. Sun, "Faster R-CNN: Towards real-time object detection with region proposal networks",
arXiv:1506.01497, section 3.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from archdsl.backends.runtime.suppression import suppress

#: Left, top, right and bottom pixel, both sides included.
Box = tuple[float, float, float, float]


def anchor_boxes(scales: Sequence[float], ratios: Sequence[float], base: int = 16) -> list[Box]:
    """The anchors of the first place: for each ratio, one of each scale."""
    centre = (base - 1) / 2
    boxes = []
    for ratio in ratios:
        width = round(math.sqrt(base * base / ratio))
        height = round(width * ratio)
        for scale in scales:
            across, down = (width * scale - 1) / 2, (height * scale - 1) / 2
            boxes.append((centre - across, centre - down, centre + across, centre + down))
    return boxes


def place_anchors(anchors: Tensor, height: int, width: int, stride: int) -> Tensor:
    """The anchors of every place, row by row, as ``(height * width * anchors, 4)``."""
    down = torch.arange(height, device=anchors.device) * stride
    across = torch.arange(width, device=anchors.device) * stride
    y, x = torch.meshgrid(down, across, indexing="ij")
    return (torch.stack((x, y, x, y), dim=-1).unsqueeze(2) + anchors).reshape(-1, 4)


def decode(deltas: Tensor, anchors: Tensor) -> Tensor:
    """Move and resize anchors: the boxes that deltas ``tx, ty, tw, th`` stand for."""
    sides = anchors[:, 2:] - anchors[:, :2] + 1
    centres = anchors[:, :2] + (sides - 1) / 2 + deltas[..., :2] * sides
    reach = (deltas[..., 2:].exp() * sides - 1) / 2
    return torch.cat((centres - reach, centres + reach), dim=-1)


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
) -> Tensor:
    """Decode, clip and suppress boxes: ``after`` regions for each image, the best first.

    Parameters
    ----------
    scores
        ``(batch, 2 * anchors, height, width)``: first all anchors' scores as background, then as objects.
    deltas
        ``(batch, 4 * anchors, height, width)``: four numbers for one anchor after the other.

    Returns
    -------
    ``(batch * after, 5)``, in single precision at least: image, left, top, right, bottom.
    """
    dtype = torch.promote_types(deltas.dtype, torch.float32)  # half precision cannot tell neighbouring pixels apart
    batch, _, height, width = deltas.shape
    anchors = torch.tensor(anchor_boxes(scales, ratios), dtype=dtype, device=deltas.device)
    moves = deltas.detach().to(dtype).permute(0, 2, 3, 1).reshape(batch, -1, 4)
    boxes = decode(moves, place_anchors(anchors, height, width, stride))
    limits = torch.tensor((width, height, width, height), device=boxes.device) * stride - 1
    boxes = torch.minimum(boxes.clamp(min=0), limits.to(dtype))
    background, objects = scores.detach().to(dtype).permute(0, 2, 3, 1).chunk(2, dim=-1)
    rank = (objects - background).flatten(1)  # the logit of the softmax, so in the same order
    large = (boxes[..., 2:] - boxes[..., :2] + 1 >= min_size).all(dim=-1)
    boxes = boxes.masked_fill(~large.unsqueeze(-1), 0)
    rank = rank.masked_fill(~large, -math.inf)
    best = rank.argsort(dim=1, descending=True, stable=True)[:, :before]
    boxes = boxes.gather(1, best.unsqueeze(-1).expand(-1, -1, 4))
    chosen = suppress(boxes, large.gather(1, best), nms, after)
    boxes = boxes.gather(1, chosen.unsqueeze(-1).expand(-1, -1, 4))
    image = torch.arange(batch, dtype=dtype, device=boxes.device).view(-1, 1, 1).expand(-1, after, 1)
    return torch.cat((image, boxes), dim=-1).flatten(0, 1)
