"""Detectors by regions on feature pyramids: levels against direct loops, the network against torchvision."""

from __future__ import annotations

import math
from functools import cache
from importlib import import_module
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

import archdsl
from archdsl.backends.runtime.boxes import decode_boxes
from archdsl.backends.runtime.proposals import proposals
from archdsl.backends.runtime.pyramid_align import pyramid_align, region_levels
from archdsl.backends.runtime.pyramid_anchors import centred_boxes, pyramid_anchors
from archdsl.backends.runtime.pyramid_loss import pyramid_loss
from archdsl.backends.runtime.pyramid_proposals import pyramid_proposals
from archdsl.backends.runtime.region_anchors import anchor_boxes, place_anchors
from archdsl.backends.runtime.roi_align import roi_align
from archdsl.backends.runtime.rpn_loss import rpn_loss
from archdsl.ops.base import ArgumentError, ShapeError, TensorType
from tests.detectors import (
    ENDING,
    Box,
    assert_compiles_whole,
    assert_exports_for_any_batch,
    assert_learns_by_heart,
    rows,
)
from tests.test_proposals import greedy
from tests.test_rcnn import smooth
from tests.test_regions import made
from tools.peers import declare_operators

declare_operators()
detection: Any = import_module("torchvision.models.detection")

# Levels of regions ---------------------------------------------------------------------------------------------------


def regions_of(sides: list[tuple[float, float]]) -> Tensor:
    return torch.tensor([[0.0, 3, 5, 3 + wide, 5 + high] for wide, high in sides], dtype=torch.float64)


def test_regions_go_to_the_level_of_equation_1() -> None:
    generator = torch.Generator().manual_seed(0)
    sides = (torch.rand(200, 2, generator=generator, dtype=torch.float64) * 7 + 3).exp2().tolist()
    levels = region_levels(regions_of(sides), (4, 8, 16, 32), 14).tolist()
    for (wide, high), level in zip(sides, levels, strict=True):
        assert level + 2 == min(max(math.floor(4 + math.log2(math.sqrt(wide * high) / 224)), 2), 5)
    assert set(levels) == {0, 1, 2, 3}


def test_a_region_of_just_224_pixels_is_one_of_level_4() -> None:
    sides = [(224.0, 224.0), (223.99, 224), (112, 448), (112, 112), (448, 448), (0, 9), (-3, 5), (9999, 9999)]
    assert region_levels(regions_of(sides), (4, 8, 16, 32), 14).tolist() == [2, 1, 2, 1, 3, 0, 0, 3]


def test_levels_are_those_of_torchvision() -> None:
    mapper = import_module("torchvision.ops.poolers").LevelMapper(2, 5)
    sides = (torch.rand(500, 2, generator=torch.Generator().manual_seed(1)) * 7 + 3).exp2().tolist()
    regions = regions_of(sides).float()
    assert torch.equal(region_levels(regions, (4, 8, 16, 32), 14), mapper([regions[:, 1:]]))


@pytest.mark.parametrize("aligned", [False, True])
@pytest.mark.parametrize("sampling", [1, 2, 3])
def test_each_region_is_sampled_as_on_its_level_alone(sampling: int, aligned: bool) -> None:
    """Also beyond the edges, of no size, turned inside out, and on maps of one row or place."""
    generator = torch.Generator().manual_seed(sampling)
    sizes, strides, places = [(12, 20), (6, 10), (3, 5), (1, 2), (1, 1)], (4, 8, 16, 32, 64), 2.5
    features = [torch.randn(2, 3, *size, generator=generator, dtype=torch.float64) for size in sizes]
    features = [level.requires_grad_() for level in features]
    corners = torch.rand(80, 2, generator=generator, dtype=torch.float64) * 100 - 15
    shapes = (torch.rand(80, 2, generator=generator, dtype=torch.float64) * 9).exp2() - 8
    image = torch.randint(2, (80, 1), generator=generator)
    regions = torch.cat((image, corners, corners + shapes), dim=1)
    levels = region_levels(regions, strides, places)
    assert set(levels.tolist()) == {0, 1, 2, 3, 4}
    expected = [
        roi_align(features[level], region[None], (3, 2), strides[level], sampling, aligned)
        for region, level in zip(regions, levels.tolist(), strict=True)
    ]
    result = pyramid_align(features, regions, (3, 2), strides, places, sampling, aligned)
    torch.testing.assert_close(result, torch.cat(expected))
    weights = torch.randn(result.shape, generator=generator, dtype=torch.float64)
    gradients, by_loop = (torch.autograd.grad((y * weights).sum(), features) for y in (result, torch.cat(expected)))
    torch.testing.assert_close(gradients, by_loop)


