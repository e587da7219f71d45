"""Non-maximum suppression, by torchvision's compiled operator where there is one."""

from __future__ import annotations

import torch
from torch import Tensor

from archdsl.backends.runtime.nms import nms_mask, overlapping
from archdsl.backends.runtime.torchvision_operator import torchvision_operator


def non_maximum(boxes: Tensor, valid: Tensor, threshold: float) -> Tensor:
    """Which valid boxes greedy suppression keeps: those that overlap no better one that is kept by more.

    Parameters
    ----------
    boxes
        ``(batch, n, 4)``, the best first.
    valid
        ``(batch, n)``: which of them may be kept.
    threshold
        Largest intersection over union of two boxes that are kept.

    Returns
    -------
    ``(batch, n)`` booleans.
    """
    kept = compiled_nms(boxes, valid, threshold)
    return nms_mask(overlapping(boxes, threshold), valid) if kept is None else kept


def compiled_nms(boxes: Tensor, valid: Tensor, threshold: float) -> Tensor | None:
    """What ``non_maximum`` yields, by torchvision's operator; None where there is none."""
    compiled = torchvision_operator("nms", boxes)
    if compiled is None:
        return None
    kept = torch.zeros_like(valid)
    worth = torch.arange(boxes.shape[1], 0, -1, dtype=boxes.dtype, device=boxes.device)
    for own, all_boxes, left in zip(kept, boxes, valid, strict=True):
        places = left.nonzero().flatten()
        own[places[compiled(all_boxes[places], worth[places], threshold)]] = True
    return kept
