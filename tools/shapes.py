"""Images of shapes on a textured background, with a mask and a box for each: discs, rectangles and triangles.

>>> scenes(count=4, size=64).images.shape
torch.Size([4, 3, 64, 64])
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

NAMES = ("disc", "rectangle", "triangle")
#: How often a place is looked for before a shape is given up.
_ATTEMPTS = 50


@dataclass(frozen=True)
class Scenes:
    """Images and what is in them.

    Parameters
    ----------
    images
        ``(count, 3, size, size)``, about from -1 to 1.
    objects
        ``(count, most, 5)``: class, left, top, right and bottom edge, in pixels; class -1 fills up.
    masks
        ``(count, most, size, size)``: which pixels each object has.
    """

    images: Tensor
    objects: Tensor
    masks: Tensor

    @property
    def classes(self) -> Tensor:
        """``(count, size, size)``: 0 for the background, 1 and so on for the classes."""
        labels = (self.objects[..., 0].long() + 1)[..., None, None]
        return (self.masks * labels).amax(dim=1)


@dataclass(frozen=True)
class Found:
    """What a network makes of images: boxes, scores and labels of objects, or a class for each pixel."""

    boxes: Tensor | None = None
    scores: Tensor | None = None
    labels: Tensor | None = None
    classes: Tensor | None = None


def scenes(count: int, size: int, *, most: int = 3, seed: int = 0) -> Scenes:
    """Images with one to ``most`` shapes each, which do not overlap; the same for the same seed."""
    generator = torch.Generator().manual_seed(seed)
    images = torch.stack([_background(size, generator) for _ in range(count)])
    objects = torch.full((count, most, 5), -1.0)
    masks = torch.zeros(count, most, size, size, dtype=torch.bool)
    for image in range(count):
        wanted = int(torch.randint(1, most + 1, (), generator=generator))
        for number in range(wanted):
            label = int(torch.randint(len(NAMES), (), generator=generator))
            mask = _place(label, masks[image].any(dim=0), generator)
            if mask is None:
                continue
            masks[image, number] = mask
            objects[image, number] = torch.tensor([label, *_edges(mask)])
            colour = torch.rand(3, 1, generator=generator) * 0.6 + 0.4
            colour = colour * torch.where(torch.rand(3, 1, generator=generator) < 0.5, -1.0, 1.0)
            grain = torch.randn(3, int(mask.sum()), generator=generator) * 0.05
            images[image][:, mask] = colour + grain
    return Scenes(images, objects, masks)


def _background(size: int, generator: torch.Generator) -> Tensor:
    """Clouds of several sizes."""
    total = torch.zeros(1, 3, size, size)
    for cells in (3, 8, 24):
        clouds = torch.randn(1, 3, cells, cells, generator=generator)
        total += functional.interpolate(clouds, size=(size, size), mode="bicubic", align_corners=False) * 0.12
    return total[0] + torch.randn(3, size, size, generator=generator) * 0.03


def _place(label: int, taken: Tensor, generator: torch.Generator) -> Tensor | None:
    """The mask of a shape that keeps clear of what is there; None if no place was found."""
    size = len(taken)
    near = functional.max_pool2d(taken[None].float(), 9, stride=1, padding=4)[0] > 0
    for _ in range(_ATTEMPTS):
        width, height = (torch.rand(2, generator=generator) * 0.25 + 0.2) * size
        left, top = torch.rand(2, generator=generator) * (size - torch.stack((width, height)))
        mask = _draw(label, size, *(value.item() for value in (left, top, width, height)))
        if mask.any() and not (mask & near).any():
            return mask
    return None


def _draw(label: int, size: int, left: float, top: float, width: float, height: float) -> Tensor:
    """The pixels of a shape whose middle is in it."""
    middle = torch.arange(size) + 0.5
    across, down = ((middle - left) / width)[None, :], ((middle - top) / height)[:, None]
    if NAMES[label] == "disc":
        return (across - 0.5).square() + (down - 0.5).square() <= 0.25
    inside = (across >= 0) & (across <= 1) & (down >= 0) & (down <= 1)
    return inside if NAMES[label] == "rectangle" else inside & ((across - 0.5).abs() <= down / 2)


def _edges(mask: Tensor) -> tuple[int, int, int, int]:
    """Left, top, right and bottom edge of what is in a mask."""
    columns, rows = mask.any(dim=0).nonzero(), mask.any(dim=1).nonzero()
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def overlap(one: Tensor, other: Tensor) -> float:
    """Intersection over union of two boxes."""
    sides = (torch.minimum(one[2:], other[2:]) - torch.maximum(one[:2], other[:2])).clamp(min=0)
    shared = sides.prod().item()
    union = sum((box[2:] - box[:2]).prod().item() for box in (one, other)) - shared
    return shared / union if union > 0 else 0.0


def mean_average_precision(boxes: Tensor, scores: Tensor, labels: Tensor, objects: Tensor, *, at: float = 0.5) -> float:
    """Mean over the classes of the area below precision over recall, at an intersection over union of ``at``.

    Precision is made monotonous, as VOC has it since 2010. Detections of an image come the best first, and labels of
    -1 are none; ``objects`` has rows of class and edges.
    """
    classes = [label for label in objects[..., 0].unique().tolist() if label >= 0]
    precisions = [_average_precision(boxes, scores, labels == label, objects, label, at) for label in classes]
    return math.fsum(precisions) / len(precisions)


def _average_precision(
    boxes: Tensor, scores: Tensor, chosen: Tensor, objects: Tensor, label: float, at: float
) -> float:
    chances = [(scores[image, number].item(), image, number) for image, number in chosen.nonzero().tolist()]
    total = int((objects[..., 0] == label).sum())
    taken: set[tuple[int, int] | None] = set()
    hits: list[bool] = []
    for _, image, number in sorted(chances, reverse=True):
        best: float = at
        which: tuple[int, int] | None = None
        for candidate in (objects[image, :, 0] == label).nonzero().flatten().tolist():
            shared = overlap(boxes[image, number], objects[image, candidate, 1:])
            if shared >= best and (image, candidate) not in taken:
                best, which = shared, (image, candidate)
        hits.append(which is not None)
        taken.add(which)
    area, precision, right = 0.0, 0.0, sum(hits)
    for position in reversed(range(len(hits))):
        if hits[position]:
            precision = max(precision, right / (position + 1))
            area += precision / total
            right -= 1
    return area