def test_one_level_is_sampled_as_ever() -> None:
    features = torch.randn(2, 3, 6, 7)
    regions = torch.tensor([[0.0, 3, 5, 90, 70], [1, -20, 0, 21, 100], [0, 40, 40, 40, 40]])
    expected = roi_align(features, regions, (7, 7), 16)
    torch.testing.assert_close(pyramid_align([features], regions, (7, 7), (16,), 14), expected)


# Proposals -----------------------------------------------------------------------------------------------------------

#: Right and bottom edge of the image, for each edge of a box.
LIMITS = (48, 40, 48, 40)
LEVELS: dict[str, Any] = {"scales": (2, 3), "ratios": (0.5, 1), "strides": (8, 16)}


def heads(seed: int, scores: int = 1, batch: int = 2) -> tuple[list[Tensor], list[Tensor]]:
    """Scores and refinements of 4 anchors on maps of 5x6 and 3x3 places."""
    generator = torch.Generator().manual_seed(seed)
    options: dict[str, Any] = {"generator": generator, "dtype": torch.float64}
    sizes = ((5, 6), (3, 3))
    return (
        [torch.randn(batch, 4 * scores, *size, **options).requires_grad_() for size in sizes],
        [(torch.randn(batch, 16, *size, **options) / 3).requires_grad_() for size in sizes],
    )


def anchors_of(level: int, centred: bool) -> Tensor:
    stride, (height, width) = LEVELS["strides"][level], ((5, 6), (3, 3))[level]
    boxes = (centred_boxes if centred else anchor_boxes)(LEVELS["scales"], LEVELS["ratios"], stride)
    return place_anchors(torch.tensor(boxes, dtype=torch.float64), height, width, stride)


def proposed_by_loop(
    scores: list[Tensor], deltas: list[Tensor], image: int, nms: float, before: int, min_size: int, centred: bool
) -> list[tuple[float, Box]]:
    """All regions of one image that are left, the best first."""
    left: list[tuple[float, Box]] = []
    for level, (rank, moves) in enumerate(zip(scores, deltas, strict=True)):
        found: list[tuple[float, Box]] = []
        for index, anchor in enumerate(anchors_of(level, centred)):
            place, which = divmod(index, 4)
            y, x = divmod(place, rank.shape[3])
            decoded = decode_boxes(moves[image, 4 * which : 4 * which + 4, y, x], anchor)
            one, two, three, four = (
                min(max(edge, 0), most) for edge, most in zip(decoded.tolist(), LIMITS, strict=True)
            )
            if three - one >= min_size and four - two >= min_size:
                found.append((rank[image, which, y, x].item(), (one, two, three, four)))
        found = sorted(found, reverse=True)[:before]
        kept = greedy([box for _, box in found], [True] * len(found), nms, len(found))
        left += [found[number] for number in dict.fromkeys(kept)]
    return sorted(left, reverse=True)


@pytest.mark.parametrize("centred", [False, True])
@pytest.mark.parametrize(
    ("nms", "before", "min_size", "after"), [(0.5, 30, 4, 12), (0.7, 9, 0, 60), (0.1, 500, 20, 30)]
)
def test_proposals_are_those_of_a_loop(nms: float, before: int, min_size: int, after: int, centred: bool) -> None:
    scores, deltas = heads(3)
    found = pyramid_proposals(
        scores, deltas, **LEVELS, nms=nms, before=before, after=after, min_size=min_size, centred=centred
    )
    assert not found.requires_grad
    for image, regions in enumerate(found.view(2, after, 5)):
        expected = [box for _, box in proposed_by_loop(scores, deltas, image, nms, before, min_size, centred)][:after]
        expected += [expected[0]] * (after - len(expected))
        assert (regions[:, 0] == image).all()
        torch.testing.assert_close(regions[:, 1:], torch.tensor(expected, dtype=torch.float64))


