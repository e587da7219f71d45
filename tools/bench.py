"""Measures what the project claims of its speed and memory, each figure against its goal.

    python tools/bench.py --only start --only build
    python tools/bench.py --json > figures.json

Every ratio is measured in one run: the two sides alternate, each time in the other order, and the ratio is the median
of the ratios of pairs, so that a machine that slows down slows both. The interval behind it holds the true median with
a probability of 95 % (order statistics). If the interval contains the goal, the verdict is unclear.
"""

from __future__ import annotations

import argparse
import gc
import json
import math
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from itertools import count
from pathlib import Path
from statistics import median
from typing import Any, Literal

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tools.bench_draw import COMPARED, pictures  # noqa: E402 - the checkout's own

NETWORKS = (
    ("resnet50", "torchvision:resnet50"),
    ("densenet121", "torchvision:densenet121"),
    ("mobilenet_v2", "torchvision:mobilenet_v2"),
)
BUILT = (("resnet152", "torchvision:resnet152"), ("densenet201", "torchvision:densenet201"))

#: Fewer pairs give no interval of 95 %.
FEWEST = 6

Tick = Callable[[], None]
Unit = Literal["ms", "MiB", "us/layer", "boxes", "pt", "pages", "KiB"]


@dataclass(frozen=True)
class Options:
    """What the measurements have in common.

    Parameters
    ----------
    pairs
        Pairs of runs for each ratio of times; measurements that vary less take half of them.
    """

    pairs: int
    batch: int
    threads: int
    device: str

    @property
    def half(self) -> int:
        return max(self.pairs // 2, FEWEST)


@dataclass(frozen=True)
class Ratio:
    """A measured ratio.

    Parameters
    ----------
    ours, theirs
        What is compared, in ``unit``.
    low, high
        Interval that holds the true ratio; both equal the ratio if it does not vary.
    """

    bench: str
    subject: str
    ratio: float
    low: float
    high: float
    goal: float
    ours: float
    theirs: float
    unit: Unit

    @property
    def verdict(self) -> Literal["met", "unclear", "missed"]:
        if self.ratio > self.goal and self.low > self.goal:
            return "missed"
        return "met" if self.high <= self.goal else "unclear"


@dataclass(frozen=True)
class Bench:
    """A group of measurements: what is measured, how many ratios it gives, and how they are taken."""

    name: str
    what: str
    ratios: int
    run: Callable[[Options, Tick], Iterator[Ratio]]


# Timing ------------------------------------------------------------------------------------------------------------


def seconds(run: Callable[[], object]) -> float:
    """How long one run takes; garbage of the runs before is collected first."""
    gc.collect()
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def paired(ours: Callable[[], float], theirs: Callable[[], float], pairs: int) -> list[tuple[float, float]]:
    """Measurements of both sides, in pairs of alternating order, after one of each that does not count."""
    ours()
    theirs()
    results = []
    for index in range(pairs):
        if index % 2:
            other = theirs()
            results.append((ours(), other))
        else:
            mine = ours()
            results.append((mine, theirs()))
    return results


def interval(values: Sequence[float]) -> tuple[float, float]:
    """Bounds that hold the median of the distribution with a probability of 95 %, from its sorted sample."""
    ordered, count = sorted(values), len(values)
    tail, rank = 0.0, 0
    while rank < count // 2:
        tail += math.comb(count, rank) / 2**count
        if tail > 0.025:
            break
        rank += 1
    rank = max(rank - 1, 0)
    return ordered[rank], ordered[count - 1 - rank]


def compared(
    bench: str, subject: str, goal: float, pairs: Sequence[tuple[float, float]], unit: Unit = "ms", factor: float = 1000
) -> Ratio:
    """The ratio of paired measurements, which ``factor`` turns into ``unit``."""
    ratios = [mine / other for mine, other in pairs]
    low, high = interval(ratios)
    ours, theirs = (factor * median(side) for side in zip(*pairs, strict=True))
    return Ratio(bench, subject, median(ratios), low, high, goal, ours, theirs, unit)


# Start -------------------------------------------------------------------------------------------------------------

LOADED = """
import sys
from archdsl.cli.main import run
code = run(["check", "resnet152"])
assert code == 0, code
assert "torch" not in sys.modules, "`archdsl check` imports torch"
"""


def start(options: Options, tick: Tick) -> Iterator[Ratio]:
    """`archdsl check` as a process against the import of torch alone."""
    process([sys.executable, "-c", LOADED])
    ours = [sys.executable, "-m", "archdsl", "check", "resnet152"]
    theirs = [sys.executable, "-c", "import torch"]
    pairs = paired(lambda: seconds(lambda: process(ours)), lambda: seconds(lambda: process(theirs)), options.half)
    yield compared("start", "archdsl check resnet152 / import torch", 0.25, pairs)
    tick()


def process(command: Sequence[str]) -> None:
    """Run a process to its end.

    Raises
    ------
    RuntimeError
        It failed.
    """
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # as for a user, everything has been compiled to bytecode once
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")


# Linearity ---------------------------------------------------------------------------------------------------------

SHORT, LONG = 100, 10_000


def linear(options: Options, tick: Tick) -> Iterator[Ratio]:
    """Parsing, elaboration and all analyses, for each layer of a long text against a short one."""
    import archdsl

    numbers = count()

    def cost(layers: int, repeats: int) -> float:
        text = "net deep\ninput 8x16x16\n" + "3x3 conv 8 -> bn -> relu\n" * layers

        def run() -> None:
            for _ in range(repeats):  # a text that was never seen, since a network is built once
                analysed(archdsl.load(archdsl.text(f"{text}# {next(numbers)}")))

        return seconds(run) / (layers * repeats)

    pairs = paired(lambda: cost(LONG, 1), lambda: cost(SHORT, 20), options.half)
    yield compared("linear", f"each of {LONG:,} layers / each of {SHORT}", 1.3, pairs, "us/layer", 1e6)
    tick()


def analysed(network: Any) -> None:
    """Ask for every analysis of a network."""
    analysis = network.analysis
    for name in ("cost", "depth", "memory", "receptive", "totals", "structure"):
        getattr(analysis, name)


# Torch -------------------------------------------------------------------------------------------------------------


def build(options: Options, tick: Tick) -> Iterator[Ratio]:
    """A module from a specification, which is read and checked the first time, against the peer's constructor."""
    import archdsl
    from tools.peers import peer

    for name, other in BUILT:
        ours, theirs = (partial(seconds, partial(make, of)) for make, of in ((archdsl.compile, name), (peer, other)))
        pairs = paired(ours, theirs, options.half)
        yield compared("build", f"{name} / {other}", 1.0, pairs)
        tick()


def speed(options: Options, tick: Tick) -> Iterator[Ratio]:
    """Forward passes in evaluation and steps of training, eager, against the peer with the same weights."""
    for name, other in NETWORKS:
        mine, peers = steps(name, other, options)
        for kind in ("forward", "train"):
            ours, theirs = (partial(seconds, side[kind]) for side in (mine, peers))
            yield compared("speed", f"{kind} {name} / {other}", 1.0, paired(ours, theirs, options.pairs))
            tick()


def memory(options: Options, tick: Tick) -> Iterator[Ratio]:
    """Peak of what such passes and steps allocate, without the weights."""
    for name, other in NETWORKS:
        mine, peers = steps(name, other, options)
        for kind in ("forward", "train"):
            ours, theirs = (partial(peak, side[kind], options.device) for side in (mine, peers))
            yield compared("memory", f"{kind} {name} / {other}", 1.0, paired(ours, theirs, FEWEST), "MiB", 2**-20)
            tick()


def steps(name: str, other: str, options: Options) -> Iterator[dict[str, Callable[[], None]]]:
    """What is measured of our network and of the peer: a forward pass and a step of training, each as a call."""
    import torch

    import archdsl
    from tools.peers import carry, peer

    network = archdsl.load(name)
    ours, theirs = network.module(seed=0).eval(), peer(other).eval()
    shape = network.graph.inputs[0].outputs[0].shape
    carry(theirs, ours, torch.randn(1, *shape))
    images = torch.randn(options.batch, *shape).to(options.device)
    labels = torch.randint(1000, (options.batch,)).to(options.device)
    return (calls(module.to(options.device), images, labels) for module in (ours, theirs))


def calls(module: Any, images: Any, labels: Any) -> dict[str, Callable[[], None]]:
    """A forward pass and a step of training of one module."""
    import torch

    optimizer = torch.optim.SGD(module.parameters(), lr=1e-4)

    def forward() -> None:
        module.eval()
        with torch.no_grad():
            module(images)
        settle(images)

    def train() -> None:
        module.train()
        torch.autograd.backward(torch.nn.functional.cross_entropy(module(images), labels))
        optimizer.step()
        optimizer.zero_grad()  # at the end, so that a run frees what it allocates
        settle(images)

    return {"forward": forward, "train": train}


def settle(images: Any) -> None:
    """Wait for a device that works on its own."""
    if images.is_cuda:
        import torch

        torch.cuda.synchronize()


def peak(run: Callable[[], None], device: str) -> int:
    """Most bytes that were allocated at a time during a run, beyond those before it."""
    import torch

    run()
    gc.collect()
    if device.startswith("cuda"):
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        run()
        return torch.cuda.max_memory_allocated() - before
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True) as profile:
        run()
    results = profile.profiler.kineto_results
    most = held = 0
    for event in sorted(results.events(), key=lambda event: event.start_ns()):
        if event.name() == "[memory]":
            held += event.nbytes()
            most = max(most, held)
    return most


