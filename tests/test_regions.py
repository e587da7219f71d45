"""Features of regions against direct loops, and how streams of regions meet others."""

from __future__ import annotations

import math
from itertools import product

import pytest
import torch
from torch import Tensor

import archdsl
from archdsl.backends.runtime.roi_align import roi_align
from archdsl.backends.runtime.roi_pool import roi_pool
from archdsl.backends.runtime.warp_rois import warp_rois
from archdsl.diagnostic import ArchError
from archdsl.ops import lookup
from archdsl.ops.base import Op, ShapeError, TensorType

IMAGE, ROI = TensorType((8, 6, 7)), TensorType((5,), batch="roi")


# Pooling -------------------------------------------------------------------------------------------------------------


def half_away(value: float) -> int:
    return math.floor(abs(value) + 0.5) * (1 if value >= 0 else -1)


def pooled_by_loop(features: Tensor, regions: Tensor, size: tuple[int, int], stride: int) -> Tensor:
    """Region pooling bin by bin; the maximum goes to the first place, as ``argmax`` has it."""
    channels = features.shape[1]
    result = []
    for image, *edges in regions.tolist():
        left, top, right, bottom = (half_away(edge / stride) for edge in edges)
        wide, high = max(right - left + 1, 1), max(bottom - top + 1, 1)
        for row, column in product(range(size[0]), range(size[1])):
            first_y, last_y = top + row * high // size[0], top - (-(row + 1) * high // size[0])
            first_x, last_x = left + column * wide // size[1], left - (-(column + 1) * wide // size[1])
            window = features[int(image), :, max(first_y, 0) : max(last_y, 0), max(first_x, 0) : max(last_x, 0)]
            window = window.flatten(1)
            empty = window.shape[1] == 0
            best = None if empty else window.argmax(1, keepdim=True)
            result.append(features.new_zeros(channels) if best is None else window.gather(1, best).squeeze(1))
    return torch.stack(result).view(len(regions), *size, channels).permute(0, 3, 1, 2)


def sampled_by_loop(
    features: Tensor, regions: Tensor, size: tuple[int, int], stride: int, sampling: int, aligned: bool
) -> Tensor:
    """Region sampling point by point."""
    _, channels, height, width = features.shape
    result = []
    for image, *edges in regions.tolist():
        left, top, right, bottom = (edge / stride - (0.5 if aligned else 0) for edge in edges)
        wide, high = (right - left, bottom - top) if aligned else (max(right - left, 1), max(bottom - top, 1))
        for row, column in product(range(size[0]), range(size[1])):
            total = features.new_zeros(channels)
            for i, j in product(range(sampling), range(sampling)):
                y = top + (row + (i + 0.5) / sampling) * high / size[0]
                x = left + (column + (j + 0.5) / sampling) * wide / size[1]
                if -1 <= y <= height and -1 <= x <= width:
                    total = total + interpolated(features[int(image)], y, x)
            result.append(total / sampling**2)
    return torch.stack(result).view(len(regions), *size, channels).permute(0, 3, 1, 2)


def interpolated(plane: Tensor, y: float, x: float) -> Tensor:
    y, x = min(max(y, 0), plane.shape[1] - 1), min(max(x, 0), plane.shape[2] - 1)
    total = plane.new_zeros(len(plane))
    for row, column in product({math.floor(y), math.ceil(y)}, {math.floor(x), math.ceil(x)}):
        total = total + (1 - abs(y - row)) * (1 - abs(x - column)) * plane[:, row, column]
    return total


def random_regions(height: int, width: int, stride: int, count: int = 20) -> Tensor:
    """Regions in two images, some of them beyond the edges, one a point, one turned inside out, one far outside."""
    generator = torch.Generator().manual_seed(5)
    plane = torch.tensor([width, height], dtype=torch.float64) * stride
    corners = torch.rand(2, count, 2, generator=generator, dtype=torch.float64) * plane * 1.3 - plane * 0.15
    image = torch.randint(2, (count, 1), generator=generator).double()
    regions = torch.cat((image, corners.amin(0), corners.amax(0)), dim=1)
    strange = [[0, 9, 9, 9, 9], [1, 40, 30, 10, 8], [0, 5000, 5000, 6000, 6000], [1, -900, -900, -800, 90]]
    return torch.cat((regions, torch.tensor(strange, dtype=torch.float64)))


PLANES = [((7, 7), 16, (9, 12)), ((3, 2), 8, (5, 7)), ((1, 1), 32, (1, 6)), ((4, 6), 16, (17, 3))]


