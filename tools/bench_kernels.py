"""Compares what detectors and deformable networks run with torchvision's compiled operators, where these can run.

    python tools/bench_kernels.py
    python tools/bench_kernels.py --device cuda --json
    python tools/bench_kernels.py --own

Where torchvision's operators for regions and for suppression are there, ours hand the work to them: ``--own`` measures
what they do without. A ratio below 1 says that ours is faster; the largest difference is that of the results. Ends with
1 if one exceeds 1e-4, and with 2 if torchvision's library does not fit this build of torch.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path

import torch
from rich.console import Console
from rich.progress import track
from rich.table import Table
from torch import Tensor

sys.path.insert(0, str(Path(__file__).parents[1]))

from archdsl.backends.runtime import non_maximum, roi_align, roi_pool
from archdsl.backends.runtime.deformable_conv import deformable_conv
from tools.peers import declare_operators

PAIRS = 9
TOLERANCE = 1e-4


@dataclass(frozen=True)
class Case:
    """One operator on one input, by us and by torchvision.

    Parameters
    ----------
    leaf
        Tensor that gets a gradient; None for an operator without one.
    """

    name: str
    ours: Callable[[], Tensor]
    theirs: Callable[[], Tensor]
    leaf: Tensor | None


@dataclass(frozen=True)
class Row:
    """Times of ours in those of torchvision, medians of pairs that ran in turn."""

    name: str
    forward: float
    training: float | None
    difference: float


def cases(device: str) -> Iterator[Case]:
    """Sizes as in the networks of the zoo: res5 and the ImageNet stages, 300 regions on conv4 or conv5."""
    generator = torch.Generator().manual_seed(0)

    def noise(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator).to(device)

    for channels, size in ((64, 56), (256, 28), (512, 14)):
        x, weight = noise(2, channels, size, size).requires_grad_(), noise(channels, channels, 3, 3) / 50
        offsets, mask = noise(2, 18, size, size), noise(2, 9, size, size).sigmoid()
        yield deformable(x, weight, offsets, None)
        yield deformable(x, weight, offsets, mask)
    regions = random_regions(300, generator).to(device)
    for channels in (256, 1024):
        features = noise(1, channels, 38, 63).requires_grad_()
        yield pooling("roi_align", roi_align.roi_align, features, regions, 2)
        yield pooling("roi_pool", roi_pool.roi_pool, features, regions)
    for count in (300, 2000, 6000):
        yield suppression(random_regions(count, generator)[:, 1:].to(device))


def deformable(x: Tensor, weight: Tensor, offsets: Tensor, mask: Tensor | None) -> Case:
    """A deformable convolution of 3x3 taps, with a mask the modulated one."""
    name = f"deformable conv{'' if mask is None else ' modulated'} {'x'.join(map(str, x.shape[1:]))}"
    return Case(
        name,
        lambda: deformable_conv(x, weight, offsets, mask, None, (1, 1), (1, 1)),
        lambda: import_module("torchvision.ops").deform_conv2d(x, offsets, weight, padding=1, mask=mask),
        x,
    )


def pooling(name: str, ours: Callable[..., Tensor], features: Tensor, regions: Tensor, *sampling: int) -> Case:
    """What fetches 7x7 bins of regions from features of stride 16."""
    return Case(
        f"{name} {'x'.join(map(str, features.shape[1:]))}",
        lambda: ours(features, regions, (7, 7), 16, *sampling),
        lambda: getattr(import_module("torchvision.ops"), name)(features, regions, (7, 7), 1 / 16, *sampling),
        features,
    )


def suppression(boxes: Tensor) -> Case:
    """Non-maximum suppression of boxes that come in the order of their scores."""
    scores = torch.arange(len(boxes), 0.0, -1).to(boxes.device)
    valid = torch.ones(len(boxes), dtype=torch.bool, device=boxes.device)
    return Case(
        f"nms {len(boxes)}",
        lambda: non_maximum.non_maximum(boxes[None], valid[None], 0.7)[0].nonzero().flatten(),
        lambda: import_module("torchvision.ops").nms(boxes, scores, 0.7).sort().values,
        None,
    )


def random_regions(count: int, generator: torch.Generator) -> Tensor:
    """Regions of one image of 1000x600 pixels, ``(count, 5)``, with whole corners."""
    corners = torch.rand(count, 2, generator=generator) * torch.tensor([700.0, 400.0])
    sides = 16 + torch.rand(count, 2, generator=generator) * torch.tensor([280.0, 180.0])
    return torch.cat((torch.zeros(count, 1), corners.round(), (corners + sides).round()), dim=1)


def measure(case: Case) -> Row:
    """One case, both sides in turn, and how far their results are apart."""
    ours, theirs = case.ours().detach(), case.theirs().detach()
    difference = (ours - theirs).abs().max().item() if ours.shape == theirs.shape else float("inf")
    with torch.no_grad():
        forward = ratio(case.ours, case.theirs)
    training = None
    if case.leaf is not None:
        training = ratio(lambda: differentiate(case.ours(), case.leaf), lambda: differentiate(case.theirs(), case.leaf))
    return Row(case.name, forward, training, difference)


def differentiate(result: Tensor, leaf: Tensor | None) -> None:
    """One backward pass."""
    assert leaf is not None
    torch.autograd.grad(result.sum(), leaf)


def ratio(ours: Callable[[], object], theirs: Callable[[], object]) -> float:
    """Median of ratios of times."""
    seconds(ours), seconds(theirs)
    return statistics.median(seconds(ours) / seconds(theirs) for _ in range(PAIRS))


def seconds(run: Callable[[], object]) -> float:
    """Time of one run, until the device is done."""
    started = time.perf_counter()
    run()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - started


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu", help="where to run: cpu, cuda")
    parser.add_argument("--json", action="store_true", help="print the table for programs")
    parser.add_argument("--own", action="store_true", help="never hand the work to torchvision's operators")
    options = parser.parse_args()
    if options.own:
        for module in (non_maximum, roi_align, roi_pool):
            vars(module)["torchvision_operator"] = lambda *_: None
    console = Console(stderr=True)
    if not declare_operators():
        console.print("torchvision is not installed, or its compiled library does not fit this build of torch")
        return 2
    rows = [measure(case) for case in track(list(cases(options.device)), "operators", console=console)]
    if options.json:
        print(json.dumps([asdict(row) for row in rows], indent=2))
    else:
        table = Table("operator", "forward", "with backward", "difference", title="time of ours / torchvision's")
        for row in rows:
            training = "" if row.training is None else f"{row.training:.2f}"
            table.add_row(row.name, f"{row.forward:.2f}", training, f"{row.difference:.1e}")
        Console().print(table)
    return int(any(row.difference > TOLERANCE for row in rows))


if __name__ == "__main__":
    sys.exit(main())