BENCHES = (
    Bench("start", "time of a process", 1, start),
    Bench("linear", "time for each layer", 1, linear),
    Bench("build", "time to make a module", len(BUILT), build),
    Bench("speed", "time of a pass", 2 * len(NETWORKS), speed),
    Bench("draw", "size and time of pictures", 8 + 4 * len(COMPARED), pictures),
    Bench("memory", "peak memory of a pass", 2 * len(NETWORKS), memory),
)


# Command line ------------------------------------------------------------------------------------------------------


def main() -> int:
    """Measure, print, and return 1 if a goal is missed."""
    names = [bench.name for bench in BENCHES]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", action="append", choices=names, help="measure this alone (may be given again)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--pairs", type=int, default=21, help="pairs of runs for each ratio of times")
    parser.add_argument("--batch", type=int, default=4, help="images in a batch")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1, help="threads of torch")
    parser.add_argument("--device", default="cpu", help="as of torch: cpu, cuda")
    given = parser.parse_args()
    options = Options(max(given.pairs, FEWEST), given.batch, given.threads, given.device)
    ratios = measure([bench for bench in BENCHES if not given.only or bench.name in given.only], options)
    if given.json:
        print(json.dumps([asdict(ratio) | {"verdict": ratio.verdict} for ratio in ratios], indent=2))
    else:
        Console().print(table(ratios))
    return int(any(ratio.verdict == "missed" for ratio in ratios))


