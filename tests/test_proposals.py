"""Proposed regions against a direct loop, and the laws of suppression."""

from __future__ import annotations

import math
from itertools import pairwise, product

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from archdsl.backends.runtime.proposals import anchor_boxes, decode, place_anchors, proposals
from archdsl.backends.runtime.suppression import suppress

Box = tuple[float, float, float, float]


# Suppression ---------------------------------------------------------------------------------------------------------


def overlap(one: Box, other: Box) -> float:
    """Intersection over union, in pixels."""
    width = min(one[2], other[2]) - max(one[0], other[0]) + 1
    height = min(one[3], other[3]) - max(one[1], other[1]) + 1
    shared = max(width, 0) * max(height, 0)
    return shared / (area(one) + area(other) - shared)


def area(box: Box) -> float:
    return (box[2] - box[0] + 1) * (box[3] - box[1] + 1)


def greedy(boxes: list[Box], candidates: list[bool], threshold: float, count: int) -> list[int]:
    kept: list[int] = []
    for number, box in enumerate(boxes):
        if candidates[number] and all(overlap(box, boxes[other]) <= threshold for other in kept):
            kept.append(number)
    return (kept + [0] * count)[:count]


def choose(boxes: list[Box], candidates: list[bool], threshold: float, count: int) -> list[int]:
    chosen = suppress(torch.tensor([boxes], dtype=torch.float64), torch.tensor([candidates]), threshold, count)
    return chosen[0].tolist()


@st.composite
def box_lists(draw: st.DrawFn) -> list[Box]:
    corners = st.integers(0, 12)
    sides = st.integers(0, 9)
    rows = draw(st.lists(st.tuples(corners, corners, sides, sides), min_size=1, max_size=24))
    return [(x, y, x + w, y + h) for x, y, w, h in rows]


@settings(max_examples=150, deadline=None)
@given(box_lists(), st.sampled_from([0.0, 0.3, 0.45, 0.7, 1.0]), st.integers(1, 12), st.data())
def test_suppression_is_greedy(boxes: list[Box], threshold: float, count: int, data: st.DataObject) -> None:
    candidates = data.draw(st.lists(st.booleans(), min_size=len(boxes), max_size=len(boxes)))
    borderline = [overlap(one, other) for one in boxes for other in boxes]
    if any(0 < abs(value - threshold) < 1e-9 for value in borderline):
        return
    chosen = choose(boxes, candidates, threshold, count)
    expected = greedy(boxes, candidates, threshold, count)
    # Where an overlap is exactly the threshold, rounding decides.
    if threshold not in borderline or threshold in (0.0, 1.0):
        assert chosen == expected
    assert len(chosen) == count


@settings(max_examples=100, deadline=None)
@given(box_lists(), st.sampled_from([0.31, 0.47, 0.73]))
def test_laws_of_suppression(boxes: list[Box], threshold: float) -> None:
    every = [True] * len(boxes)
    chosen = choose(boxes, every, threshold, len(boxes))
    kept = chosen[: chosen.index(0, 1)] if 0 in chosen[1:] else chosen
    assert kept[0] == 0
    assert all(one < other for one, other in pairwise(kept))
    assert all(overlap(boxes[one], boxes[other]) <= threshold for one in kept for other in kept if one != other)
    for lost in set(range(len(boxes))) - set(kept):
        assert any(better < lost and overlap(boxes[better], boxes[lost]) > threshold for better in kept)
    again = [boxes[number] for number in kept]
    assert choose(again, [True] * len(again), threshold, len(again)) == list(range(len(again)))
    assert choose(boxes, every, threshold, 1) == kept[:1]


def test_each_image_is_suppressed_by_itself() -> None:
    near, far = (0, 0, 9, 9), (30, 30, 39, 39)
    boxes = torch.tensor([[near, near, far], [near, far, far]], dtype=torch.float32)
    assert suppress(boxes, torch.ones(2, 3, dtype=torch.bool), 0.5, 2).tolist() == [[0, 2], [0, 1]]


@pytest.mark.parametrize("threshold", [0.0, 0.5, 1.0])
def test_empty_boxes_are_chosen_once(threshold: float) -> None:
    """A box whose sides are 0 overlaps nothing, itself included."""
    boxes = [(4.5, 4.5, 3.5, 3.5), (4.5, 4.5, 3.5, 3.5), (0.0, 0.0, 9.0, 9.0)]
    assert choose(boxes, [True] * 3, threshold, 4) == [0, 1, 2, 0]


# Proposals -----------------------------------------------------------------------------------------------------------


def test_anchors_are_those_of_the_released_code() -> None:
    assert anchor_boxes((8, 16, 32), (0.5, 1, 2)) == [
        (-84, -40, 99, 55),
        (-176, -88, 191, 103),
        (-360, -184, 375, 199),
        (-56, -56, 71, 71),
        (-120, -120, 135, 135),
        (-248, -248, 263, 263),
        (-36, -80, 51, 95),
        (-80, -168, 95, 183),
        (-168, -344, 183, 359),
    ]


def test_anchors_stand_at_every_place() -> None:
    placed = place_anchors(torch.tensor([[0.0, 0, 15, 15], [-8, 0, 23, 15]]), 2, 3, 16).view(2, 3, 2, 4)
    assert placed[1, 2].tolist() == [[32, 16, 47, 31], [24, 16, 55, 31]]
    assert placed[0, 1].tolist() == [[16, 0, 31, 15], [8, 0, 39, 15]]


