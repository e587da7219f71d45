"""Style ``paper``: what is too tall for a page stands in columns side by side."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

import archdsl
from archdsl.backends.diagram.column import arrange
from archdsl.backends.diagram.draw import paint
from archdsl.backends.diagram.labels import range_text
from archdsl.backends.diagram.metrics import text_width
from archdsl.backends.diagram.options import Options, Style
from archdsl.backends.diagram.scene import Curve, Part, Point, Scene, Text
from archdsl.backends.diagram.styles import paper
from archdsl.backends.diagram.styles.paper_columns import Foot, chosen
from archdsl.backends.diagram.subject import Subject

SPECS = Path(__file__).parent.parent / "specs"

#: Networks whose column is higher than two and a half times its width.
TALL = (
    "gcnet/gcnet.arch",
    "igcv/igcv3.arch",
    "inception/inception_resnet_v2.arch",
    "mobilenet/mobilenet_v2.arch",
    "pyramidnet/pyramidnet.arch",
    "resnet/resnet.arch",
    "senet/se_resnet.arch",
    "senet/senet.arch",
    "shufflenet/shufflenet_v2_plus.arch",
)
#: A column that a skip goes around as a whole: there is no cut.
LOOP = "input 8x16x16; (in | " + " -> ".join(["3x3 conv 8", "relu"] * 20) + ") -> add"

#: Left, top, right and bottom.
Area = tuple[float, float, float, float]


def network_of(path: str) -> archdsl.Network:
    return archdsl.load(str(SPECS / path))


def scene_of(network: archdsl.Network, style: Style = "paper") -> Scene:
    return paint([Subject(network.graph, network.analysis)], Options(style=style))


def parts_of(parts: tuple[Part, ...], role: str) -> Iterator[Part]:
    for part in parts:
        if part.role.startswith(role):
            yield part
        yield from parts_of(part.parts, role)


def boxes_of(scene: Scene) -> dict[str, Area]:
    return {str(part.id): area_of(part) for part in parts_of(scene.parts, "box ")}


def area_of(part: Part) -> Area:
    xs, ys = zip(*(point for mark in part.marks if not isinstance(mark, Text) for point in mark.points), strict=True)
    return min(xs), min(ys), max(xs), max(ys)


def words_of(scene: Scene, role: str) -> list[str]:
    return [mark.text for part in parts_of(scene.parts, role) for mark in part.flat() if isinstance(mark, Text)]


def turns_of(scene: Scene) -> list[list[Point]]:
    """The lines from column to column: corners of all that end without an arrow and say nothing."""
    links = [link for link in parts_of(scene.parts, "link flow") if not link.label and len(link.marks) == 1]
    return [list(mark.points[::3]) for link in links for mark in link.marks if isinstance(mark, Curve)]


def columns_of(scene: Scene) -> list[list[Area]]:
    """Boxes by the upright lines between columns."""
    borders = [max(pairwise(turn), key=lambda piece: abs(piece[1][1] - piece[0][1]))[0][0] for turn in turns_of(scene)]
    columns: list[list[Area]] = [[] for _ in range(len(borders) + 1)]
    for area in boxes_of(scene).values():
        columns[sum(border < area[0] for border in borders)].append(area)
    return columns


def length_within(start: Point, end: Point, area: Area) -> float:
    width = min(max(start[0], end[0]), area[2]) - max(min(start[0], end[0]), area[0])
    height = min(max(start[1], end[1]), area[3]) - max(min(start[1], end[1]), area[1])
    return max(width, height) if min(width, height) >= 0 else 0.0


def is_at(point: Point, area: Area) -> bool:
    return area[0] - 6 <= point[0] <= area[2] + 6 and area[1] - 6 <= point[1] <= area[3] + 6


@pytest.fixture(scope="module", params=TALL)
def tall(request: pytest.FixtureRequest) -> tuple[Scene, Scene]:
    """A picture as it is, and as one column."""
    network = network_of(request.param)
    wrapped = scene_of(network)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(paper, "MAX_ASPECT", 1e9)
        return wrapped, scene_of(network)


def test_tall_pictures_have_the_shape_of_a_page(tall: tuple[Scene, Scene]) -> None:
    wrapped, column = tall
    assert column.height > paper.MAX_ASPECT * column.width
    assert wrapped.height <= paper.MAX_ASPECT * wrapped.width
    assert wrapped.width <= paper.MAX_WIDE * wrapped.height


def test_columns_show_what_one_column_shows(tall: tuple[Scene, Scene]) -> None:
    wrapped, column = tall
    ids = [Counter(part.id for part in parts_of(scene.parts, "box ")) for scene in tall]
    assert set(ids[0].values()) == {1}
    assert ids[0] == ids[1]
    for role in ("box ", "bracket", "link ", "legend"):
        assert Counter(words_of(wrapped, role)) == Counter(words_of(column, role))
    assert set(words_of(wrapped, "size")) >= set(words_of(column, "size"))
    links = [Counter(part.label for part in parts_of(scene.parts, "link ")) for scene in tall]
    assert links[0] - links[1] == Counter({"": len(turns_of(wrapped))})
    assert not links[1] - links[0]
    assert not turns_of(column)


def test_columns_begin_at_one_height_and_none_reaches_into_another(tall: tuple[Scene, Scene]) -> None:
    columns = columns_of(tall[0])
    assert len(columns) > 1
    tops = [min(top for _, top, _, _ in column) for column in columns]
    assert max(tops) - min(tops) < 0.1
    for one, other in pairwise(columns):
        assert max(right for _, _, right, _ in one) < min(left for left, _, _, _ in other)


def test_no_line_leads_through_a_foreign_box_or_off_the_page(tall: tuple[Scene, Scene]) -> None:
    scene = tall[0]
    areas = {key: (left + 1, top + 1, right - 1, low - 1) for key, (left, top, right, low) in boxes_of(scene).items()}
    for link in parts_of(scene.parts, "link "):
        for mark in link.marks:
            if not isinstance(mark, Curve):
                continue
            points = list(mark.points[::3])
            assert all(0 < x < scene.width and 0 < y < scene.height for x, y in points)
            foreign = [area for area in areas.values() if not is_at(points[0], area) and not is_at(points[-1], area)]
            within = [length_within(*piece, area) for area in foreign for piece in pairwise(points)]
            assert sum(within) < 4, (link.label, points)


def test_no_words_are_crossed_by_the_lines_between_columns(tall: tuple[Scene, Scene]) -> None:
    scene = tall[0]
    words = [mark for mark in scene.marks() if isinstance(mark, Text)]
    for turn in turns_of(scene):
        for mark in words:
            width = text_width(mark.text, mark.size, bold=mark.bold)
            left = mark.x - {"start": 0.0, "middle": width / 2, "end": width}[mark.anchor]
            area = (left, mark.y - 0.7 * mark.size, left + width, mark.y + 0.2 * mark.size)
            assert sum(length_within(*piece, area) for piece in pairwise(turn)) == 0, mark.text


def test_the_size_stands_at_the_head_of_each_column() -> None:
    scene = scene_of(network_of("resnet/resnet.arch"))
    assert words_of(scene, "size") == ["112x112", "56x56", "28x28", "28x28", "14x14", "7x7", "1x1"]


def test_what_has_no_cut_stays_one_column() -> None:
    scene = scene_of(archdsl.load(archdsl.text(LOOP)))
    assert scene.height > paper.MAX_ASPECT * scene.width
    assert not turns_of(scene)


@pytest.mark.parametrize("name", ["lenet5", "vgg16", "googlenet", "faster_rcnn"])
def test_what_fits_on_a_page_stays_one_column(name: str) -> None:
    assert not turns_of(scene_of(archdsl.load(name)))


def test_networks_side_by_side_stay_columns_of_their_own() -> None:
    subjects = [Subject(network.graph, network.analysis) for network in map(archdsl.load, ("resnet34", "vgg16"))]
    assert not turns_of(paint(subjects, Options(style="paper")))


def test_cuts_rather_end_stages() -> None:
    feet = [Foot(10.0 * place, 10.0 * place + 2, is_border=place in (4, 9)) for place in range(1, 12)]
    assert chosen(feet, 120.0, 2) == (feet[5],)  # a stage's end is not worth columns of 40 and 80
    near = [Foot(5.0 * place, 5.0 * place + 2, is_border=place == 11) for place in range(1, 24)]
    assert chosen(near, 120.0, 2) == (near[10],)
    assert len(chosen(feet, 120.0, 4)) == 3
    assert chosen(feet[:1], 120.0, 3) == ()


def test_no_column_is_much_shorter_than_the_others() -> None:
    early = [Foot(10.0, 12.0, is_border=True)]
    assert chosen(early, 120.0, 2) == ()
    assert chosen([*early, Foot(50.0, 52.0, is_border=False)], 120.0, 2) != ()
    assert chosen([*early, Foot(50.0, 52.0, is_border=False)], 120.0, 3) == ()


def test_squeeze_and_excitation_has_no_resolution_of_its_own() -> None:
    sizes = words_of(scene_of(network_of("senet/senet.arch")), "size")
    assert sizes.count("1x1") == 1
    assert sizes[-1] == "1x1"


def test_bottlenecks_of_an_hourglass_keep_their_resolution() -> None:
    source = "input 8x16x16; (in | 3x3 conv 8 /2 -> 3x3 conv 8 -> upsample 2) -> add -> 3x3 conv 8"
    assert words_of(scene_of(archdsl.load(archdsl.text(source))), "size") == ["8x8", "16x16"]


@pytest.mark.parametrize("window", ["1x1", "3x3", "5x5"])
def test_a_lone_convolution_beside_longer_branches_is_a_projection(window: str) -> None:
    source = f"input 8x16x16; stem = 3x3 conv 8; ({window} conv 16 | 3x3 conv 16 -> 3x3 conv 16) -> add -> 3x3 conv 8"
    network = archdsl.load(archdsl.text(source))
    (arc,) = arrange(Subject(network.graph, network.analysis).figure(Options(), budget=None)).arcs
    assert arc.kind == "projection"
    assert len(arc.via) == 1


def test_equal_convolutions_side_by_side_stay_branches() -> None:
    network = archdsl.load(archdsl.text("input 8x16x16; 3x3 conv 8; (3x3 conv 16 | 5x5 conv 16) -> add -> 3x3 conv 8"))
    assert not arrange(Subject(network.graph, network.analysis).figure(Options(), budget=None)).arcs


def test_what_is_reshaped_has_no_resolution() -> None:
    assert words_of(scene_of(archdsl.load("yolov1")), "size")[-1] == "7x7"


def test_tables_are_captioned_with_their_whole_shape() -> None:
    assert "7x7x30" in words_of(scene_of(archdsl.load("yolov1"), "volumes"), "size")
    words = words_of(scene_of(archdsl.load("ssd300"), "volumes"), "size")
    assert "8732x4" in words
    assert "8732" not in words


def test_numbers_are_set_apart_from_names_that_end_in_a_digit() -> None:
    assert range_text("block171", "block1720", "block17") == "block17 1–20"
    assert range_text("block1", "block4", "block") == "block1–4"
    assert range_text("block17", "block17", "block17") == "block17"
    assert range_text("block17_1", "block17_4", "block17") == "block17_1–4"
    words = words_of(scene_of(network_of("inception/inception_resnet_v2.arch"), "volumes"), "size")
    assert any(word.startswith("block17 1–20") for word in words), words
