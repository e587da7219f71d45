"""Boxes and losses of detectors that predict boxes from the cells of a grid."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from archdsl.backends.runtime.boxes import at_least_single, pairwise_iou, valid_truth


def grid_cells(like: Tensor, height: int, width: int) -> Tensor:
    """Column and row of each cell, row by row: ``(height * width, 1, 2)``."""
    down = torch.arange(height, dtype=like.dtype, device=like.device)
    across = torch.arange(width, dtype=like.dtype, device=like.device)
    y, x = torch.meshgrid(down, across, indexing="ij")
    return torch.stack((x, y), dim=-1).view(-1, 1, 2)


def corners(centres: Tensor, sides: Tensor) -> Tensor:
    """Boxes from their centres and sides."""
    return torch.cat((centres - sides / 2, centres + sides / 2), dim=-1)


def assign_cells(truth: Tensor, stride: float, height: int, width: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Put each box into the cell that its centre is in.

    Returns
    -------
    Whether a row of ``truth`` is a box with its centre in the grid, the number of its cell (0 if it is not), and
    centres and sides in cells (0 and 1 if it is not).
    """
    near, far = truth[..., 1:3] / stride, truth[..., 3:] / stride
    centres, sides = (near + far) / 2, far - near
    limits = torch.tensor((width, height), dtype=truth.dtype, device=truth.device)
    inside = valid_truth(truth) & ((centres >= 0) & (centres < limits)).all(dim=-1)
    centres = centres.where(inside.unsqueeze(-1), 0)
    column, row = centres.floor().long().unbind(dim=-1)
    return inside, row * width + column, centres, sides.where(inside.unsqueeze(-1), 1)


def first_of_each(slot: Tensor, chosen: Tensor) -> Tensor:
    """``chosen`` without the rows whose slot an earlier chosen row has."""
    taken = (slot.unsqueeze(-1) == slot.unsqueeze(-2)) & chosen.unsqueeze(-1)
    return chosen & ~taken.triu(diagonal=1).any(dim=-2)


# Version 1 -----------------------------------------------------------------------------------------------------------


def yolov1_boxes(predictions: Tensor, boxes: int, stride: float) -> tuple[Tensor, Tensor]:
    """Boxes ``(batch, cells * boxes, 4)`` and scores ``(batch, cells * boxes, classes)``.

    J. Redmon, S. Divvala, R. Girshick, A. Farhadi, "You only look once", arXiv:1506.02640, section 2.
    """
    _, height, width, _ = predictions.shape
    own, classes = _yolov1_parts(predictions, boxes)
    found = _yolov1_corners(own, height, width) * stride
    scores = own[..., 4:] * classes.unsqueeze(2)
    return found.flatten(1, 2), scores.flatten(1, 2)


def _yolov1_parts(predictions: Tensor, boxes: int) -> tuple[Tensor, Tensor]:
    """Predictions of boxes ``(batch, cells, boxes, 5)``, and of classes ``(batch, cells, classes)``."""
    cells = at_least_single(predictions).flatten(1, 2)
    return cells[..., : 5 * boxes].reshape(*cells.shape[:2], boxes, 5), cells[..., 5 * boxes :]


def _yolov1_corners(own: Tensor, height: int, width: int) -> Tensor:
    """Boxes, in cells, of ``(batch, cells, boxes, 5)`` predictions."""
    size = torch.tensor((width, height), dtype=own.dtype, device=own.device)
    return corners(own[..., :2] + grid_cells(own, height, width), own[..., 2:4].square() * size)


def yolov1_loss(
    predictions: Tensor, truth: Tensor, boxes: int, stride: float, coordinates: float, nothing: float
) -> Tensor:
    """The mean over the batch of the sum of squared errors.

    Parameters
    ----------
    predictions
        ``(batch, height, width, 5 * boxes + classes)``.
    truth
        ``(batch, n, 5)``: class, left, top, right, bottom; rows of class -1 are no boxes.
    coordinates, nothing
        Weights of the errors of centres and sides, and of the confidence where there is nothing.
    """
    batch, height, width, _ = predictions.shape
    inside, cell, centres, sides = assign_cells(truth.detach(), stride, height, width)
    chosen = first_of_each(cell, inside)
    own, classes = _yolov1_parts(predictions, boxes)
    at_cell = cell[..., None, None].expand(-1, -1, boxes, 5)
    near = own.gather(1, at_cell)
    with torch.no_grad():
        found = _yolov1_corners(own, height, width).gather(1, at_cell[..., :4])
        overlap = pairwise_iou(corners(centres, sides).unsqueeze(-2), found).squeeze(-2)
        size = torch.tensor((width, height), dtype=own.dtype, device=own.device)
        aims = torch.cat((centres % 1, (sides / size).sqrt()), dim=-1)
        # Where no box overlaps, the one that is nearest is responsible.
        distance = (near[..., :4] - aims.unsqueeze(-2)).square().sum(dim=-1)
        share = torch.where((overlap > 0).any(dim=-1, keepdim=True), overlap, -distance)
        best = share.argmax(dim=-1, keepdim=True)
        target = overlap.gather(-1, best).squeeze(-1)
        slot = (cell * boxes + best.squeeze(-1)).where(chosen, height * width * boxes)
        empty = own.new_ones(batch, height * width * boxes + 1).scatter(1, slot, 0.0)[:, :-1]
    responsible = near.gather(2, best.unsqueeze(-1).expand(-1, -1, -1, 5)).squeeze(2)
    place = (responsible[..., :4] - aims).square().sum(dim=-1)
    certainty = (responsible[..., 4] - target).square()
    likely = classes.gather(1, cell.unsqueeze(-1).expand(-1, -1, classes.shape[-1]))
    wanted = (truth[..., :1] == torch.arange(classes.shape[-1], device=truth.device)).to(likely.dtype)
    wrong = (likely - wanted).square().sum(dim=-1)
    present = ((coordinates * place + certainty + wrong) * chosen).sum()
    absent = (own[..., 4].flatten(1).square() * empty).sum()
    return (present + nothing * absent) / batch


