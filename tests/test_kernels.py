"""What detectors and deformable networks run, against torchvision's compiled operators, where these can run."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import pytest
import torch
from torch import Tensor

from archdsl.backends.runtime.deformable_conv import deformable_conv
from archdsl.backends.runtime.nms import nms_mask, overlapping
from archdsl.backends.runtime.roi_align import roi_align
from archdsl.backends.runtime.roi_pool import roi_pool
from tools.bench_kernels import random_regions
from tools.peers import declare_operators

pytestmark = pytest.mark.skipif(
    not declare_operators(), reason="torchvision's compiled library does not fit this build of torch"
)


@pytest.fixture
def theirs() -> Any:
    return import_module("torchvision.ops")


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


@pytest.mark.parametrize("aligned", [False, True])
def test_roi_align(theirs: Any, aligned: bool) -> None:
    features, regions = noise(1, 6, 38, 63), random_regions(40, torch.Generator().manual_seed(0)).double()
    ours = roi_align(features, regions, (7, 5), 16, 2, aligned)
    torch.testing.assert_close(ours, theirs.roi_align(features, regions, (7, 5), 1 / 16, 2, aligned))


def test_roi_pool(theirs: Any) -> None:
    features, regions = noise(1, 6, 38, 63), random_regions(40, torch.Generator().manual_seed(0)).double()
    ours = roi_pool(features, regions, (7, 7), 16)
    torch.testing.assert_close(ours, theirs.roi_pool(features, regions, (7, 7), 1 / 16))


@pytest.mark.parametrize("threshold", [0.0, 0.3, 0.7, 1.0])
def test_non_maximum_suppression(theirs: Any, threshold: float) -> None:
    boxes = random_regions(400, torch.Generator().manual_seed(1))[:, 1:]
    kept = nms_mask(overlapping(boxes, threshold), torch.ones(400, dtype=torch.bool)).nonzero().flatten()
    assert torch.equal(kept, theirs.nms(boxes, torch.arange(400, 0.0, -1), threshold))
