"""Trains a small FractalNet on handwritten digits, takes its columns out, and tests each against the whole.

    python tools/train_columns.py
    python tools/train_columns.py --seed 1 --epochs 20

Drop-path is as published: half of the mini-batches keep to a single column. In training, what enters a norm behind a
join comes from one column in some mini-batches and is the mean of several in others: running statistics are a mixture
that fits none of these networks. They are measured anew for each network that is tested, on the training digits. Ends
with 1 if the whole network stays below 97 % on the test digits, or its deepest column more than 2 points below the
whole.

References
----------
Larsson, Maire, Shakhnarovich: FractalNet: Ultra-deep neural networks without residuals, arXiv:1605.07648, section 4.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import torch
from rich.console import Console
from rich.progress import track
from rich.table import Table
from torch import nn
from torch.nn import functional

sys.path.insert(0, str(Path(__file__).parents[1]))

from train import BATCH, Course, Digits, accuracy, digits, positive, strongest, train_epoch

import archdsl
from tools.norms import measured

GOAL, GAP = 0.97, 0.02

#: Four blocks of three columns: 17, 9 and 5 layers.
NETWORK = archdsl.load("fractalnet20", input="1x16x16", widths=[12, 16, 24, 32], rates=[0, 0.05, 0.1, 0.1], affine=True)


def halved(data: Digits) -> Digits:
    """The digits at half their size: 16x16, for four times of pooling."""
    return Digits(functional.avg_pool2d(data.images, 2), data.labels)


def build(seed: int) -> nn.Module:
    """The whole network."""
    module: nn.Module = NETWORK.module(seed=seed)
    return module


COURSE = Course(NETWORK.name, build, functional.cross_entropy, strongest, epochs=30, rate=1e-2)


def train(training: Digits, epochs: int, seed: int, console: Console) -> nn.Module:
    """The whole network, trained."""
    torch.manual_seed(seed)
    module = COURSE.build(seed)
    steps = epochs * -(-len(training.labels) // BATCH)
    optimizer = torch.optim.AdamW(module.parameters(), lr=COURSE.rate, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=COURSE.rate, total_steps=steps)
    for _ in track(range(epochs), COURSE.name, console=console):
        train_epoch(COURSE, module, training, optimizer, schedule)
    return module


def column(whole: nn.Module, number: int) -> nn.Module:
    """One column with the weights that it has in the whole network."""
    single = NETWORK.extract(column=number)
    module: nn.Module = single.module()
    module.load_state_dict(single.weights_from(whole.state_dict()))
    return module


def main() -> int:
    """Train, take apart, compare; return 1 if the goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=0, help="of weights, batches and drop-path")
    parser.add_argument("--epochs", type=positive, default=COURSE.epochs, help="times that every digit is seen")
    given = parser.parse_args()
    torch.set_num_threads(1)  # the batches are too small to share: threads would wait for each other
    console = Console()
    start = time.process_time()
    training, test = map(halved, digits())
    whole = train(training, given.epochs, given.seed, console)
    layers = NETWORK.analysis.paths.columns
    parts = {"whole network": whole}
    parts |= {f"column {number}, {depth} layers": column(whole, number) for number, depth in enumerate(layers, 1)}
    table = Table("", "its own statistics", "those of training", title="test digits, by the statistics of norms")
    shares = []
    for name, module in parts.items():
        shares.append(accuracy(COURSE, measured(module, training.images.split(BATCH)), test))
        table.add_row(name, f"{shares[-1]:.2%}", f"{accuracy(COURSE, module, test):.2%}")
    console.print(table, f"after {time.process_time() - start:.0f} s of computing")
    reached = shares[0] >= GOAL and shares[1] >= shares[0] - GAP
    verdict = "[green]reached" if reached else "[red]missed"
    console.print(f"{GOAL:.0%}, and the deepest column within {100 * GAP:g} points: {verdict}[/]")
    return int(not reached)


if __name__ == "__main__":
    sys.exit(main())
