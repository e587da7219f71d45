"""The styles of the papers: columns, volumes and tables."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator
from itertools import combinations, pairwise
from pathlib import Path

import pytest

import archdsl
from archdsl.backends.diagram.column import arrange, boxes_of
from archdsl.backends.diagram.engine import DrawingError
from archdsl.backends.diagram.figure import Figure
from archdsl.backends.diagram.options import Options
from archdsl.backends.diagram.scene import Part, Scene, Text
from archdsl.backends.diagram.stages import Group, tabulate
from archdsl.backends.diagram.styles.paper import paint_paper
from archdsl.backends.diagram.styles.volume_sizes import volume_of
from archdsl.backends.diagram.styles.volumes import paint_volumes
from archdsl.backends.diagram.subject import Subject
from archdsl.ops.base import TensorType

Box = tuple[float, float, float, float]

NETWORKS = (
    "resnet34", "resnet152", "vgg16", "googlenet", "densenet121", "unet", "fractalnet20", "inception_v4",
    "mobilenet_v2", "efficientnet_b0", "shufflenet_g3", "seresnet50", "xception", "lenet5", "resnet20_cifar",
)  # fmt: skip


def subject(name: str) -> Subject:
    network = archdsl.load(name)
    return Subject(network.graph, network.analysis)


def scene_of(name: str, style: str) -> Scene:
    paint = paint_paper if style == "paper" else paint_volumes
    return paint([subject(name)], Options(style=style))  # type: ignore[arg-type]


def parts(scene: Scene, role: str) -> Iterator[Part]:
    """Parts whose role begins with a word."""
    waiting = list(scene.parts)
    while waiting:
        part = waiting.pop()
        waiting += part.parts
        if part.role.split(" ")[0] == role:
            yield part


def bounds(part: Part) -> Box:
    """What the shapes of a part cover."""
    points = [point for mark in part.flat() if not isinstance(mark, Text) for point in mark.points]
    xs, ys = zip(*points, strict=True)
    return min(xs), min(ys), max(xs), max(ys)


def overlap(one: Box, other: Box) -> bool:
    return one[0] < other[2] - 0.5 and other[0] < one[2] - 0.5 and one[1] < other[3] - 0.5 and other[1] < one[3] - 0.5


def words(picture: bytes) -> list[str]:
    return re.findall(r"<text [^>]*>([^<]*)</text>", picture.decode())


# Columns


def whole(name: str) -> Figure:
    return subject(name).figure(Options(depth=99), budget=None)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_column_holds_every_box_once(name: str) -> None:
    figure = whole(name)
    column = arrange(figure)
    found = Counter(boxes_of(column.series))
    found.update(key for aside in column.asides for key in boxes_of(aside.series))
    found.update(key for arc in column.arcs for key in arc.via)
    assert found == Counter(box.key for box in figure.boxes())


@pytest.mark.parametrize("name", NETWORKS)
def test_a_column_runs_downwards(name: str) -> None:
    figure = whole(name)
    order = {box.key: place for place, box in enumerate(figure.boxes())}
    column = arrange(figure)
    trunk = [part for part in column.series.parts if isinstance(part, str)]
    assert [order[key] for key in trunk] == sorted(order[key] for key in trunk)
    assert all(order[arc.tail] < order[arc.head] for arc in column.arcs)


def test_shortcuts_of_a_residual_network_are_arcs() -> None:
    kinds = Counter(arc.kind for arc in arrange(whole("resnet50")).arcs)
    assert kinds == {"projection": 4, "identity": 4}


def test_option_a_is_an_arc_as_well() -> None:
    arcs = [arc for arc in arrange(whole("resnet20_cifar")).arcs if arc.via]
    assert [arc.kind for arc in arcs] == ["projection", "projection"]


def test_auxiliary_heads_stand_beside() -> None:
    column = arrange(whole("googlenet"))
    assert len(column.asides) == 2
    assert all(aside.entering and not aside.leaving for aside in column.asides)


# Pictures


@pytest.mark.parametrize("style", ["paper", "volumes"])
@pytest.mark.parametrize("name", NETWORKS)
def test_nothing_overlaps_and_all_is_on_the_page(name: str, style: str) -> None:
    scene = scene_of(name, style)
    boxes = {part.id: bounds(part) for part in parts(scene, "box")}
    assert len(boxes) > 3
    clashes = [(one, other) for one, other in combinations(boxes, 2) if overlap(boxes[one], boxes[other])]
    assert not clashes
    for left, top, right, bottom in boxes.values():
        assert 0 <= left < right <= scene.width
        assert 0 <= top < bottom <= scene.height
    for mark in scene.marks():
        if isinstance(mark, Text):
            assert 0 <= mark.y <= scene.height


@pytest.mark.parametrize("style", ["paper", "volumes", "table"])
def test_same_bytes_each_time(style: str) -> None:
    for format in ("svg", "pdf"):
        assert archdsl.load("unet").draw(style=style, format=format) == archdsl.load("unet").draw(
            style=style, format=format
        )


def test_a_paper_column_says_what_the_paper_says() -> None:
    shown = words(archdsl.load("resnet34").draw(style="paper"))
    assert {"7x7 conv, 64, /2", "3x3 maxpool, /2", "3x3 conv, 512, /2", "fc 1000", "1x1 conv, 128, /2"} <= set(shown)
    assert [text for text in shown if text.startswith("×")] == ["×3", "×3", "×5", "×2"]
    assert [text for text in shown if re.fullmatch(r"\d+x\d+", text)] == [
        "112x112",
        "56x56",
        "28x28",
        "14x14",
        "7x7",
        "1x1",
    ]


def test_short_networks_show_every_layer_and_detail_full_does_always() -> None:
    assert words(archdsl.load("vgg16").draw(style="paper")).count("3x3 conv, 512") == 6
    shown = words(archdsl.load("resnet34").draw(style="paper", detail="full"))
    assert shown.count("3x3 conv, 256") == 11


def test_networks_stand_side_by_side() -> None:
    one, two = archdsl.load("vgg19"), archdsl.load("resnet34")
    shown = words(one.draw(style="paper", beside=[two]))
    assert {"vgg19", "resnet34", "144 M params · 19.6 G MACs", "21.8 M params · 3.66 G MACs"} <= set(shown)


@pytest.mark.parametrize("style", ["graph", "volumes"])
def test_other_styles_draw_one_network(style: str) -> None:
    one, two = archdsl.load("vgg19"), archdsl.load("resnet34")
    with pytest.raises(DrawingError, match="draws one network"):
        one.draw(style=style, beside=[two])


def test_volumes_shrink_with_the_resolution_and_thicken_with_the_channels() -> None:
    wide, deep = volume_of(TensorType((64, 112, 112))), volume_of(TensorType((512, 7, 7)))
    assert wide.height > deep.height
    assert wide.width < deep.width


def test_a_u_net_is_a_u() -> None:
    scene = scene_of("unet", "volumes")
    bottoms = [bounds(part)[3] for part in sorted(parts(scene, "box"), key=lambda part: bounds(part)[0])]
    lowest = bottoms.index(max(bottoms))
    falls = [a <= b + 20 for a, b in pairwise(bottoms[:lowest])]
    rises = [a >= b - 20 for a, b in pairwise(bottoms[lowest:])]
    assert all(falls)
    assert all(rises)
    assert 5 < lowest < len(bottoms) - 5


# Tables


def test_table_of_residual_networks() -> None:
    table = tabulate([subject("resnet18"), subject("resnet50")], Options(style="table"))
    assert [name for name, _ in table.rows] == ["stem", "stage1", "stage2", "stage3", "stage4", "head"]
    stage3 = dict(table.rows)["stage3"]
    assert [cell.groups for cell in stage3 if cell] == [
        (Group(("3x3 conv, 256", "3x3 conv, 256"), 2),),
        (Group(("1x1 conv, 256", "3x3 conv, 256", "1x1 conv, 1024"), 6),),
    ]
    assert table.has_common_sizes


def test_branches_of_a_stage_are_lines() -> None:
    table = tabulate([subject("googlenet")], Options(style="table"))
    cell = dict(table.rows)["i3a"][0]
    assert cell is not None
    assert cell.groups[0].lines[1] == "1x1 conv, 96 → 3x3 conv, 128"


def test_layers_without_stages_are_told_apart_by_their_size() -> None:
    table = tabulate([subject("vgg16")], Options(style="table"))
    sizes = [cell.size for _, (cell,) in table.rows if cell]
    assert sizes == ["224x224", "112x112", "56x56", "28x28", "14x14", "7x7", "1000"]


def test_csv_is_read_back() -> None:
    text = archdsl.load("resnet50").draw(style="table", format="csv").decode()
    rows = list(csv.reader(io.StringIO(text)))
    assert rows[0] == ["stage", "output", "resnet50"]
    assert rows[3] == ["stage2", "28x28", "[1x1 conv, 128; 3x3 conv, 128; 1x1 conv, 512] ×4"]
    assert rows[-1] == ["total", "", "25.6 M params; 4.09 G MACs"]


def test_text_and_markdown_and_latex(tmp_path: Path) -> None:
    network = archdsl.load("resnet50")
    for suffix in ("txt", "md", "tex"):
        network.draw(tmp_path / f"table.{suffix}", style="table")
    text, markdown, latex = ((tmp_path / f"table.{suffix}").read_text("utf-8") for suffix in ("txt", "md", "tex"))
    assert "⎢ 3x3 conv, 256  ⎥ ×6" in text
    assert "| stage3 | 14x14 | [1x1 conv, 256; 3x3 conv, 256; 1x1 conv, 1024] ×6 |" in markdown
    assert r"\mbox{$3{\times}3$ conv, 256}" in latex
    assert latex.count(r"\begin{array}") == latex.count(r"\end{array}") == 4


def test_a_format_of_tables_needs_the_style() -> None:
    with pytest.raises(DrawingError, match="'csv' is a format of style 'table'"):
        archdsl.load("resnet18").draw(format="csv")
