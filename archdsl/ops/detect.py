"""Operators of detection: regions proposed from a grid of anchors, and features pooled from each of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, ClassVar

from pydantic import Field

from archdsl.ops.base import (
    Family,
    Flag,
    Natural,
    Op,
    PerAxis,
    Positive,
    PositiveReal,
    Probability,
    Sample,
    Shape,
    ShapeError,
    TensorType,
    TorchCode,
    Window,
    dims,
    per_axis,
    register,
)
from archdsl.ops.sliding import extent, require_float

#: A row for each region: the number of its image in the batch, then its left, top, right and bottom edge.
REGIONS = TensorType((5,), batch="roi")

Factors = Annotated[tuple[Positive | PositiveReal, ...], Field(min_length=1)]


def is_boxes(stream: TensorType) -> bool:
    """Whether a stream is rows of left, top, right and bottom edge for each image."""
    return stream.rank == 1 and stream.spatial == (4,) and stream.batch == "image"


def _require_maps(stream: TensorType, what: str, index: int, result: TensorType) -> None:
    """Refuse a stream that is not a plane of features for each image."""
    require_float(stream, what)
    if stream.batch == "roi":
        message, hint = f"{what} takes streams of images, but {stream} is there for each region", "swap the streams"
    elif stream.rank != 2:
        message, hint = f"{what} takes 2 spatial axes, but a stream of {stream} has {stream.rank}", None
    else:
        return
    raise ShapeError(message, hint=hint, kind="rank", inputs=(index,), recovery=(result,))


class Anchored(Op):
    """Base of the operators that take scores and refinements of the anchors of a region proposal network."""

    scales: Factors = (8, 16, 32)
    """Factors of the anchors' sides."""
    ratios: Factors = (0.5, 1, 2)
    """Heights of the anchors, relative to their widths."""
    stride: Positive = 16
    """Pixels of the image from one place to the next."""
    clip: tuple[Positive, Positive] | None = None
    """Height and width of the image; left out, it is ``stride`` pixels for each place."""

    def check(self, scores: TensorType, deltas: TensorType, *, recovery: TensorType) -> None:
        """Refuse streams that are not the scores and refinements of the anchors.

        Raises
        ------
        ShapeError
            They are of another kind or size.
        """
        for index, stream in enumerate((scores, deltas)):
            _require_maps(stream, f"`{self.keyword}`", index, recovery)
        anchors = len(self.scales) * len(self.ratios)
        if deltas.channels != 4 * anchors or scores.channels not in (anchors, 2 * anchors):
            swapped = scores.channels == 4 * anchors and deltas.channels in (anchors, 2 * anchors)
            raise ShapeError(
                f"{anchors} anchors need {2 * anchors} or {anchors} channels of scores and {4 * anchors} of "
                f"refinements, not {scores.channels} and {deltas.channels}",
                hint="swap the streams: scores come first" if swapped else "the anchors are `scales` times `ratios`",
                inputs=(0, 1),
                recovery=(recovery,),
            )
        if scores.spatial != deltas.spatial:
            message = f"scores of {dims(scores.spatial)} places cannot be paired with refinements of {deltas}"
            hint = "make both from the same features"
            raise ShapeError(message, hint=hint, kind="merge", inputs=(0, 1), recovery=(recovery,))


