"""The join of a fractal network."""

from __future__ import annotations

import torch
from torch import Tensor


def join(streams: tuple[Tensor, ...], drop: float, training: bool) -> Tensor:
    """Average the streams; in training, those that local drop-path keeps.

    Each sample drops each stream with probability ``drop``, but always keeps one (arXiv:1605.07648, section 4).
    """
    first, *others = streams
    if not training or drop == 0.0:
        total = first
        for stream in others:
            total = total + stream
        return total / len(streams)
    noise = torch.rand(len(streams), first.shape[0], *[1] * (first.dim() - 1), device=first.device)
    # The largest draw of a sample is kept even below the threshold: one of the streams at random.
    kept = (noise >= noise.amax(0).clamp(max=drop)).to(first.dtype)
    share = kept / kept.sum(0)
    total = first * share[0]
    for stream, weight in zip(others, share[1:], strict=True):
        total = torch.addcmul(total, stream, weight)
    return total