def test_without_any_region_each_is_the_corner() -> None:
    scores, deltas = heads(0)
    found = pyramid_proposals(scores, deltas, **LEVELS, nms=0.7, before=50, after=7, min_size=500)
    assert found.tolist() == [[image, 0, 0, 0, 0] for image in (0, 1) for _ in range(7)]


@pytest.mark.parametrize("scores", [1, 2])
def test_one_level_is_proposed_from_as_ever(scores: int) -> None:
    logits, deltas = ([level.float()] for level, *_ in heads(5, scores))
    options: dict[str, Any] = {
        "scales": (2, 3),
        "ratios": (0.5, 1),
        "nms": 0.6,
        "before": 60,
        "after": 20,
        "min_size": 5,
    }
    found = pyramid_proposals(logits, deltas, strides=(16,), **options)
    torch.testing.assert_close(found, proposals(logits[0], deltas[0], stride=16, **options))


# Losses --------------------------------------------------------------------------------------------------------------

TRUTH = [rows((1, 3.2, 5.1, 22.7, 30.3), (0, 14.6, 1.3, 46.2, 37.9)), rows()]
CHOICE: dict[str, Any] = {"high": 0.7, "low": 0.3, "count": 1000, "share": 0.5, "beta": 0.2, "box": 2.0}


def iou(one: Box, other: Box) -> float:
    wide, high = min(one[2], other[2]) - max(one[0], other[0]), min(one[3], other[3]) - max(one[1], other[1])
    shared = max(wide, 0) * max(high, 0)
    return shared / (sum((box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)) - shared)


def assigned_by_loop(anchors: list[Box], objects: list[Box], outside: bool) -> list[int]:
    """The object of each anchor of all levels; -1 for the background, -2 for none of both."""
    inside = [outside or (box[0] >= 0 and box[1] >= 0 and box[2] <= 48 and box[3] <= 40) for box in anchors]
    overlaps = [[iou(box, other) * here for other in objects] for box, here in zip(anchors, inside, strict=True)]
    found = []
    for row, here in zip(overlaps, inside, strict=True):
        best = max(row, default=0)
        found.append(-2 if not here else row.index(best) if best >= 0.7 else -1 if best < 0.3 else -2)
    for number in range(len(objects)):
        column = [row[number] for row in overlaps]
        found[column.index(max(column))] = number
    return found


@pytest.mark.parametrize("outside", [False, True])
@pytest.mark.parametrize("centred", [False, True])
def test_the_loss_is_that_of_a_loop(centred: bool, outside: bool) -> None:
    """With room for all anchors of all levels, nothing is left to chance."""
    scores, deltas = heads(7)
    loss = pyramid_loss(
        scores, deltas, torch.tensor(TRUTH, dtype=torch.float64), **LEVELS, **CHOICE, centred=centred, outside=outside
    )
    anchors = [tuple(box) for level in (0, 1) for box in anchors_of(level, centred).tolist()]
    entropy = distance = number = 0.0
    for image, truth in enumerate(TRUTH):
        objects = [tuple(row[1:]) for row in truth if row[0] >= 0]
        logits = torch.cat([level[image].permute(1, 2, 0).flatten() for level in scores]).tolist()
        moves = torch.cat([level[image].permute(1, 2, 0).reshape(-1, 4) for level in deltas]).tolist()
        for index, match in enumerate(assigned_by_loop(anchors, objects, outside)):  # type: ignore[arg-type]
            if match < -1:
                continue
            number += 1
            entropy += math.log1p(math.exp(-logits[index] if match >= 0 else logits[index]))
            if match >= 0:
                distance += sum(
                    smooth(one - other, 0.2)
                    for one, other in zip(moves[index], leading(anchors[index], objects[match]), strict=True)
                )
    assert number > 60
    torch.testing.assert_close(loss.item(), (entropy + 2 * distance) / number)
    gradients = torch.autograd.grad(loss, [*scores, *deltas])
    assert all(gradient.isfinite().all() for gradient in gradients)
    assert all(gradient.any() for gradient in gradients[:2])


