"""Overfits a handful of images of shapes from random weights, to show that a network can learn what it is made for.

    python tools/overfit.py yolov2
    python tools/overfit.py ssd300 --pictures /tmp/pictures

Detectors reach a mean average precision (at an overlap of 0.5), segmentation networks a mean intersection over union,
measured on the same images in evaluation mode. Networks are narrower than published, where that saves time. Ends with
1 if a network stays below 90 %.
"""

from __future__ import annotations

import argparse
import struct
import sys
import time
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from torch import Tensor, nn
from torch.nn import functional

sys.path.insert(0, str(Path(__file__).parents[1]))

import archdsl
from tools.shapes import NAMES, Scenes, mean_average_precision, scenes

GOAL = 0.9
#: Colours of the classes: red, green, blue.
COLOURS = torch.tensor([[1.0, 0.35, 0.3], [0.3, 1.0, 0.4], [0.4, 0.55, 1.0]])


@dataclass(frozen=True)
class Task:
    """How a network is trained.

    Parameters
    ----------
    name
        Of the network, among those of the zoo.
    size
        Height and width of the images.
    steps
        Number of updates; each sees all images.
    rate
        Largest learning rate.
    parameters
        Those of the network.
    background
        Whether its classes count the background.
    """

    name: str
    size: int
    steps: int
    rate: float = 1e-3
    parameters: Mapping[str, Any] = field(default_factory=dict)
    background: bool = False

    def build(self, seed: int) -> nn.Module:
        """The network with random weights."""
        parameters = {"classes": len(NAMES) + self.background, "input": (3, self.size, self.size), **self.parameters}
        module: nn.Module = archdsl.compile(self.name, seed=seed, **parameters)
        return module


TASKS = (
    Task("yolov1_bn", 256, 150, parameters={"narrow": 4}),
    Task("yolov1_tiny", 256, 120),
    Task("yolov2", 160, 150, parameters={"narrow": 4}),
    Task("yolov2_tiny", 160, 120),
    Task("ssd300", 300, 120, parameters={"narrow": 8}, background=True),
    Task("unet_padded", 96, 80, parameters={"width": 8}, background=True),
)


@dataclass(frozen=True)
class Found:
    """What a network makes of images: boxes, scores and labels of objects, or a class for each pixel."""

    boxes: Tensor | None = None
    scores: Tensor | None = None
    labels: Tensor | None = None
    classes: Tensor | None = None


def is_detector(module: nn.Module) -> bool:
    """Whether a network takes the objects that it should find."""
    return "truth" in type(module).forward.__annotations__


def loss_of(module: nn.Module, data: Scenes) -> Tensor:
    """The loss on all images: the sum of the outputs of a detector, the cross entropy of the pixels."""
    if not is_detector(module):
        result: Tensor = functional.cross_entropy(module(data.images), data.classes)
        return result
    outputs = module(data.images, data.objects)
    total: Tensor = sum(outputs) if isinstance(outputs, tuple) else outputs  # type: ignore[assignment]
    return total


def look(module: nn.Module, data: Scenes) -> Found:
    """What the network finds, in evaluation mode."""
    module.eval()
    with torch.no_grad():
        outputs = module(data.images)
    if is_detector(module):
        return Found(outputs.boxes, outputs.scores, outputs.labels)
    return Found(classes=outputs.argmax(dim=1))


def grade(found: Found, data: Scenes) -> float:
    """Mean average precision at an overlap of 0.5, or mean intersection over union of the classes there are."""
    if found.classes is None:
        assert found.boxes is not None
        assert found.scores is not None
        assert found.labels is not None
        return mean_average_precision(found.boxes, found.scores, found.labels, data.objects)
    shares = []
    for label in data.classes.unique():
        here, there = found.classes == label, data.classes == label
        shares.append((here & there).sum().item() / (here | there).sum().item())
    return sum(shares) / len(shares)


