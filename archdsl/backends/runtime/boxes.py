"""Boxes: left, top, right and bottom edge, in pixels, as the last axis of a tensor."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def at_least_single(tensor: Tensor) -> Tensor:
    """The tensor in single precision at least: half precision cannot tell neighbouring pixels apart."""
    return tensor.to(torch.promote_types(tensor.dtype, torch.float32))


def box_area(boxes: Tensor) -> Tensor:
    """The area of each box; 0 if its edges are swapped."""
    return (boxes[..., 2:] - boxes[..., :2]).clamp(min=0).prod(dim=-1)


def pairwise_iou(first: Tensor, second: Tensor) -> Tensor:
    """Intersection over union of ``(…, n, 4)`` and ``(…, m, 4)`` as ``(…, n, m)``; 0 for two boxes without area."""
    first, second = first.unsqueeze(-2), second.unsqueeze(-3)
    near = torch.maximum(first[..., :2], second[..., :2])
    far = torch.minimum(first[..., 2:], second[..., 2:])
    shared = (far - near).clamp(min=0).prod(dim=-1)
    union = box_area(first) + box_area(second) - shared
    return shared / union.clamp(min=torch.finfo(union.dtype).tiny)


def valid_truth(truth: Tensor) -> Tensor:
    """Which rows ``class, left, top, right, bottom`` are boxes: those with a class of at least 0 and an area."""
    return (truth[..., 0] >= 0) & (truth[..., 3:] > truth[..., 1:3]).all(dim=-1)


def encode_boxes(boxes: Tensor, anchors: Tensor, variances: tuple[float, float] = (1.0, 1.0)) -> Tensor:
    """What ``decode_boxes`` turns into ``boxes``, which have an area."""
    sides, anchor_sides = boxes[..., 2:] - boxes[..., :2], anchors[..., 2:] - anchors[..., :2]
    moves = (boxes[..., :2] + boxes[..., 2:] - anchors[..., :2] - anchors[..., 2:]) / 2 / anchor_sides
    return torch.cat((moves / variances[0], (sides / anchor_sides).log() / variances[1]), dim=-1)


def decode_boxes(
    deltas: Tensor, anchors: Tensor, variances: tuple[float, float] = (1.0, 1.0), limit: float = math.inf
) -> Tensor:
    """Move and resize anchors: by shares of their sides, and by factors of at most ``exp(limit)``."""
    sides = anchors[..., 2:] - anchors[..., :2]
    centres = (anchors[..., :2] + anchors[..., 2:]) / 2 + deltas[..., :2] * variances[0] * sides
    reach = (deltas[..., 2:] * variances[1]).clamp(max=limit).exp() * sides / 2
    return torch.cat((centres - reach, centres + reach), dim=-1)