@register
class Proposals(Anchored):
    """Propose regions: refine the anchors of every place, and keep the best that do not overlap.

    Takes the scores and the refinements of ``A`` anchors at every place: for each ratio, one of each scale. Channel
    ``a`` of the scores is how much anchor ``a`` looks like background, channel ``A + a`` how much like an object;
    regions are ordered by the softmax over the two. Of ``A`` channels each is how much an anchor looks like an object.
    Channels ``4 a`` to ``4 a + 3`` of the refinements are ``tx``, ``ty``, ``tw`` and ``th``: the centre moves by ``tx``
    widths and ``ty`` heights of the anchor, and its width and height change by factors of ``exp(tw)`` and ``exp(th)``.

    Edges are in pixels of the image, a pixel being 1 wide: an anchor of ratio and scale 1 is the square from 0 to 16,
    which the ratio reshapes (rounded to pixels), the scale enlarges around its centre, and ``stride`` moves from place
    to place. Regions are clipped to the image; those smaller than ``min_size`` are left out, then all but the
    ``before`` best, then each that overlaps a better one by more than ``nms`` (intersection over union). Of the rest
    the ``after`` best are the result. If they are fewer, the best is repeated; if there is none at all, each is the
    corner of the image. No gradient flows through the operator.

    Shape: ``(2 A)xHxW`` or ``AxHxW``, and ``(4 A)xHxW``, for each image, ``-> 5``, for each of ``after`` regions of
    each image: the number of the image in the batch, then left, top, right and bottom edge. Reference: Ren, He,
    Girshick, Sun: Faster R-CNN, arXiv:1506.01497, section 3; anchors and order of channels as in the code of its
    authors.
    """

    keyword = "proposals"
    family = Family.DETECTION
    arity: ClassVar[int | None] = 2
    saves_input = False
    stops_gradient = (0, 1)
    samples = (
        Sample("proposals before=200 after=30", "18x14x14", "36x14x14"),
        Sample("proposals scales=[2, 4.5] ratios=[1] stride=8 nms=0.5 after=12 min_size=0", "4x5x6", "8x5x6"),
        Sample("proposals /32 scales=[1] ratios=[0.5, 1] before=2 after=4", "4x1x2", "8x1x2"),
        Sample("proposals scales=[1] ratios=[1] after=8 train_after=16 clip=[75, 90]", "1x5x6", "4x5x6"),
    )

    nms: Probability = 0.7
    """Intersection over union above which the worse of two regions is dropped."""
    before: Positive = 6000
    """Number of regions that enter the suppression, at most."""
    after: Positive = 300
    """Number of regions of each image."""
    train_before: Positive | None = None
    """``before`` in training; left out, it is the same."""
    train_after: Positive | None = None
    """``after`` in training; left out, it is the same."""
    min_size: Natural = 16
    """Least width and height of a region, in pixels."""

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        scores, deltas = inputs
        self.check(scores, deltas, recovery=REGIONS)
        return (REGIONS,)

    def torch(self, inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> TorchCode:
        values = {name: repr(getattr(self, name)) for name in ("scales", "ratios", "stride", "nms", "min_size")}
        if self.clip is not None:
            values["clip"] = repr(self.clip)
        values["before"] = _by_mode(self.before, self.train_before)
        values["after"] = _by_mode(self.after, self.train_after)
        arguments = ", ".join(f"{name}={value}" for name, value in values.items())
        return TorchCode(f"proposals({{0}}, {{1}}, {arguments})", runtime=("proposals",))

    def caption(self) -> str:
        return "Proposals"


def _by_mode(value: int, training: int | None) -> str:
    """A value that may be another in training, as code."""
    return repr(value) if training in (None, value) else f"{training} if {{training}} else {value}"


class RegionOp(Op):
    """Base of the operators that take features out of each region."""

    family = Family.POOL
    positional = "kernel"
    arity: ClassVar[int | None] = 2
    stops_gradient = (1,)
    #: The runtime function, and its file; named as the operator if empty.
    runtime: ClassVar[str] = ""

    kernel: PerAxis
    """Size of the result; one number, or height and width."""
    stride: Positive = 16
    """Pixels of the image from one place of the features to the next."""

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        features, regions = inputs
        result = TensorType((features.channels, *self._size(features)), batch="roi")
        what = f"`{self.keyword}`"
        _require_maps(features, what, 0, result)
        require_float(regions, what)
        if regions.shape != REGIONS.shape and not is_boxes(regions):
            raise ShapeError(
                f"a region is 5 numbers, an image and 4 edges, but the second stream is {regions}",
                hint=f"features come first: `(features | regions) -> {self.keyword}`, regions from `proposals`",
                inputs=(1,),
                recovery=(result,),
            )
        return (result,)

    def _size(self, features: TensorType) -> Shape:
        return per_axis(self.kernel, features.rank, "kernel")

    def code(self, inputs: Sequence[TensorType], arguments: str) -> TorchCode:
        """Torch code of the runtime function; boxes are numbered by their images first."""
        function = self.runtime or self.keyword
        if not is_boxes(inputs[1]):
            return TorchCode(f"{function}({{0}}, {{1}}, {arguments})", runtime=(function,))
        call = f"{function}({{0}}, number_boxes({{1}}), {arguments})"
        return TorchCode(call, runtime=(function, "number_boxes"))

    def window(self, *inputs: TensorType) -> Window:
        """A region may lie anywhere."""
        return Window(everywhere=True)


@register
class RoIPool(RegionOp):
    """Pool each region to one size: the maximum of each of ``kernel`` bins.

    The edges of a region are divided by ``stride`` and rounded to places of the features, both included; at least one
    place is left. A region of ``h`` rows has the rows ``floor(i h / k)`` to ``ceil((i + 1) h / k)``, the last not
    included, in row ``i`` of its ``k`` rows of bins, and likewise for columns: bins may share a row. A bin beyond the
    features is 0. The gradient goes to the first maximum of each bin; none goes to the regions.

    Shape: ``CxHxW`` for each image and ``5`` for each region ``-> C x kernel`` for each region. Regions come from
    ``proposals``, or from an input: of 5, number of the image in the batch, left, top, right and bottom edge in pixels;
    or of ``Nx4``, the edges of ``N`` regions of each image. Reference: Girshick: Fast R-CNN, arXiv:1504.08083,
    section 2.1.
    """

    keyword = "roi_pool"
    samples = (
        Sample("7x7 roi_pool", "8x14x14", "5 roi"),
        Sample("roi_pool 3x2 stride=8", "4x9x12", "5 roi"),
        Sample("roi_pool 1 /32", "2x1x5", "5 roi"),
        Sample("roi_pool 2 /8", "4x5x6", "3x4"),
    )

    def torch(self, inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> TorchCode:
        return self.code(inputs, f"size={outputs[0].spatial}, stride={self.stride}")

    def caption(self) -> str:
        return f"RoIPool {extent(self.kernel)}"


@register
class RoIAlign(RegionOp):
    """Sample each region to one size without rounding: the mean of interpolated samples in each of ``kernel`` bins.

    The edges of a region are divided by ``stride`` and not rounded. Each bin has ``sampling`` times ``sampling`` points
    at equal distances, whose values are interpolated bilinearly between the places around them; a point more than one
    place beyond the features counts 0. No gradient goes to the regions.

    Shape: as of ``roi_pool``. Reference: He, Gkioxari, Dollár, Girshick: Mask R-CNN, arXiv:1703.06870, section 3.
    """

    keyword = "roi_align"
    samples = (
        Sample("7x7 roi_align", "8x14x14", "5 roi"),
        Sample("roi_align 3x2 stride=8 sampling=3 aligned=true", "4x9x12", "5 roi"),
    )

    sampling: Positive = 2
    """Number of points along each side of a bin."""
    aligned: Flag = False
    """Whether places are the centres of pixels, which moves the points by half a place; as published they are not."""

    def torch(self, inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> TorchCode:
        aligned = ", aligned=True" if self.aligned else ""
        size = f"size={outputs[0].spatial}, stride={self.stride}"
        return self.code(inputs, f"{size}, sampling={self.sampling}{aligned}")

    def caption(self) -> str:
        return f"RoIAlign {extent(self.kernel)}"
