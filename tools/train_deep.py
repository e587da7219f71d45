"""Trains a DiracNet of 34 layers on handwritten digits, and the same network made of plain convolutions.

    python tools/train_deep.py
    python tools/train_deep.py --depth 52 --epochs 10 -o curves.svg

Neither has shortcuts. The digits are the 1,797 that scikit-learn carries, reduced to 16x16; every fifth is kept for the
test. Both networks see the same batches at the same rate, which is high on purpose: at --rate 0.05 the plain
network follows a little behind. Prints the curves and draws them; ends with 1 if the DiracNet does not win.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass, field
from pathlib import Path
from xml.sax.saxutils import escape

import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from torch import Tensor, nn
from torch.nn import functional

sys.path.insert(0, str(Path(__file__).parents[1]))

import archdsl
from archdsl.project import write
from tools.train import Digits, digits, positive

SIZE = 16
BATCH = 32


@dataclass
class Curve:
    """What a network has learnt after each epoch: mean loss, and share of the test digits that it gets right."""

    name: str
    colour: str
    losses: list[float] = field(default_factory=list)
    shares: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class Course:
    """How the networks are trained."""

    depth: int
    width: float
    epochs: int
    rate: float
    seed: int


def small_digits() -> tuple[Digits, Digits]:
    """Digits to train with and digits to test with."""
    training, test = digits()
    return reduced(training), reduced(test)


def reduced(large: Digits) -> Digits:
    """The digits in fewer pixels."""
    return Digits(functional.adaptive_avg_pool2d(large.images, SIZE), large.labels)


def learn(curve: Curve, course: Course, dirac: bool, progress: Progress) -> None:
    """Train a network and write down how it gets on."""
    torch.manual_seed(course.seed)
    training, test = small_digits()
    size = f"1x{SIZE}x{SIZE}"
    module: nn.Module = archdsl.compile(
        "diracnet_cifar", input=size, seed=course.seed, depth=course.depth, width=course.width, dirac=dirac
    )
    steps = -(-len(training.labels) // BATCH)
    optimizer = torch.optim.SGD(module.parameters(), lr=course.rate, momentum=0.9, nesterov=True)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, course.epochs * steps)
    task = progress.add_task(curve.name, total=course.epochs * steps, state="")
    for _ in range(course.epochs):
        module.train()
        total = 0.0
        for chosen in torch.split(torch.randperm(len(training.labels)), BATCH):
            optimizer.zero_grad()
            loss = functional.cross_entropy(module(training.images[chosen]), training.labels[chosen])
            torch.autograd.backward(loss)
            optimizer.step()
            schedule.step()
            total += loss.item()
            progress.advance(task)
        curve.losses.append(total / steps)
        curve.shares.append(right(module, test))
        progress.update(task, state=f"loss {curve.losses[-1]:.3f}, test {curve.shares[-1]:.1%}")


def right(module: nn.Module, test: Digits) -> float:
    """Share of the digits that a network gets right."""
    module.eval()
    with torch.no_grad():
        answers: Tensor = module(test.images).argmax(1)
    return (answers == test.labels).float().mean().item()


# What is shown -----------------------------------------------------------------------------------------------------


def table(curves: list[Curve]) -> Table:
    """Loss and share of right answers, epoch by epoch."""
    shown = Table("epoch", *(f"{curve.name}: {what}" for curve in curves for what in ("loss", "test")), box=None)
    for column in shown.columns:
        column.justify = "right"
    for epoch in range(len(curves[0].losses)):
        cells = [f"{curve.losses[epoch]:.3f}\0{curve.shares[epoch]:.1%}" for curve in curves]
        shown.add_row(str(epoch + 1), *"\0".join(cells).split("\0"))
    return shown


def chart(curves: list[Curve], title: str) -> str:
    """The share of test digits that are right over the epochs, as SVG."""
    width, height, left, right, top, bottom = 640, 360, 56, 128, 48, 44
    epochs = len(curves[0].shares)

    def x(epoch: int) -> float:
        return left + (width - left - right) * (epoch - 1) / max(epochs - 1, 1)

    def y(share: float) -> float:
        return height - bottom - (height - top - bottom) * share

    parts = [f'<text x="{left}" y="24" font-size="15" font-weight="600">{escape(title)}</text>']
    for percent in range(0, 101, 20):
        place = y(percent / 100)
        parts.append(f'<line x1="{left}" y1="{place:.1f}" x2="{width - right}" y2="{place:.1f}" stroke="#d8dde3"/>')
        parts.append(f'<text x="{left - 8}" y="{place + 4:.1f}" text-anchor="end">{percent} %</text>')
    parts += [
        f'<text x="{x(epoch):.1f}" y="{height - bottom + 18}" text-anchor="middle">{epoch}</text>'
        for epoch in sorted({1, *range(5, epochs, 5), epochs})
    ]
    parts.append(f'<text x="{(left + width - right) / 2}" y="{height - 8}" text-anchor="middle">epoch</text>')
    lowest = 0.0
    for curve in sorted(curves, key=lambda curve: -curve.shares[-1]):
        points = " ".join(f"{x(epoch):.1f},{y(share):.1f}" for epoch, share in enumerate(curve.shares, 1))
        parts.append(f'<polyline points="{points}" fill="none" stroke="{curve.colour}" stroke-width="2.5"/>')
        place = lowest = max(y(curve.shares[-1]) + 4, lowest + 16)  # labels do not meet
        label = f"{curve.name} {curve.shares[-1]:.1%}"
        parts.append(f'<text x="{width - right + 8}" y="{place:.1f}" fill="{curve.colour}">{escape(label)}</text>')
    style = 'font-family="Helvetica, Arial, sans-serif" font-size="12" fill="#1f2933"'
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" {style}>\n'
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>\n{body}\n</svg>\n'
    )


def main() -> int:
    """Train both networks and return 1 if the DiracNet does not win."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--depth", type=positive, default=34, help="layers, 6n + 4")
    parser.add_argument("--width", type=float, default=0.25, help="factor of 16, 32 and 64 channels")
    parser.add_argument("--epochs", type=positive, default=10, help="times that every digit is seen")
    parser.add_argument("--rate", type=float, default=0.3, help="initial learning rate")
    parser.add_argument("--seed", type=int, default=0, help="of weights and batches")
    parser.add_argument("-o", "--output", type=Path, default=Path("curves.svg"), help="picture to write")
    given = vars(parser.parse_args())
    output = given.pop("output")
    course = Course(**given)
    torch.set_num_threads(1)  # the batches are too small to share: threads would wait for each other
    console = Console()
    curves = [Curve("DiracNet", "#1d6fb8"), Curve("plain", "#c2410c")]
    columns = ("{task.description}", BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), "{task.fields[state]}")
    with Progress(*(TextColumn(c) if isinstance(c, str) else c for c in columns), console=console) as progress:
        for curve, dirac in zip(curves, (True, False), strict=True):
            learn(curve, course, dirac, progress)
    console.print(table(curves))
    write(output, chart(curves, f"{course.depth} layers without shortcuts: test digits told right"))
    console.print(f"wrote {output}")
    return int(curves[0].shares[-1] <= curves[1].shares[-1])


if __name__ == "__main__":
    sys.exit(main())
