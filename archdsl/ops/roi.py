"""Mean pooling of regions: with channels of its own for each bin, and with bins that move."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from archdsl.ops.base import Positive, PositiveReal, Sample, ShapeError, TensorType, TorchCode, dims, register
from archdsl.ops.detect import RegionOp
from archdsl.ops.sliding import extent, require_float


class SensitiveOp(RegionOp):
    """Base of the operators of which each bin has channels of its own."""

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        (result,) = super().infer(*inputs[:2])
        bins = prod(result.spatial)
        channels = inputs[0].channels
        pooled = result.with_shape(max(channels // bins, 1), *result.spatial)
        if channels % bins:
            raise ShapeError(
                f"{dims(result.spatial)} bins need a multiple of {bins} channels, each bin some of its own, but the "
                f"stream has {channels}",
                hint=f"make them by `1x1 conv({bins} * count)`",
                inputs=(0,),
                recovery=(pooled,),
            )
        return (pooled,)


@register
class PSRoIPool(SensitiveOp):
    """Pool each region to one size, each bin from channels of its own: the mean of each of ``kernel`` bins.

    ``y[c, i, j] = sum over bin (i, j) of x[(c k + i) k' + j, …] / n``, with ``k x k'`` bins of ``n`` places. The edges
    of a region are rounded to pixels and divided by ``stride``; a region is at least a pixel wide and high. Of one that
    begins at ``t`` and is ``h`` rows high, row ``i`` of the bins has the rows ``floor(t + i h / k)`` to
    ``ceil(t + (i + 1) h / k)``, the last not included, and likewise for columns: bins may share a row. A bin beyond the
    features is 0. No gradient goes to the regions.

    Shape: ``(C k k')xHxW`` for each image and ``5`` for each region ``-> C x k x k'`` for each region; regions as of
    ``roi_pool``. Reference: Dai, Li, He, Sun: R-FCN: Object detection via region-based fully convolutional networks,
    arXiv:1605.06409, equation 1; edges as in the code of its authors.
    """

    keyword = "ps_roi_pool"
    saves_input = False
    samples = (
        Sample("3x3 ps_roi_pool", "18x14x14", "5 roi"),
        Sample("ps_roi_pool 3x2 stride=8", "12x9x12", "5 roi"),
        Sample("ps_roi_pool 2 /8", "4x5x6", "3x4"),
    )

    def torch(self, inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> TorchCode:
        return self.code(inputs, f"size={outputs[0].spatial}, stride={self.stride}")

    def caption(self) -> str:
        return f"PSRoIPool {extent(self.kernel)}"


class DeformableOp(RegionOp):
    """Base of the operators whose bins move, by the offsets of a third stream; without it they stay where they are."""

    runtime = "deformable_roi_pool"

    sampling: Positive = 4
    """Number of points along each side of a bin."""
    gamma: PositiveReal = 0.1
    """Unit of the offsets, in sides of the region."""

    def takes(self, count: int) -> bool:
        return count in (2, 3)

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        (result,) = super().infer(*inputs[:2])
        for offsets in inputs[2:]:
            require_float(offsets, f"`{self.keyword}`")
            groups, odd = divmod(offsets.channels, 2)
            if offsets.batch != "roi" or offsets.spatial != result.spatial or odd or result.channels % groups:
                raise ShapeError(
                    f"{dims(result.spatial)} bins of {result.channels} channels cannot be moved by offsets of "
                    f"{offsets}",
                    hint=f"x and y of each bin, {dims((2, *result.spatial))} for each region, or so for each group of "
                    "channels",
                    inputs=(2,),
                    recovery=(result,),
                )
        return (result,)

    def moved(self, inputs: Sequence[TensorType], outputs: Sequence[TensorType], *options: str) -> TorchCode:
        """Torch code with further arguments."""
        moves = len(inputs) > 2
        offsets = "{2}" if moves else "None"
        arguments = [offsets, f"size={outputs[0].spatial}", f"stride={self.stride}", f"sampling={self.sampling}"]
        gamma = [f"gamma={self.gamma!r}"] if moves else []
        return self.code(inputs, ", ".join((*arguments, *gamma, *options)))


@register
class DeformableRoIPool(DeformableOp):
    """Pool each region to one size, with bins that move: the mean of samples in each of ``kernel`` bins.

    ``y[c, i, j] = sum over points p of bin (i, j) of x[c, p + gamma (dx w, dy h)] / n``, with offsets ``dx`` and ``dy``
    of the bin and a region of ``w`` by ``h`` places: an offset of 1 is ``gamma`` times the side of the region. The
    edges of a region are rounded to pixels and divided by ``stride``; places are the centres of pixels. Each bin has
    ``sampling`` times ``sampling`` points at equal distances, the first in its corner, whose values are interpolated
    bilinearly; points more than half a place beyond the features do not count, and a bin without points is 0. No
    gradient goes to the regions.

    Shape: ``CxHxW`` for each image, ``5`` for each region and, if bins move, offsets of ``2 g x kernel`` for each
    region, ``dx`` and ``dy`` for each of ``g`` groups of channels, ``-> C x kernel`` for each region; regions as of
    ``roi_pool``. Reference: Dai, Qi, Xiong, Li, Zhang, Hu, Wei: Deformable convolutional networks, arXiv:1703.06211,
    equation 6; points as in the code of its authors.
    """

    keyword = "deformable_roi_pool"
    samples = (
        Sample("3x3 deformable_roi_pool", "8x14x14", "5 roi", "2x3x3 roi"),
        Sample("deformable_roi_pool 3x2 stride=8 sampling=2 gamma=0.5", "4x9x12", "5 roi", "4x3x2 roi"),
        Sample("3x3 deformable_roi_pool", "8x14x14", "5 roi"),
    )

    def torch(self, inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> TorchCode:
        return self.moved(inputs, outputs)

    def caption(self) -> str:
        return f"DeformRoIPool {extent(self.kernel)}"


@register
class DeformablePSRoIPool(DeformableOp, SensitiveOp):
    """Pool each region to one size, each bin from channels of its own, with bins that move.

    As ``deformable_roi_pool``, with ``x[(c k + i) k' + j]`` in place of ``x[c]`` for bin ``(i, j)`` of ``k x k'``. Maps
    of offsets are pooled by the same operator without offsets: ``2 g k k'`` channels make the ``2 g x k x k'`` that the
    bins of ``g`` groups of channels, as classes are, take.

    Shape: ``(C k k')xHxW`` for each image, ``5`` for each region and, if bins move, offsets of ``2 g x k x k'`` for
    each region, ``-> C x k x k'`` for each region. Reference: Dai, Qi, Xiong, Li, Zhang, Hu, Wei: Deformable
    convolutional networks, arXiv:1703.06211, section 2.2; points as in the code of its authors.
    """

    keyword = "deformable_ps_roi_pool"
    samples = (
        Sample("3x3 deformable_ps_roi_pool", "18x14x14", "5 roi", "4x3x3 roi"),
        Sample("deformable_ps_roi_pool 3x2 stride=8 sampling=3", "12x9x12", "5 roi", "2x3x2 roi"),
        Sample("3x3 deformable_ps_roi_pool", "36x14x14", "5 roi"),
    )

    def torch(self, inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> TorchCode:
        return self.moved(inputs, outputs, "sensitive=True")

    def caption(self) -> str:
        return f"DeformPSRoIPool {extent(self.kernel)}"
