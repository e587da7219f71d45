"""Proposed regions against a direct loop, and the laws of suppression."""

from __future__ import annotations

import math
from itertools import pairwise, product

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from archdsl.backends.runtime.boxes import decode_boxes, encode_boxes
from archdsl.backends.runtime.proposals import proposals
from archdsl.backends.runtime.region_anchors import anchor_boxes, place_anchors
from archdsl.backends.runtime.suppression import suppress
from tests.detectors import Box, overlap
from tests.examples import examples

# Suppression ---------------------------------------------------------------------------------------------------------


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


@examples(150)
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


@examples(100)
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
    boxes = [(4.0, 4.0, 4.0, 4.0), (4.0, 4.0, 4.0, 4.0), (0.0, 0.0, 9.0, 9.0)]
    assert choose(boxes, [True] * 3, threshold, 4) == [0, 1, 2, 0]


# Proposals -----------------------------------------------------------------------------------------------------------


def test_anchors_are_those_of_the_released_code() -> None:
    """Which counts pixels, so that its right and bottom edges are 1 less."""
    assert anchor_boxes((8, 16, 32), (0.5, 1, 2)) == [
        (-84, -40, 100, 56),
        (-176, -88, 192, 104),
        (-360, -184, 376, 200),
        (-56, -56, 72, 72),
        (-120, -120, 136, 136),
        (-248, -248, 264, 264),
        (-36, -80, 52, 96),
        (-80, -168, 96, 184),
        (-168, -344, 184, 360),
    ]


def test_anchors_stand_at_every_place() -> None:
    placed = place_anchors(torch.tensor([[0.0, 0, 16, 16], [-8, 0, 24, 16]]), 2, 3, 16).view(2, 3, 2, 4)
    assert placed[1, 2].tolist() == [[32, 16, 48, 32], [24, 16, 56, 32]]
    assert placed[0, 1].tolist() == [[16, 0, 32, 16], [8, 0, 40, 16]]


def test_decoding_inverts_encoding() -> None:
    generator = torch.Generator().manual_seed(0)
    anchors = torch.tensor(anchor_boxes((8, 16), (0.5, 2)), dtype=torch.float64)
    deltas = torch.randn(len(anchors), 4, generator=generator, dtype=torch.float64)
    torch.testing.assert_close(encode_boxes(decode_boxes(deltas, anchors), anchors), deltas)
    assert torch.equal(decode_boxes(torch.zeros_like(anchors), anchors), anchors)


def objectness(scores: Tensor) -> float:
    """Probability of an object, by two scores or one."""
    return scores.softmax(0)[1].item() if len(scores) == 2 else scores.sigmoid().item()


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
    clip: tuple[int, int] | None = None,
) -> list[list[float]]:
    """Proposals one by one, as the paper tells them."""
    anchors = anchor_boxes(scales, ratios)
    bottom, right_most = clip or (scores.shape[2] * stride, scores.shape[3] * stride)
    limits = (right_most, bottom, right_most, bottom)
    count, (height, width) = len(anchors), scores.shape[2:]
    rows = []
    for image in range(len(scores)):
        found: list[tuple[float, Box]] = []
        for y, x, number in product(range(height), range(width), range(count)):
            left, top, right, bottom = anchors[number]
            wide, high = right - left, bottom - top
            dx, dy, dw, dh = deltas[image, 4 * number : 4 * number + 4, y, x].tolist()
            across = (left + right) / 2 + x * stride + dx * wide
            down = (top + bottom) / 2 + y * stride + dy * high
            wide, high = wide * math.exp(dw), high * math.exp(dh)
            edges = (across - wide / 2, down - high / 2, across + wide / 2, down + high / 2)
            box = tuple(min(max(edge, 0.0), limit) for edge, limit in zip(edges, limits, strict=True))
            if min(box[2] - box[0], box[3] - box[1]) >= min_size:
                found.append((objectness(scores[image, number::count, y, x]), box))
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
        {
            "scales": (2, 3),
            "ratios": (1,),
            "stride": 8,
            "nms": 0.6,
            "before": 50,
            "after": 20,
            "min_size": 9,
            "clip": (37, 50),
        },
    ],
    ids=["two scales", "fewer than asked for", "none is large enough", "image of another size"],
)
@pytest.mark.parametrize("ways", [2, 1], ids=["two classes", "one score"])
def test_proposals_are_those_of_a_loop(options: dict[str, object], ways: int) -> None:
    generator = torch.Generator().manual_seed(3)
    count = len(options["scales"]) * len(options["ratios"])
    scores = torch.randn(2, ways * count, 5, 7, generator=generator, dtype=torch.float64)
    deltas = torch.randn(2, 4 * count, 5, 7, generator=generator, dtype=torch.float64) / 2
    expected = torch.tensor(expected_proposals(scores, deltas, **options), dtype=torch.float64)
    torch.testing.assert_close(proposals(scores, deltas, **options), expected)


def test_proposals_of_half_precision_keep_their_pixels() -> None:
    scores, deltas = torch.zeros(1, 2, 1, 64), torch.zeros(1, 4, 1, 64)
    scores[0, 1, 0, 63] = 5
    scores[0, 1, 0, 62] = 4
    options = {"scales": (1,), "ratios": (1,), "stride": 16, "nms": 0.5, "before": 2, "after": 2, "min_size": 1}
    regions = proposals(scores.bfloat16(), deltas.bfloat16(), **options)
    assert regions.tolist() == [[0, 1008, 0, 1024, 16], [0, 992, 0, 1008, 16]]


def test_proposals_survive_deltas_beyond_reason() -> None:
    """A box that explodes is the whole image, one that collapses is left out, and a tie keeps the order of places."""
    deltas = torch.zeros(1, 4, 1, 3)
    deltas[0, 2:, 0, 0] = 1e4
    deltas[0, 2:, 0, 1] = -1e4
    options = {"scales": (1,), "ratios": (1,), "stride": 16, "nms": 0.7, "before": 9, "after": 3, "min_size": 2}
    regions = proposals(torch.zeros(1, 2, 1, 3), deltas, **options)
    assert regions.tolist() == [[0, 0, 0, 48, 16], [0, 32, 0, 48, 16], [0, 0, 0, 48, 16]]