def encode(boxes: Tensor, anchors: Tensor) -> Tensor:
    """The paper's parameters of boxes relative to anchors (section 3.1.2, equation 2)."""
    widths, heights = (anchors[:, 2] - anchors[:, 0] + 1, anchors[:, 3] - anchors[:, 1] + 1)
    return torch.stack(
        (
            ((boxes[:, 0] + boxes[:, 2]) - (anchors[:, 0] + anchors[:, 2])) / 2 / widths,
            ((boxes[:, 1] + boxes[:, 3]) - (anchors[:, 1] + anchors[:, 3])) / 2 / heights,
            ((boxes[:, 2] - boxes[:, 0] + 1) / widths).log(),
            ((boxes[:, 3] - boxes[:, 1] + 1) / heights).log(),
        ),
        dim=1,
    )


def test_decoding_inverts_encoding() -> None:
    generator = torch.Generator().manual_seed(0)
    anchors = torch.tensor(anchor_boxes((8, 16), (0.5, 2)), dtype=torch.float64)
    deltas = torch.randn(len(anchors), 4, generator=generator, dtype=torch.float64)
    torch.testing.assert_close(encode(decode(deltas, anchors), anchors), deltas)
    assert torch.equal(decode(torch.zeros_like(anchors), anchors), anchors)


def expected_proposals(
    scores: Tensor,
    deltas: Tensor,
    *,
    scales: tuple[float, ...],
    ratios: tuple[float, ...],
    stride: int,
    nms: float,
    before: int,
    after: int,
    min_size: int,
) -> list[list[float]]:
    """Proposals one by one, as the paper tells them."""
    anchors = anchor_boxes(scales, ratios)
    count, (height, width) = len(anchors), scores.shape[2:]
    rows = []
    for image in range(len(scores)):
        found: list[tuple[float, Box]] = []
        for y, x, number in product(range(height), range(width), range(count)):
            left, top, right, bottom = anchors[number]
            wide, high = right - left + 1, bottom - top + 1
            dx, dy, dw, dh = deltas[image, 4 * number : 4 * number + 4, y, x].tolist()
            across = (left + right) / 2 + x * stride + dx * wide
            down = (top + bottom) / 2 + y * stride + dy * high
            wide, high = wide * math.exp(dw), high * math.exp(dh)
            edges = (across - (wide - 1) / 2, down - (high - 1) / 2, across + (wide - 1) / 2, down + (high - 1) / 2)
            box = tuple(
                min(max(edge, 0.0), limit * stride - 1.0)
                for edge, limit in zip(edges, (width, height) * 2, strict=True)
            )
            if min(box[2] - box[0] + 1, box[3] - box[1] + 1) >= min_size:
                pair = scores[image, [number, count + number], y, x]
                found.append((pair.softmax(0)[1].item(), box))
        found.sort(key=lambda pair: -pair[0])
        boxes = [box for _, box in found[:before]] or [(0.0, 0.0, 0.0, 0.0)]
        chosen = greedy(boxes, [True] * len(boxes), nms, after)
        rows += [[image, *boxes[number]] for number in chosen]
    return rows


@pytest.mark.parametrize(
    "options",
    [
        {"scales": (1, 2), "ratios": (0.5, 1, 2), "stride": 8, "nms": 0.7, "before": 60, "after": 12, "min_size": 16},
        {"scales": (2.5,), "ratios": (1,), "stride": 16, "nms": 0.3, "before": 9, "after": 15, "min_size": 0},
        {"scales": (1,), "ratios": (1,), "stride": 8, "nms": 0.5, "before": 99, "after": 4, "min_size": 1000},
    ],
    ids=["two scales", "fewer than asked for", "none is large enough"],
)
def test_proposals_are_those_of_a_loop(options: dict[str, object]) -> None:
    generator = torch.Generator().manual_seed(3)
    count = len(options["scales"]) * len(options["ratios"])
    scores = torch.randn(2, 2 * count, 5, 7, generator=generator, dtype=torch.float64)
    deltas = torch.randn(2, 4 * count, 5, 7, generator=generator, dtype=torch.float64) / 2
    expected = torch.tensor(expected_proposals(scores, deltas, **options), dtype=torch.float64)
    torch.testing.assert_close(proposals(scores, deltas, **options), expected)


def test_proposals_of_half_precision_keep_their_pixels() -> None:
    scores, deltas = torch.zeros(1, 2, 1, 64), torch.zeros(1, 4, 1, 64)
    scores[0, 1, 0, 63] = 5
    scores[0, 1, 0, 62] = 4
    options = {"scales": (1,), "ratios": (1,), "stride": 16, "nms": 0.5, "before": 2, "after": 2, "min_size": 1}
    regions = proposals(scores.bfloat16(), deltas.bfloat16(), **options)
    assert regions.tolist() == [[0, 1008, 0, 1023, 15], [0, 992, 0, 1007, 15]]


def test_proposals_survive_deltas_beyond_reason() -> None:
    """A box that explodes is the whole image, one that collapses is left out, and a tie keeps the order of places."""
    deltas = torch.zeros(1, 4, 1, 3)
    deltas[0, 2:, 0, 0] = 1e4
    deltas[0, 2:, 0, 1] = -1e4
    options = {"scales": (1,), "ratios": (1,), "stride": 16, "nms": 0.7, "before": 9, "after": 3, "min_size": 2}
    regions = proposals(torch.zeros(1, 2, 1, 3), deltas, **options)
    assert regions.tolist() == [[0, 0, 0, 47, 15], [0, 32, 0, 47, 15], [0, 0, 0, 47, 15]]
