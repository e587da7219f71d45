"""Where boxes stand: branches of one box each on one level, and one line into a column."""

from __future__ import annotations

import pytest

import archdsl
from archdsl.analysis.analyse import analyse
from archdsl.backends.diagram.dot import ENTRY, Direction
from archdsl.backends.diagram.figure import Box, Figure
from archdsl.backends.diagram.layout import Layout
from archdsl.backends.diagram.legible import legible
from archdsl.backends.diagram.options import Options
from archdsl.backends.diagram.subject import Subject
from archdsl.source import Source

BRANCHES = """input 8x32x32
unit: (1x1 conv 8 | 3x3 conv 8 | 5x5 conv 8 -> 1x1 conv 8 | 7x7 conv 8) -> concat
3x3 conv 8 -> unit -> 3x3 conv 8
"""


def placed(target: str | Source, direction: Direction = "TB") -> tuple[Layout, Figure]:
    graph = archdsl.load(target).graph
    return legible(Subject(graph, analyse(graph)), Options(direction=direction))


def centres(layout: Layout, figure: Figure, *titles: str) -> list[tuple[float, float]]:
    return [layout.centres[box.key] for box in figure.boxes() if box.title in titles]


@pytest.mark.parametrize("direction", ["TB", "LR"])
def test_branches_of_one_box_stand_abreast(direction: Direction) -> None:
    layout, figure = placed(archdsl.text(BRANCHES), direction)
    unit = next(figure.frames())
    boxes = [member for member in unit.members if isinstance(member, Box)]
    lone = [layout.centres[box.key] for box in boxes if box.title in ("Conv 3x3", "Conv 7x7")]
    assert len(lone) == 2
    assert len({round(centre[direction == "TB"], 1) for centre in lone}) == 1
    assert len({round(centre[direction == "LR"], 1) for centre in lone}) == 2


def test_rates_of_a_pyramid_stand_abreast() -> None:
    layout, figure = placed("deeplab_v3_resnet101_os16")
    levels = {round(y, 1) for _, y in centres(layout, figure, "Conv 3x3 d6", "Conv 3x3 d12", "Conv 3x3 d18")}
    assert len(levels) == 1


def test_two_streams_enter_a_column_as_one_line() -> None:
    layout, _ = placed("octresnet50_a025")
    assert layout.corners
    heads = [route.link.head for route in layout.routes if route.link.tail == ENTRY]
    assert len(heads) == len(set(heads)) == len(layout.corners)
