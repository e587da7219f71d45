"""Lines of pictures: none is lost, and none seems to come from or lead to a box that it only passes."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import pytest

import archdsl
from archdsl.analysis.analyse import analyse
from archdsl.backends.diagram.draw import paint
from archdsl.backends.diagram.metrics import text_width
from archdsl.backends.diagram.options import Options, Style
from archdsl.backends.diagram.scene import Curve, Part, Point, Scene, Text
from archdsl.backends.diagram.subject import Subject

#: Networks with boxes beside the column, skips that begin before branches, and lines that come back from beside.
BRANCHED = (
    "b_alexnet",
    "b_resnet110",
    "deeplab_v3_plus",
    "fast_rcnn",
    "faster_rcnn",
    "gcresnet50t",
    "googlenet",
    "octave_resnet",
    "rfcn",
    "ssd300",
    "yolov2",
)

#: Left, top, right and bottom.
Area = tuple[float, float, float, float]


def scene_of(name: str, style: Style) -> Scene:
    graph = archdsl.load(name).graph
    return paint([Subject(graph, analyse(graph))], Options(style=style))


def parts_of(parts: tuple[Part, ...], role: str) -> Iterator[Part]:
    for part in parts:
        if part.role.startswith(role):
            yield part
        yield from parts_of(part.parts, role)


def area_of(box: Part) -> Area:
    xs, ys = zip(*(point for mark in box.marks if not isinstance(mark, Text) for point in mark.points), strict=True)
    return min(xs), min(ys), max(xs), max(ys)


def written(mark: Text) -> Area:
    width = text_width(mark.text, mark.size, bold=mark.bold)
    left = mark.x - {"start": 0.0, "middle": width / 2, "end": width}[mark.anchor]
    return left, mark.y - 0.7 * mark.size, left + width, mark.y + 0.2 * mark.size


def lines_of(scene: Scene) -> Iterator[list[Point]]:
    """Where the pieces of each line begin and end."""
    for link in parts_of(scene.parts, "link "):
        yield from (list(mark.points[::3]) for mark in link.marks if isinstance(mark, Curve))


def length_within(points: list[Point], area: Area) -> float:
    """How much of a line, which is upright or level but at its corners, lies in an area."""
    return sum(_piece_within(start, end, area) for start, end in pairwise(points))


def _piece_within(start: Point, end: Point, area: Area) -> float:
    width = min(max(start[0], end[0]), area[2]) - max(min(start[0], end[0]), area[0])
    height = min(max(start[1], end[1]), area[3]) - max(min(start[1], end[1]), area[1])
    return max(width, height) if min(width, height) >= 0 else 0.0


def is_at(point: Point, area: Area) -> bool:
    return area[0] - 6 <= point[0] <= area[2] + 6 and area[1] - 6 <= point[1] <= area[3] + 6


@pytest.mark.parametrize("style", ["paper", "volumes"])
@pytest.mark.parametrize("name", BRANCHED)
def test_no_line_leads_through_a_box(name: str, style: Style) -> None:
    scene = scene_of(name, style)
    areas = {part.id: area_of(part) for part in parts_of(scene.parts, "box ")}
    for points in lines_of(scene):
        for key, (left, top, right, bottom) in areas.items():
            inside = (left + 1, top + 1, right - 1, bottom - 1)
            if not (is_at(points[0], inside) or is_at(points[-1], inside)):
                assert length_within(points, inside) < 4, (key, points)


@pytest.mark.parametrize("name", ["b_lenet", "fast_rcnn", "googlenet", "ssd300", "yolov1", "yolov2"])
def test_no_line_crosses_the_words_below_a_volume(name: str) -> None:
    scene = scene_of(name, "volumes")
    words = [mark for size in parts_of(scene.parts, "size") for mark in size.marks if isinstance(mark, Text)]
    assert words
    for points in lines_of(scene):
        for mark in words:
            assert length_within(points, written(mark)) < 2, (mark.text, points)


@pytest.mark.parametrize("style", ["paper", "volumes"])
def test_skips_from_before_branches_are_drawn(style: Style) -> None:
    source = "input 8x16x16; gate: (in | 1x1 conv 1) -> mul -> gap; stem = 3x3 conv 8; (stem | stem -> gate) -> add"
    network = archdsl.load(archdsl.text(source))
    scene = paint([Subject(network.graph, network.analysis)], Options(style=style))
    labels = [link.label for link in parts_of(scene.parts, "link ")]
    assert sum("from stem" in label and "mul" in label for label in labels) == 1, labels
    assert sum("from stem" in label and "add" in label for label in labels) == 1, labels


def test_a_skip_into_a_branch_stays_beside_it() -> None:
    scene = scene_of("octave_resnet", "paper")
    boxes = {part.id: area_of(part) for part in parts_of(scene.parts, "box ")}
    skips = [link for link in parts_of(scene.parts, "link projection") if "layer1.octave1" in link.label]
    assert len(skips) == 2
    reaches = [max(x for mark in skip.marks if isinstance(mark, Curve) for x, _ in mark.points) for skip in skips]
    second = min(
        left for key, (left, *_) in boxes.items() if key and key.endswith("shortcut.layer1.octave1.to_fine.add1")
    )
    assert min(reaches) < second


@pytest.mark.parametrize("style", ["paper", "volumes"])
def test_maps_of_a_detector_meet_before_its_heads(style: Style) -> None:
    scene = scene_of("ssd300", style)
    heads = {"refinements", "logits", "defaults"}
    assert heads <= {(part.id or "").rpartition(".")[2] for part in parts_of(scene.parts, "box ")}
    met = [link for link in parts_of(scene.parts, "link flow") if "to what follows source_5" in link.label]
    assert [link.label.split()[2].split(".")[0] for link in met] == [f"source_{number}" for number in range(5)]
    ends = {mark.points[-1] for link in met for mark in link.marks if isinstance(mark, Curve)}
    assert len(ends) == 1


@pytest.mark.parametrize("style", ["paper", "volumes"])
@pytest.mark.parametrize("is_late", [False, True])
def test_sources_beside_the_last_one_are_drawn(style: Style, is_late: bool) -> None:
    beside, four = "beside = two -> l2norm 20; ", "three = two -> 3x3 conv 8; four = 3x3 conv 8; "
    text = (
        "input 8x16x16; head(size): in -> add -> conv 8 kernel=size; one = 3x3 conv 8; two = 3x3 conv 8; "
        + (four + beside if is_late else beside + four)
        + "a = (one | beside | three | four) -> head(1); b = (one | beside | three | four) -> head(3); "
        "(a | b) -> add -> gap -> fc 9"
    )
    network = archdsl.load(archdsl.text(text))
    scene = paint([Subject(network.graph, network.analysis)], Options(style=style, collapse=("a", "b")))
    assert {"a", "b"} <= {(part.id or "").rpartition(".")[2] for part in parts_of(scene.parts, "box ")}
    met = [link for link in parts_of(scene.parts, "link flow") if "to what follows four" in link.label]
    assert len(met) == (0 if is_late else 3)  # what stands beside the column cannot be the last


@pytest.mark.parametrize("name", ["alexnet", "cliquenet_cifar", "faster_rcnn", "yolov2"])
def test_totals_stay_where_settings_are_cut_short(name: str) -> None:
    graph = archdsl.load(name).graph
    figure = Subject(graph, analyse(graph)).figure(Options(), budget=40)
    header = next(parts_of(scene_of(name, "paper").parts, "header"))
    subtitle = [mark.text for mark in header.marks if isinstance(mark, Text)][1]
    assert "…" in subtitle
    assert subtitle.endswith(f" · {figure.totals}")


@pytest.mark.parametrize("name", ["faster_rcnn", "ssd300", "yolov2"])
def test_tables_of_boxes_have_no_resolution(name: str) -> None:
    sizes = [part.marks[0] for part in parts_of(scene_of(name, "paper").parts, "size")]
    assert sizes
    assert all("x" in mark.text for mark in sizes if isinstance(mark, Text))
