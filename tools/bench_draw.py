"""What drawing costs and how large pictures become, against torchview where it is there and against goals of our own.

`tools/bench.py --only draw` runs it.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from rich.console import Console

if TYPE_CHECKING:
    from tools.bench import Options, Ratio, Unit

#: Boxes on a page, and its width and height in points (A4).
BOXES, WIDTH, PAGE = 40, 595.0, 842.0
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

#: Networks that are drawn beside torchview's pictures of torchvision's, and the largest share of its boxes that
#: ours may have. Nothing in the first one is shown that is not needed; of the others, blocks are opened to the budget.
COMPARED = {"resnet50": 0.25, "densenet121": 0.5, "googlenet": 0.5}


@dataclass(frozen=True)
class Measured:
    """Pairs of ours and theirs, and the goal for their ratio; ``factor`` turns them into ``unit``."""

    subject: str
    goal: float
    pairs: list[tuple[float, float]]
    unit: Unit
    factor: float = 1.0


@dataclass(frozen=True)
class Size:
    """What a picture asks of its reader: boxes that are seen, width and height in points, and bytes of SVG."""

    boxes: int
    width: float
    height: float
    bytes: int

    @property
    def pages(self) -> float:
        """Its area in pages."""
        return self.width * self.height / (WIDTH * PAGE)


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
    ours = _size("resnet50")
    yield Measured(f"boxes, resnet50 / {BOXES}", 1.0, [(ours.boxes, BOXES)] * 6, "boxes")
    yield Measured("height, resnet50 / A4", 1.0, [(ours.height, PAGE)] * 6, "pt")
    yield Measured("boxes, resnet152 / resnet50", 1.0, [(_size("resnet152").boxes, ours.boxes)] * 6, "boxes")
    if missing() is None:
        for name in COMPARED:
            yield from _against_torchview(name, runs)


def _against_torchview(name: str, runs: int) -> Iterator[Measured]:
    """Time from what is at hand, a text or a module, to an SVG, and what is seen in it."""
    from tools.bench import paired

    draw, trace = _drawing(name, {}), _tracing(name)
    pairs = paired(partial(_seconds, draw), partial(_seconds, lambda: trace().pipe(format="svg")), runs)
    yield Measured(f"time to SVG, {name} / torchview", 1.0, pairs, "ms", 1000)
    ours, theirs = _size(name), _size_there(trace())
    yield Measured(f"boxes, {name} / torchview", COMPARED[name], [(ours.boxes, theirs.boxes)] * 6, "boxes")
    yield Measured(f"area, {name} / torchview", 0.25, [(ours.pages, theirs.pages)] * 6, "pages")
    yield Measured(f"SVG, {name} / torchview", 0.3, [(ours.bytes, theirs.bytes)] * 6, "KiB", 2**-10)


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


def _size(name: str) -> Size:
    """The default picture of a network."""
    import archdsl

    network = archdsl.load(name)
    picture = json.loads(network.draw(format="json"))
    svg = network.draw()
    _, _, width, height = map(float, svg.decode().split('viewBox="', 1)[1].split('"', 1)[0].split())
    return Size(_count(picture["members"]), width, height, len(svg))


def _count(members: list[dict[str, Any]]) -> int:
    return sum(_count(member["members"]) if "members" in member else 1 for member in members)


def _tracing(name: str) -> Callable[[], Any]:
    """How torchview draws a network of torchvision: its defaults, repeats rolled up, and nothing computed."""
    import torchview

    from tools.peers import peer

    module = peer(f"torchvision:{name}").eval()

    def trace() -> Any:
        return torchview.draw_graph(module, input_size=(1, 3, 224, 224), roll=True, device="meta").visual_graph

    return trace


def _size_there(drawn: Any) -> Size:
    """A picture of torchview, as Graphviz lays it out."""
    plain = json.loads(drawn.pipe(format="json0"))
    boxes = sum("pos" in thing for thing in plain["objects"])
    _, _, width, height = map(float, plain["bb"].split(","))
    return Size(boxes, width, height, len(drawn.pipe(format="svg")))