def leading(box: tuple[float, ...], other: tuple[float, ...]) -> list[float]:
    """What leads from one box to another."""
    moves = [(other[axis] + other[axis + 2] - box[axis] - box[axis + 2]) / 2 for axis in (0, 1)]
    sides, others = ([edges[axis + 2] - edges[axis] for axis in (0, 1)] for edges in (box, other))
    return [
        *(move / side for move, side in zip(moves, sides, strict=True)),
        *(math.log(new / old) for new, old in zip(others, sides, strict=True)),
    ]


def test_one_level_loses_as_ever() -> None:
    scores, deltas = ([level] for level, *_ in heads(9, 2))
    truth = torch.tensor(TRUTH, dtype=torch.float64)
    options: dict[str, Any] = {"scales": (1, 2), "ratios": (0.5, 1), **CHOICE}
    expected = rpn_loss(scores[0], deltas[0], truth, stride=16, **options)
    torch.testing.assert_close(pyramid_loss(scores, deltas, truth, strides=(16,), **options), expected)


def test_levels_share_the_anchors_that_are_chosen() -> None:
    """Gradients tell which anchors those are."""
    scores, deltas = heads(2)
    loss = pyramid_loss(scores, deltas, torch.tensor(TRUTH), **LEVELS, **(CHOICE | {"count": 10}), outside=True)
    gradients = torch.autograd.grad(loss, scores)
    chosen = torch.cat([(gradient != 0).flatten(1).sum(1, keepdim=True) for gradient in gradients], dim=1)
    assert chosen.sum(1).tolist() == [10, 10]


# Types ---------------------------------------------------------------------------------------------------------------

REGIONS = TensorType((5,), batch="roi")
FINE, COARSE = TensorType((8, 6, 6)), TensorType((8, 3, 3))
SCORES, DELTAS = TensorType((9, 4, 4)), TensorType((36, 4, 4))


@pytest.mark.parametrize(
    ("keyword", "arguments", "inputs", "message"),
    [
        ("roi_align", {"kernel": 7}, (FINE, COARSE, REGIONS), "maps of 2 levels, but 1 stride$"),
        ("roi_align", {"kernel": 7, "strides": (4, 8, 16)}, (FINE, COARSE, REGIONS), "maps of 2 levels, but 3 strides"),
        ("roi_align", {"kernel": 7, "strides": (4, 8)}, (FINE, TensorType((4, 3, 3)), REGIONS), "equally wide"),
        ("roi_align", {"kernel": 7, "strides": (4, 8)}, (FINE, COARSE, COARSE), "the last stream is 8x3x3"),
        ("roi_align", {"kernel": 7, "strides": (4, 8)}, (FINE, TensorType((8,)), REGIONS), "2 spatial axes"),
        ("proposals", {}, (SCORES, DELTAS) * 2, "of 2 levels, but 1 stride$"),
        ("proposals", {"strides": (8, 16)}, (SCORES, DELTAS), "of 1 level, but 2 strides"),
        ("proposals", {"strides": (8, 16)}, (SCORES, DELTAS, SCORES), "3 streams are not"),
        ("proposals", {"strides": (8, 16)}, (SCORES, DELTAS, DELTAS, SCORES), "9 anchors need"),
        ("rpn_loss", {"strides": (8, 16)}, (SCORES, DELTAS) * 2 + (REGIONS,), "rows of class"),
    ],
)
def test_what_does_not_fit_is_refused(
    keyword: str, arguments: dict[str, Any], inputs: tuple[TensorType, ...], message: str
) -> None:
    with pytest.raises(ShapeError, match=message):
        made(keyword, **arguments).infer(*inputs)


