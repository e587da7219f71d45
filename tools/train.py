"""Trains LeNet-5 and a small residual network on handwritten digits, to show that what compiles also learns.

    python tools/train.py
    python tools/train.py lenet5 --seed 1 --epochs 30

The digits are the 1,797 that scikit-learn carries, 8x8 each, enlarged to 32x32; every fifth is kept for the test.
Ends with 1 if a network stays below 97 % on them.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from torch import Tensor, nn
from torch.nn import functional

sys.path.insert(0, str(Path(__file__).parents[1]))

import archdsl

GOAL = 0.97
BATCH = 16

#: How far the distances of wrong classes are pushed away, as a distance itself (``j`` of the paper's equation 9).
MARGIN = 0.1


@dataclass(frozen=True)
class Digits:
    """Images of digits with their labels."""

    images: Tensor
    labels: Tensor


@dataclass(frozen=True)
class Course:
    """How one network is trained.

    Parameters
    ----------
    build
        Makes the network from a seed.
    loss
        Of outputs and labels.
    decide
        The classes that the outputs mean.
    """

    name: str
    build: Callable[[int], nn.Module]
    loss: Callable[[Tensor, Tensor], Tensor]
    decide: Callable[[Tensor], Tensor]
    epochs: int
    rate: float


def map_loss(distances: Tensor, labels: Tensor) -> Tensor:
    """Pull the distance to the right class down and push the others up: maximum a posteriori, with a floor.

    ``E = mean(y[label] + log(exp(-j) + sum over i of exp(-y[i])))``.

    References
    ----------
    LeCun, Bottou, Bengio, Haffner: Gradient-based learning applied to document recognition, Proc. IEEE 86(11), 1998,
    equation 9.
    """
    right = distances.gather(1, labels.unsqueeze(1)).squeeze(1)
    floor = distances.new_full((len(distances), 1), -MARGIN)
    return (right + torch.cat([floor, -distances], 1).logsumexp(1)).mean()


def nearest(distances: Tensor) -> Tensor:
    """The class whose code is nearest."""
    return distances.argmin(1)


def strongest(scores: Tensor) -> Tensor:
    """The class with the highest score."""
    return scores.argmax(1)


def lenet(seed: int) -> nn.Module:
    """LeNet-5 as published, with distances as outputs."""
    module: nn.Module = archdsl.compile("lenet5", seed=seed)
    return module


def resnet(seed: int) -> nn.Module:
    """The residual network for CIFAR with one unit in each stage, on one channel."""
    module: nn.Module = archdsl.compile("resnet_cifar", input="1x32x32", depth=8, seed=seed)
    return module


COURSES = (
    Course("lenet5", lenet, map_loss, nearest, epochs=25, rate=1e-2),
    Course("resnet8", resnet, functional.cross_entropy, strongest, epochs=4, rate=1e-2),
)


def digits() -> tuple[Digits, Digits]:
    """Digits to train with and digits to test with; white is -0.1 and black 1.175, as in the paper."""
    from sklearn.datasets import load_digits  # type: ignore[import-untyped]

    data = load_digits()
    pixels = torch.tensor(data.images, dtype=torch.float32).unsqueeze(1) / 16
    large = functional.interpolate(pixels, size=(24, 24), mode="bilinear", align_corners=False)
    images = functional.pad(large, (4, 4, 4, 4)) * 1.275 - 0.1
    labels = torch.tensor(data.target)
    kept = torch.arange(len(labels)) % 5 == 0
    return Digits(images[~kept], labels[~kept]), Digits(images[kept], labels[kept])


def train(course: Course, epochs: int, seed: int, console: Console) -> float:
    """Train a network and return the share of test digits that it gets right."""
    torch.manual_seed(seed)
    training, test = digits()
    module = course.build(seed)
    batches = -(-len(training.labels) // BATCH)
    optimizer = torch.optim.AdamW(module.parameters(), lr=course.rate, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=course.rate, total_steps=epochs * batches)
    columns = ("{task.description}", BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), "{task.fields[state]}")
    with Progress(*(TextColumn(c) if isinstance(c, str) else c for c in columns), console=console) as progress:
        task = progress.add_task(course.name, total=epochs, state="")
        for _ in range(epochs):
            loss = train_epoch(course, module, training, optimizer, schedule)
            share = accuracy(course, module, test)
            progress.update(task, advance=1, state=f"loss {loss:.3f}, test {share:.2%}")
    return share


def train_epoch(
    course: Course,
    module: nn.Module,
    training: Digits,
    optimizer: torch.optim.Optimizer,
    schedule: torch.optim.lr_scheduler.LRScheduler,
) -> float:
    """See every training digit once and return the mean loss."""
    module.train()
    total = 0.0
    batches = torch.split(torch.randperm(len(training.labels)), BATCH)
    for chosen in batches:
        optimizer.zero_grad()
        loss = course.loss(module(training.images[chosen]), training.labels[chosen])
        torch.autograd.backward(loss)
        optimizer.step()
        schedule.step()
        total += loss.item()
    return total / len(batches)


def accuracy(course: Course, module: nn.Module, test: Digits) -> float:
    """Share of digits that the network gets right."""
    module.eval()
    with torch.no_grad():
        answers = course.decide(module(test.images))
    return (answers == test.labels).float().mean().item()


def positive(text: str) -> int:
    """A number of epochs."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return number


def main() -> int:
    """Train the networks and return 1 if one misses the goal."""
    names = [course.name for course in COURSES]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("network", nargs="?", choices=names, help="the network to train; both if left out")
    parser.add_argument("--seed", type=int, default=0, help="of weights, batches and dropout")
    parser.add_argument("--epochs", type=positive, help="times that every digit is seen")
    given = parser.parse_args()
    torch.set_num_threads(1)  # the batches are too small to share: threads would wait for each other
    console = Console()
    missed = False
    for course in COURSES:
        if given.network not in (None, course.name):
            continue
        start = time.perf_counter()
        share = train(course, given.epochs or course.epochs, given.seed, console)
        missed |= share < GOAL
        verdict = "[green]reached" if share >= GOAL else "[red]missed"
        console.print(
            f"{course.name}: {share:.2%} of the test digits in {time.perf_counter() - start:.0f} s; "
            f"{GOAL:.0%} {verdict}[/]"
        )
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