def measure(benches: Sequence[Bench], options: Options) -> list[Ratio]:
    """Take the measurements, with a progress bar on standard error."""
    if any(bench.name in ("build", "speed", "memory") for bench in benches):
        import torch

        torch.set_num_threads(options.threads)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    ratios: list[Ratio] = []
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("", total=sum(bench.ratios for bench in benches))
        for bench in benches:
            progress.update(task, description=f"{bench.name}: {bench.what}")
            ratios += bench.run(options, lambda: progress.advance(task))
    return ratios


def table(ratios: Sequence[Ratio]) -> Table:
    """The measurements for people."""
    colours = {"met": "green", "unclear": "yellow", "missed": "red"}
    made = Table(box=None, header_style="bold")
    made.add_column("bench", no_wrap=True)
    made.add_column("ours / theirs", overflow="fold")
    for heading in ("ours", "theirs", "ratio", "95 %", "goal"):
        made.add_column(heading, justify="right")
    made.add_column("verdict")
    for ratio in ratios:
        spread = "" if ratio.low == ratio.high else f"{ratio.low:.3f}–{ratio.high:.3f}"
        sides = (f"{ratio.ours:,.1f} {ratio.unit}", f"{ratio.theirs:,.1f} {ratio.unit}")
        verdict = f"[{colours[ratio.verdict]}]{ratio.verdict}"
        made.add_row(ratio.bench, ratio.subject, *sides, f"{ratio.ratio:.3f}", spread, f"<= {ratio.goal:.2f}", verdict)
    return made


if __name__ == "__main__":
    sys.exit(main())