@pytest.mark.parametrize(
    ("keyword", "arguments", "message"),
    [
        ("roi_align", {"kernel": 7, "strides": (8, 4)}, "from fine to coarse"),
        ("proposals", {"centred": True}, "levels of a pyramid"),
        ("rpn_loss", {"outside": True}, "levels of a pyramid"),
    ],
)
def test_arguments_that_contradict_each_other_are_refused(
    keyword: str, arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(ArgumentError, match=message):
        made(keyword, **arguments)


# The network of torchvision ------------------------------------------------------------------------------------------

SIZE = (128, 192)


@cache
def theirs() -> nn.Module:
    """Their network, with norms that have seen something."""
    torch.manual_seed(0)
    network: nn.Module = detection.fasterrcnn_resnet50_fpn(weights=None, weights_backbone=None).eval()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.running_mean, -0.2, 0.2)  # type: ignore[arg-type]
            nn.init.uniform_(module.running_var, 1.5, 2.5)  # type: ignore[arg-type]
    return network


@cache
def ours() -> nn.Module:
    """Our network, with their weights."""
    module: nn.Module = archdsl.compile("fasterrcnn_resnet50_fpn", size=[*SIZE], seed=0).eval()
    network: Any = theirs()
    inner, layers = network.backbone.fpn.inner_blocks, network.backbone.fpn.layer_blocks
    predictor = network.roi_heads.box_predictor
    parts = [network.backbone.body, *reversed(inner), *layers, network.rpn.head, network.roi_heads.box_head]
    weights = [tensor for part in (*parts, predictor) for tensor in part.state_dict().values()]
    with torch.no_grad():
        for tensor, other in zip(module.state_dict().values(), weights, strict=True):
            tensor.copy_(other)
    return module


@cache
def seen() -> tuple[dict[str, list[Any]], Any, Tensor]:
    """What passes through our network: for each part what it got and gave, the result, and the images."""
    passed: dict[str, list[Any]] = {}
    images = torch.randn(2, 3, *SIZE, generator=torch.Generator().manual_seed(3))
    for name in ("pyramid", "propose", "rcnn"):
        passed[name] = []
        ours().get_submodule(name).register_forward_hook(
            lambda _, given, result, name=name: passed[name].append((given, result))
        )
    with torch.no_grad():
        found = ours()(images)
    return passed, found, images


def test_parameters_and_multiply_accumulates_are_those_of_torchvision() -> None:
    with torch.device("meta"):
        network: Any = detection.fasterrcnn_resnet50_fpn(weights=None, weights_backbone=None).eval()
        with torch.no_grad(), FlopCounterMode(display=False) as counter:
            network.rpn.head(list(network.backbone(torch.empty(1, 3, 800, 800)).values()))
            network.roi_heads.box_predictor(network.roi_heads.box_head(torch.empty(1000, 256, 7, 7)))
    cost = archdsl.load("fasterrcnn_resnet50_fpn").analysis.cost
    assert cost.parameters == sum(parameter.numel() for parameter in network.parameters()) == 41_808_406
    assert 2 * (cost.macs + 999 * cost.region_macs) == counter.get_total_flops()


