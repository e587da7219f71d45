"""Which blocks of a picture are open: families of blocks together, or the first of them as an example."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import archdsl
from archdsl.analysis.analyse import analyse
from archdsl.backends.diagram.figure import Box, Figure, Frame, Member
from archdsl.backends.diagram.options import Options
from archdsl.backends.diagram.subject import Subject

BUDGETS = (40, 30, 24, 20)


def figure_of(name: str, budget: int) -> Figure:
    graph = archdsl.load(name).graph
    return Subject(graph, analyse(graph)).figure(Options(), budget=budget)


def figure_of_text(text: str, budget: int) -> Figure:
    graph = archdsl.load(archdsl.text(text)).graph
    return Subject(graph, analyse(graph)).figure(Options(), budget=budget)


def members_of(members: tuple[Member, ...]) -> Iterator[Box | Frame]:
    for member in members:
        if isinstance(member, Box | Frame):
            yield member
        if isinstance(member, Frame):
            yield from members_of(member.members)


def opened(figure: Figure, *paths: str) -> list[bool]:
    """Whether blocks are open."""
    found = {member.path: isinstance(member, Frame) for member in members_of(figure.members)}
    return [found[path] for path in paths]


@pytest.mark.parametrize("budget", BUDGETS)
@pytest.mark.parametrize("name", ["resnet50", "densenet121", "googlenet", "bn_inception", "se_bn_inception", "yolov2"])
def test_a_budget_holds(name: str, budget: int) -> None:
    assert sum(1 for _ in figure_of(name, budget).boxes()) <= budget


def test_exits_open_together() -> None:
    assert [opened(figure_of("googlenet", budget), "aux1", "aux2") for budget in (40, 24)] == [[True] * 2, [False] * 2]


@pytest.mark.parametrize("budget", BUDGETS)
def test_stages_in_a_row_open_together_or_the_first_alone(budget: int) -> None:
    stages = opened(figure_of("yolov2", budget), *(f"stage{number}" for number in range(1, 7)))
    assert stages in ([True] * 6, [True, *[False] * 5], [False] * 6)


@pytest.mark.parametrize("budget", BUDGETS)
def test_equal_parts_of_a_unit_open_together(budget: int) -> None:
    figure = figure_of("igcv1_l4m32", budget)
    if opened(figure, "stage1") == [True] == opened(figure, "stage1.unit1"):
        assert len(set(opened(figure, "stage1.unit1.igc1", "stage1.unit1.igc2"))) == 1


@pytest.mark.parametrize("budget", [40, 30])
def test_no_later_block_opens_where_the_first_is_closed(budget: int) -> None:
    first, later = opened(figure_of("se_bn_inception", budget), "i3a.inception1", "i3c.reduce1")
    assert first == later == (budget == 40)


@pytest.mark.parametrize("budget", BUDGETS)
def test_branches_of_a_unit_open_together(budget: int) -> None:
    figure = figure_of("bn_inception", budget)
    if opened(figure, "i3a") == [True]:
        assert len(set(opened(figure, "i3a.single1", "i3a.double1"))) == 1


def test_a_block_between_others_of_its_family_stays_closed() -> None:
    text = "input 8x8x8\npair(width): 1x1 conv width -> relu -> 3x3 conv width -> relu\n"
    text += "wide(width): 1x1 conv width -> relu -> 3x3 conv width -> relu -> 1x1 conv width\n"
    text += "\n".join(f"{'pair' if number % 2 else 'wide'}({number})" for number in range(1, 7)) + "\n"
    figure = figure_of_text(text, 12)
    assert opened(figure, "pair1", "wide1", "pair2", "wide2", "pair3", "wide3") == [True, True, *[False] * 4]
