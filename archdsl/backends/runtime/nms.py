"""Non-maximum suppression of many boxes at once, without a step for each box."""

from __future__ import annotations

import torch
from torch import Tensor
from torch._higher_order_ops.while_loop import while_loop

from archdsl.backends.runtime.boxes import box_area


def overlapping(boxes: Tensor, threshold: float) -> Tensor:
    """Which pairs of ``(…, n, 4)`` boxes have an intersection over union above ``threshold``: ``(…, n, n)``."""
    near = torch.maximum(boxes[..., :, None, :2], boxes[..., None, :, :2])
    far = torch.minimum(boxes[..., :, None, 2:], boxes[..., None, :, 2:])
    shared = (far - near).clamp(min=0).prod(dim=-1)
    area = box_area(boxes)
    # shared / (area + area' - shared) > t without a division by 0
    return shared > (area[..., :, None] + area[..., None, :] - shared) * threshold


def nms_mask(conflicts: Tensor, valid: Tensor) -> Tensor:
    """Which boxes greedy suppression keeps.

    A box is kept if it is valid and in conflict with no better box that is kept. Begin with all valid boxes and apply
    that rule to all of them at once, again and again: after ``k`` times, at least the ``k`` best are settled, so the
    result does not change any more after ``n`` times at most. In practice a few times suffice, as many as the longest
    chain of boxes that are dropped and kept because of one another.

    Parameters
    ----------
    conflicts
        ``(…, n, n)``: whether two boxes, which are sorted from the best to the worst, may not both be kept.
    valid
        ``(…, n)``: which of them may be kept at all.

    Returns
    -------
    ``(…, n)`` booleans.
    """
    if conflicts.is_meta:  # nothing has a value, so nothing could be awaited
        return valid
    above = conflicts.triu(diagonal=1)
    if torch.compiler.is_compiling():
        return _settled(above, valid)
    kept, before = valid & ~(above & valid.unsqueeze(-1)).any(dim=-2), valid
    while not torch.equal(kept, before):
        kept, before = valid & ~(above & kept.unsqueeze(-1)).any(dim=-2), kept
    return kept


def _settled(above: Tensor, valid: Tensor) -> Tensor:
    """The loop of ``nms_mask`` as one operator, for graphs that are captured."""

    def goes_on(kept: Tensor, before: Tensor) -> Tensor:
        return (kept != before).any()

    def step(kept: Tensor, _: Tensor) -> tuple[Tensor, Tensor]:
        return valid & ~(above & kept.unsqueeze(-1)).any(dim=-2), kept.clone()

    first = valid & ~(above & valid.unsqueeze(-1)).any(dim=-2)
    kept: Tensor = while_loop(goes_on, step, (first, valid.clone()))[0]  # type: ignore[no-untyped-call]
    return kept