def test_maps_and_heads_are_those_of_torchvision() -> None:
    passed, _, images = seen()
    network: Any = theirs()
    with torch.no_grad():
        features = network.backbone(images)
        logits, moves = network.rpn.head(list(features.values()))
    ((_, levels),) = passed["pyramid"]
    for result, other in zip(levels, list(features.values())[:4], strict=True):
        torch.testing.assert_close(result, other, rtol=1e-5, atol=1e-5 * other.abs().max().item())
    assert len(passed["propose"]) == 5
    for (_, (mine, shifts)), other, others in zip(passed["propose"], logits, moves, strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(shifts, others, rtol=1e-5, atol=1e-5)


def test_the_head_of_regions_is_that_of_torchvision() -> None:
    passed, *_ = seen()
    network: Any = theirs()
    (((pooled,), (scores, shifts)),) = passed["rcnn"]
    assert pooled.shape == (2000, 256, 7, 7)
    with torch.no_grad():
        other, others = network.roi_heads.box_predictor(network.roi_heads.box_head(pooled))
    torch.testing.assert_close(scores, other, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(shifts, others, rtol=1e-5, atol=1e-5)


def given_heads() -> tuple[Tensor, list[Tensor], list[Tensor], Any, list[Tensor]]:
    """Images, our scores and refinements, their images, and their anchors of each of them."""
    passed, _, images = seen()
    scores, deltas = ([result[which] for _, result in passed["propose"]] for which in (0, 1))
    batch = detection.image_list.ImageList(images, [SIZE] * 2)
    return images, scores, deltas, batch, theirs().rpn.anchor_generator(batch, scores)  # type: ignore[operator,union-attr]


PYRAMID: dict[str, Any] = {"scales": (8,), "ratios": (0.5, 1, 2), "strides": (4, 8, 16, 32, 64), "centred": True}


def test_anchors_are_those_of_torchvision() -> None:
    _, scores, deltas, _, anchors = given_heads()
    levels = pyramid_anchors(scores, deltas, **PYRAMID)
    assert torch.equal(torch.cat([level for *_, level in levels]), anchors[0])


def test_the_loss_of_proposals_is_that_of_torchvision() -> None:
    """With room for all anchors, nothing is left to chance."""
    _, scores, deltas, _, anchors = given_heads()
    network: Any = theirs().rpn
    # Of nearly the size of anchors, so that no two anchors overlap an object alike: torchvision would take both.
    objects = rows((1, 13.2, 15.1, 60.4, 104.0), (0, 94.6, 31.3, 127.6, 62.8)), rows((5, 5.3, 20.2, 185.3, 112.2))
    truth = torch.tensor(objects)
    wanted = [{"boxes": image[image[:, 0] >= 0, 1:]} for image in truth]
    labels, matched = network.assign_targets_to_anchors(anchors, wanted)
    flat = import_module("torchvision.models.detection.rpn").concat_box_prediction_layers(scores, deltas)
    targets = network.box_coder.encode(matched, anchors)
    sampler = import_module("torchvision.models.detection._utils").BalancedPositiveNegativeSampler(10**6, 0.5)
    kept, network.fg_bg_sampler = network.fg_bg_sampler, sampler
    try:
        losses = network.compute_loss(*flat, labels, targets)
    finally:
        network.fg_bg_sampler = kept
    options: dict[str, Any] = {"high": 0.7, "low": 0.3, "count": 10**6, "share": 0.5, "beta": 1 / 9, "box": 1.0}
    found = pyramid_loss(scores, deltas, truth, **PYRAMID, **options, clip=SIZE, outside=True)
    torch.testing.assert_close(found, sum(losses))


# Networks ------------------------------------------------------------------------------------------------------------

TINY = (
    """
input image: 3x48x64
input truth: 3x5 only=train
let clip = [48, 64]
let strides = [4, 8, 16]
set proposals scales=[3] ratios=[0.5, 1, 2] strides=strides clip=clip before=100 after=20 train_after=30 min_size=4
set rpn_loss scales=[3] ratios=[0.5, 1, 2] strides=strides clip=clip count=64 outside=true
layer(width, stride=1): 3x3 conv width /stride -> bn -> relu
lateral: 1x1 conv 32
enlarge(finer): (finer -> lateral | upsample like=finer) -> add
tied propose: 3x3 conv 32 -> relu -> (1x1 conv 3 | 1x1 conv 12)
c2 = layer(16, 2) -> layer(24, 2)
c3 = layer(32, 2)
c4 = layer(32, 2)
p4 = lateral
p3 = enlarge(c3)
p2 = enlarge(c2)
rpn = (p2 -> propose | p3 -> propose | p4 -> propose)
rois = proposals -> sample_rois 16 truth=truth
rcnn = (p2 | p3 | p4 | rois[0]) -> 4x4 roi_align strides=strides places=3 -> fc 64 -> relu -> (fc 3 | fc 12)
"""
    + ENDING
)


@pytest.fixture(scope="module")
def tiny() -> archdsl.Network:
    return archdsl.load(archdsl.text(TINY))


def test_a_tiny_pyramid_learns_its_images_by_heart(tiny: archdsl.Network) -> None:
    assert_learns_by_heart(tiny, steps=150, rate=2e-3)


def test_inference_is_exported_for_any_batch(tiny: archdsl.Network) -> None:
    assert_exports_for_any_batch(tiny)


def test_torch_compiles_both_modes_whole(tiny: archdsl.Network) -> None:
    assert_compiles_whole(tiny)
