"""Overfits a handful of images of shapes from random weights, to show that a network can learn what it is made for.

    python tools/overfit.py
    python tools/overfit.py --only unet --only ssd300 --pictures /tmp/pictures
    python tools/overfit.py --json > figures.json

Detectors reach a mean average precision (at an overlap of 0.5), segmentation networks a mean intersection over union of
the classes and the background, measured on the same images in evaluation mode. Networks are narrower than published,
where that saves time. Regions of R-CNN and Fast R-CNN are windows all over the image. The statistics of norms are those
that training leaves, but for the MobileNet: there they are measured anew on the images. A picture has what is there
above and what was found below. Ends with 1 if a network stays below 90 %.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import product
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from torch import Tensor, nn
from torch.nn import functional

sys.path.insert(0, str(Path(__file__).parents[1]))

import archdsl
from archdsl.project import write
from tools.norms import measured
from tools.pictures import paint, png
from tools.shapes import NAMES, Found, Scenes, mean_average_precision, scenes

GOAL = 0.9


@dataclass(frozen=True)
class Task:
    """How a network is trained.

    Parameters
    ----------
    name
        Of the network, among those of the zoo.
    size
        Height and width of its input.
    steps
        Number of updates; each sees all images.
    rate
        Largest learning rate.
    images
        How many there are.
    margin
        Rows and columns around an image, its mirror image, of which the network tells nothing.
    background
        Whether its classes count the background.
    measured
        Whether the statistics of its norms are measured anew after training: where they keep 99 % at each step, some
        hundred steps do not suffice for them.
    parameters
        Those of the network.
    """

    name: str
    size: int
    steps: int
    rate: float = 1e-3
    images: int = 6
    margin: int = 0
    background: bool = True
    measured: bool = False
    parameters: Mapping[str, Any] = field(default_factory=dict)

    def arguments(self) -> dict[str, Any]:
        """All parameters of the network, and the size of its input."""
        return {"classes": len(NAMES) + self.background, "input": (3, self.size, self.size), **self.parameters}

    def scenes(self, seed: int) -> Scenes:
        """The images, without margin."""
        return scenes(self.images, self.size - 2 * self.margin, seed=seed)


#: Widths and heights of windows, as shares of the image, and how many stand beside and below each other.
SIDES, PLACES = (0.22, 0.3, 0.41), 8
#: Regions of R-CNN and Fast R-CNN.
WINDOWS: Mapping[str, Any] = {"regions": len(SIDES) ** 2 * PLACES**2}
#: Anchors for objects of 50 to 115 pixels, fewer regions than published, and an input that is named.
REGIONS: Mapping[str, Any] = {"scales": [3, 5, 7], "train_regions": 100, "samples": 64, "regions": 100}
#: The same without a say in how many there are in training.
FEW: Mapping[str, Any] = {"scales": REGIONS["scales"], "regions": 100}
#: The same where the levels of a pyramid have anchors for objects of all sizes.
PYRAMID: Mapping[str, Any] = {"train_candidates": 200, "train_regions": 100, "samples": 32, "regions": 100}

TASKS = (
    Task("yolov1_bn", 256, 150, background=False, parameters={"narrow": 4}),
    Task("yolov1_tiny", 256, 120, background=False),
    Task("yolov2", 160, 150, background=False, parameters={"narrow": 4}),
    Task("yolov2_tiny", 160, 120, background=False),
    Task("ssd300", 300, 120, parameters={"narrow": 8}),
    Task("rcnn_vgg16", 256, 150, images=4, parameters={"narrow": 8, "side": 64, "samples": 32, **WINDOWS}),
    Task("fast_rcnn_zf", 256, 150, images=4, parameters={"narrow": 4, **WINDOWS}),
    Task("faster_rcnn_zf", 208, 220, images=4, parameters={"narrow": 4, **REGIONS}),
    Task("faster_rcnn_vgg16", 256, 150, images=4, parameters={"narrow": 8, **REGIONS}),
    Task("faster_rcnn_resnet101", 208, 200, rate=2e-3, images=4, parameters={"narrow": 8, **REGIONS, "samples": 32}),
    Task("faster_rcnn_resnet101_2fc", 208, 200, rate=2e-3, images=4, parameters={"narrow": 8, **FEW}),
    Task("rfcn_resnet101", 208, 200, rate=2e-3, images=4, parameters={"narrow": 8, **FEW}),
    Task("fasterrcnn_resnet50_fpn", 192, 200, rate=2e-3, images=4, parameters={"narrow": 8, **PYRAMID}),
    Task("fcn32s", 256, 250, rate=2e-3, images=3, parameters={"narrow": 8}),
    Task("fcn16s", 208, 200, rate=2e-3, images=3, parameters={"narrow": 8}),
    Task("fcn8s", 208, 200, rate=2e-3, images=3, parameters={"narrow": 8}),
    Task("fcn_resnet50", 161, 100, parameters={"narrow": 8}),
    Task("deeplab_v1_largefov", 161, 150, parameters={"narrow": 8}),
    Task("deeplab_v2_resnet50", 161, 100, parameters={"narrow": 8}),
    Task("deeplab_v3_resnet50_os16", 225, 150, rate=2e-3, images=4, parameters={"narrow": 8}),
    Task("deeplabv3_mobilenet_v3_large", 161, 110, images=4, measured=True),
    Task("deeplab_v3_plus_resnet50", 161, 100, parameters={"narrow": 8}),
    Task("unet", 284, 200, rate=2e-3, images=4, margin=92, parameters={"width": 8}),
    Task("unet_padded", 96, 200, rate=5e-3, images=4, parameters={"width": 8}),
)


@dataclass(frozen=True)
class Outcome:
    """A row of the table: what a network reached in how many updates and seconds of processor time."""

    network: str
    measure: str
    images: int
    steps: int
    seconds: float
    figure: float
    verdict: str


# Training ------------------------------------------------------------------------------------------------------------


def takes(module: nn.Module, name: str) -> bool:
    """Whether a network has an input of this name: ``truth``, the objects that a detector should find."""
    return name in type(module).forward.__annotations__


def inputs(module: nn.Module, task: Task, data: Scenes) -> list[Tensor]:
    """The images with their margin, and regions of them if the network wants such."""
    images = functional.pad(data.images, [task.margin] * 4, mode="reflect")
    return [images, windows(len(images), task.size)] if takes(module, "proposed") else [images]


def windows(count: int, size: int) -> Tensor:
    """Windows of some sizes all over each image, ``(count, regions, 4)``: left, top, right and bottom edge."""
    places = torch.linspace(0, 1, PLACES).tolist()
    boxes = []
    for width, height, x, y in product(SIDES, SIDES, places, places):
        left, top = x * (1 - width), y * (1 - height)
        boxes.append([left, top, left + width, top + height])
    return (torch.tensor(boxes) * size).expand(count, -1, -1)


def scores_of(module: nn.Module, task: Task, data: Scenes) -> Tensor:
    """The scores of each pixel's classes; those that are some pixels apart are enlarged, as DeepLab has it."""
    scores: Tensor = module(*inputs(module, task, data))
    size = data.images.shape[2:]
    if scores.shape[2:] == size:
        return scores
    return functional.interpolate(scores, size=size, mode="bilinear", align_corners=True)


