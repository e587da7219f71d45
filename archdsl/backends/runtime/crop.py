"""Cutting a stream to the size of another."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor


def crop(x: Tensor, size: Sequence[int], offset: Sequence[int] | None = None) -> Tensor:
    """Cut the part of ``x`` of this size that begins at ``offset``, by default the middle."""
    for axis, length in enumerate(size, start=2):
        start = (x.shape[axis] - length) // 2 if offset is None else offset[axis - 2]
        x = x.narrow(axis, start, length)
    return x
