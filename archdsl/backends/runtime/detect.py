"""What a detector found: the best boxes of each image that do not overlap others of their class."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from archdsl.backends.runtime.boxes import at_least_single
from archdsl.backends.runtime.nms import nms_mask, overlapping


def detect(
    boxes: Tensor,
    scores: Tensor,
    score: float,
    nms: float,
    before: int,
    top: int,
    clip: Sequence[float] | None = None,
    min_size: float = 0.0,
    background: bool = False,
) -> tuple[Tensor, Tensor, Tensor]:
    """Choose, suppress and pad.

    Parameters
    ----------
    boxes
        ``(batch, n, 4)``, or ``(batch, n, 4 * classes)`` where each class has boxes of its own.
    scores
        ``(batch, n, classes)``.
    score
        What a score has to exceed.
    nms
        Intersection over union above which the worse of two boxes of a class is dropped.
    before, top
        Number of boxes of an image that enter the suppression, and of those that come out.
    clip
        Height and width of the image, which boxes are cut down to.
    min_size
        Least width and height of a box.
    background
        Whether the first class is the background, which nobody looks for.

    Returns
    -------
    ``(batch, top, 4)`` boxes, ``(batch, top)`` scores and ``(batch, top)`` labels, the best first; behind the last one
    boxes and scores are 0 and labels -1. Labels do not count the background.
    """
    batch, count, columns = scores.shape
    boxes = at_least_single(boxes.detach()).reshape(batch, count, -1, 4)
    if background:
        scores, columns = scores[:, :, 1:], columns - 1
        boxes = boxes[:, :, 1:] if boxes.shape[2] > 1 else boxes
    rank = scores.detach().flatten(1)
    best, number = rank.topk(min(before, count * columns), dim=1)
    number, order = number.sort(dim=1)  # so that of equal scores the first comes first
    best, order = best.gather(1, order).sort(dim=1, descending=True, stable=True)
    number = number.gather(1, order)
    label, place = number % columns, number // columns
    if boxes.shape[2] > 1:
        place, boxes = number, boxes.flatten(1, 2)
    else:
        boxes = boxes.squeeze(2)
    boxes = boxes.gather(1, place.unsqueeze(-1).expand(-1, -1, 4))
    if clip is not None:
        limits = torch.tensor((clip[1], clip[0], clip[1], clip[0]), dtype=boxes.dtype, device=boxes.device)
        boxes = torch.minimum(boxes.clamp(min=0), limits)
    valid = (best > score) & (boxes[..., 2:] - boxes[..., :2] >= min_size).all(dim=-1)
    conflicts = overlapping(boxes, nms) & (label.unsqueeze(-1) == label.unsqueeze(-2))
    kept = nms_mask(conflicts, valid)
    first = kept.to(torch.uint8).sort(dim=1, descending=True, stable=True).indices[:, :top]
    kept = kept.gather(1, first)
    boxes = boxes.gather(1, first.unsqueeze(-1).expand(-1, -1, 4)) * kept.unsqueeze(-1)
    missing = top - first.shape[1]
    return (
        F.pad(boxes, (0, 0, 0, missing)),
        F.pad(best.gather(1, first) * kept, (0, missing)),
        F.pad(label.gather(1, first).where(kept, -1), (0, missing), value=-1),
    )