def loss_of(module: nn.Module, task: Task, data: Scenes) -> Tensor:
    """The loss on all images: the sum of the outputs of a detector, the cross entropy of the pixels."""
    if not takes(module, "truth"):
        return functional.cross_entropy(scores_of(module, task, data), data.classes)
    outputs = module(*inputs(module, task, data), data.objects)
    total: Tensor = sum(outputs) if isinstance(outputs, tuple) else outputs  # type: ignore[assignment]
    return total


def train(task: Task, data: Scenes, seed: int, progress: Progress) -> nn.Module:
    """Show the images to a network again and again."""
    torch.manual_seed(seed)
    module: nn.Module = archdsl.compile(task.name, seed=seed, **task.arguments()).train()
    optimizer = torch.optim.Adam(module.parameters(), lr=task.rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=task.rate, total_steps=task.steps, pct_start=0.15)
    bar = progress.add_task(task.name, total=task.steps, state="")
    for _ in range(task.steps):
        optimizer.zero_grad()
        loss = loss_of(module, task, data)
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(module.parameters(), 10.0)
        optimizer.step()
        schedule.step()
        progress.update(bar, advance=1, state=f"loss {loss.item():.3f}")
    module.eval()
    return measured(module, inputs(module, task, data)) if task.measured else module


def look(module: nn.Module, task: Task, data: Scenes) -> Found:
    """What a trained network finds."""
    with torch.no_grad():
        if not takes(module, "truth"):
            return Found(classes=scores_of(module, task, data).argmax(dim=1))
        outputs = module(*inputs(module, task, data))
        return Found(outputs.boxes, outputs.scores, outputs.labels)


