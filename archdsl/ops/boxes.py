"""Boxes in images: the anchors that a detector refines, what it makes of them, and how it learns to.

A stream of boxes has a row for each: left, top, right and bottom edge, in pixels of the network's input, so that a box
is ``right - left`` wide. What a detector should find has rows of class, left, top, right, bottom; classes count from 0,
and a row of class -1, or without an area, is no box.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar

from pydantic import Field

from archdsl.ops.base import (
    SCALAR,
    Family,
    Flag,
    Op,
    Positive,
    PositiveReal,
    Probability,
    Real,
    Sample,
    ShapeError,
    TensorType,
    TorchCode,
    Window,
    register,
)
from archdsl.ops.sliding import require_float

#: A length in pixels.
Length = Positive | PositiveReal
Pair = tuple[Length, Length]
Table = Annotated[tuple[Pair, ...], Field(min_length=1)]
#: Edges of a box; class and edges of one that is to be found.
EDGES, TRUTH = 4, 5


def require_map(stream: TensorType, what: str, recovery: Sequence[TensorType]) -> None:
    """Refuse a stream that is no plane of features."""
    require_float(stream, what)
    if stream.rank != 2:
        message = f"{what} takes 2 spatial axes, but a stream of {stream} has {stream.rank}"
        raise ShapeError(message, kind="rank", inputs=(0,), recovery=recovery)


def require_rows(stream: TensorType, what: str, index: int, columns: int | None, recovery: TensorType) -> None:
    """Refuse a stream that has no rows of this many numbers."""
    require_float(stream, what)
    if stream.rank == 1 and columns in (None, stream.shape[1]):
        return
    expected = "rows" if columns is None else f"rows of {columns} numbers"
    hint = "a map becomes rows by `permute([1, 2, 0]) -> reshape([-1, 4])`" if stream.rank == 2 else None
    message = f"stream {index + 1} of {what} has {expected}, but this one is {stream}"
    raise ShapeError(message, hint=hint, kind="rank", inputs=(index,), recovery=(recovery,))


def require_truth(truth: TensorType, what: str, index: int) -> None:
    """Refuse a stream that is no list of boxes with their classes."""
    if truth.rank == 1 and truth.shape[1] == TRUTH and truth.dtype == "float":
        return
    message = f"{what} takes rows of class, left, top, right, bottom, but this stream is {truth}"
    hint = "declare them by `input truth: 20x5 only=train`"
    raise ShapeError(message, hint=hint, kind="rank", inputs=(index,), recovery=(SCALAR,))


class BoxOp(Op):
    """Base of the operators on boxes, which have a runtime function of their name and arguments."""

    # What tells where to look (Ren et al., arXiv:1506.01497, section 3).
    family = Family.DETECTION
    runtime: ClassVar[str]
    #: How many streams the function takes.
    arity: ClassVar[int | None] = 2

    def window(self, *inputs: TensorType) -> Window:
        """A box may lie anywhere."""
        return Window(everywhere=True)

    def torch(self, inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> TorchCode:
        streams = [f"{{{index}}}" for index in range(len(inputs))]
        arguments = [f"{name}={value!r}" for name, value in self.arguments().items()]
        return TorchCode(f"{self.keyword}({', '.join([*streams, *arguments])})", runtime=(self.runtime,))

    def arguments(self) -> dict[str, Any]:
        """Arguments of the runtime function, without those that are None."""
        values = {name: getattr(self, name) for name in type(self).model_fields}
        return {name: value for name, value in values.items() if value is not None}


class LossOp(BoxOp):
    """Base of the losses: one number for the whole batch."""

    family = Family.MERGE

    def caption(self) -> str:
        return "Loss"


@register
class AnchorGrid(BoxOp):
    """Place boxes of given sizes at every place of a map.

    The boxes of place ``(row, column)`` have their centre at ``((column + offset) stride, (row + offset) stride)``.
    Only the size of the stream matters, not what is in it. Shape: ``CxHxW -> (H W A)x4`` for ``A`` boxes, row by row,
    those of one place together. References: Liu et al.: SSD, arXiv:1512.02325, section 2.2 (default boxes); Ren et al.:
    Faster R-CNN, arXiv:1506.01497, section 3.1 (anchors).
    """

    keyword = "anchor_grid"
    positional = "boxes"
    arity = 1
    runtime = "anchors"
    saves_input = False
    stops_gradient = (0,)
    samples = (
        Sample("anchor_grid([[30, 30], [42.5, 21]], stride=8)", "3x4x5"),
        Sample("anchor_grid([[16, 32]], stride=[16, 18.75], offset=0.0)", "2x1x3"),
    )

    boxes: Table
    """Width and height of each box, in pixels."""
    stride: Length | Pair
    """Pixels from one place to the next; one number, or one down and one across."""
    offset: Real = 0.5
    """Where in its place a centre is: 0 for the upper left corner, 0.5 for the middle."""

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        (features,) = inputs
        require_map(features, "`anchor_grid`", (TensorType((len(self.boxes), EDGES)),))
        height, width = features.spatial
        return (TensorType((height * width * len(self.boxes), EDGES)),)

    def arguments(self) -> dict[str, Any]:
        strides = self.stride if isinstance(self.stride, tuple) else (self.stride, self.stride)
        return {"boxes": self.boxes, "stride": strides, "offset": self.offset}

    def caption(self) -> str:
        return f"Anchors x{len(self.boxes)}"


@register
class DecodeBoxes(BoxOp):
    """Refine anchors: move and resize them.

    With ``(tx, ty, tw, th)`` and variances ``(v, u)``, the centre of an anchor moves by ``v tx`` of its widths and
    ``v ty`` of its heights, and its sides become ``exp(u tw)`` and ``exp(u th)`` times as long. Shape: refinements
    ``Px4`` and anchors ``Px4 -> Px4``. References: Girshick et al.: R-CNN, arXiv:1311.2524, appendix C; Liu et al.:
    SSD, arXiv:1512.02325 (variances as in the code of its authors).
    """

    keyword = "decode_boxes"
    runtime = "boxes"
    saves_output = True
    samples = (
        Sample("decode_boxes", "12x4", "12x4"),
        Sample("decode_boxes variances=[0.1, 0.2] limit=4.0", "7x4", "7x4"),
    )

    variances: tuple[PositiveReal | Positive, PositiveReal | Positive] = (1.0, 1.0)
    """What refinements of centres and of sides are multiplied with."""
    limit: PositiveReal | None = None
    """Largest logarithm of a factor of a side."""

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        deltas, anchors = inputs
        require_rows(deltas, "`decode_boxes`", 0, EDGES, anchors)
        require_rows(anchors, "`decode_boxes`", 1, EDGES, deltas)
        _require_equal(inputs, ("refinements", "anchors"), deltas)
        return (deltas,)

    def caption(self) -> str:
        return "Decode"


def _require_equal(streams: Sequence[TensorType], names: Sequence[str], recovery: TensorType) -> None:
    """Refuse streams of different numbers of rows."""
    for index, stream in enumerate(streams[1:], start=1):
        if stream.channels != streams[0].channels:
            raise ShapeError(
                f"there are {streams[0].channels} {names[0]} but {stream.channels} {names[index]}",
                hint="the head predicts as many boxes at each place as `anchor_grid` has",
                kind="merge",
                inputs=(0, index),
                recovery=(recovery,),
            )


@register
class Detect(BoxOp):
    """Find objects: of each class the boxes with the best scores that do not overlap better ones.

    Of all pairs of a box and a class, those with a score of more than ``score`` count, and of these the ``before``
    best; equal scores keep their order. One that overlaps a better one of its class, which is kept itself, by more than
    ``nms`` (intersection over union) is dropped. The ``top`` best of the rest come out, the best first. No gradient
    flows through the operator.

    Shape: boxes ``Px4``, or ``Px(4 C)`` if each class has its own, and scores ``PxC -> top x 4`` boxes, ``top`` scores
    and ``top`` labels, in three streams. Behind the last object boxes and scores are 0 and labels -1. Reference:
    Girshick et al.: R-CNN, arXiv:1311.2524, section 2.2.
    """

    keyword = "detect"
    runtime = "detect"
    saves_input = False
    stops_gradient = (0, 1)
    samples = (
        Sample("detect", "30x4", "30x5"),
        Sample("detect score=0.1 nms=0.5 before=7 top=9 clip=[40, 60]", "12x4", "12x3"),
        Sample("detect background=true top=5 min_size=1.5", "12x16", "12x4"),
    )

    score: Probability = 0.01
    """What a score has to exceed."""
    nms: Probability = 0.45
    """Intersection over union above which the worse of two boxes of a class is dropped."""
    before: Positive = 1000
    """Number of candidates of an image, at most; suppression takes memory in proportion to its square."""
    top: Positive = 200
    """Number of boxes of an image that come out."""
    clip: Pair | None = None
    """Height and width of the image, if boxes are cut down to it: ``clip=[in.height, in.width]``."""
    min_size: Annotated[float, Field(ge=0)] = 0.0
    """Least width and height of a box, in pixels."""
    background: Flag = False
    """Whether the first class is the background, which is not looked for; labels do not count it."""

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        boxes, scores = inputs
        result = TensorType((self.top, EDGES))
        require_rows(boxes, "`detect`", 0, None, result)
        require_rows(scores, "`detect`", 1, None, result)
        _require_equal(inputs, ("boxes", "rows of scores"), result)
        if boxes.shape[1] not in (EDGES, EDGES * scores.shape[1]):
            message = f"a box has 4 edges, or 4 for each of the {scores.shape[1]} classes, not {boxes.shape[1]}"
            raise ShapeError(message, inputs=(0,), recovery=(result,))
        if self.background and scores.shape[1] == 1:
            raise ShapeError("there is no class but the background", inputs=(1,), recovery=(result,))
        return result, TensorType((self.top,)), TensorType((self.top,), dtype="int")

    def arguments(self) -> dict[str, Any]:
        defaults = {"clip": None, "min_size": 0, "background": False}
        return {name: value for name, value in super().arguments().items() if value != defaults.get(name, "")}

    def caption(self) -> str:
        return f"Detect {self.top}"


@register
class MultiboxLoss(LossOp):
    """Learn to classify and refine anchors: softmax over classes, and a smooth L1 distance of refinements.

    Each box to be found has the anchor that it overlaps most, and every anchor that overlaps it by at least
    ``overlap``. These learn its class and the refinement that yields it (see ``decode_boxes``). Of all other anchors
    those learn the background that are worst at it, ``negatives`` times as many in each image. The sum over the batch
    is divided by the number of anchors that have a box; without any box it is 0.

    Shape: refinements ``Px4``, scores ``PxC`` before the softmax, anchors ``Px4`` and the boxes to be found ``Tx5 ->``
    one number. Class 0 of the scores is the background, so class ``c`` to be found is class ``c + 1`` of the scores.
    Reference: Liu et al.: SSD, arXiv:1512.02325, section 2.2.
    """

    keyword = "multibox_loss"
    arity = 4
    runtime = "multibox"
    stops_gradient = (2, 3)
    samples = (
        Sample("multibox_loss", "12x4", "12x3", "12x4", "4x5"),
        Sample("multibox_loss overlap=0.3 negatives=1", "9x4", "9x2", "9x4", "1x5"),
    )

    overlap: Probability = 0.5
    """Intersection over union with a box from which on an anchor learns it."""
    negatives: Length = 3
    """Number of anchors that learn the background, for each that learns a box."""
    variances: tuple[PositiveReal | Positive, PositiveReal | Positive] = (0.1, 0.2)
    """Those of ``decode_boxes``."""

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        deltas, scores, anchors, truth = inputs
        require_rows(deltas, "`multibox_loss`", 0, EDGES, SCALAR)
        require_rows(scores, "`multibox_loss`", 1, None, SCALAR)
        require_rows(anchors, "`multibox_loss`", 2, EDGES, SCALAR)
        require_truth(truth, "`multibox_loss`", 3)
        _require_equal(inputs[:3], ("refinements", "rows of scores", "anchors"), SCALAR)
        return (SCALAR,)

    def caption(self) -> str:
        return "Multibox loss"