@pytest.mark.parametrize(("size", "stride", "plane"), PLANES)
def test_pooling_is_that_of_a_loop(size: tuple[int, int], stride: int, plane: tuple[int, int]) -> None:
    generator = torch.Generator().manual_seed(7)
    # Few different values, so that maxima are shared.
    features = torch.randint(-4, 4, (2, 3, *plane), generator=generator).double().requires_grad_()
    regions = random_regions(*plane, stride)
    result, expected = roi_pool(features, regions, size, stride), pooled_by_loop(features, regions, size, stride)
    assert torch.equal(result, expected)
    weights = torch.randn(result.shape, generator=generator, dtype=torch.float64)
    (gradient,) = torch.autograd.grad((result * weights).sum(), features)
    (by_loop,) = torch.autograd.grad((expected * weights).sum(), features)
    torch.testing.assert_close(gradient, by_loop)


@pytest.mark.parametrize(("size", "stride", "plane"), PLANES)
@pytest.mark.parametrize("aligned", [False, True], ids=["published", "aligned"])
def test_sampling_is_that_of_a_loop(size: tuple[int, int], stride: int, plane: tuple[int, int], aligned: bool) -> None:
    generator = torch.Generator().manual_seed(7)
    features = torch.randn(2, 2, *plane, generator=generator, dtype=torch.float64, requires_grad=True)
    regions = random_regions(*plane, stride, count=6)
    result = roi_align(features, regions, size, stride, 2, aligned)
    expected = sampled_by_loop(features, regions, size, stride, 2, aligned)
    torch.testing.assert_close(result, expected)
    weights = torch.randn(result.shape, generator=generator, dtype=torch.float64)
    (gradient,) = torch.autograd.grad((result * weights).sum(), features)
    (by_loop,) = torch.autograd.grad((expected * weights).sum(), features)
    torch.testing.assert_close(gradient, by_loop)


@pytest.mark.parametrize(("size", "context"), [((7, 5), 0), ((9, 8), 2)])
@pytest.mark.parametrize("stride", [1, 4])
def test_warping_is_that_of_a_loop(size: tuple[int, int], context: int, stride: int) -> None:
    images = torch.randn(2, 3, 12, 17, generator=torch.Generator().manual_seed(7), dtype=torch.float64)
    regions = random_regions(12, 17, stride, count=6)
    expected = []
    for image, left, top, right, bottom in regions.tolist():
        tall, wide = (bottom - top) / (size[0] - 2 * context), (right - left) / (size[1] - 2 * context)
        for row, column in product(range(size[0]), range(size[1])):
            y = (top + (row + 0.5 - context) * tall) / stride - 0.5
            x = (left + (column + 0.5 - context) * wide) / stride - 0.5
            is_near = -1 <= y <= 12 and -1 <= x <= 17
            expected.append(interpolated(images[int(image)], y, x) if is_near else images.new_zeros(3))
    found = warp_rois(images, regions, size, stride, context)
    torch.testing.assert_close(found, torch.stack(expected).view(len(regions), *size, 3).permute(0, 3, 1, 2))


def test_a_region_of_its_own_size_is_cut_out() -> None:
    images = torch.randn(2, 3, 12, 17, generator=torch.Generator().manual_seed(7))
    found = warp_rois(images, torch.tensor([[1.0, 4, 3, 9, 10]]), (7 + 4, 5 + 4), 1, context=2)
    torch.testing.assert_close(found, images[1:, :, 1:12, 2:11])


def test_context_leaves_room_for_the_region() -> None:
    op = lookup("warp_rois")
    assert op is not None
    with pytest.raises(ShapeError, match="2 rows and columns along each edge leave nothing of 4x6"):
        op(kernel=(4, 6), context=2).infer(IMAGE, ROI)


def test_a_region_of_everything_is_adaptive_pooling() -> None:
    features = torch.randn(1, 4, 11, 13, generator=torch.Generator().manual_seed(0))
    region = torch.tensor([[0.0, 0, 0, 12 * 16, 10 * 16]])
    expected = torch.nn.functional.adaptive_max_pool2d(features, (5, 3))
    assert torch.equal(roi_pool(features, region, (5, 3), 16), expected)


def test_no_regions_give_no_results() -> None:
    features, regions = torch.randn(2, 3, 4, 5, requires_grad=True), torch.empty(0, 5)
    for result in (roi_pool(features, regions, (2, 3), 16), roi_align(features, regions, (2, 3), 16)):
        assert result.shape == (0, 3, 2, 3)
        (gradient,) = torch.autograd.grad(result.sum(), features)
        assert not gradient.any()


# Types ---------------------------------------------------------------------------------------------------------------


def made(keyword: str, **arguments: object) -> Op:
    op = lookup(keyword)
    assert op is not None
    return op.make(**arguments)


