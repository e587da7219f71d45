"""Detectors by regions: what is trained and how, against direct loops."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

import archdsl
from archdsl.backends.runtime.anchor_loss import assign
from archdsl.backends.runtime.number_boxes import number_boxes
from archdsl.backends.runtime.region_anchors import anchor_boxes, place_anchors
from archdsl.backends.runtime.roi_align import roi_align
from archdsl.backends.runtime.roi_loss import roi_loss
from archdsl.backends.runtime.roi_pool import roi_pool
from archdsl.backends.runtime.rpn_loss import rpn_loss
from archdsl.backends.runtime.sample_rois import sample_rois
from archdsl.backends.runtime.sampling import random_subset
from archdsl.ops.base import SCALAR, ShapeError, TensorType
from tests.detectors import (
    ENDING,
    Box,
    assert_compiles_whole,
    assert_exports_for_any_batch,
    assert_learns_by_heart,
    overlap,
    rows,
)
from tests.examples import examples
from tests.test_regions import made, pooled_by_loop, sampled_by_loop
from tests.test_zoo import Figure, figures

# Pooling -------------------------------------------------------------------------------------------------------------


@st.composite
def planes(draw: st.DrawFn) -> tuple[Tensor, Tensor, tuple[int, int], int]:
    """Features of one or two images, and regions anywhere: turned inside out, without a size, beyond the edges."""
    batch, height, width = draw(st.integers(1, 2)), draw(st.integers(1, 7)), draw(st.integers(1, 7))
    stride = draw(st.sampled_from([1, 3, 16]))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 999)))
    features = torch.randint(-3, 4, (batch, 2, height, width), generator=generator).double()
    edge = st.integers(-2 * stride, 9 * stride)
    regions = draw(st.lists(st.tuples(st.integers(0, batch - 1), edge, edge, edge, edge), min_size=1, max_size=5))
    size = draw(st.tuples(st.integers(1, 4), st.integers(1, 4)))
    return features.requires_grad_(), torch.tensor(regions, dtype=torch.float64), size, stride


def assert_equal_with_gradients(result: Tensor, expected: Tensor, features: Tensor) -> None:
    torch.testing.assert_close(result, expected)
    weights = torch.randn(result.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    (gradient,) = torch.autograd.grad((result * weights).sum(), features)
    (by_loop,) = torch.autograd.grad((expected * weights).sum(), features)
    torch.testing.assert_close(gradient, by_loop)


@examples(60)
@given(planes())
def test_any_region_is_pooled_as_by_a_loop(case: tuple[Tensor, Tensor, tuple[int, int], int]) -> None:
    features, regions, size, stride = case
    expected = pooled_by_loop(features, regions, size, stride) + 0 * features.sum()
    assert_equal_with_gradients(roi_pool(features, regions, size, stride), expected, features)


@examples(40)
@given(planes(), st.integers(1, 3), st.booleans())
def test_any_region_is_sampled_as_by_a_loop(
    case: tuple[Tensor, Tensor, tuple[int, int], int], sampling: int, aligned: bool
) -> None:
    features, regions, size, stride = case
    regions = regions + torch.tensor(
        [0, 0.0137, 0.0237, 0.0319, 0.0411]
    )  # no point on a border, where rounding decides
    expected = sampled_by_loop(features, regions, size, stride, sampling, aligned) + 0 * features.sum()
    assert_equal_with_gradients(roi_align(features, regions, size, stride, sampling, aligned), expected, features)


def test_boxes_are_numbered_by_their_images() -> None:
    boxes = torch.arange(24.0).view(2, 3, 4)
    numbered = number_boxes(boxes)
    assert numbered[:, 0].tolist() == [0, 0, 0, 1, 1, 1]
    assert torch.equal(numbered[:, 1:].view(2, 3, 4), boxes)


# Sampling ------------------------------------------------------------------------------------------------------------


@examples(60)
@given(st.lists(st.lists(st.booleans(), min_size=9, max_size=9), min_size=1, max_size=3), st.integers(0, 11))
def test_a_sample_is_a_subset_of_the_size_asked_for(table: list[list[bool]], count: int) -> None:
    candidates = torch.tensor(table)
    chosen = random_subset(candidates, count)
    assert not (chosen & ~candidates).any()
    assert chosen.sum(1).tolist() == [min(count, sum(row)) for row in table]


def test_every_candidate_has_the_same_chance() -> None:
    torch.manual_seed(0)
    candidates = torch.tensor([[True, False, True, True, False, True]]).expand(8000, -1)
    shares = random_subset(candidates, 3).double().mean(0)
    torch.testing.assert_close(
        shares, torch.tensor([0.75, 0, 0.75, 0.75, 0, 0.75], dtype=torch.float64), atol=0.02, rtol=0
    )


sides = st.integers(0, 40)


@st.composite
def boxes(draw: st.DrawFn, least: int, most: int) -> list[Box]:
    found = draw(st.lists(st.tuples(sides, sides, sides, sides), min_size=least, max_size=most))
    return [(x, y, x + w, y + h) for x, y, w, h in found]


@examples(80)
@given(boxes(2, 12), boxes(0, 3), st.integers(1, 20), st.sampled_from([0.0, 0.1]), st.data())
def test_laws_of_sampled_regions(
    regions: list[Box], objects: list[Box], count: int, background: float, data: st.DataObject
) -> None:
    share, bound = 0.25, 0.5
    classes = data.draw(st.lists(st.integers(0, 4), min_size=len(objects), max_size=len(objects)))
    truth = torch.tensor([rows(*((kind, *box) for kind, box in zip(classes, objects, strict=True)))])
    given_regions = torch.tensor([regions], dtype=torch.float32)
    chosen, labels, targets = sample_rois(given_regions, truth, count, share, bound, background, (0.1, 0.2))
    assert labels is not None
    assert targets is not None
    assert (chosen.shape, labels.shape, targets.shape) == ((count, 5), (count, 1), (count, 4))
    assert targets.isfinite().all()
    real = [(kind, box) for kind, box in zip(classes, objects, strict=True) if box[2] > box[0] and box[3] > box[1]]
    unique = set(regions) | {box for _, box in real}
    best = {box: max((overlap(box, other) for _, other in real), default=-1.0) for box in unique}
    for (_, *edges), (label,), shift in zip(chosen.tolist(), labels.tolist(), targets.tolist(), strict=True):
        box = tuple(edges)
        if label == 0:
            assert best[box] < bound
            assert best[box] >= background or not real
            assert shift == [0, 0, 0, 0]
        if label > 0:
            assert best[box] >= bound - 1e-6
            matches = [(k, o) for k, o in real if overlap(box, o) >= best[box] - 1e-6]
            assert any(label == kind + 1 and close(shift, by_hand(box, other)) for kind, other in matches)
    assert (labels > 0).sum() == min(round(share * count), candidates(regions, real, lambda value: value >= bound))


def candidates(regions: list[Box], real: list[tuple[int, Box]], wanted: Any) -> int:
    """How many regions and objects overlap objects as wanted; repetitions of the first region do not count."""
    distinct = [regions[0], *(box for box in regions[1:] if box != regions[0]), *(box for _, box in real)]
    return sum(wanted(max((overlap(box, other) for _, other in real), default=-1.0)) for box in distinct)


def by_hand(box: Box, other: Box) -> list[float]:
    """What leads from one box to another, in units of 0.1 and 0.2."""
    wide, high = box[2] - box[0], box[3] - box[1]
    return [
        ((other[0] + other[2]) - (box[0] + box[2])) / 2 / wide / 0.1,
        ((other[1] + other[3]) - (box[1] + box[3])) / 2 / high / 0.1,
        math.log((other[2] - other[0]) / wide) / 0.2,
        math.log((other[3] - other[1]) / high) / 0.2,
    ]


def close(found: list[float], expected: list[float]) -> bool:
    return all(math.isclose(one, other, rel_tol=1e-4, abs_tol=1e-4) for one, other in zip(found, expected, strict=True))


def test_regions_pass_through_without_objects_to_learn_from() -> None:
    regions = torch.rand(6, 5)
    assert sample_rois(regions, None, 4, 0.25, 0.5, 0.0, (0.1, 0.2)) == (regions, None, None)
    boxes = torch.rand(2, 3, 4)
    passed, *_ = sample_rois(boxes, None, 4, 0.25, 0.5, 0.0, (0.1, 0.2))
    assert torch.equal(passed, number_boxes(boxes))


def test_an_image_without_objects_is_background() -> None:
    truth = torch.tensor([rows(), rows((3, 0, 0, 10, 10))])
    regions = torch.tensor([[[0.0, 0, 10, 10], [20, 20, 30, 30], [0, 0, 9, 10]]] * 2)
    _, labels, _ = sample_rois(regions, truth, 4, 0.5, 0.5, 0.1, (0.1, 0.2))
    assert labels is not None
    assert sorted(labels[:4, 0].tolist()) == [-1, 0, 0, 0]
    assert sorted(labels[4:, 0].tolist()) == [-1, -1, 4, 4]


def test_a_seed_makes_the_sample_the_same() -> None:
    regions = torch.rand(1, 50, 4).cumsum(-1) * 30
    truth = torch.tensor([rows((0, 5, 5, 40, 40), (1, 20, 10, 60, 70))])
    drawn = []
    for _ in range(2):
        torch.manual_seed(4)
        drawn.append(sample_rois(regions, truth, 16, 0.25, 0.5, 0.0, (0.1, 0.2)))
    assert all(torch.equal(one, other) for one, other in zip(*drawn, strict=True))


# Losses --------------------------------------------------------------------------------------------------------------


def smooth(distance: float, beta: float) -> float:
    return distance**2 / 2 / beta if abs(distance) < beta else abs(distance) - beta / 2


@pytest.mark.parametrize("width", [12, 8, 4], ids=["each class", "each object", "all classes"])
def test_the_loss_of_regions_is_that_of_a_loop(width: int) -> None:
    generator = torch.Generator().manual_seed(1)
    scores = torch.randn(6, 3, generator=generator, dtype=torch.float64)
    deltas = torch.randn(6, width, generator=generator, dtype=torch.float64) * 2
    targets = torch.randn(6, 4, generator=generator, dtype=torch.float64)
    labels = torch.tensor([0, 1, 2, -1, 2, 0])
    total = 0.0
    for score, delta, label, wanted in zip(scores, deltas.tolist(), labels.tolist(), targets.tolist(), strict=True):
        if label < 0:
            continue
        total -= score.log_softmax(0)[label].item()
        if label > 0:
            start = {12: 4 * label, 8: 4 * label - 4, 4: 0}[width]
            pairs = zip(delta[start : start + 4], wanted, strict=True)
            total += 0.5 * sum(smooth(one - other, 0.7) for one, other in pairs)
    found = roi_loss(scores, deltas, labels.view(-1, 1), targets, beta=0.7, box=0.5)
    torch.testing.assert_close(found.item(), total / 5)


def test_regions_without_labels_have_no_loss() -> None:
    scores, deltas = torch.randn(4, 3, requires_grad=True), torch.randn(4, 12, requires_grad=True)
    loss = roi_loss(scores, deltas, torch.full((4, 1), -1), torch.zeros(4, 4), beta=1.0, box=1.0)
    assert loss == 0
    loss.backward()
    assert scores.grad is not None
    assert not scores.grad.any()


ANCHORS = {"scales": (1.0, 2.0), "ratios": (1.0,), "stride": 8}


def test_anchors_are_assigned_as_the_paper_says() -> None:
    anchors = torch.tensor(
        [[0.0, 0, 10, 10], [0, 0, 10, 8], [40, 40, 60, 60], [35, 0, 55, 10], [20, 0, 30, 10], [6, 0, 16, 10]]
    )
    objects = torch.tensor([[[0.0, 0, 10, 10], [44, 44, 64, 64], [0, 0, 0, 0]]])
    exists = torch.tensor([[True, True, False]])
    found = assign(anchors, objects, exists, (60, 60), 0.7, 0.3)
    # The third is the best that the second object has, at 0.47; the last overlaps the first object by 0.25.
    assert found.tolist() == [[0, 0, 1, -1, -1, -1]]
    # Beyond the image it is nothing at all.
    assert assign(anchors, objects, exists, (50, 60), 0.7, 0.3).tolist()[0][2] == -2
    assert assign(anchors, objects, exists & False, (60, 60), 0.7, 0.3).tolist() == [[-1] * 6]


def test_the_loss_of_proposals_is_that_of_a_loop() -> None:
    """With room for all anchors, nothing is left to chance."""
    generator = torch.Generator().manual_seed(2)
    scores = torch.randn(2, 4, 5, 6, generator=generator, dtype=torch.float64, requires_grad=True)
    deltas = torch.randn(2, 8, 5, 6, generator=generator, dtype=torch.float64, requires_grad=True)
    truth = torch.tensor([rows((1, 3, 5, 22, 30), (0, 24, 8, 40, 24)), rows()], dtype=torch.float64)
    anchors = place_anchors(torch.tensor(anchor_boxes((1, 2), (1,)), dtype=torch.float64), 5, 6, 8)
    exists = truth[..., 0] >= 0
    assigned = assign(anchors, truth[..., 1:], exists, (40, 48), 0.7, 0.3)
    entropy = distance = 0.0
    number = 0
    for image in range(2):
        for index, match in enumerate(assigned[image].tolist()):
            place, which = divmod(index, 2)
            y, x = divmod(place, 6)
            if match < -1:
                continue
            number += 1
            pair = scores[image, [which, 2 + which], y, x]
            entropy -= pair.log_softmax(0)[int(match >= 0)].item()
            if match >= 0:
                box, other = anchors[index].tolist(), truth[image, match, 1:].tolist()
                wanted = [value * unit for value, unit in zip(by_hand(box, other), (0.1, 0.1, 0.2, 0.2), strict=True)]
                found = deltas[image, 4 * which : 4 * which + 4, y, x].tolist()
                distance += sum(smooth(one - goal, 0.2) for one, goal in zip(found, wanted, strict=True))
    assert (assigned >= 0).sum() >= 2
    options = {"clip": None, "high": 0.7, "low": 0.3, "count": 1000, "share": 0.5, "beta": 0.2, "box": 2.0}
    loss = rpn_loss(scores, deltas, truth, **ANCHORS, **options)
    torch.testing.assert_close(loss.item(), (entropy + 2 * distance) / number)
    loss.backward()
    assert scores.grad is not None
    assert scores.grad[1].any()
    assert deltas.grad is not None
    assert not deltas.grad[1].any()


def test_one_score_is_as_good_as_two() -> None:
    scores, deltas = torch.randn(2, 4, 5, 6), torch.randn(2, 8, 5, 6)
    truth = torch.tensor([rows((1, 3, 5, 22, 30), (0, 24, 8, 40, 24)), rows((2, 0, 0, 16, 16))])
    options = {"clip": None, "high": 0.7, "low": 0.3, "count": 1000, "share": 0.5, "beta": 0.2, "box": 2.0}
    two = rpn_loss(scores, deltas, truth, **ANCHORS, **options)
    one = rpn_loss(scores[:, 2:] - scores[:, :2], deltas, truth, **ANCHORS, **options)
    torch.testing.assert_close(one, two)


@pytest.mark.parametrize(
    "objects",
    [rows(), rows((0, 5, 5, 5, 9)), rows((0, -30, -30, -9, -9)), rows((1, 0, 0, 500, 500))],
    ids=["none", "without a size", "outside", "larger than the image"],
)
def test_losses_are_finite_whatever_the_objects(objects: list[list[float]]) -> None:
    scores, deltas = torch.randn(1, 4, 5, 6, requires_grad=True), torch.randn(1, 8, 5, 6, requires_grad=True)
    options = {"clip": None, "high": 0.7, "low": 0.3, "count": 64, "share": 0.5, "beta": 0.1, "box": 1.0}
    loss = rpn_loss(scores, deltas, torch.tensor([objects]), **ANCHORS, **options)
    loss.backward()
    assert loss.isfinite()
    assert scores.grad is not None
    assert scores.grad.isfinite().all()
    assert deltas.grad is not None
    assert deltas.grad.isfinite().all()


# Types ---------------------------------------------------------------------------------------------------------------

TRUTH, REGIONS = TensorType((3, 5)), TensorType((5,), batch="roi")
CLASSES, SHIFTS = TensorType((3,), batch="roi"), TensorType((12,), batch="roi")
LABELS, TARGETS = TensorType((1,), "int", "roi"), TensorType((4,), batch="roi")


@pytest.mark.parametrize(
    ("keyword", "arguments", "inputs", "message"),
    [
        ("sample_rois", {"truth": True}, (TensorType((5,)), TRUTH), "takes regions"),
        ("sample_rois", {"truth": True}, (REGIONS, TensorType((3, 4))), "rows of class"),
        ("rpn_loss", {}, (TensorType((18, 4, 4)), TensorType((36, 4, 4)), REGIONS), "rows of class"),
        ("rpn_loss", {}, (TensorType((36, 4, 4)), TensorType((18, 4, 4)), TRUTH), "9 anchors need"),
        ("roi_loss", {}, (TensorType((3,)), SHIFTS, LABELS, TARGETS), "scores of each region"),
        ("roi_loss", {}, (CLASSES, TensorType((7,), batch="roi"), LABELS, TARGETS), "12, 8 or 4 refinements"),
        ("roi_loss", {}, (CLASSES, SHIFTS, TARGETS, LABELS), "labels and targets"),
        ("per_image", {"count": 3}, (TensorType((21,)),), "for each image"),
    ],
)
def test_what_does_not_fit_is_refused(
    keyword: str, arguments: dict[str, Any], inputs: tuple[TensorType, ...], message: str
) -> None:
    with pytest.raises(ShapeError, match=message):
        made(keyword, **arguments).infer(*inputs)


def test_regions_are_lined_up_by_image() -> None:
    (lined,) = made("per_image", count=3).infer(TensorType((21,), batch="roi"))
    assert lined == TensorType((3, 21))
    assert made("roi_loss").infer(CLASSES, SHIFTS, LABELS, TARGETS) == (SCALAR,)


# Networks ------------------------------------------------------------------------------------------------------------

FIGURED = [figure for figure in figures() if figure.regions]
#: Shapes of a small image, and of the regions of it that some networks take.
SMALL = {"image": "3x64x96"}


def inputs_of(network: archdsl.Network, count: int, device: str = "cpu") -> list[Tensor]:
    """Images and, where they are an input, regions of them."""
    generator = torch.Generator().manual_seed(0)
    image, *others = (node.outputs[0].shape for node in network.graph.inputs)
    images = torch.randn(count, *image, generator=generator)
    boxes = [torch.rand(count, *shape, generator=generator).cumsum(-1) * 25 for shape in others if shape[1] == 4]
    return [stream.to(device) for stream in (images, *boxes)]


@pytest.mark.parametrize("figure", FIGURED, ids=str)
def test_a_network_is_what_the_analysis_says(figure: Figure) -> None:
    network = archdsl.load(figure.target)
    module = network.module(device="meta").eval()
    cost = network.analysis.cost
    assert sum(parameter.numel() for parameter in module.parameters()) == cost.parameters
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        found = module(*inputs_of(network, 1, "meta"))
    regions = int(network.graph.arguments["regions"])
    assert counter.get_total_flops() == 2 * (cost.macs + (regions - 1) * cost.region_macs)
    types = network.graph.output_types()
    assert {name: tuple(value.shape[1:]) for name, value in found._asdict().items()} == {
        name: types[name].shape for name in ("boxes", "scores", "labels")
    }


@pytest.mark.parametrize("name", ["fast_rcnn_zf", "faster_rcnn_zf"])
def test_a_network_learns_and_finds(name: str) -> None:
    network = archdsl.load(name, input=SMALL, classes=4)
    module = network.module(seed=0)
    truth = torch.tensor([rows((0, 20, 20, 70, 60), (2, 50, 10, 90, 60), count=20), rows(count=20)])
    torch.manual_seed(0)
    losses = module(*inputs_of(network, 2), truth)
    losses = [losses] if isinstance(losses, Tensor) else list(losses)
    torch.stack(losses).sum().backward()
    assert all(parameter.grad is not None and parameter.grad.isfinite().all() for parameter in module.parameters())
    found = module.eval()(*inputs_of(network, 2))
    assert found.boxes.shape == (2, 100, 4)
    limits = torch.tensor([96, 64, 96, 64])
    assert ((found.boxes >= 0) & (found.boxes <= limits)).all()
    assert found.labels.max() < 3
    with pytest.raises(ValueError, match="truth"):
        module.train()(*inputs_of(network, 2))


TINY = (
    """
