"""Non-maximum suppression."""

from __future__ import annotations

import torch
from torch import Tensor


def suppress(boxes: Tensor, candidates: Tensor, threshold: float, count: int) -> Tensor:
    """Choose boxes, the best first, that overlap no box chosen before by more than ``threshold``.

    Parameters
    ----------
    boxes
        ``(batch, n, 4)``, the best first: left, top, right and bottom pixel, both sides included.
    candidates
        ``(batch, n)``: which of them may be chosen.
    threshold
        Largest intersection over union of two boxes that are chosen.
    count
        How many to choose.

    Returns
    -------
    ``(batch, count)`` numbers of boxes. Where no candidate is left, the first box is chosen again.
    """
    # Of two such corners, the element by element maximum is the corner of the overlap.
    corners = torch.cat((boxes[..., :2], -boxes[..., 2:]), dim=-1)
    areas = (1 - corners[..., :2] - corners[..., 2:]).prod(dim=-1)
    # overlap / (area + area' - overlap) > t is overlap > t / (1 + t) * (area + area'), without a division by 0.
    shares = areas * (threshold / (1 + threshold))
    chosen = []
    for _ in range(count):
        best = candidates.byte().argmax(dim=1, keepdim=True)
        chosen.append(best)
        overlap = torch.maximum(corners, corners.gather(1, best.unsqueeze(-1).expand(-1, -1, 4)))
        overlap = (1 - overlap[..., :2] - overlap[..., 2:]).clamp(min=0).prod(dim=-1)
        candidates = candidates & (overlap <= shares + shares.gather(1, best))
        candidates = candidates.scatter(1, best, False)
    return torch.cat(chosen, dim=1)
