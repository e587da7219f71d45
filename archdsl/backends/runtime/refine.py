"""Boxes by refinements of regions.

R. Girshick, J. Donahue, T. Darrell, J. Malik, "Rich feature hierarchies for accurate object detection and semantic
segmentation", arXiv:1311.2524, appendix C.
"""

from __future__ import annotations

from torch import Tensor

from archdsl.backends.runtime.boxes import at_least_single, decode_boxes


def refine(deltas: Tensor, regions: Tensor, variances: tuple[float, float], limit: float) -> Tensor:
    """Move and resize regions: ``(regions, 4 * n)`` edges by as many refinements of ``(regions, 5)``.

    The result is in single precision at least.
    """
    moves = at_least_single(deltas).reshape(-1, deltas.shape[1] // 4, 4)
    return decode_boxes(moves, regions[:, 1:].to(moves.dtype).unsqueeze(1), variances, limit).flatten(1)
