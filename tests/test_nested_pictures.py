"""Deeply nested networks in the styles of the papers: every part is measured once, every skip is drawn."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

import archdsl
from archdsl.backends.diagram import dips
from archdsl.backends.diagram.column import Series, arrange, boxes_of
from archdsl.backends.diagram.draw import paint
from archdsl.backends.diagram.figure import Figure
from archdsl.backends.diagram.options import Options, Style
from archdsl.backends.diagram.scene import Part, Scene
from archdsl.backends.diagram.styles import paper_sizes, volume_sizes
from archdsl.backends.diagram.subject import Subject
from archdsl.network import Network

DEPTHS = (4, 8, 12)

#: A head for training alone, and one that is drawn, each with a skip of its own.
AUXILIARY = """
input 8x16x16
stem = 3x3 conv 8
exit aux weight=0.3 only=train {
  1x1 conv 8
  (3x3 conv 8 -> relu -> 3x3 conv 8 | skip) -> add
  gap -> fc 5
}
(3x3 conv 8 -> relu -> 3x3 conv 8 | skip) -> add
gap -> fc 5
"""


def branches(depth: int) -> Network:
    """Two ways that part and meet, the first of which holds two ways that part and meet, and so on."""
    return archdsl.load(
        archdsl.text(f"""
net nest
input 8x64x64
nest(depth): {{
  (3x3 conv 8 -> {{ if depth > 0 {{ nest(depth - 1) }} else {{ relu }} }} -> 3x3 conv 8 | 1x1 conv 8) -> concat
  1x1 conv 8
}}
nest({depth})
gap -> fc 5
""")
    )


def valley(depth: int) -> Network:
    """A U with so many levels."""
    return archdsl.load("unet_padded", width=2, depth=depth, size=2**depth)


def scene_of(network: Network, style: Style, **options: Any) -> Scene:
    return paint([Subject(network.graph, network.analysis)], Options(style=style, **options))


def counted(monkeypatch: pytest.MonkeyPatch, module: Any, name: str) -> Counter[str]:
    """Calls of a function of a module from now on."""
    calls: Counter[str] = Counter()
    real: Callable[..., Any] = getattr(module, name)

    def counting(*arguments: Any) -> Any:
        calls[name] += 1
        return real(*arguments)

    monkeypatch.setattr(module, name, counting)
    return calls


def grows_evenly(counts: list[int]) -> bool:
    """Whether equal steps of the depth add equally many calls."""
    return counts[0] < counts[1] < counts[2] and counts[2] - counts[1] == counts[1] - counts[0]


@pytest.mark.parametrize(
    ("style", "module", "network_of"),
    [("paper", paper_sizes, branches), ("volumes", volume_sizes, branches), ("volumes", volume_sizes, valley)],
)
def test_every_series_is_measured_once(
    monkeypatch: pytest.MonkeyPatch, style: Style, module: Any, network_of: Callable[[int], Network]
) -> None:
    counts = []
    for depth in DEPTHS:
        network = network_of(depth)
        with monkeypatch.context() as patch:
            calls = counted(patch, module, "spanning")
            scene_of(network, style, depth=99)
        counts.append(calls["spanning"])
    assert grows_evenly(counts), counts


def test_every_dip_is_hung_once(monkeypatch: pytest.MonkeyPatch) -> None:
    counts = []
    for depth in DEPTHS:
        network = valley(depth)
        with monkeypatch.context() as patch:
            calls = counted(patch, dips, "_bridged")
            scene_of(network, "volumes", depth=99)
        counts.append(calls["_bridged"])
    assert grows_evenly(counts), counts


def figure_of(network: Network) -> Figure:
    return Subject(network.graph, network.analysis).figure(Options(depth=99), budget=None)


def hung(network: Network) -> Series:
    figure = figure_of(network)
    column = arrange(figure)
    sides = volume_sizes.Sizes(network.graph, figure, column.arcs)
    return dips.hung(column.series, column.arcs, sides.side)


def test_what_hangs_keeps_its_boxes_and_their_order() -> None:
    network = valley(4)
    assert list(boxes_of(hung(network))) == list(boxes_of(arrange(figure_of(network)).series))


def test_a_valley_hangs_as_deep_as_it_is() -> None:
    def depth(series: Series) -> int:
        below = [part for part in series.parts if not isinstance(part, str)]
        return max((dips.hangs(part) + max(map(depth, part.series)) for part in below), default=0)

    assert [depth(hung(valley(levels))) for levels in (1, 4, 9)] == [1, 4, 9]


def skips(scene: Scene) -> list[str]:
    """What identity skips say, in the order in which they are drawn."""
    waiting, found = list(scene.parts), list[Part]()
    while waiting:
        part = waiting.pop(0)
        found.append(part)
        waiting = [*part.parts, *waiting]
    return [part.label for part in found if part.role == "link identity"]


def test_skips_of_an_auxiliary_head_are_drawn() -> None:
    network = archdsl.load(archdsl.text(AUXILIARY))
    figure = figure_of(network)
    assert len(arrange(figure).asides) == 1
    shown = skips(scene_of(network, "paper", depth=99))
    assert len(shown) == len(arrange(figure).arcs) == 2
    assert [("aux" in label) for label in shown] == [False, True]


def test_totals_give_way_to_heat() -> None:
    network = archdsl.load("resnet18")
    subject = Subject(network.graph, network.analysis)
    plain, warm = (subject.figure(Options(depth=0, heat=heat), budget=None) for heat in (None, "params"))
    closed = {box.key: box for box in plain.boxes() if box.kind == "block"}
    assert closed
    for box in warm.boxes():
        if box.key in closed:
            totals = closed[box.key].totals
            assert totals == closed[box.key].details[-1]
            assert totals not in box.details
            assert box.details[-1] == totals.split(" · ")[0]
