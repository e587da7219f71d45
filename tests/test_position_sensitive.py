"""Pooling of regions with channels for each bin, and with bins that move, against direct loops; R-FCN as a whole."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import product
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

import archdsl
from archdsl.backends.runtime.deformable_roi_pool import deformable_roi_pool
from archdsl.backends.runtime.ps_roi_pool import ps_roi_pool
from archdsl.ops.base import ShapeError, TensorType
from tests.detectors import ENDING, assert_compiles_whole, assert_exports_for_any_batch, assert_learns_by_heart
from tests.examples import examples
from tests.test_rcnn import assert_equal_with_gradients
from tests.test_regions import half_away, interpolated, made, random_regions

Size = tuple[int, int]


def span(first: float, last: float, stride: int) -> tuple[Fraction, Fraction]:
    """Where a region begins on an axis, and its length, in places."""
    start, end = half_away(first), half_away(last)
    return Fraction(start, stride), Fraction(max(end - start, 1), stride)


def mean_by_loop(features: Tensor, regions: Tensor, size: Size, stride: int) -> Tensor:
    """Position-sensitive pooling bin by bin."""
    maps = features.unflatten(1, (-1, *size))
    result = []
    for image, left, top, right, bottom in regions.tolist():
        (t, h), (s, w) = span(top, bottom, stride), span(left, right, stride)
        for i, j in product(range(size[0]), range(size[1])):
            rows = range(math.floor(t + i * h / size[0]), math.ceil(t + (i + 1) * h / size[0]))
            columns = range(math.floor(s + j * w / size[1]), math.ceil(s + (j + 1) * w / size[1]))
            inside = [y for y in rows if 0 <= y < maps.shape[-2]], [x for x in columns if 0 <= x < maps.shape[-1]]
            window = maps[int(image), :, i, j][:, inside[0]][:, :, inside[1]].flatten(1)
            result.append(window.mean(1) if window.shape[1] else window.new_zeros(len(window)))
    return torch.stack(result).view(len(regions), *size, -1).permute(0, 3, 1, 2)


def moved_by_loop(
    features: Tensor,
    regions: Tensor,
    offsets: Tensor,
    size: Size,
    stride: int,
    sampling: int,
    gamma: float,
    sensitive: bool,
) -> Tensor:
    """Deformable pooling point by point."""
    height, width = features.shape[2:]
    maps = features.unflatten(1, (-1, *size)) if sensitive else features[:, :, None, None].expand(-1, -1, *size, -1, -1)
    groups = offsets.shape[1] // 2
    per_group = maps.shape[1] // groups
    result = torch.zeros(len(regions), maps.shape[1], *size, dtype=features.dtype)
    for n, (image, left, top, right, bottom) in enumerate(regions.tolist()):
        (t, h), (s, w) = span(top, bottom, stride), span(left, right, stride)
        for group, i, j in product(range(groups), range(size[0]), range(size[1])):
            chosen = slice(group * per_group, (group + 1) * per_group)
            plane = maps[int(image), chosen, i, j]
            points = []
            for a, b in product(range(sampling), range(sampling)):
                y = float(t - Fraction(1, 2) + (i + Fraction(a, sampling)) * h / size[0])
                x = float(s - Fraction(1, 2) + (j + Fraction(b, sampling)) * w / size[1])
                x = x + gamma * float(w) * offsets[n, 2 * group, i, j].item()
                y = y + gamma * float(h) * offsets[n, 2 * group + 1, i, j].item()
                if -0.5 <= y <= height - 0.5 and -0.5 <= x <= width - 0.5:
                    points.append(interpolated(plane, y, x))
            if points:
                result[n, chosen, i, j] = torch.stack(points).mean(0)
    return result


@st.composite
def cases(draw: st.DrawFn) -> tuple[Tensor, Tensor, Size, int, torch.Generator]:
    """Features of two images, and regions anywhere: turned inside out, without a size, beyond the edges."""
    size = draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
    plane = draw(st.tuples(st.integers(1, 7), st.integers(1, 7)))
    stride = draw(st.sampled_from([1, 3, 16]))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 999)))
    features = torch.randn(2, 2 * size[0] * size[1], *plane, generator=generator, dtype=torch.float64)
    edge = st.integers(-2 * stride, 9 * stride) | st.floats(-9, 99, width=16)
    regions = draw(st.lists(st.tuples(st.integers(0, 1), edge, edge, edge, edge), min_size=1, max_size=4))
    return features.requires_grad_(), torch.tensor(regions, dtype=torch.float64), size, stride, generator


@examples(80)
@given(cases())
def test_position_sensitive_pooling_is_that_of_a_loop(case: tuple[Tensor, Tensor, Size, int, Any]) -> None:
    features, regions, size, stride, _ = case
    expected = mean_by_loop(features, regions, size, stride) + 0 * features.sum()
    assert_equal_with_gradients(ps_roi_pool(features, regions, size, stride), expected, features)


@examples(60)
@given(cases(), st.integers(1, 3), st.integers(1, 2), st.booleans())
def test_moving_bins_are_those_of_a_loop(
    case: tuple[Tensor, Tensor, Size, int, torch.Generator], sampling: int, groups: int, sensitive: bool
) -> None:
    features, regions, size, stride, generator = case
    # Odd offsets: no point lies on a border, where rounding decides.
    offsets = torch.randn(len(regions), 2 * groups, *size, generator=generator, dtype=torch.float64) * 2 + 0.0173
    expected = moved_by_loop(features, regions, offsets, size, stride, sampling, 0.3, sensitive) + 0 * features.sum()
    found = deformable_roi_pool(features, regions, offsets, size, stride, sampling, 0.3, sensitive)
    assert_equal_with_gradients(found, expected, features)


def test_real_planes_are_pooled_as_by_a_loop() -> None:
    generator = torch.Generator().manual_seed(3)
    features = torch.randn(2, 2 * 49, 12, 17, generator=generator, dtype=torch.float64)
    regions = random_regions(12, 17, 16, count=6)
    offsets = torch.randn(len(regions), 4, 7, 7, generator=generator, dtype=torch.float64)
    expected = moved_by_loop(features, regions, offsets, (7, 7), 16, 4, 0.1, True)
    torch.testing.assert_close(deformable_roi_pool(features, regions, offsets, (7, 7), 16, sensitive=True), expected)
    torch.testing.assert_close(ps_roi_pool(features, regions, (7, 7), 16), mean_by_loop(features, regions, (7, 7), 16))
    single = ps_roi_pool(features.float() + 100, regions.float(), (7, 7), 16)
    torch.testing.assert_close(single, mean_by_loop(features.float().double() + 100, regions, (7, 7), 16).float())


@pytest.mark.parametrize("sensitive", [False, True], ids=["plain", "sensitive"])
@pytest.mark.parametrize("groups", [1, 2])
def test_gradients_reach_features_and_offsets(sensitive: bool, groups: int) -> None:
    generator = torch.Generator().manual_seed(1)
    features = torch.randn(2, 2 * 6 if sensitive else 2, 5, 6, generator=generator, dtype=torch.float64)
    offsets = torch.randn(3, 2 * groups, 3, 2, generator=generator, dtype=torch.float64)
    regions = torch.tensor([[0.0, 3, 5, 30, 35], [1, 10, 0, 47, 20], [0, 20, 20, 20, 20]], dtype=torch.float64)
    assert torch.autograd.gradcheck(
        lambda maps, moves: deformable_roi_pool(maps, regions, moves, (3, 2), 8, 2, 0.1, sensitive),
        (features.requires_grad_(), offsets.requires_grad_()),
    )


def test_gradients_of_position_sensitive_pooling() -> None:
    features = torch.randn(2, 2 * 6, 5, 6, dtype=torch.float64, requires_grad=True)
    regions = random_regions(5, 6, 8, count=4)
    assert torch.autograd.gradcheck(lambda maps: ps_roi_pool(maps, regions, (3, 2), 8), features)


# What follows from the definitions -----------------------------------------------------------------------------------


def test_a_region_of_everything_is_adaptive_pooling() -> None:
    features = torch.randn(1, 4, 11, 13, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    region = torch.tensor([[0.0, 0, 0, 13 * 16, 11 * 16]])
    expected = torch.nn.functional.adaptive_avg_pool2d(features, (5, 3))
    maps = features.repeat_interleave(15, dim=1)
    torch.testing.assert_close(ps_roi_pool(maps, region, (5, 3), 16), expected)


@pytest.mark.parametrize("sensitive", [False, True], ids=["plain", "sensitive"])
def test_offsets_of_0_move_nothing(sensitive: bool) -> None:
    features = torch.randn(2, 12, 9, 9, generator=torch.Generator().manual_seed(0))
    regions = random_regions(9, 9, 16, count=5).float()
    still = deformable_roi_pool(features, regions, None, (2, 3), 16, sensitive=sensitive)
    nowhere = torch.zeros(len(regions), 4, 2, 3)
    assert torch.equal(deformable_roi_pool(features, regions, nowhere, (2, 3), 16, sensitive=sensitive), still)


def test_bins_move_by_shares_of_their_region() -> None:
    """Moved to the right by a fifth of 10 places, bins see what a region two places further sees."""
    features = torch.randn(1, 3, 20, 30, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    region, further = torch.tensor([[0.0, 32, 48, 192, 208]]), torch.tensor([[0.0, 64, 48, 224, 208]])
    offsets = torch.zeros(1, 2, 4, 4, dtype=torch.float64)
    offsets[:, 0] = 2
    moved = deformable_roi_pool(features, region, offsets, (4, 4), 16, gamma=0.1)
    torch.testing.assert_close(moved, deformable_roi_pool(features, further, None, (4, 4), 16))


def test_a_constant_is_its_own_mean() -> None:
    features = torch.full((2, 12, 9, 9), 3.0)
    regions = torch.tensor([[0.0, 3, 5, 90, 99], [1, 60, 70, 200, 300]])
    for sensitive in (False, True):
        pooled = deformable_roi_pool(features, regions, None, (2, 2), 16, sensitive=sensitive)
        assert set(pooled.unique().tolist()) <= {0.0, 3.0}
        assert (pooled[0] == 3).all()
    assert torch.equal(ps_roi_pool(features, regions, (2, 2), 16)[0], torch.full((3, 2, 2), 3.0))


def test_no_regions_give_no_results() -> None:
    features, regions = torch.randn(2, 18, 4, 5, requires_grad=True), torch.empty(0, 5)
    moves = torch.empty(0, 2, 2, 3)
    results = [ps_roi_pool(features, regions, (2, 3), 16), deformable_roi_pool(features, regions, moves, (2, 3), 16)]
    assert [tuple(result.shape) for result in results] == [(0, 3, 2, 3), (0, 18, 2, 3)]
    for result in results:
        (gradient,) = torch.autograd.grad(result.sum(), features)
        assert not gradient.any()


# Types and networks --------------------------------------------------------------------------------------------------

MAPS, ROI = TensorType((98, 6, 7)), TensorType((5,), batch="roi")


@pytest.mark.parametrize(
    ("keyword", "arguments", "inputs", "message"),
    [
        ("ps_roi_pool", {"kernel": 7}, (TensorType((100, 6, 7)), ROI), "multiple of 49 channels"),
        ("ps_roi_pool", {"kernel": 7}, (MAPS, MAPS), "5 numbers"),
        ("deformable_roi_pool", {"kernel": 7}, (MAPS, ROI, TensorType((2, 7, 7))), "cannot be moved"),
        (
            "deformable_roi_pool",
            {"kernel": 7},
            (MAPS, ROI, TensorType((2, 7, 6), batch="roi")),
            "2x7x6",
        ),
        ("deformable_roi_pool", {"kernel": 7}, (MAPS, ROI, TensorType((98,), batch="roi")), "moved"),
        (
            "deformable_ps_roi_pool",
            {"kernel": 7},
            (MAPS, ROI, TensorType((6, 7, 7), batch="roi")),
            "2 channels",
        ),
        ("deformable_ps_roi_pool", {"kernel": 5}, (MAPS, ROI), "multiple of 25"),
    ],
)
def test_what_does_not_fit_is_refused(
    keyword: str, arguments: dict[str, Any], inputs: tuple[TensorType, ...], message: str
) -> None:
    with pytest.raises(ShapeError, match=message):
        made(keyword, **arguments).infer(*inputs)


SMALL_RFCN = (
    """
