"""Boxes that a detector predicts for the cells of a grid: how they are read, and how it learns them."""

from __future__ import annotations

from archdsl.ops.base import (
    SCALAR,
    Positive,
    PositiveReal,
    Probability,
    Sample,
    ShapeError,
    TensorType,
    register,
)
from archdsl.ops.boxes import EDGES, TRUTH, BoxOp, Length, LossOp, Table, require_map, require_truth
from archdsl.ops.sliding import require_groups


class GridOp(BoxOp):
    """Base of what is made of the predictions for the cells of a grid."""

    runtime = "yolo"
    saves_output = True

    stride: Length
    """Width and height of a cell, in pixels."""

    def layout(self, predictions: TensorType) -> tuple[int, int]:
        """Number of boxes and of classes."""
        raise NotImplementedError

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        count, classes = self.layout(inputs[0])
        return TensorType((count, EDGES)), TensorType((count, classes))


class FirstGrid(GridOp):
    """Predictions for the cells of a grid as YOLO's first version has them."""

    boxes: Positive = 2
    """Number of boxes of a cell."""

    def layout(self, predictions: TensorType) -> tuple[int, int]:
        require_map(predictions, f"`{self.keyword}`", (SCALAR,))
        height, width, numbers = predictions.shape
        classes = numbers - TRUTH * self.boxes
        if classes < 1:
            message = f"{self.boxes} boxes take {TRUTH * self.boxes} numbers and leave none of {numbers} for classes"
            hint = "predictions are rows x columns x numbers, as in 7x7x30"
            raise ShapeError(message, hint=hint, inputs=(0,), recovery=(SCALAR,))
        return height * width * self.boxes, classes


class SecondGrid(GridOp):
    """Predictions for the cells of a grid as YOLO's second version has them."""

    anchors: Table
    """Width and height of each anchor, in cells."""

    def layout(self, predictions: TensorType) -> tuple[int, int]:
        require_map(predictions, f"`{self.keyword}`", (SCALAR,))
        height, width = predictions.spatial
        require_groups(len(self.anchors), predictions.channels, "channels", (SCALAR,))
        classes = predictions.channels // len(self.anchors) - TRUTH
        if classes < 1:
            message = f"{predictions.channels} channels for {len(self.anchors)} anchors leave none for classes"
            raise ShapeError(message, hint="each anchor has 5 + classes", inputs=(0,), recovery=(SCALAR,))
        return height * width * len(self.anchors), classes


@register
class YoloV1Boxes(FirstGrid):
    """Read boxes and scores off the cells of a grid.

    Each cell predicts for each box ``(x, y, w, h, c)``, and then its classes: the centre is ``(x, y)`` cells right of
    and below the cell's corner, the sides are ``w^2`` and ``h^2`` of the grid's, and the score of a class is ``c``
    times the cell's number for it. Shape: ``HxWx(5 B + C)``, rows and columns first, ``-> (H W B)x4`` boxes and
    ``(H W B)xC`` scores, in two streams. Reference: Redmon et al.: You only look once, arXiv:1506.02640, section 2
    (square roots as in the code of its authors).
    """

    keyword = "yolov1_boxes"
    arity = 1
    samples = (Sample("yolov1_boxes stride=64", "7x7x30"), Sample("yolov1_boxes boxes=1 stride=10.5", "2x3x7"))

    def caption(self) -> str:
        return "Boxes"


@register
class YoloV1Loss(FirstGrid, LossOp):
    """Learn the boxes of ``yolov1_boxes`` by squared errors.

    The cell that holds the centre of an object learns it; if there are several, the first. Of its boxes the one that
    overlaps the object most, or else the nearest, learns centre and square roots of sides (times ``coordinates``), and
    its ``c`` the overlap; the cell learns the class. The ``c`` of all other boxes learn 0 (times ``nothing``). The sum
    is divided by the size of the batch. Shape: ``HxWx(5 B + C)`` and the boxes to be found ``Tx5 ->`` one number.
    Reference: Redmon et al.: You only look once, arXiv:1506.02640, equation 3.
    """

    keyword = "yolov1_loss"
    stops_gradient = (1,)
    saves_output = False
    samples = (
        Sample("yolov1_loss stride=64", "7x7x30", "4x5"),
        Sample("yolov1_loss boxes=1 stride=10.5 coordinates=1.0", "2x3x7", "1x5"),
    )

    coordinates: PositiveReal = 5.0
    """Weight of centres and sides."""
    nothing: PositiveReal = 0.5
    """Weight of confidences where there is no object."""

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        self.layout(inputs[0])
        require_truth(inputs[1], "`yolov1_loss`", 1)
        return (SCALAR,)

    def caption(self) -> str:
        return "YOLO loss"


@register
class YoloV2Boxes(SecondGrid):
    """Read boxes and scores off a grid of anchors.

    Each anchor ``(p, q)`` has the channels ``(x, y, w, h, c)``, and then its classes: the centre is ``(σ(x), σ(y))``
    cells right of and below the cell's corner, the sides are ``p exp(w)`` and ``q exp(h)`` cells, and scores are
    ``σ(c)`` times the softmax over the classes. Shape: ``(A (5 + C))xHxW -> (H W A)x4`` boxes and ``(H W A)xC`` scores,
    in two streams. Reference: Redmon, Farhadi: YOLO9000, arXiv:1612.08242, section 2.
    """

    keyword = "yolov2_boxes"
    arity = 1
    samples = (Sample("yolov2_boxes anchors=[[1, 2.5], [3, 1]] stride=32", "16x3x4"),)

    def caption(self) -> str:
        return "Boxes"


@register
class YoloV2Loss(SecondGrid, LossOp):
    """Learn the boxes of ``yolov2_boxes`` by halves of squared errors, and the classes by cross entropy.

    In the cell that holds the centre of an object, the anchor whose shape is most like it learns it; if there are
    several, the first. It learns the centre and the logarithms of the sides, with a weight of ``coordinates`` times
    ``2 - area``, area being the share of the image, ``σ(c)`` the overlap (times ``objects``), and the class. For all
    other anchors ``σ(c)`` learns 0 (times ``nothing``), unless their box overlaps some object by more than
    ``overlap``. The sum is divided by the size of the batch. Shape: ``(A (5 + C))xHxW`` and the boxes to be found
    ``Tx5 ->`` one number. Reference: Redmon, Farhadi: YOLO9000, arXiv:1612.08242, section 2; weights as in the code of
    its authors, which beyond that pulls boxes to their anchors in the first 12,800 images.
    """

    keyword = "yolov2_loss"
    stops_gradient = (1,)
    saves_output = False
    samples = (Sample("yolov2_loss anchors=[[1, 2.5], [3, 1]] stride=32", "16x3x4", "3x5"),)

    coordinates: PositiveReal = 1.0
    """Weight of centres and sides."""
    objects: PositiveReal = 5.0
    """Weight of confidences where there is an object."""
    nothing: PositiveReal = 1.0
    """Weight of confidences where there is none."""
    overlap: Probability = 0.6
    """Intersection over union with an object above which a confidence learns nothing."""

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        self.layout(inputs[0])
        require_truth(inputs[1], "`yolov2_loss`", 1)
        return (SCALAR,)

    def caption(self) -> str:
        return "YOLO loss"