@pytest.mark.parametrize(
    ("keyword", "arguments", "inputs", "message"),
    [
        ("proposals", {}, (TensorType((36, 4, 4)), TensorType((18, 4, 4))), "9 anchors need 18 or 9 channels"),
        ("proposals", {}, (TensorType((18, 4, 4)), TensorType((36, 4, 5))), "cannot be paired"),
        ("proposals", {}, (TensorType((18,)), TensorType((36,))), "2 spatial axes"),
        ("proposals", {}, (TensorType((18, 4, 4), "int"), TensorType((36, 4, 4))), "floating point"),
        ("proposals", {}, (TensorType((18, 4, 4), batch="roi"), TensorType((36, 4, 4))), "for each region"),
        ("roi_pool", {"kernel": 7}, (ROI, IMAGE), "for each region"),
        ("roi_pool", {"kernel": 7}, (IMAGE, IMAGE), "5 numbers"),
        ("roi_pool", {"kernel": (1, 2, 3)}, (IMAGE, ROI), "3 axes"),
        ("roi_align", {"kernel": 7}, (TensorType((8,)), ROI), "2 spatial axes"),
    ],
)
def test_what_does_not_fit_is_refused(
    keyword: str, arguments: dict[str, object], inputs: tuple[TensorType, ...], message: str
) -> None:
    with pytest.raises(ShapeError, match=message):
        made(keyword, **arguments).infer(*inputs)


NETWORK = """
input image: 3x64x64
features = 3x3 conv 6 /2 -> 2x2 maxpool -> 2x2 maxpool -> 2x2 maxpool
rpn = 3x3 conv 8 -> relu
score = 1x1 conv 6
delta = rpn -> 1x1 conv 12
rois = (score | delta) -> proposals scales=[1] before=20 after=5
"""


@pytest.mark.parametrize("pool", ["4x3 roi_pool", "roi_pool 4x3", "roi_pool kernel=[4, 3] /16", "roi_align 4x3"])
def test_regions_flow_through_a_network(pool: str) -> None:
    network = archdsl.load(archdsl.text(f"{NETWORK}(features | rois) -> {pool} -> 1x1 conv 7 -> fc 2"))
    assert {node.outputs[0].batch for node in network.graph.nodes if node.path in ("conv1", "fc1")} == {"roi"}
    assert network.graph.output_types()["out"] == TensorType((2,), batch="roi")
    module = network.module(seed=0)
    assert module(torch.randn(3, 3, 64, 64)).shape == (15, 2)


def test_regions_may_come_from_outside() -> None:
    text = "input image: 3x32x32\ninput rois: 5\n(image -> 1x1 conv 4 | rois) -> 2x2 roi_pool /1 -> fc 2"
    network = archdsl.load(archdsl.text(text))
    assert network.graph.output_types()["out"] == TensorType((2,), batch="roi")
    regions = torch.tensor([[1.0, 0, 0, 9, 9], [0, 3, 4, 20, 30], [1, 8, 8, 8, 8]])
    assert network.module(seed=0)(torch.randn(2, 3, 32, 32), regions).shape == (3, 2)


def test_multiply_accumulates_are_for_one_region() -> None:
    network = archdsl.load(archdsl.text(f"{NETWORK}(features | rois) -> 4x3 roi_pool -> 1x1 conv 7 -> fc 2"))
    cost = network.analysis.cost
    assert cost.region_macs == 4 * 3 * 6 * 7 + 4 * 3 * 7 * 2
    assert cost.macs - cost.region_macs == 27 * 6 * 32 * 32 + 16 * (54 * 8 + 8 * 6 + 8 * 12)


@pytest.mark.parametrize("merge", ["add", "concat", "mul", "mean", "max", "join"])
def test_regions_do_not_merge_with_images(merge: str) -> None:
    text = f"{NETWORK}region = (features | rois) -> 4x4 roi_pool\n(features | region) -> {merge}"
    with pytest.raises(ArchError) as caught:
        archdsl.load(archdsl.text(text))
    (found,) = caught.value.diagnostics
    assert "per image" in found.message
    assert "per roi" in found.message


def test_proposals_export_with_any_batch() -> None:
    network = archdsl.load(archdsl.text(f"{NETWORK}(features | rois) -> 2x2 roi_pool -> fc 2"))
    module = network.module(seed=0).eval()
    images = torch.randn(2, 3, 64, 64)
    program = torch.export.export(module, (images,), dynamic_shapes=({0: torch.export.Dim.AUTO},))
    for count in (1, 3):
        images = torch.randn(count, 3, 64, 64)
        torch.testing.assert_close(program.module()(images), module(images))
