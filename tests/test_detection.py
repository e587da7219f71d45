"""Detection: suppression, codings and losses against direct loops, and the detectors of the zoo against torchvision."""

from __future__ import annotations

import io
import math
from importlib import import_module
from itertools import product
from typing import Any

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

import archdsl
from archdsl.backends.runtime.anchors import anchor_grid, match_anchors
from archdsl.backends.runtime.boxes import decode_boxes, encode_boxes, pairwise_iou
from archdsl.backends.runtime.detect import detect
from archdsl.backends.runtime.multibox import multibox_loss
from archdsl.backends.runtime.nms import nms_mask, overlapping
from archdsl.backends.runtime.yolo import yolov1_boxes, yolov1_loss, yolov2_boxes, yolov2_loss
from archdsl.backends.torch import export
from archdsl.diagnostic import ArchError
from tests.detectors import Box, area, overlap
from tests.examples import examples
from tools.peers import declare_operators

declare_operators()
detection: Any = import_module("torchvision.models.detection")

ANCHORS = ((1.3, 1.7), (3.2, 4.0), (2.5, 0.75))


@st.composite
def box_lists(draw: st.DrawFn, most: int = 20) -> list[Box]:
    """Boxes with whole corners; some have no area, some are alike."""
    rows = draw(st.lists(st.tuples(*[st.integers(0, 9)] * 4), min_size=1, max_size=most))
    return [(x, y, x + width, y + height) for x, y, width, height in rows]


# Suppression ---------------------------------------------------------------------------------------------------------


def greedy(boxes: list[Box], valid: list[bool], threshold: float) -> list[bool]:
    """Suppression as everybody explains it: one box after the other."""
    kept: list[int] = []
    for number, box in enumerate(boxes):
        if valid[number] and all(overlap(boxes[better], box) <= threshold for better in kept):
            kept.append(number)
    return [number in kept for number in range(len(boxes))]


def kept(boxes: list[Box], valid: list[bool], threshold: float) -> list[bool]:
    tensor = torch.tensor([boxes], dtype=torch.float64)
    return nms_mask(overlapping(tensor, threshold), torch.tensor([valid]))[0].tolist()


@examples(200)
@given(box_lists(), st.sampled_from([0.0, 0.29, 0.451, 0.7001, 1.0]), st.data())
def test_suppression_is_greedy(boxes: list[Box], threshold: float, data: st.DataObject) -> None:
    valid = data.draw(st.lists(st.booleans(), min_size=len(boxes), max_size=len(boxes)))
    assert kept(boxes, valid, threshold) == greedy(boxes, valid, threshold)


@examples(100)
@given(box_lists(), st.sampled_from([0.0, 0.29, 0.451]))
def test_suppressing_again_changes_nothing(boxes: list[Box], threshold: float) -> None:
    every = [True] * len(boxes)
    once = kept(boxes, every, threshold)
    assert once[0], "nothing is better than the first"
    again = [box for box, stays in zip(boxes, once, strict=True) if stays]
    assert all(kept(again, [True] * len(again), threshold))
    assert kept(boxes, once, threshold) == once


@examples(100)
@given(box_lists())
def test_extreme_thresholds(boxes: list[Box]) -> None:
    every = [True] * len(boxes)
    assert all(kept(boxes, every, 1.0)), "no overlap is more than 1"
    chosen = [box for box, stays in zip(boxes, kept(boxes, every, 0.0), strict=True) if stays]
    assert all(overlap(one, other) == 0 for one, other in product(chosen, chosen) if one is not other)


def test_a_chain_of_boxes_is_followed_to_its_end() -> None:
    """Each overlaps its neighbours alone, so that every second one stays, however long the chain is."""
    boxes = [(0.6 * step, 0.0, 0.6 * step + 1, 1.0) for step in range(60)]
    assert kept(boxes, [True] * 60, 0.2) == [step % 2 == 0 for step in range(60)]


