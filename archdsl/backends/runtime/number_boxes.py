"""Regions by the numbers of their images."""

from __future__ import annotations

import torch
from torch import Tensor


def number_boxes(boxes: Tensor) -> Tensor:
    """Put the number of its image before each of ``(batch, n, 4)`` boxes: ``(batch * n, 5)``."""
    numbers = torch.arange(boxes.shape[0], dtype=boxes.dtype, device=boxes.device)
    return torch.cat((numbers.view(-1, 1, 1).expand(-1, boxes.shape[1], 1), boxes), dim=-1).flatten(0, 1)
