"""What drawing costs and how large pictures become, against torchview where it is there and against goals of our own.

`tools/bench.py --only draw` runs it.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from rich.console import Console

if TYPE_CHECKING:
    from tools.bench import Options, Ratio, Unit

#: Boxes and points of height of a page (A4).
BOXES, PAGE = 40, 842.0
_DEEP = "input 3x32x32; 3x3 conv 16; {{ 3x3 conv in.channels -> bn -> relu }} x {count}; gap -> fc 10"
#: Convolutions whose widths are all different, so that none folds into another.
_UNEQUAL = "input 1x8x8; for i in 1..{count} {{ 1x1 conv(1 + i % 7) -> relu }}; gap -> fc 10"

#: Networks, how they are drawn, and the seconds from text to SVG that they may take.
BUDGETS: tuple[tuple[str, str, dict[str, Any], float], ...] = (
    ("resnet50", "resnet50", {}, 0.3),
    ("resnet152", "resnet152", {}, 0.3),
    ("densenet264", "densenet264", {}, 2.0),
    ("1000 layers", _DEEP.format(count=1000), {}, 2.0),
    ("5000 boxes unfolded", _UNEQUAL.format(count=2500), {"detail": "full"}, 8.0),
)


@dataclass(frozen=True)
class Measured:
    """Pairs of ours and theirs, and the goal for their ratio; ``factor`` turns them into ``unit``."""

    subject: str
    goal: float
    pairs: list[tuple[float, float]]
    unit: Unit
    factor: float = 1.0


def pictures(options: Options, tick: Callable[[], None]) -> Iterator[Ratio]:
    """Size of pictures and time to make them, against goals, and against torchview if it is there."""
    from tools.bench import compared

    reason = missing()
    if reason is not None:
        Console(stderr=True).print(f"not compared with torchview: {reason}")
    for found in measure(options.half):
        yield compared("draw", found.subject, found.goal, found.pairs, found.unit, found.factor)
        tick()


def measure(runs: int) -> Iterator[Measured]:
    """All that can be measured here; times are of texts that are read, checked, laid out and written."""
    for name, target, options, budget in BUDGETS:
        draw = _drawing(target, options)
        draw()  # what is imported and cached on the first run is paid once
        times = [_seconds(draw) for _ in range(1 if budget > 5 else runs)]
        yield Measured(f"text to SVG, {name} / {budget:g} s", 1.0, [(t, budget) for t in times], "ms", 1000)
    boxes, height = _size("resnet50")
    yield Measured(f"boxes, resnet50 / {BOXES}", 1.0, [(boxes, BOXES)] * 6, "boxes")
    yield Measured("height, resnet50 / A4", 1.0, [(height, PAGE)] * 6, "pt")
    yield Measured("boxes, resnet152 / resnet50", 1.0, [(_size("resnet152")[0], boxes)] * 6, "boxes")
    reason = missing()
    if reason is None:
        nodes, theirs = _torchview()
        yield Measured("boxes, resnet50 / torchview", 0.25, [(boxes, nodes)] * 6, "boxes")
        yield Measured("height, resnet50 / torchview", 0.2, [(height, theirs)] * 6, "pt")


def missing() -> str | None:
    """Why torchview cannot be compared with here; None if it can."""
    for package in ("torchview", "torchvision"):
        if find_spec(package) is None:
            return f"{package} is not installed"
    return None if shutil.which("dot") else "Graphviz's dot, which torchview draws with, is not on the search path"


def _drawing(target: str, options: dict[str, Any]) -> Callable[[], bytes]:
    import archdsl

    source = archdsl.text(target) if target.startswith("input") else target
    return lambda: archdsl.load(source).draw(**options)


def _seconds(run: Callable[[], object]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def _size(name: str) -> tuple[int, float]:
    """Boxes that the default picture of a network shows, and its height in points."""
    import archdsl

    network = archdsl.load(name)
    picture = json.loads(network.draw(format="json"))
    svg = network.draw().decode()
    height = float(svg.split('viewBox="', 1)[1].split('"', 1)[0].split()[3])
    return _count(picture["members"]), height


def _count(members: list[dict[str, Any]]) -> int:
    return sum(_count(member["members"]) if "members" in member else 1 for member in members)


def _torchview() -> tuple[int, float]:
    """Nodes and height in points of the picture that torchview makes of ResNet-50."""
    import torchview
    from torchvision.models import resnet50

    drawn = torchview.draw_graph(resnet50(), input_size=(1, 3, 224, 224), roll=True)
    plain = json.loads(drawn.visual_graph.pipe(format="json0"))
    nodes = [thing for thing in plain["objects"] if "pos" in thing]
    return len(nodes), float(plain["bb"].split(",")[3])
