"""The join of a fractal network."""

from __future__ import annotations

import torch
from torch import Tensor

from archdsl.backends.runtime.draw import draw


def join(
    streams: tuple[Tensor, ...], drop: float, training: bool, column: Tensor | None = None, per: str = "sample"
) -> Tensor:
    """Average the streams; in training, those that drop-path keeps (arXiv:1605.07648, section 3).

    Each sample, or the whole batch, drops each stream with probability ``drop``, but always keeps one. Samples that
    keep to a ``column`` of the network (see ``draw_column``) keep the stream of this number alone; where there is none,
    the join stands within a longer column, whose result they do not see.
    """
    first, *others = streams
    if not training:
        total = first
        for stream in others:
            total = total + stream
        return total / len(streams)
    noise = draw(first, len(streams), per)
    # The largest draw of a sample is kept even below the threshold: one of the streams at random.
    kept = noise >= noise.amax(0).clamp(max=drop)
    if column is not None:
        numbers = torch.arange(len(streams), device=first.device).unsqueeze(1)
        alone = numbers == column.to(first.device).squeeze(1)
        kept = torch.where(alone.any(0), alone, kept)
    share = (kept.to(first.dtype) / kept.sum(0)).view(len(streams), -1, *[1] * (first.dim() - 1))
    total = first * share[0]
    for stream, weight in zip(others, share[1:], strict=True):
        total = torch.addcmul(total, stream, weight)
    return total
