"""Regions of an image as images of their own."""

from __future__ import annotations

from collections.abc import Sequence

from archdsl.ops.base import Family, Natural, Positive, Sample, ShapeError, TensorType, TorchCode, dims, register
from archdsl.ops.detect import RegionOp
from archdsl.ops.sliding import extent


@register
class WarpRois(RegionOp):
    """Cut each region out of its image and warp it to one size, whatever its own width and height are.

    ``y[c, i, j]`` is the value of channel ``c``, interpolated bilinearly, at the centre of bin ``(i, j)`` of ``kernel``
    bins of the region. With ``context`` the region is widened about its centre first, so that so many rows and columns
    along each edge of the result show what is around it. What lies beyond the image is 0. No gradient goes to the
    regions.

    Shape: as of ``roi_pool``. Reference: Girshick, Donahue, Darrell, Malik: Rich feature hierarchies, arXiv:1311.2524,
    appendix A.
    """

    keyword = "warp_rois"
    family = Family.RESAMPLE
    saves_input = False
    samples = (
        Sample("7x5 warp_rois context=1", "3x14x12", "5 roi"),
        Sample("warp_rois 4", "3x14x12", "3x4"),
        Sample("warp_rois 6x8 /2", "2x5x6", "5 roi"),
    )

    stride: Positive = 1
    """Pixels of the image from one place of the stream to the next; 1 for the image itself."""
    context: Natural = 0
    """Rows and columns of the result that show what is around the region, along each of its edges; R-CNN has 16."""

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        (result,) = super().infer(*inputs)
        if 2 * self.context >= min(result.spatial):
            kept = f"leave nothing of {dims(result.spatial)} for the region"
            message = f"{self.context} rows and columns along each edge {kept}"
            raise ShapeError(message, hint="use a smaller `context`", recovery=(result,))
        return (result,)

    def torch(self, inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> TorchCode:
        context = f", context={self.context}" if self.context else ""
        return self.code(inputs, f"size={outputs[0].spatial}, stride={self.stride}{context}")

    def caption(self) -> str:
        return f"Warp {extent(self.kernel)}"
