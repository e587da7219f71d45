"""Stochastic depth."""

from __future__ import annotations

from torch import Tensor

from archdsl.backends.runtime.draw import draw


def drop_path(x: Tensor, p: float, training: bool, scale: str = "train", per: str = "sample") -> Tensor:
    """Zero ``x`` with probability ``p``, for each sample or for the whole batch, while training.

    What is kept is scaled by ``1 / (1 - p)`` in training, or with ``scale="test"`` everything by ``1 - p`` at test
    time (arXiv:1603.09382, equation 5).
    """
    keep = 1.0 - p
    if not training:
        return x if scale == "train" else x * keep
    kept = (draw(x, 1, per) >= p).view(-1, *[1] * (x.dim() - 1)).to(x.dtype)
    return x * (kept if scale == "test" else kept / keep)
