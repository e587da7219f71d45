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
    near, far = boxes.permute(2, 0, 1).reshape(2, 2, *boxes.shape[:2])
    # Ends, axes, batch, boxes. The larger of two ends is that of the overlap, since the far ones are negated; with half
    # a pixel more on either side, ends sum up to minus the length.
    ends = torch.stack((near, -far)) - 0.5
    areas = ends.sum(dim=0).prod(dim=0)
    # overlap / (area + area' - overlap) > t is overlap > t / (1 + t) * (area + area'), without a division by 0.
    shares = areas * (threshold / (1 + threshold))
    images = torch.arange(boxes.shape[0], device=boxes.device).unsqueeze(1)
    left, chosen = candidates.byte(), []
    for _ in range(count):
        best = left.argmax(dim=1, keepdim=True)
        chosen.append(best)
        overlaps = torch.maximum(ends, ends[:, :, images, best]).sum(dim=0).clamp(max=0).prod(dim=0)
        left = left * (overlaps <= shares + shares[images, best])
        left = left.scatter(1, best, 0)  # itself as well where it has no area, or nothing overlaps too much
    return torch.cat(chosen, dim=1)
