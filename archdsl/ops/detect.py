"""Operators of detection: regions proposed from a grid of anchors, and features pooled from each of them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated, ClassVar, Self

from pydantic import Field, model_validator

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
#: Of each level of a feature pyramid.
Strides = Annotated[tuple[Positive, ...], Field(min_length=1)]


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


def _require_levels(op: Op, what: str, count: int, strides: Strides | None, recovery: TensorType) -> None:
    """Refuse another number of levels than there are strides."""
    known = 1 if strides is None else len(strides)
    if count != known:
        raise ShapeError(
            f"`{op.keyword}` gets {what} of {count} level{'s' * (count != 1)}, but {known} stride{'s' * (known != 1)}",
            hint="give each level its own: `strides=[4, 8, 16]`",
            kind="merge",
            recovery=(recovery,),
        )


class Anchored(Op):
    """Base of the operators that take scores and refinements of the anchors of a region proposal network.

    Those of the levels of a feature pyramid come one level after the other.
    """

    scales: Factors = (8, 16, 32)
    """Factors of the anchors' sides."""
    ratios: Factors = (0.5, 1, 2)
    """Heights of the anchors, relative to their widths."""
    stride: Positive = 16
    """Pixels of the image from one place to the next."""
    strides: Strides | None = None
    """``stride`` of each level of a feature pyramid, on which it is also the side of an anchor of scale 1."""
    clip: tuple[Positive, Positive] | None = None
    """Height and width of the image; left out, it is ``stride`` pixels for each place, of the first level."""
    centred: Flag = False
    """Whether anchors have their centre on the corner of a place, and round half of a side: torchvision's pyramids."""

    @model_validator(mode="after")
    def _centred_on_levels(self) -> Self:
        if self.centred and self.strides is None:
            raise ValueError("this is for the levels of a pyramid: give `strides=[4, 8, 16]`")
        return self

    def check(self, maps: Sequence[TensorType], *, recovery: TensorType) -> None:
        """Refuse streams that are not the scores and refinements of the anchors, of each level.

        Raises
        ------
        ShapeError
            They are of another kind, size or number.
        """
        if len(maps) % 2:
            message = f"{len(maps)} streams are not the scores and refinements of levels"
            hint = "both of one level, then both of the next"
            raise ShapeError(message, hint=hint, kind="merge", recovery=(recovery,))
        _require_levels(self, "scores and refinements", len(maps) // 2, self.strides, recovery)
        for first in range(0, len(maps), 2):
            self._check_level(maps[first], maps[first + 1], first, recovery)

    def _check_level(self, scores: TensorType, deltas: TensorType, first: int, recovery: TensorType) -> None:
        pair = (first, first + 1)
        for index, stream in zip(pair, (scores, deltas), strict=True):
            _require_maps(stream, f"`{self.keyword}`", index, recovery)
        anchors = len(self.scales) * len(self.ratios)
        if deltas.channels != 4 * anchors or scores.channels not in (anchors, 2 * anchors):
            swapped = scores.channels == 4 * anchors and deltas.channels in (anchors, 2 * anchors)
            raise ShapeError(
                f"{anchors} anchors need {2 * anchors} or {anchors} channels of scores and {4 * anchors} of "
                f"refinements, not {scores.channels} and {deltas.channels}",
                hint="swap the streams: scores come first" if swapped else "the anchors are `scales` times `ratios`",
                inputs=pair,
                recovery=(recovery,),
            )
        if scores.spatial != deltas.spatial:
            message = f"scores of {dims(scores.spatial)} places cannot be paired with refinements of {deltas}"
            hint = "make both from the same features"
            raise ShapeError(message, hint=hint, kind="merge", inputs=pair, recovery=(recovery,))

    def maps(self, count: int) -> str:
        """The scores and refinements among the arguments of a runtime function; of a pyramid, lists of them."""
        if self.strides is None:
            return "{0}, {1}"
        return ", ".join(f"[{', '.join(f'{{{index}}}' for index in range(start, count, 2))}]" for start in (0, 1))


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

    With ``strides`` it takes scores and refinements of each level of a feature pyramid, both of one level after both of
    the other. An anchor of ratio and scale 1 is as wide as the stride of its level. Of each level ``before`` regions
    enter a suppression of their own; the ``after`` best of all levels are the result.

    Shape: ``(2 A)xHxW`` or ``AxHxW``, and ``(4 A)xHxW``, for each image, ``-> 5``, for each of ``after`` regions of
    each image: the number of the image in the batch, then left, top, right and bottom edge. References: Ren, He,
    Girshick, Sun: Faster R-CNN, arXiv:1506.01497, section 3; anchors and order of channels as in the code of its
    authors. Lin et al.: Feature pyramid networks for object detection, arXiv:1612.03144, section 4.1.
    """

    keyword = "proposals"
    family = Family.DETECTION
    arity: ClassVar[int | None] = 2
    saves_input = False
    stops_gradient = None
    samples = (
        Sample("proposals before=200 after=30", "18x14x14", "36x14x14"),
        Sample("proposals scales=[2, 4.5] ratios=[1] stride=8 nms=0.5 after=12 min_size=0", "4x5x6", "8x5x6"),
        Sample("proposals /32 scales=[1] ratios=[0.5, 1] before=2 after=4", "4x1x2", "8x1x2"),
        Sample("proposals scales=[1] ratios=[1] after=8 train_after=16 clip=[75, 90]", "1x5x6", "4x5x6"),
        Sample("proposals scales=[4] ratios=[1] strides=[8, 16] after=30", "1x5x6", "4x5x6", "2x3x3", "4x3x3"),
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

    def takes(self, count: int) -> bool:
        return count >= 2  # how many levels there may be is better told by `infer`

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        self.check(inputs, recovery=REGIONS)
        return (REGIONS,)

    def torch(self, inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> TorchCode:
        stride = "stride" if self.strides is None else "strides"
        values = {name: repr(getattr(self, name)) for name in ("scales", "ratios", stride, "nms", "min_size")}
        if self.clip is not None:
            values["clip"] = repr(self.clip)
        values["before"] = _by_mode(self.before, self.train_before)
        values["after"] = _by_mode(self.after, self.train_after)
        if self.centred:
            values["centred"] = "True"
        arguments = ", ".join(f"{name}={value}" for name, value in values.items())
        function = "proposals" if self.strides is None else "pyramid_proposals"
        return TorchCode(f"{function}({self.maps(len(inputs))}, {arguments})", runtime=(function,))

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
        *maps, regions = inputs
        result = TensorType((maps[0].channels, *self._size(maps[0])), batch="roi")
        what = f"`{self.keyword}`"
        for index, features in enumerate(maps):
            _require_maps(features, what, index, result)
        require_float(regions, what)
        if regions.shape != REGIONS.shape and not is_boxes(regions):
            which = "last" if len(maps) > 1 else "second"
            raise ShapeError(
                f"a region is 5 numbers, an image and 4 edges, but the {which} stream is {regions}",
                hint=f"features come first: `(features | regions) -> {self.keyword}`, regions from `proposals`",
                inputs=(len(maps),),
                recovery=(result,),
            )
        return (result,)

    def _size(self, features: TensorType) -> Shape:
        return per_axis(self.kernel, features.rank, "kernel")

    def code(self, inputs: Sequence[TensorType], arguments: str, maps: str = "{0}", function: str = "") -> TorchCode:
        """Torch code of the runtime function; boxes are numbered by their images first."""
        function = function or self.runtime or self.keyword
        last = maps.count("{")
        if not is_boxes(inputs[last]):
            return TorchCode(f"{function}({maps}, {{{last}}}, {arguments})", runtime=(function,))
        call = f"{function}({maps}, number_boxes({{{last}}}), {arguments})"
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

    With ``strides`` it takes the features of each level of a pyramid, from fine to coarse, then the regions. A region
    of ``w`` by ``h`` pixels is sampled on the coarsest level whose stride is ``sqrt(w h) / places`` or less, a smaller
    one on the first: with 14 places, and strides that are powers of 2, on level ``floor(4 + log2(sqrt(w h) / 224))``.

    Shape: as of ``roi_pool``. References: He, Gkioxari, Dollár, Girshick: Mask R-CNN, arXiv:1703.06870, section 3;
    Lin et al.: Feature pyramid networks for object detection, arXiv:1612.03144, equation 1.
    """

    keyword = "roi_align"
    stops_gradient = (-1,)
    samples = (
        Sample("7x7 roi_align", "8x14x14", "5 roi"),
        Sample("roi_align 3x2 stride=8 sampling=3 aligned=true", "4x9x12", "5 roi"),
        Sample("3x3 roi_align strides=[4, 8]", "6x12x14", "6x6x7", "5 roi"),
        Sample("roi_align 2 strides=[4, 8, 16] places=3", "2x12x14", "2x6x7", "2x3x4", "3x4"),
    )

    strides: Strides | None = None
    """``stride`` of each level of a feature pyramid, from fine to coarse."""
    places: Positive | PositiveReal = 14
    """How many places of its level a region should be wide and high at least."""
    sampling: Positive = 2
    """Number of points along each side of a bin."""
    aligned: Flag = False
    """Whether places are the centres of pixels, which moves the points by half a place; as published they are not."""

    @model_validator(mode="after")
    def _fine_to_coarse(self) -> Self:
        if self.strides is not None and any(one >= next_ for one, next_ in pairwise(self.strides)):
            raise ValueError("levels go from fine to coarse: each stride is larger than the one before")
        return self

    def takes(self, count: int) -> bool:
        return count >= 2  # how many levels there may be is better told by `infer`

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        (result,) = super().infer(*inputs)
        maps = inputs[:-1]
        _require_levels(self, "maps", len(maps), self.strides, result)
        for index, features in enumerate(maps):
            if features.channels != maps[0].channels:
                message = f"the levels of a pyramid are equally wide, but these are {maps[0]} and {features}"
                hint = "bring them to one width by `1x1 conv`"
                raise ShapeError(message, hint=hint, kind="merge", inputs=(0, index), recovery=(result,))
        return (result,)

    def torch(self, inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> TorchCode:
        size, sampling = f"size={outputs[0].spatial}", f"sampling={self.sampling}"
        sampling += ", aligned=True" if self.aligned else ""
        if self.strides is None:
            return self.code(inputs, f"{size}, stride={self.stride}, {sampling}")
        maps = f"[{', '.join(f'{{{index}}}' for index in range(len(self.strides)))}]"
        options = f"{size}, strides={self.strides}, places={self.places}, {sampling}"
        return self.code(inputs, options, maps, "pyramid_align")

    def caption(self) -> str:
        return f"RoIAlign {extent(self.kernel)}"