def test_captured_suppression_is_the_same() -> None:
    generator = torch.Generator().manual_seed(0)
    corner = torch.rand(3, 40, 2, generator=generator) * 8
    boxes = torch.cat((corner, corner + torch.rand(3, 40, 2, generator=generator) * 6), dim=-1)
    valid = torch.rand(3, 40, generator=generator) > 0.2

    def run(boxes: Tensor, valid: Tensor) -> Tensor:
        return nms_mask(overlapping(boxes, 0.3), valid)

    torch.compiler.reset()
    compiled = torch.compile(run, fullgraph=True, backend="eager")
    assert torch.equal(compiled(boxes, valid), run(boxes, valid))


# Codings and anchors -------------------------------------------------------------------------------------------------


def boxes_of(*shape: int, seed: int = 0, spread: float = 40.0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    corner = torch.rand(*shape, 2, generator=generator, dtype=torch.float64) * spread
    sides = torch.rand(*shape, 2, generator=generator, dtype=torch.float64) * spread / 2 + 1
    return torch.cat((corner, corner + sides), dim=-1)


@pytest.mark.parametrize("variances", [(1.0, 1.0), (0.1, 0.2)])
def test_decoding_inverts_encoding(variances: tuple[float, float]) -> None:
    boxes, anchors = boxes_of(3, 50), boxes_of(3, 50, seed=1)
    torch.testing.assert_close(decode_boxes(encode_boxes(boxes, anchors, variances), anchors, variances), boxes)
    deltas = torch.randn(3, 50, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    torch.testing.assert_close(encode_boxes(decode_boxes(deltas, anchors, variances), anchors, variances), deltas)
    coder = detection._utils.BoxCoder((1 / variances[0],) * 2 + (1 / variances[1],) * 2)
    torch.testing.assert_close(encode_boxes(boxes, anchors, variances)[0], coder.encode_single(boxes[0], anchors[0]))


def test_a_limit_bounds_sides() -> None:
    anchor = torch.tensor([[0.0, 0.0, 2.0, 4.0]])
    found = decode_boxes(torch.tensor([[0.0, 0.0, 50.0, -50.0]]), anchor, limit=math.log(3))
    torch.testing.assert_close(found, torch.tensor([[-2.0, 2.0, 4.0, 2.0]]))


@examples(100)
@given(box_lists(8), box_lists(8))
def test_overlaps_are_those_of_a_loop(first: list[Box], second: list[Box]) -> None:
    found = pairwise_iou(torch.tensor(first, dtype=torch.float64), torch.tensor(second, dtype=torch.float64))
    expected = [[overlap(one, other) for other in second] for one in first]
    torch.testing.assert_close(found, torch.tensor(expected, dtype=torch.float64))


def test_anchors_stand_in_the_middle_of_their_places() -> None:
    found = anchor_grid(torch.empty(2, 7, 2, 3), [(4, 2), (1, 1)], (10.0, 20.0), 0.5).view(2, 2, 3, 2, 4)
    assert found[1, 1, 2].tolist() == [[48, 14, 52, 16], [49.5, 14.5, 50.5, 15.5]]


def match_by_loop(truth: list[Box], anchors: list[Box], high: float, low: float) -> list[int]:
    matched = []
    for anchor in anchors:
        overlaps = [overlap(box, anchor) for box in truth]
        best = max(range(len(truth)), key=lambda number: overlaps[number])
        matched.append(best if overlaps[best] >= high else -2 if overlaps[best] >= low else -1)
    for number, box in enumerate(truth):
        overlaps = [overlap(box, anchor) for anchor in anchors]
        if max(overlaps) > 0:
            matched[overlaps.index(max(overlaps))] = number
    return matched


@examples(100)
@given(box_lists(5), box_lists(12), st.sampled_from([0.5, 0.31]))
def test_matches_are_those_of_a_loop(truth: list[Box], anchors: list[Box], high: float) -> None:
    overlaps = pairwise_iou(torch.tensor([truth], dtype=torch.float64), torch.tensor([anchors], dtype=torch.float64))
    valid = torch.ones(1, len(truth), dtype=torch.bool)
    assert match_anchors(overlaps, valid, high, 0.2)[0].tolist() == match_by_loop(truth, anchors, high, 0.2)
    assert (match_anchors(overlaps, ~valid, high) == -1).all()


# Detections ----------------------------------------------------------------------------------------------------------


def detections_by_loop(boxes: Tensor, scores: Tensor, score: float, nms: float, top: int) -> list[list[float]]:
    kept: list[list[float]] = []
    for label in range(scores.shape[1]):
        ranked = sorted(range(len(boxes)), key=lambda number: -float(scores[number, label]))
        rows = [[*boxes[number].tolist(), float(scores[number, label]), label] for number in ranked]
        rows = [row for row in rows if row[4] > score]
        stays = greedy([tuple(row[:4]) for row in rows], [True] * len(rows), nms)  # type: ignore[misc]
        kept += [row for row, stay in zip(rows, stays, strict=True) if stay]
    return sorted(kept, key=lambda row: -row[4])[:top]


@pytest.mark.parametrize(("score", "nms", "top"), [(0.1, 0.45, 20), (0.5, 0.3, 300), (0.999, 0.5, 5)])
def test_detections_are_those_of_a_loop(score: float, nms: float, top: int) -> None:
    boxes = boxes_of(2, 60).float()
    scores = torch.rand(2, 60, 3, generator=torch.Generator().manual_seed(3))
    found, values, labels = detect(boxes, scores, score, nms, 1000, top)
    for image in range(2):
        expected = detections_by_loop(boxes[image], scores[image], score, nms, top)
        rows = zip(found[image].tolist(), values[image].tolist(), labels[image].tolist(), strict=True)
        listed = [[*box, value, label] for box, value, label in rows]
        assert listed[: len(expected)] == expected
        assert all(row == [0, 0, 0, 0, 0, -1] for row in listed[len(expected) :])
        assert len(listed) == top


def test_equal_scores_keep_their_order() -> None:
    boxes = torch.tensor([[[0.0, 0, 1, 1], [2, 0, 3, 1], [0, 0, 1, 1], [4, 0, 5, 1]]])
    found, _, labels = detect(boxes, torch.full((1, 4, 1), 0.5), 0.1, 0.5, 10, 4)
    assert found[0, :, 0].tolist() == [0, 2, 4, 0]
    assert labels.tolist() == [[0, 0, 0, -1]]


def test_boxes_of_each_class_without_the_background() -> None:
    boxes = torch.arange(24.0).view(1, 2, 12) + torch.tensor([0.0, 0, 9, 9] * 3)
    scores = torch.tensor([[[0.9, 0.2, 0.1], [0.9, 0.05, 0.8]]])
    found, values, labels = detect(boxes, scores, 0.0, 0.0, 10, 2, clip=(20, 30), background=True)
    assert labels.tolist() == [[1, 0]]
    assert values[0].tolist() == pytest.approx([0.8, 0.2])
    assert found.tolist() == [[[20, 20, 30, 20], [4, 5, 15, 16]]]


def test_small_boxes_are_left_out() -> None:
    boxes = torch.tensor([[[0.0, 0, 1, 9], [5, 5, 8, 8]]])
    labels = detect(boxes, torch.tensor([[[0.9], [0.8]]]), 0.1, 0.5, 10, 2, min_size=2.0)[2]
    assert labels.tolist() == [[0, -1]]


# Losses against loops ------------------------------------------------------------------------------------------------


def truth_of(seed: int, images: int = 3, count: int = 4, classes: int = 3, size: float = 40.0) -> Tensor:
    """Boxes to be found: in the first image none, in the second some of padding, without area, or outside."""
    boxes = boxes_of(images, count, seed=seed, spread=size)
    labels = torch.randint(classes, (images, count, 1), generator=torch.Generator().manual_seed(seed)).double()
    truth = torch.cat((labels, boxes), dim=-1)
    truth[0, :, 0] = -1
    truth[1, 0, 0] = -1
    truth[1, 1, 3] = truth[1, 1, 1]
    truth[1, 2, 1:] += size * 3
    return truth


def objects(rows: Tensor) -> list[tuple[int, Box]]:
    listed = [(int(row[0]), tuple(row[1:].tolist())) for row in rows]
    return [(label, box) for label, box in listed if label >= 0 and area(box) > 0]  # type: ignore[misc,arg-type]


def smooth_l1(value: Tensor) -> Tensor:
    return torch.where(value.abs() < 1, value.square() / 2, value.abs() - 0.5)


def multibox_by_loop(deltas: Tensor, logits: Tensor, anchors: Tensor, truth: Tensor, negatives: int) -> Tensor:
    total, matches = torch.zeros((), dtype=torch.float64), 0
    for image in range(len(deltas)):
        wanted = objects(truth[image])
        boxes: list[Box] = [tuple(row) for row in anchors[image].tolist()]  # type: ignore[misc]
        matched = match_by_loop([box for _, box in wanted], boxes, 0.5, 0.5) if wanted else [-1] * len(boxes)
        surprises = []
        for number, match in enumerate(matched):
            label = wanted[match][0] + 1 if match >= 0 else 0
            surprise = -logits[image, number].log_softmax(dim=0)[label]
            if match < 0:
                surprises.append(surprise)
                continue
            matches += 1
            aim = encode_boxes(torch.tensor(wanted[match][1]).double(), anchors[image, number], (0.1, 0.2))
            total = total + surprise + smooth_l1(deltas[image, number] - aim).sum()
        positive = len(matched) - len(surprises)
        worst = sorted(surprises, key=lambda value: -float(value))[: positive * negatives]
        total = total + sum(worst, torch.zeros(()))
    return total / max(matches, 1)


@pytest.mark.parametrize("seed", range(5))
def test_multibox_loss_is_that_of_a_loop(seed: int) -> None:
    torch.manual_seed(seed)
    deltas, logits = torch.randn(3, 30, 4, dtype=torch.float64), torch.randn(3, 30, 4, dtype=torch.float64)
    anchors, truth = boxes_of(3, 30, seed=seed + 50), truth_of(seed)
    found = multibox_loss(deltas, logits, anchors, truth, 0.5, 3, (0.1, 0.2))
    torch.testing.assert_close(found, multibox_by_loop(deltas, logits, anchors, truth, 3))


def first_in_each_cell(rows: Tensor, stride: float, height: int, width: int) -> list[tuple[int, Box, int, int]]:
    """Objects with the row and column that their centre is in."""
    chosen = []
    for label, (left, top, right, bottom) in objects(rows):
        column, row = math.floor((left + right) / 2 / stride), math.floor((top + bottom) / 2 / stride)
        if 0 <= row < height and 0 <= column < width:
            chosen.append((label, (left / stride, top / stride, right / stride, bottom / stride), row, column))
    return chosen


def yolov1_by_loop(predictions: Tensor, truth: Tensor, count: int, stride: float) -> Tensor:
    batch, height, width, _ = predictions.shape
    total = torch.zeros((), dtype=torch.float64)
    for image in range(batch):
        learnt: set[tuple[int, int]] = set()
        responsible: set[tuple[int, int, int]] = set()
        for label, box, row, column in first_in_each_cell(truth[image], stride, height, width):
            if (row, column) in learnt:
                continue
            learnt.add((row, column))
            cell = predictions[image, row, column]
            own = cell[: 5 * count].view(count, 5)
            centre = (box[0] + box[2]) / 2 - column, (box[1] + box[3]) / 2 - row
            roots = math.sqrt((box[2] - box[0]) / width), math.sqrt((box[3] - box[1]) / height)
            aims = torch.tensor([*centre, *roots], dtype=torch.float64)
            overlaps = []
            for x, y, w, h, _ in own.tolist():
                sides = w * w * width, h * h * height
                middle = column + x, row + y
                found = (middle[0] - sides[0] / 2, middle[1] - sides[1] / 2)
                overlaps.append(overlap(box, (*found, found[0] + sides[0], found[1] + sides[1])))
            errors = (own[:, :4] - aims).square().sum(dim=1).tolist()
            best = overlaps.index(max(overlaps)) if max(overlaps) > 0 else errors.index(min(errors))
            responsible.add((row, column, best))
            classes = F.one_hot(torch.tensor(label), len(cell) - 5 * count)
            total = total + 5 * (own[best, :4] - aims).square().sum() + (own[best, 4] - overlaps[best]).square()
            total = total + (cell[5 * count :] - classes).square().sum()
        for row, column, number in product(range(height), range(width), range(count)):
            if (row, column, number) not in responsible:
                total = total + 0.5 * predictions[image, row, column, 5 * number + 4].square()
    return total / batch


@pytest.mark.parametrize("seed", range(5))
def test_yolov1_loss_is_that_of_a_loop(seed: int) -> None:
    torch.manual_seed(seed)
    predictions = torch.randn(3, 3, 4, 2 * 5 + 3, dtype=torch.float64) / 2
    truth = truth_of(seed, count=6)
    found = yolov1_loss(predictions, truth, 2, 12.5, 5.0, 0.5)
    torch.testing.assert_close(found, yolov1_by_loop(predictions, truth, 2, 12.5))


def yolov2_by_loop(predictions: Tensor, truth: Tensor, stride: float) -> Tensor:
    batch, _, height, width = predictions.shape
    total = torch.zeros((), dtype=torch.float64)
    boxes, _ = yolov2_boxes(predictions, ANCHORS, stride)
    for image in range(batch):
        rows = predictions[image].view(len(ANCHORS), -1, height, width)
        placed = first_in_each_cell(truth[image], stride, height, width)
        learnt: set[tuple[int, int, int]] = set()
        for label, box, row, column in placed:
            sides = box[2] - box[0], box[3] - box[1]
            alike = [overlap((0, 0, *sides), (0, 0, *anchor)) for anchor in ANCHORS]
            best = alike.index(max(alike))
            if (row, column, best) in learnt:
                continue
            learnt.add((row, column, best))
            own = rows[best, :, row, column]
            found = boxes[image, (row * width + column) * len(ANCHORS) + best] / stride
            shared = overlap(box, tuple(found.tolist()))  # type: ignore[arg-type]
            weight = 2 - sides[0] * sides[1] / (height * width)
            x, y = (box[0] + box[2]) / 2 - column, (box[1] + box[3]) / 2 - row
            w, h = (math.log(side / anchor) for side, anchor in zip(sides, ANCHORS[best], strict=True))
            place = (own[0].sigmoid() - x) ** 2 + (own[1].sigmoid() - y) ** 2 + (own[2] - w) ** 2 + (own[3] - h) ** 2
            total = total + weight * place / 2 + 5 * (own[4].sigmoid() - shared) ** 2 / 2
            total = total - own[5:].log_softmax(dim=0)[label]
        for row, column, number in product(range(height), range(width), range(len(ANCHORS))):
            found = boxes[image, (row * width + column) * len(ANCHORS) + number] / stride
            near = any(overlap(box, tuple(found.tolist())) > 0.4 for _, box, _, _ in placed)  # type: ignore[arg-type]
            if (row, column, number) not in learnt and not near:
                total = total + rows[number, 4, row, column].sigmoid() ** 2 / 2
    return total / batch


@pytest.mark.parametrize("seed", range(5))
def test_yolov2_loss_is_that_of_a_loop(seed: int) -> None:
    torch.manual_seed(seed)
    predictions = torch.randn(3, len(ANCHORS) * 8, 3, 4, dtype=torch.float64)
    truth = truth_of(seed, count=6)
    found = yolov2_loss(predictions, truth, ANCHORS, 12.5, 1.0, 5.0, 1.0, 0.4)
    torch.testing.assert_close(found, yolov2_by_loop(predictions, truth, 12.5))


def test_what_is_learnt_is_what_is_read() -> None:
    """Predictions that say exactly what is to be found are read as it, and cost nothing."""
    truth = torch.tensor([[[1.0, 10, 5, 40, 30], [-1, 0, 0, 0, 0]]], dtype=torch.float64)
    exact = torch.zeros(1, 3, 4, 13, dtype=torch.float64)
    exact[0, 1, 2, 5:10] = torch.tensor([0.5, 0.75, math.sqrt(0.75), math.sqrt(25 / 30), 1])
    exact[0, 1, 2, 11] = 1
    boxes, scores = yolov1_boxes(exact, 2, 10.0)
    assert yolov1_loss(exact, truth, 2, 10.0, 5.0, 0.5).item() == pytest.approx(0, abs=1e-12)
    found, values, labels = detect(boxes, scores, 0.5, 0.5, 10, 3)
    torch.testing.assert_close(found[0, 0], torch.tensor([10.0, 5, 40, 30], dtype=torch.float64))
    assert labels.tolist() == [[1, -1, -1]]
    assert values[0, 0] == 1


def test_gradients_of_the_multibox_loss() -> None:
    anchors, truth = boxes_of(3, 12, seed=9), truth_of(4, count=3)
    torch.manual_seed(4)
    streams = [torch.randn(3, 12, 4, dtype=torch.float64, requires_grad=True) for _ in range(2)]
    assert torch.autograd.gradcheck(
        lambda deltas, logits: multibox_loss(deltas, logits, anchors, truth, 0.5, 3, (0.1, 0.2)), streams
    )


@pytest.mark.parametrize("version", [1, 2])
def test_gradients_of_the_losses_of_grids(version: int) -> None:
    """Confidences learn overlaps, which count as constants though they move with the boxes.

    So boxes are checked by the difference of two weights of theirs, and all else with boxes that stand still.
    """
    torch.manual_seed(4)
    truth, numbers = truth_of(4, count=3), (2, 8) if version == 1 else (len(ANCHORS), 8)
    predictions = torch.randn(3, 3, 4, numbers[0], numbers[1], dtype=torch.float64) / 2

    def loss(places: Tensor, rest: Tensor, weight: float) -> Tensor:
        rows = torch.cat((places, rest), dim=-1)
        if version == 2:
            return yolov2_loss(rows.flatten(3).permute(0, 3, 1, 2), truth, ANCHORS, 12.5, weight, 5.0, 1.0, 0.4)
        cells = torch.cat((rows[..., :5].flatten(3), rows[..., 0, 5:]), dim=-1)
        return yolov1_loss(cells, truth, 2, 12.5, weight, 0.5)

    places, rest = predictions[..., :4].clone().requires_grad_(), predictions[..., 4:].clone().requires_grad_()
    assert torch.autograd.gradcheck(
        lambda moved: loss(moved, rest.detach(), 3.0) - loss(moved, rest.detach(), 1.0), places
    )
    assert torch.autograd.gradcheck(lambda moved: loss(places.detach(), moved, 3.0), rest)
    loss(places, rest, 3.0).backward()
    learnt = places.grad
    places.grad = None
    (loss(places, rest, 3.0) * 1.5 - loss(places, rest, 1.0) * 1.5).backward()
    torch.testing.assert_close(places.grad, learnt)


@pytest.mark.parametrize("loss", ["multibox", "yolov1", "yolov2"])
def test_images_without_boxes(loss: str) -> None:
    truth = torch.full((2, 3, 5), -1.0)
    if loss == "multibox":
        deltas, logits = torch.randn(2, 9, 4, requires_grad=True), torch.randn(2, 9, 3, requires_grad=True)
        value = multibox_loss(deltas, logits, boxes_of(2, 9).float(), truth, 0.5, 3, (0.1, 0.2))
        assert value.item() == 0
    elif loss == "yolov1":
        logits = torch.randn(2, 3, 4, 13, requires_grad=True)
        value = yolov1_loss(logits, truth, 2, 10.0, 5.0, 0.5)
        torch.testing.assert_close(value, logits[..., 4:10:5].square().sum() / 4)
    else:
        logits = torch.randn(2, 24, 3, 4, requires_grad=True)
        value = yolov2_loss(logits, truth, ANCHORS, 10.0, 1.0, 5.0, 1.0, 0.6)
        torch.testing.assert_close(value, logits.view(2, 3, 8, 3, 4)[:, :, 4].sigmoid().square().sum() / 4)
    value.backward()
    assert logits.grad is not None
    assert logits.grad.isfinite().all()


# The detectors of the zoo --------------------------------------------------------------------------------------------


def targets(truth: Tensor) -> list[dict[str, Tensor]]:
    """Boxes to be found as torchvision takes them."""
    return [{"boxes": rows[rows[:, 0] >= 0, 1:], "labels": rows[rows[:, 0] >= 0, 0].long() + 1} for rows in truth]


def test_ssd300_is_that_of_torchvision() -> None:
    """With the same weights: default boxes, decoded boxes, scores and the loss."""
    theirs = detection.ssd300_vgg16(weights=None, weights_backbone=None).eval()
    ours = archdsl.compile("ssd300_coco", seed=0).eval()
    scale, *trunk = theirs.backbone.parameters()
    heads = [*theirs.head.regression_head.parameters(), *theirs.head.classification_head.parameters()]
    named = dict(ours.named_parameters())
    torch.testing.assert_close(named.pop("source_0.l2norm1.weight"), scale)
    with torch.no_grad():
        for weight, other in zip(named.values(), [*trunk, *heads], strict=True):
            weight.copy_(other)
    image = torch.rand(1, 3, 300, 300, generator=torch.Generator().manual_seed(1)) * 255 - 120
    truth = torch.tensor([[[4.0, 20, 30, 120, 200], [89, 200, 10, 280, 60], [-1, 0, 0, 0, 0]]])
    seen: dict[str, Tensor] = {}
    for name in ("refinements", "logits"):
        ours.get_submodule(name).register_forward_hook(lambda _, __, result, name=name: seen.update({name: result}))
    with torch.no_grad():
        found = ours(image)
        features = list(theirs.backbone(image).values())
        head = theirs.head(features)
        anchors = theirs.anchor_generator(detection.image_list.ImageList(image, [(300, 300)]), features)
        boxes = theirs.box_coder.decode_single(head["bbox_regression"][0], anchors[0])
        wanted = targets(truth)
        matched = [theirs.proposal_matcher(torchvision_iou(wanted[0]["boxes"], anchors[0]))]
        losses = theirs.compute_loss(wanted, head, anchors, matched)
        loss = ours.train()(image, truth)
    torch.testing.assert_close(seen["refinements"], head["bbox_regression"])
    torch.testing.assert_close(seen["logits"], head["cls_logits"])
    assert seen["logits"].shape == (1, 8732, 91)
    torch.testing.assert_close(loss, sum(losses.values()))
    scores = head["cls_logits"].softmax(dim=-1)
    expected = detect(boxes[None], scores, 0.01, 0.45, 1000, 200, clip=(300, 300), background=True)
    for mine, other in zip(found, expected, strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-4, atol=1e-3)


def torchvision_iou(truth: Tensor, anchors: Tensor) -> Tensor:
    """Overlaps by torchvision."""
    iou: Tensor = import_module("torchvision.ops.boxes").box_iou(truth, anchors)
    return iou


def test_reorg_is_that_of_darknet() -> None:
    """Index by index, as the loops of Darknet have it."""
    channels, height, width, stride = 8, 4, 6, 2
    x = torch.arange(channels * height * width, dtype=torch.float32)
    expected = torch.empty_like(x)
    narrow = channels // stride**2
    for k, j, i in product(range(channels), range(height), range(width)):
        offset, channel = divmod(k, narrow)
        column, row = i * stride + offset % stride, j * stride + offset // stride
        expected[i + width * (j + height * k)] = x[column + width * stride * (row + height * stride * channel)]
    module = archdsl.compile(archdsl.text("input 8x4x6; reorg /2"))
    assert torch.equal(module(x.view(1, channels, height, width)).flatten(), expected)


def test_local_weights_that_agree_are_a_convolution() -> None:
    module = archdsl.compile(archdsl.text("input 3x5x6; 3x3 local_conv 4 /2"), seed=0)
    weight, bias = torch.randn(4, 3, 3, 3), torch.randn(4)
    with torch.no_grad():
        module.local_conv1.weight.copy_(weight.flatten(1))
        module.local_conv1.bias.copy_(bias.view(4, 1, 1))
    x = torch.randn(2, 3, 5, 6)
    torch.testing.assert_close(module(x), F.conv2d(x, weight, bias, stride=2, padding=1))


# What only one mode has ----------------------------------------------------------------------------------------------

SMALL = """
input 3x16x16
input truth: 3x5 only=train
trunk = 3x3 conv 8 /4 -> relu
grid = trunk -> 1x1 conv 14
output loss only=train = (grid | truth) -> yolov2_loss anchors=[[1, 1], [2, 2]] stride=4
found = grid -> yolov2_boxes anchors=[[1, 1], [2, 2]] stride=4 -> detect top=5
output boxes only=eval = found[0]
output labels only=eval = found[2]
"""


def test_each_mode_has_outputs_of_its_own() -> None:
    network = archdsl.load(archdsl.text(SMALL))
    module = network.module(seed=0)
    images, truth = torch.randn(2, 3, 16, 16), torch.tensor([[[1.0, 2, 2, 9, 9]] + [[-1.0] * 5] * 2] * 2)
    loss = module(images, truth)
    assert loss.shape == ()
    loss.backward()
    assert all(weight.grad is not None for weight in module.parameters())
    with pytest.raises(ValueError, match="training needs truth"):
        module(images)
    found = module.eval()(images)
    assert found._fields == ("boxes", "labels")
    assert [output.shape for output in found] == [(2, 5, 4), (2, 5)]
    assert "truth" in network.summary()
    assert network.analysis.cost.macs == network.analysis.cost.train_macs


def test_an_exported_detector_names_its_outputs() -> None:
    network = archdsl.load(archdsl.text(SMALL))
    images = torch.randn(3, 3, 16, 16)
    program = torch.export.load(io.BytesIO(export(network.graph, seed=0)))
    found, expected = program.module()(images), network.module(seed=0).eval()(images)
    assert list(found) == ["boxes", "labels"]
    for name in found:
        torch.testing.assert_close(found[name], getattr(expected, name))


@pytest.mark.parametrize(
    ("text", "code", "message"),
    [
        ("input 3x8x8; input 4x5 only=train", "E0303", "needs a name"),
        ("input 3x8x8; input truth: 4x5 only=eval", "E0303", "`only` is `train`"),
        ("input 3x8x8; input truth: 4x5 when=train", "E0203", "no argument `when`"),
        ("input 3x8x8; output a only=test = relu", "E0303", "`train` or `eval`"),
        ("input 3x8x8; input truth: 4x5 only=train; output a = truth -> relu", "E0410", "has no `truth`"),
        (SMALL.replace("\nfound", " -> relu\nfound"), "E0406", "one number"),
        (SMALL.replace("3x5 only", "3x6 only"), "E0406", "class, left, top, right, bottom"),
        (SMALL.replace("conv 14", "conv 15"), "E0403", "do not divide"),
    ],
)
def test_what_does_not_fit_is_refused(text: str, code: str, message: str) -> None:
    with pytest.raises(ArchError) as caught:
        archdsl.load(archdsl.text(text))
    assert {diagnostic.code.id for diagnostic in caught.value.diagnostics if message in diagnostic.message} == {code}
