"""A scene that any detector by regions can learn by heart, and what every such detector has to pass."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.optim.lr_scheduler import CosineAnnealingLR

import archdsl

Box = tuple[float, float, float, float]

#: How a detector of two classes ends that has ``rpn``, ``rois`` and, of each region, classes and refinements.
ENDING = """
boxes = (rcnn[1] -> slice start=4 | rois[0]) -> refine -> per_image 20
scores = rcnn[0] -> softmax -> slice start=1 -> per_image 20
found = (boxes | scores) -> detect score=0.3 nms=0.3 top=5 clip=clip
output rpn_loss only=train = (rpn | truth) -> rpn_loss
output rcnn_loss only=train = (rcnn | rois[1] | rois[2]) -> roi_loss
output boxes only=eval = found[0]
output scores only=eval = found[1]
output labels only=eval = found[2]
"""

NOTHING = [-1.0, 0, 0, 0, 0]


def rows(*objects: tuple[float, ...], count: int = 3) -> list[list[float]]:
    """Rows of an image's objects, filled up."""
    return [list(row) for row in objects] + [NOTHING] * (count - len(objects))


def overlap(one: Box, other: Box) -> float:
    """Intersection over union."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    shared = max(width, 0) * max(height, 0)
    union = area(one) + area(other) - shared
    return shared / union if union > 0 else 0.0


def area(box: Box) -> float:
    """0 for one whose corners are swapped."""
    return max(box[2] - box[0], 0) * max(box[3] - box[1], 0)


def scene() -> tuple[Tensor, Tensor]:
    """Two images of a bright and a dark rectangle on noise."""
    images = torch.randn(2, 3, 48, 64, generator=torch.Generator().manual_seed(0)) / 4
    truth = torch.tensor([rows((0, 8, 8, 28, 30), (1, 34, 20, 60, 40)), rows((1, 4, 10, 20, 40))])
    for image, objects in zip(images, truth.int().tolist(), strict=True):
        for kind, left, top, right, bottom in objects:
            if kind >= 0:
                image[:, top:bottom, left:right] += 2 - 4 * kind
    return images, truth


def assert_learns_by_heart(network: archdsl.Network, steps: int, rate: float, seed: int = 0) -> None:
    """Train on the scene, and require its objects and nothing else.

    The rate decays to zero: where training happens to stop in the middle of a swing, the network may be unsure of
    what it has long known.
    """
    images, truth = scene()
    module = network.module(seed=seed)
    torch.manual_seed(seed)
    optimiser = torch.optim.Adam(module.parameters(), lr=rate)
    decay = CosineAnnealingLR(optimiser, steps)
    for _ in range(steps):
        optimiser.zero_grad()
        torch.stack(list(module(images, truth))).sum().backward()
        optimiser.step()
        decay.step()
    with torch.no_grad():
        found = module.eval()(images)
    for image, objects in enumerate(truth.tolist()):
        wanted = [(label, tuple(box)) for label, *box in objects if label >= 0]
        detected = list(seen(found, image))
        assert sorted(label for label, _ in detected) == sorted(label for label, _ in wanted)
        for label, box in detected:
            assert max(overlap(box, other) for kind, other in wanted if kind == label) > 0.5


def seen(found: Any, image: int) -> Iterator[tuple[int, Box]]:
    """Labels and boxes of everything that was found in an image, however unsure the network is of it."""
    for label, (left, top, right, bottom) in zip(
        found.labels[image].tolist(), found.boxes[image].tolist(), strict=True
    ):
        if label >= 0:
            yield label, (left, top, right, bottom)


def assert_exports_for_any_batch(network: archdsl.Network) -> None:
    """Export inference, and require what the module itself gives for one image and for three."""
    module = network.module(seed=0).eval()
    program = torch.export.export(module, (scene()[0],), dynamic_shapes=({0: torch.export.Dim.AUTO},)).module()
    for count in (1, 3):
        images = torch.randn(count, 3, 48, 64)
        for one, other in zip(program(images), module(images), strict=True):
            torch.testing.assert_close(one, other)


def assert_compiles_whole(network: archdsl.Network, *, training_only: bool = False) -> None:
    """Compile without a break, and require what the module itself gives: losses, then what it finds."""
    torch.compiler.reset()
    module = network.module(seed=0)
    compiled: Any = torch.compile(module, fullgraph=True, backend="eager")
    for arguments in (scene(),) if training_only else (scene(), scene()[:1]):
        module.train(len(arguments) == 2)
        results = []
        for run in (compiled, module):
            torch.manual_seed(0)
            results.append(run(*arguments))
        for one, other in zip(*results, strict=True):
            torch.testing.assert_close(one, other)