def train(task: Task, data: Scenes, seed: int, console: Console) -> nn.Module:
    """Show the images to a network again and again."""
    torch.manual_seed(seed)
    module = task.build(seed).train()
    optimizer = torch.optim.Adam(module.parameters(), lr=task.rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=task.rate, total_steps=task.steps, pct_start=0.15)
    columns = ("{task.description}", BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), "{task.fields[state]}")
    with Progress(*(TextColumn(c) if isinstance(c, str) else c for c in columns), console=console) as progress:
        bar = progress.add_task(task.name, total=task.steps, state="")
        for _ in range(task.steps):
            optimizer.zero_grad()
            loss = loss_of(module, data)
            torch.autograd.backward(loss)
            nn.utils.clip_grad_norm_(module.parameters(), 10.0)
            optimizer.step()
            schedule.step()
            progress.update(bar, advance=1, state=f"loss {loss.item():.3f}")
    return module


# Pictures ------------------------------------------------------------------------------------------------------------


def paint(data: Scenes, found: Found) -> Tensor:
    """The images side by side: what is there in white above, what was found in the colours of the classes below."""
    above = ((data.images + 1) / 2).clamp(0, 1)
    below = above.clone()
    for image in range(len(above)):
        if found.classes is not None:
            _tint(above[image], data.classes[image])
            _tint(below[image], found.classes[image])
            continue
        assert found.boxes is not None
        assert found.scores is not None
        assert found.labels is not None
        for label, *edges in data.objects[image].tolist():
            if label >= 0:
                _frame(above[image], edges, torch.ones(3))
        for box, score, number in zip(found.boxes[image], found.scores[image], found.labels[image], strict=True):
            if number >= 0 and score > 0.3:
                _frame(below[image], box.tolist(), COLOURS[number])
    return torch.cat((torch.cat(list(above), dim=2), torch.cat(list(below), dim=2)), dim=1)


def _tint(image: Tensor, classes: Tensor) -> None:
    for label, colour in enumerate(COLOURS, start=1):
        mask = classes == label
        image[:, mask] = image[:, mask] * 0.4 + colour[:, None] * 0.6


def _frame(image: Tensor, edges: list[float], colour: Tensor) -> None:
    limit = image.shape[-1] - 1
    left, top, right, bottom = (min(max(round(edge), 0), limit) for edge in edges)
    for near in range(2):
        rows = [min(top + near, limit), max(bottom - near, 0)]
        columns = [min(left + near, limit), max(right - near, 0)]
        image[:, rows, left : right + 1] = colour[:, None, None]
        image[:, top : bottom + 1, columns] = colour[:, None, None]


def write_png(picture: Tensor, path: Path) -> None:
    """Write ``(3, height, width)`` values from 0 to 1 as a PNG file."""
    _, height, width = picture.shape
    pixels = (picture * 255).round().byte().permute(1, 2, 0).reshape(height, width * 3)
    rows = b"".join(b"\0" + bytes(row.tolist()) for row in pixels)
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    parts = (
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    )
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(parts))


def main() -> int:
    """Train the networks and return 1 if one misses the goal."""
    names = [task.name for task in TASKS]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("network", nargs="?", choices=names, help="the network to train; all if left out")
    parser.add_argument("--seed", type=int, default=0, help="of weights, images and dropout")
    parser.add_argument("--images", type=int, default=6, help="how many")
    parser.add_argument("--steps", type=int, help="number of updates")
    parser.add_argument("--pictures", type=Path, help="folder for pictures of the results")
    given = parser.parse_args()
    torch.set_num_threads(1)
    console, missed = Console(), False
    for task in TASKS:
        if given.network not in (None, task.name):
            continue
        start = time.perf_counter()
        data = scenes(given.images, task.size, seed=given.seed)
        chosen = Task(**{**vars(task), "steps": given.steps or task.steps})
        found = look(train(chosen, data, given.seed, console), data)
        share = grade(found, data)
        missed |= share < GOAL
        verdict = "[green]reached" if share >= GOAL else "[red]missed"
        measure = "mAP at 0.5" if found.classes is None else "mean IoU"
        console.print(
            f"{task.name}: {measure} {share:.1%} in {time.perf_counter() - start:.0f} s; {GOAL:.0%} {verdict}[/]"
        )
        if given.pictures is not None:
            given.pictures.mkdir(parents=True, exist_ok=True)
            write_png(paint(data, found), given.pictures / f"{task.name}.png")
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