# Version 2 -----------------------------------------------------------------------------------------------------------


def _yolov2_parts(predictions: Tensor, anchors: Sequence[Sequence[float]]) -> tuple[Tensor, Tensor]:
    """Predictions as ``(batch, cells, anchors, 5 + classes)``, and their boxes in cells."""
    batch, channels, height, width = predictions.shape
    rows = at_least_single(predictions).reshape(batch, len(anchors), channels // len(anchors), height * width)
    rows = rows.permute(0, 3, 1, 2)
    sizes = torch.tensor(anchors, dtype=rows.dtype, device=rows.device)
    centres = rows[..., :2].sigmoid() + grid_cells(rows, height, width)
    return rows, corners(centres, rows[..., 2:4].exp() * sizes)


def yolov2_boxes(predictions: Tensor, anchors: Sequence[Sequence[float]], stride: float) -> tuple[Tensor, Tensor]:
    """Boxes ``(batch, cells * anchors, 4)`` and scores ``(batch, cells * anchors, classes)``.

    J. Redmon, A. Farhadi, "YOLO9000: Better, faster, stronger", arXiv:1612.08242, section 2.
    """
    rows, boxes = _yolov2_parts(predictions, anchors)
    scores = rows[..., 4:5].sigmoid() * rows[..., 5:].softmax(dim=-1)
    return boxes.flatten(1, 2) * stride, scores.flatten(1, 2)


def yolov2_loss(
    predictions: Tensor,
    truth: Tensor,
    anchors: Sequence[Sequence[float]],
    stride: float,
    coordinates: float,
    objects: float,
    nothing: float,
    overlap: float,
) -> Tensor:
    """The mean over the batch of half the squared errors and of the cross entropy of classes.

    Parameters
    ----------
    predictions
        ``(batch, anchors * (5 + classes), height, width)``.
    truth
        ``(batch, n, 5)``: class, left, top, right, bottom; rows of class -1 are no boxes.
    coordinates, objects, nothing
        Weights of the errors of boxes, of the confidence where there is an object, and where there is none.
    overlap
        Intersection over union with any object above which a box's confidence may be what it likes.
    """
    batch, _, height, width = predictions.shape
    count = len(anchors)
    rows, boxes = _yolov2_parts(predictions, anchors)
    rows = rows.flatten(1, 2)
    inside, cell, centres, sides = assign_cells(truth.detach(), stride, height, width)
    with torch.no_grad():
        sizes = torch.tensor(anchors, dtype=rows.dtype, device=rows.device)
        alike = pairwise_iou(corners(torch.zeros_like(sides), sides), corners(torch.zeros_like(sizes), sizes))
        best = alike.argmax(dim=-1)
        slot = cell * count + best
        chosen = first_of_each(slot, inside)
        real = corners(centres, sides)
        overlaps = pairwise_iou(real, boxes.flatten(1, 2)) * inside.unsqueeze(-1)
        target = overlaps.gather(-1, slot.unsqueeze(-1)).squeeze(-1)
        free = F.pad((overlaps.amax(dim=1) <= overlap).to(rows.dtype), (0, 1))
        free = free.scatter(1, slot.where(chosen, rows.shape[1]), 0.0)[:, :-1]
        small = 2 - (sides[..., 0] * sides[..., 1]) / (height * width)
        scales = (sides / sizes[best]).log()
    near = rows.gather(1, slot.unsqueeze(-1).expand(-1, -1, rows.shape[-1]))
    place = (near[..., :2].sigmoid() - centres % 1).square() + (near[..., 2:4] - scales).square()
    certainty = (near[..., 4].sigmoid() - target).square()
    labels = truth[..., 0].long().clamp(min=0)
    wrong = F.cross_entropy(near[..., 5:].flatten(0, 1), labels.flatten(), reduction="none").view_as(target)
    present = coordinates / 2 * small * place.sum(dim=-1) + objects / 2 * certainty + wrong
    absent = (rows[..., 4].sigmoid().square() * free).sum()
    return ((present * chosen).sum() + nothing / 2 * absent) / batch