def grade(found: Found, data: Scenes) -> float:
    """Mean average precision at an overlap of 0.5, or mean intersection over union of the classes there are."""
    if found.classes is None:
        assert found.boxes is not None
        assert found.scores is not None
        assert found.labels is not None
        return mean_average_precision(found.boxes, found.scores, found.labels, data.objects)
    shares: list[float] = []
    for label in range(len(NAMES) + 1):
        here, there = found.classes == label, data.classes == label
        if there.any():
            shares.append((here & there).sum().item() / (here | there).sum().item())
    return sum(shares) / len(shares)


def overfit(tasks: Sequence[Task], seed: int, pictures: Path | None) -> Iterator[Outcome]:
    """Train one network after the other, with progress bars on standard error; leave a picture of each."""
    columns = ("{task.description}", BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), "{task.fields[state]}")
    shown = (TextColumn(column) if isinstance(column, str) else column for column in columns)
    with Progress(*shown, console=Console(stderr=True)) as progress:
        for task in tasks:
            start = time.process_time()
            data = task.scenes(seed)
            found = look(train(task, data, seed, progress), task, data)
            seconds = time.process_time() - start
            figure = grade(found, data)
            if pictures is not None:
                write(pictures / f"{task.name}.png", png(paint(data, found)))
            measure = "mAP at 0.5" if found.classes is None else "mean IoU"
            verdict = "reached" if figure >= GOAL else "missed"
            progress.console.print(f"{task.name}: {measure} {figure:.1%} after {seconds:.0f} s", highlight=False)
            yield Outcome(task.name, measure, task.images, task.steps, seconds, figure, verdict)


# Command line --------------------------------------------------------------------------------------------------------


def table(outcomes: Sequence[Outcome]) -> Table:
    """A row for each network."""
    result = Table("network", "measure", title=f"Overfitted images of shapes; goal {GOAL:.0%}")
    for name in ("images", "steps", "seconds", "figure"):
        result.add_column(name, justify="right")
    result.add_column("verdict")
    for one in outcomes:
        colour = "green" if one.verdict == "reached" else "red"
        numbers = (str(one.images), str(one.steps), f"{one.seconds:.0f}", f"{one.figure:.1%}")
        result.add_row(one.network, one.measure, *numbers, f"[{colour}]{one.verdict}[/]")
    return result


def chosen(only: Sequence[str] | None) -> list[Task]:
    """The tasks whose names begin so; all if nothing is said.

    Raises
    ------
    ValueError
        No name begins so.
    """
    for start in only or ():
        if not any(task.name.startswith(start) for task in TASKS):
            raise ValueError(f"no network begins with {start!r}; there are {', '.join(task.name for task in TASKS)}")
    return [task for task in TASKS if only is None or task.name.startswith(tuple(only))]


def main(arguments: Sequence[str] | None = None) -> int:
    """Train the networks and return 1 if one misses the goal."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", action="append", help="networks whose names begin so (may be given again)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--seed", type=int, default=0, help="of weights, images and dropout")
    parser.add_argument("--images", type=int, help="how many; each network has its own number otherwise")
    parser.add_argument("--steps", type=int, help="number of updates; each network has its own otherwise")
    parser.add_argument("--threads", type=int, default=1, help="threads of torch")
    parser.add_argument("--pictures", type=Path, help="folder for pictures of the results")
    given = parser.parse_args(arguments)
    try:
        tasks = chosen(given.only)
    except ValueError as error:
        parser.error(str(error))
    torch.set_num_threads(given.threads)
    tasks = [replace(task, steps=given.steps or task.steps, images=given.images or task.images) for task in tasks]
    outcomes = list(overfit(tasks, given.seed, given.pictures))
    if given.json:
        print(json.dumps([asdict(outcome) for outcome in outcomes], indent=2))
    else:
        Console().print(table(outcomes))
    return int(any(outcome.verdict == "missed" for outcome in outcomes))


if __name__ == "__main__":
    sys.exit(main())
