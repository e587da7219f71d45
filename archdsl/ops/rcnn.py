"""Operators that train detectors by regions, and that bring what is known of each region back to its image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from archdsl.ops.base import (
    SCALAR,
    Family,
    Flag,
    Op,
    Positive,
    PositiveReal,
    Probability,
    Sample,
    ShapeError,
    TensorType,
    TorchCode,
    register,
)
from archdsl.ops.boxes import BoxOp, LossOp, require_truth
from archdsl.ops.detect import REGIONS, Anchored, is_boxes
from archdsl.ops.sliding import require_float

#: For each region its label, 0 for the background and -1 for none; and what leads to its box, ``tx, ty, tw, th``.
LABELS, TARGETS = TensorType((1,), "int", "roi"), TensorType((4,), batch="roi")

Share = Annotated[float, Field(strict=True, gt=0, le=1)]
Weight = Annotated[float, Field(strict=True, ge=0, allow_inf_nan=False)]
Spread = tuple[PositiveReal, PositiveReal]


@register
class SampleRois(BoxOp):
    """Choose the regions to train on: a fixed number of each image, a share of them objects, with their targets.

    In evaluation the regions pass through as they are. In training the objects themselves are added to the regions. A
    region that overlaps an object by ``overlap`` or more (intersection over union) belongs to the one that it overlaps
    most; one that overlaps none so much, but some by ``background`` or more, is background. At random, by torch's
    generator, at most ``share`` of ``count`` regions of objects are chosen, and the rest of ``count`` from the
    background; where these do not suffice, regions without a label fill up. No gradient flows through the operator.

    The second and third result are for ``roi_loss``: a label for each region, 0 for the background, 1 and more for the
    classes, -1 for none; and ``tx``, ``ty``, ``tw``, ``th``, which lead from the region to its object, divided by
    ``variances``, the first for places, the second for sizes. They exist in training alone.

    Shape: ``5`` for each region, as many of each image, one image after the other, as ``proposals`` has them; or
    ``Nx4``, left, top, right and bottom edge of ``N`` regions, for each image. ``-> 5``, ``1`` and ``4`` for each
    region. ``truth`` is ``Tx5`` for each image: class from 0, left, top, right and bottom edge; class -1 fills up.
    Reference: Girshick: Fast R-CNN, arXiv:1504.08083, section 2.3; objects are added as in the code of Faster R-CNN.
    """

    keyword = "sample_rois"
    runtime = "sample_rois"
    arity = 1
    positional = "count"
    stream_arguments = ("truth",)
    stops_gradient = (0, 1)
    training_inputs = (1,)
    saves_input = False
    samples = (
        Sample("sample_rois 4 truth=truth", "6x4", "3x5"),
        Sample("sample_rois 64 truth=truth share=0.5 background=0.1 variances=[1.0, 1.0]", "6x4", "3x5"),
    )

    truth: bool = False
    """The objects of each image, an input of training."""
    count: Positive = 128
    """Number of regions of each image in training."""
    share: Share = 0.25
    """Largest share of regions of objects."""
    overlap: Probability = 0.5
    """Intersection over union from which on a region is that of an object."""
    background: Probability = 0.0
    """Least intersection over union of the background; Fast R-CNN has 0.1, since what overlaps a little is hard."""
    variances: Spread = (0.1, 0.2)
    """Units of the targets: of places, in sides of the region, and of logarithms of sizes."""

    @model_validator(mode="after")
    def _has_truth(self) -> Self:
        if not self.truth:
            raise ValueError("give it the objects: `truth=truth`, with `input truth: 20x5 only=train`")
        return self

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        result = (REGIONS, LABELS, TARGETS)
        regions, truth = inputs
        require_float(regions, "`sample_rois`")
        if regions != REGIONS and not is_boxes(regions):
            hint = "regions come from `proposals`, or from an input like `rois: 300x4`"
            raise ShapeError(f"`sample_rois` takes regions, but gets {regions}", hint=hint, recovery=result)
        require_truth(truth, "`sample_rois`", 1)
        return result

    def arguments(self) -> dict[str, Any]:
        return {name: value for name, value in super().arguments().items() if name != "truth"}

    def caption(self) -> str:
        return "Sample RoIs"


class RegionLoss(LossOp):
    """Base of the losses of detectors by regions: of a class and of a box."""

    box: Weight = 1.0
    """Weight of the loss of the boxes against that of the classes."""


@register
class RPNLoss(Anchored, RegionLoss):
    """Tell how well a region proposal network does: the loss of its scores, plus ``box`` times that of its boxes.

    An anchor within the image is that of an object if it overlaps it by ``high`` or more, or more than any other anchor
    does (intersection over union); background if it overlaps every object by less than ``low``. Of each image ``count``
    anchors are chosen at random, by torch's generator: at most ``share`` of them objects, and the rest background. The
    loss is the mean cross entropy of the chosen ones, plus the sum over objects of the smooth L1 distance of the
    refinements, quadratic below ``beta``, divided by the number of chosen ones.

    With ``strides`` it takes scores and refinements of each level of a feature pyramid; ``count`` anchors are chosen
    from all levels together.

    Shape: scores and refinements as of ``proposals``, and ``Tx5``, class, left, top, right and bottom edge of at most
    ``T`` objects, for each image; class -1 fills up. ``->`` one number. References: Ren, He, Girshick, Sun: Faster
    R-CNN, arXiv:1506.01497, section 3.1.2; ``beta`` and the divisor as in the code of its authors. Lin et al.: Feature
    pyramid networks for object detection, arXiv:1612.03144, section 4.1.
    """

    keyword = "rpn_loss"
    runtime = "rpn_loss"
    arity = 3
    stops_gradient = (-1,)
    samples = (
        Sample("rpn_loss", "18x14x14", "36x14x14", "3x5"),
        Sample("rpn_loss scales=[1, 2] ratios=[1] stride=8 count=16 box=2", "4x5x6", "8x5x6", "4x5"),
        Sample("rpn_loss scales=[2] ratios=[1] clip=[40, 60] share=0.25", "1x5x6", "4x5x6", "2x5"),
        Sample(
            "rpn_loss scales=[4] ratios=[1] strides=[8, 16] outside=true", "1x5x6", "4x5x6", "2x3x3", "4x3x3", "3x5"
        ),
    )

    high: Probability = 0.7
    """Intersection over union from which on an anchor is that of an object."""
    low: Probability = 0.3
    """Intersection over union below which an anchor is background."""
    count: Positive = 256
    """Number of anchors of each image that are chosen."""
    share: Share = 0.5
    """Largest share of objects among them."""
    beta: PositiveReal = 0.1111111111111111
    """Distance up to which the loss of the boxes is quadratic."""
    outside: Flag = False
    """Whether anchors count that reach beyond the image, as on the levels of a pyramid."""

    @model_validator(mode="after")
    def _outside_on_levels(self) -> Self:
        if self.outside and self.strides is None:
            raise ValueError("this is for the levels of a pyramid: give `strides=[4, 8, 16]`")
        return self

    def takes(self, count: int) -> bool:
        return count >= 3  # how many levels there may be is better told by `infer`

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        *maps, truth = inputs
        self.check(maps, recovery=SCALAR)
        require_truth(truth, "`rpn_loss`", len(maps))
        return (SCALAR,)

    def torch(self, inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> TorchCode:
        if self.strides is None:
            return super().torch(inputs, outputs)
        arguments = ", ".join(f"{name}={value!r}" for name, value in self.arguments().items())
        call = f"pyramid_loss({self.maps(len(inputs) - 1)}, {{{len(inputs) - 1}}}, {arguments})"
        return TorchCode(call, runtime=("pyramid_loss",))

    def arguments(self) -> dict[str, Any]:
        unset = {"stride"} if self.strides is not None else set()
        unset |= {name for name in ("centred", "outside") if not getattr(self, name)}
        return {name: value for name, value in super().arguments().items() if name not in unset}

    def caption(self) -> str:
        return "RPN loss"


@register
class RoILoss(RegionLoss):
    """Tell how well regions are classified and refined: the loss of the classes, plus ``box`` times that of the boxes.

    The mean cross entropy over the regions that have a label, plus the sum over those of objects of the smooth L1
    distance of the refinements, quadratic below ``beta``, divided by the number of regions that have a label.

    Shape: ``C`` scores, the first of the background; ``4 C`` refinements, four for each class, or ``4 (C - 1)`` without
    those of the background, or ``4`` for all classes; ``1`` label and ``4`` targets of ``sample_rois``; all for each
    region. ``->`` one number. Reference: Girshick: Fast R-CNN, arXiv:1504.08083, equations 1 to 3.
    """

    keyword = "roi_loss"
    runtime = "roi_loss"
    arity = 4
    stops_gradient = (2, 3)
    samples = (
        Sample("roi_loss", "21 roi", "84 roi", "1 int roi", "4 roi"),
        Sample("roi_loss box=0.5", "3 roi", "8 roi", "1 int roi", "4 roi"),
        Sample("roi_loss beta=0.5", "3 roi", "4 roi", "1 int roi", "4 roi"),
    )

    beta: PositiveReal = 1.0
    """Distance up to which the loss of the boxes is quadratic."""

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        scores, deltas, labels, targets = inputs
        for stream in (scores, deltas):
            require_float(stream, "`roi_loss`")
        if scores.rank or scores.batch != "roi" or scores.channels < 2:
            message = f"`roi_loss` takes two or more scores of each region, but gets {scores}"
            raise ShapeError(message, hint="make them by `fc`", inputs=(0,), recovery=(SCALAR,))
        widths = (4 * scores.channels, 4 * (scores.channels - 1), 4)
        if deltas.batch != "roi" or deltas.rank or deltas.channels not in widths:
            known = f"{widths[0]}, {widths[1]} or {widths[2]}"
            message = f"{scores.channels} scores need {known} refinements of each region, but there are {deltas}"
            raise ShapeError(message, hint="four for each class: `fc(4 * classes)`", inputs=(1,), recovery=(SCALAR,))
        if (labels, targets) != (LABELS, TARGETS):
            message = f"the last two streams are not labels and targets of regions, but {labels} and {targets}"
            hint = "they are the second and third result of `sample_rois`"
            raise ShapeError(message, hint=hint, inputs=(2, 3), recovery=(SCALAR,))
        return (SCALAR,)

    def caption(self) -> str:
        return "RoI loss"


@register
class Refine(BoxOp):
    """Move and resize regions: the boxes that refinements lead to.

    The centre moves by ``variances[0] tx`` widths and ``variances[0] ty`` heights of the region; its width and height
    change by factors of ``exp(variances[1] tw)`` and ``exp(variances[1] th)``, of ``exp(limit)`` at most.

    Shape: ``4 n``, ``tx``, ``ty``, ``tw`` and ``th`` of ``n`` boxes, and ``5``, the image and the edges of a region,
    ``-> 4 n``, left, top, right and bottom edge of each box; all for each region. Reference: Girshick, Donahue,
    Darrell, Malik: Rich feature hierarchies, arXiv:1311.2524, appendix C; units and limit as in Fast R-CNN and
    Detectron.
    """

    keyword = "refine"
    runtime = "refine"
    samples = (
        Sample("refine", "12 roi", "5 roi"),
        Sample("refine variances=[1.0, 1.0] limit=2.0", "4 roi", "5 roi"),
    )

    variances: Spread = (0.1, 0.2)
    """Units of the refinements, as of ``sample_rois``."""
    limit: PositiveReal = 4.135166556742356
    """Largest logarithm of a factor: from 16 pixels to 1000."""

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        deltas, regions = inputs
        require_float(deltas, "`refine`")
        if deltas.batch != "roi" or deltas.rank or deltas.channels % 4:
            message = f"`refine` takes four refinements, or several times four, of each region, but gets {deltas}"
            hint = "refinements come first: `(refinements | regions) -> refine`"
            raise ShapeError(message, hint=hint, inputs=(0,), recovery=(TensorType((4,), batch="roi"),))
        if regions != REGIONS:
            message = f"a region is 5 numbers, an image and 4 edges, but the second stream is {regions}"
            raise ShapeError(message, hint="regions come from `proposals`", inputs=(1,), recovery=(deltas,))
        return (deltas,)

    def caption(self) -> str:
        return "Refine"


@register
class PerImage(Op):
    """Line the regions of each image up: one more axis in front, along which they lie.

    Every image must have ``count`` regions, one image's after the other's, as ``proposals`` has them.

    Shape: ``S…`` for each region ``-> count x S…`` for each image.
    """

    keyword = "per_image"
    family = Family.VIEW
    positional = "count"
    is_view = True
    saves_input = False
    samples = (Sample("per_image 1", "21 roi"), Sample("per_image 1", "4x3x2 roi"))

    count: Positive
    """Number of regions of each image."""

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        (stream,) = inputs
        result = TensorType((self.count, *stream.shape), stream.dtype)
        if stream.batch != "roi":
            message = f"`per_image` takes a stream of regions, but {stream} is there for each image"
            raise ShapeError(message, hint="leave it out", inputs=(0,), recovery=(result,))
        return (result,)

    def torch(self, inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> TorchCode:
        return TorchCode(f"{{0}}.unflatten(0, (-1, {self.count}))")

    def caption(self) -> str:
        return f"{self.count} per image"
