"""Trains B-LeNet on handwritten digits, lets samples leave it early, and times that against its trunk.

    python tools/early_exit.py
    python tools/early_exit.py --seed 1 --epochs 10

Both networks are trained alike on three fifths of the 1,797 digits that scikit-learn carries, enlarged to 28x28. On a
fifth the threshold is chosen, the cheapest that is as accurate as the last exit alone, and on the last fifth they are
tested. Every fifth takes each part once, so that every digit is tested. Ends with 1 if leaving early costs more than
half a point of accuracy against the trunk, or if no more than 90 % of the digits leave at the first exit.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from torch import Tensor
from torch.nn import functional

sys.path.insert(0, str(Path(__file__).parents[1]))

import archdsl
from tools.bench import compared, paired, seconds
from tools.train import positive

FOLDS = 5
BATCH = 32
RATE = 4e-3

#: Points of accuracy that leaving early may cost, and the share of digits that must leave at the first exit.
MOST_LOST, LEAST_LEAVING = 0.005, 0.9


@dataclass(frozen=True)
class Digits:
    """Images of digits with their labels."""

    images: Tensor
    labels: Tensor

    def among(self, chosen: Tensor) -> Digits:
        """Those that are chosen."""
        return Digits(self.images[chosen], self.labels[chosen])

    def batches(self, size: int) -> list[tuple[Tensor, Tensor]]:
        """All of them, in order."""
        return list(zip(torch.split(self.images, size), torch.split(self.labels, size), strict=True))


@dataclass(frozen=True)
class Result:
    """What a fold gave: for each of its test digits whether it was right, and the exit that it left at."""

    images: Tensor
    trunk: Tensor
    last: Tensor
    early: Tensor
    exits: Tensor
    threshold: float
    trunk_module: Any
    module: Any


def digits() -> Digits:
    """All digits, 20x20 within 28x28 as those of MNIST, from 0 for white to 1 for black."""
    from sklearn.datasets import load_digits  # type: ignore[import-untyped]

    data = load_digits()
    pixels = torch.tensor(data.images, dtype=torch.float32).unsqueeze(1) / 16
    large = functional.interpolate(pixels, size=(20, 20), mode="bilinear", align_corners=False)
    return Digits(functional.pad(large, (4, 4, 4, 4)), torch.tensor(data.target))


def train(module: Any, training: Digits, epochs: int, seed: int) -> None:
    """Train a network, with all its exits if it has several."""
    torch.manual_seed(seed)
    steps = epochs * -(-len(training.labels) // BATCH)
    optimizer = torch.optim.AdamW(module.parameters(), lr=RATE, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=RATE, total_steps=steps)
    module.train()
    for _ in range(epochs):
        for chosen in torch.split(torch.randperm(len(training.labels)), BATCH):
            outputs, labels = module(training.images[chosen]), training.labels[chosen]
            single = isinstance(outputs, Tensor)
            loss = functional.cross_entropy(outputs, labels) if single else module.joint_loss(outputs, labels)
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            optimizer.step()
            schedule.step()
    module.eval()


@torch.no_grad()
def run_fold(fold: int, data: Digits, epochs: int, seed: int) -> Result:
    """Train both networks on three fifths, choose the threshold on one, and test on one."""
    place = torch.arange(len(data.labels)) % FOLDS
    test, validation = data.among(place == fold), data.among(place == (fold + 1) % FOLDS)
    training = data.among((place != fold) & (place != (fold + 1) % FOLDS))
    network = archdsl.load("b_lenet")
    module, trunk = network.module(seed=seed), archdsl.compile("b_lenet_trunk", seed=seed)
    for each in (module, trunk):
        with torch.enable_grad():
            train(each, training, epochs, seed)
    least = (module(validation.images).out.argmax(1) == validation.labels).float().mean().item()
    tuned = network.tune_exits(module, validation.batches(256), accuracy=least)
    module.thresholds.copy_(torch.tensor(tuned.thresholds))
    inferred = module.infer(test.images)
    return Result(
        images=test.images,
        trunk=trunk(test.images).argmax(1) == test.labels,
        last=module(test.images).out.argmax(1) == test.labels,
        early=inferred.scores.argmax(1) == test.labels,
        exits=inferred.exits,
        threshold=tuned.thresholds[0],
        trunk_module=trunk,
        module=module,
    )


def mean_seconds(run: Callable[[], object], repeats: int) -> float:
    """How long one of several runs in a row takes in the mean."""

    def all_of_them() -> None:
        for _ in range(repeats):
            run()

    return seconds(all_of_them) / repeats


@torch.no_grad()
def timed(result: Result, console: Console, pairs: int) -> None:
    """Print how long ``infer`` takes for test digits against the trunk, with the threshold that was chosen."""
    for size in (1, 32, 256):
        batch, repeats = result.images[:size], max(512 // size, 4)
        ours = partial(mean_seconds, partial(result.module.infer, batch), repeats)
        theirs = partial(mean_seconds, partial(result.trunk_module, batch), repeats)
        ratio = compared("speed", f"batch {size}", 1.0, paired(ours, theirs, pairs))
        leaving = (result.module.infer(batch).exits == 0).float().mean().item()
        console.print(
            f"batch of {size}: infer {ratio.ours:.3f} ms, trunk {ratio.theirs:.3f} ms, ratio {ratio.ratio:.3f} "
            f"({ratio.low:.3f}–{ratio.high:.3f}); {leaving:.1%} leave at the first exit",
            highlight=False,
            soft_wrap=True,
        )


def main() -> int:
    """Train, test and time; return 1 if a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=0, help="of weights and batches")
    parser.add_argument("--epochs", type=positive, default=10, help="times that every digit is seen")
    parser.add_argument("--pairs", type=positive, default=15, help="pairs of runs for each ratio of times")
    given = parser.parse_args()
    torch.set_num_threads(1)  # the batches are too small to share: threads would wait for each other
    console, data, start = Console(), digits(), time.perf_counter()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        folds = progress.track(range(FOLDS), description="folds")
        results = [run_fold(fold, data, given.epochs, given.seed) for fold in folds]
    trunk, last, early = (
        torch.cat([getattr(result, name) for result in results]).float().mean().item()
        for name in ("trunk", "last", "early")
    )
    exits = torch.cat([result.exits for result in results])
    leaving = (exits == 0).float().mean().item()
    table = archdsl.load("b_lenet").analysis.exits
    whole = archdsl.load("b_lenet_trunk").analysis.cost.macs
    mean = float(table.expected([leaving]).macs)
    thresholds = ", ".join(f"{result.threshold:.3g}" for result in results)
    for line in (
        f"trained and tested in {time.perf_counter() - start:.0f} s; thresholds {thresholds}",
        f"trunk {trunk:.2%}, last exit {last:.2%}, with early exit {early:.2%} of {len(exits):,} digits",
        f"{leaving:.2%} leave at the first exit: {mean:,.0f} MACs in the mean, {mean / whole:.3f} of the trunk's",
    ):
        console.print(line, highlight=False, soft_wrap=True)
    timed(results[0], console, given.pairs)
    return int(early < trunk - MOST_LOST or leaving <= LEAST_LEAVING)


if __name__ == "__main__":
    sys.exit(main())
