"""Regions of an image as images of their own.

R. Girshick, J. Donahue, T. Darrell, J. Malik, "Rich feature hierarchies for accurate object detection and semantic
segmentation", arXiv:1311.2524, appendix A.
"""

from __future__ import annotations

import torch
from torch import Tensor

from archdsl.backends.runtime.roi_align import roi_align


def warp_rois(image: Tensor, regions: Tensor, size: tuple[int, int], stride: int, context: int = 0) -> Tensor:
    """Cut out and warp each region, with what is around it.

    Parameters
    ----------
    image
        ``(batch, channels, height, width)``.
    regions
        ``(regions, 5)``: image, then left, top, right and bottom in pixels, ``stride`` of them for each place.
    context
        Rows and columns of the result, along each edge, that lie around the region.

    Returns
    -------
    ``(regions, channels, *size)``.
    """
    regions = regions.detach()
    number, near, far = regions[:, :1], regions[:, 1:3], regions[:, 3:]
    across, down = (length / (length - 2 * context) for length in (size[1], size[0]))
    half = (far - near) / 2 * torch.tensor((across, down), dtype=regions.dtype, device=regions.device)
    centre = (near + far) / 2
    widened = torch.cat((number, centre - half, centre + half), dim=1)
    return roi_align(image, widened, size, stride, sampling=1, aligned=True)
