"""Non-maximum suppression that chooses few of many boxes, one after the other."""

from __future__ import annotations

import torch
from torch import Tensor
from torch._higher_order_ops.while_loop import while_loop

from archdsl.backends.runtime.boxes import box_area
from archdsl.backends.runtime.non_maximum import compiled_nms


def suppress(boxes: Tensor, valid: Tensor, threshold: float, count: int) -> Tensor:
    """Choose boxes, the best first, that overlap no box chosen before by more than ``threshold``.

    Time grows with ``count * n`` and memory with ``n``; where all pairs of boxes fit into memory, and many of them are
    kept, ``nms_mask`` takes fewer steps.

    Parameters
    ----------
    boxes
        ``(batch, n, 4)``, the best first.
    valid
        ``(batch, n)``: which of them may be chosen.
    threshold
        Largest intersection over union of two boxes that are chosen.

    Returns
    -------
    ``(batch, count)`` numbers of boxes. Where none is left, the first box is chosen again.
    """
    chosen = torch.zeros(boxes.shape[0], count, dtype=torch.long, device=boxes.device)
    if boxes.is_meta:
        return chosen
    kept = compiled_nms(boxes, valid, threshold)
    if kept is not None:
        first = kept.byte().argsort(dim=1, descending=True, stable=True)[:, :count]
        chosen[:, : first.shape[1]] = first * kept.gather(1, first)
        return chosen
    areas = box_area(boxes)
    steps = min(count, boxes.shape[1])  # then nothing is left

    def goes_on(step: Tensor, *_: Tensor) -> Tensor:
        return step < steps

    def choose(step: Tensor, left: Tensor, chosen: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        best = left.argmax(dim=1, keepdim=True)
        box = boxes.gather(1, best.unsqueeze(-1).expand(-1, 1, 4))
        near, far = torch.maximum(boxes[..., :2], box[..., :2]), torch.minimum(boxes[..., 2:], box[..., 2:])
        shared = (far - near).clamp(min=0).prod(dim=-1)
        # shared / (area + area' - shared) > t without a division by 0
        left = left * (shared <= (areas + areas.gather(1, best) - shared) * threshold)
        left = left.scatter(1, best, 0)  # itself as well where it has no area, or nothing overlaps too much
        return step + 1, left, chosen.scatter(1, step.expand(best.shape), best)

    state = torch.zeros((), dtype=torch.long, device=boxes.device), valid.byte(), chosen
    if torch.compiler.is_compiling():
        state = while_loop(goes_on, choose, state)  # type: ignore[no-untyped-call]
    else:
        for _ in range(steps):
            state = choose(*state)
    return state[2]
