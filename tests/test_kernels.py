"""What detectors and deformable networks run, against torchvision's compiled operators, where these can run."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode

from archdsl.backends.runtime import non_maximum, roi_align, roi_pool, suppression
from archdsl.backends.runtime.deformable_conv import deformable_conv
from archdsl.backends.runtime.torchvision_operator import torchvision_operator
from tools.bench_kernels import random_regions
from tools.peers import declare_operators

pytestmark = pytest.mark.skipif(
    not declare_operators(), reason="torchvision's compiled library does not fit this build of torch"
)


@pytest.fixture
def theirs() -> Any:
    return import_module("torchvision.ops")


@pytest.fixture(params=["ours", "compiled"])
def _by_both(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ours, and ours where they hand the work to the compiled ones."""
    if request.param == "ours":
        for module in (non_maximum, roi_align, roi_pool):
            monkeypatch.setattr(module, "torchvision_operator", lambda *_: None)


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("modulated", [False, True], ids=["v1", "v2"])
@pytest.mark.parametrize(("stride", "padding", "dilation", "groups"), [(1, 1, 1, 1), (2, 1, 1, 2), (1, 2, 2, 4)])
def test_deformable_convolution(
    theirs: Any, modulated: bool, stride: int, padding: int, dilation: int, groups: int
) -> None:
    x, weight, bias = noise(2, 8, 11, 13).requires_grad_(), noise(12, 8 // groups, 3, 3, seed=1), noise(12, seed=2)
    height, width = ((size + 2 * padding - 2 * dilation - 1) // stride + 1 for size in (11, 13))
    offsets = (2 * noise(2, 2 * 18, height, width, seed=3)).requires_grad_()
    mask = noise(2, 2 * 9, height, width, seed=4).sigmoid() if modulated else None
    steps = ((stride, stride), (padding, padding), (dilation, dilation))
    ours = deformable_conv(x, weight, offsets, mask, bias, *steps, groups)
    other = theirs.deform_conv2d(x, offsets, weight, bias, stride, padding, dilation, mask)
    torch.testing.assert_close(ours, other)
    leaves = [x, offsets]
    weights = noise(*ours.shape, seed=5)
    gradients = [torch.autograd.grad((result * weights).sum(), leaves) for result in (ours, other)]
    torch.testing.assert_close(*gradients)


@pytest.mark.usefixtures("_by_both")
@pytest.mark.parametrize("aligned", [False, True])
def test_roi_align(theirs: Any, aligned: bool) -> None:
    features, regions = noise(2, 6, 38, 63).requires_grad_(), some_regions()
    ours = roi_align.roi_align(features, regions, (7, 5), 16, 2, aligned)
    require_same(ours, theirs.roi_align(features, regions, (7, 5), 1 / 16, 2, aligned), features)


@pytest.mark.usefixtures("_by_both")
def test_roi_pool(theirs: Any) -> None:
    features, regions = noise(2, 6, 38, 63).requires_grad_(), some_regions()
    ours = roi_pool.roi_pool(features, regions, (7, 7), 16)
    require_same(ours, theirs.roi_pool(features, regions, (7, 7), 1 / 16), features)


@pytest.mark.usefixtures("_by_both")
@pytest.mark.parametrize("threshold", [0.0, 0.3, 0.7, 1.0])
def test_non_maximum_suppression(theirs: Any, threshold: float) -> None:
    boxes = random_regions(400, torch.Generator().manual_seed(1))[:, 1:]
    boxes[7, 2:] = boxes[7, :2]  # without area
    kept = non_maximum.non_maximum(boxes[None], torch.ones(1, 400, dtype=torch.bool), threshold)[0].nonzero().flatten()
    assert torch.equal(kept, theirs.nms(boxes, torch.arange(400, 0.0, -1), threshold))


@pytest.mark.parametrize("count", [3, 60, 500])
def test_suppression_chooses_the_same(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    generator = torch.Generator().manual_seed(2)
    boxes = torch.stack([random_regions(200, generator)[:, 1:] for _ in range(3)])
    valid = torch.rand(3, 200, generator=generator) > torch.tensor([[0.2], [0.9], [1.0]])  # none of the last
    compiled = suppression.suppress(boxes, valid, 0.5, count)
    monkeypatch.setattr(non_maximum, "torchvision_operator", lambda *_: None)
    assert torch.equal(compiled, suppression.suppress(boxes, valid, 0.5, count))


def test_what_the_compiled_operators_take() -> None:
    features, boxes = torch.randn(1, 2, 8, 8), torch.rand(4, 4)
    assert torchvision_operator("roi_align", features) is not None
    assert torchvision_operator("nms", nn.Parameter(boxes)) is not None
    assert torchvision_operator("nms", boxes.half()) is None
    assert torchvision_operator("nms", boxes.to("meta")) is None
    with FakeTensorMode():
        assert torchvision_operator("roi_align", torch.empty(1, 2, 8, 8)) is None
    torch.use_deterministic_algorithms(True)
    try:
        assert torchvision_operator("nms", boxes) is None
    finally:
        torch.use_deterministic_algorithms(False)


@pytest.mark.parametrize("image", [-1.0, 2.0])
def test_regions_of_no_image_are_refused(image: float) -> None:
    regions = torch.tensor([[image, 0.0, 0.0, 10.0, 10.0]])
    for pool in (roi_align.roi_align, roi_pool.roi_pool):
        with pytest.raises(IndexError):
            pool(torch.randn(2, 3, 8, 8), regions, (2, 2), 16)


def test_exported_graphs_need_no_torchvision() -> None:
    class Head(nn.Module):
        def forward(self, features: Tensor, regions: Tensor) -> Tensor:
            return roi_pool.roi_pool(features, regions, (2, 2), 16)

    given = torch.randn(1, 2, 8, 8), torch.tensor([[0.0, 0.0, 0.0, 100.0, 90.0]])
    exported = torch.export.export(Head(), given)
    assert "torchvision" not in exported.graph_module.code
    torch.testing.assert_close(exported.module()(*given), Head()(*given))


def some_regions() -> Tensor:
    """Regions of two images, among them some that are turned over, and some beyond the edges."""
    regions = random_regions(40, torch.Generator().manual_seed(0)).double()
    regions[::2, 0] = 1
    regions[3] = regions[3, [0, 3, 4, 1, 2]]
    regions[4, 1:] += 900
    regions[5, 1:] -= 200
    return regions


def require_same(ours: Tensor, other: Tensor, leaf: Tensor) -> None:
    """Results and gradients are the same."""
    torch.testing.assert_close(ours, other)
    weights = noise(*ours.shape, seed=5)
    torch.testing.assert_close(*(torch.autograd.grad((result * weights).sum(), leaf)[0] for result in (ours, other)))