input image: 3x48x64
input truth: 3x5 only=train
let clip = [48, 64]
set proposals scales=[1, 2, 3] ratios=[0.5, 1, 2] stride=8 clip=clip after=20 train_after=30 min_size=4
set rpn_loss scales=[1, 2, 3] ratios=[0.5, 1, 2] stride=8 clip=clip count=64
set {pool} stride=8
layer(width, stride=1): 3x3 conv width /stride -> bn -> relu
features = layer(8) -> layer(16, 2) -> layer(24, 2) -> layer(32, 2)
rpn = 3x3 conv 32 -> relu -> (1x1 conv 18 | 1x1 conv 36)
rois = proposals -> sample_rois 32 truth=truth
{vote}
rcnn = (features | rois[0]) -> (vote(3) | vote(12))
"""
    + ENDING
)
PLAIN = "vote(count): (in[0] -> 1x1 conv(9 * count) | in[1]) -> 3x3 ps_roi_pool -> gap -> flatten"
MOVING = """
vote(count): {
  moves = (in[0] -> 1x1 conv 18 | in[1]) -> 3x3 deformable_ps_roi_pool
  (in[0] -> 1x1 conv(9 * count) | in[1] | moves) -> 3x3 deformable_ps_roi_pool -> gap -> flatten
}
"""


@pytest.fixture(scope="module", params=["ps_roi_pool", "deformable_ps_roi_pool"])
def detector(request: pytest.FixtureRequest) -> archdsl.Network:
    text = SMALL_RFCN.replace("{pool}", request.param).replace("{vote}", MOVING if "def" in request.param else PLAIN)
    return archdsl.load(archdsl.text(text))


def test_a_small_detector_learns_its_images_by_heart(detector: archdsl.Network) -> None:
    assert_learns_by_heart(detector, steps=200, rate=3e-3)


def test_inference_is_exported_for_any_batch(detector: archdsl.Network) -> None:
    assert_exports_for_any_batch(detector)


def test_torch_compiles_training_whole(detector: archdsl.Network) -> None:
    assert_compiles_whole(detector, training_only=True)