input image: 3x48x64
input truth: 3x5 only=train
let clip = [48, 64]
set proposals scales=[1, 2, 3] ratios=[0.5, 1, 2] stride=8 clip=clip after=20 train_after=30 min_size=4
set rpn_loss scales=[1, 2, 3] ratios=[0.5, 1, 2] stride=8 clip=clip count=64
layer(width, stride=1): 3x3 conv width /stride -> bn -> relu
features = layer(8) -> layer(16, 2) -> layer(24, 2) -> layer(32, 2)
rpn = 3x3 conv 32 -> relu -> (1x1 conv 18 | 1x1 conv 36)
rois = proposals -> sample_rois 16 truth=truth
rcnn = (features | rois[0]) -> 4x4 roi_align /8 -> fc 64 -> relu -> (fc 3 | fc 12)
"""
    + ENDING
)


@pytest.fixture(scope="module")
def tiny() -> archdsl.Network:
    return archdsl.load(archdsl.text(TINY))


def test_a_tiny_detector_learns_its_images_by_heart(tiny: archdsl.Network) -> None:
    assert_learns_by_heart(tiny, steps=150, rate=2e-3)


def test_inference_is_exported_for_any_batch(tiny: archdsl.Network) -> None:
    assert_exports_for_any_batch(tiny)


def test_torch_compiles_both_modes_whole(tiny: archdsl.Network) -> None:
    assert_compiles_whole(tiny)
