"""Pictures: what they say, where they put it, and what they do when the engine does not."""

from __future__ import annotations

import json
import os
import stat
import struct
import subprocess
import sys
import zlib
from collections import Counter
from functools import cache
from itertools import combinations
from pathlib import Path
from xml.etree import ElementTree

import pytest

from archdsl.analysis.cost import analyse_cost
from archdsl.backends.diagram import engine as engine_module
from archdsl.backends.diagram.blocks import Block, Item, Repeat, build_blocks, children_of, nodes_of
from archdsl.backends.diagram.boxes import box_details, box_title, frame_label_size
from archdsl.backends.diagram.draw import draw
from archdsl.backends.diagram.engine import DrawingError, EngineTimeout, find_engine, run_engine
from archdsl.backends.diagram.figure import Box, Figure, Frame, Member, keys_of
from archdsl.backends.diagram.fold import fold, unfold
from archdsl.backends.diagram.labels import range_text, shape_text, si, spoken
from archdsl.backends.diagram.layout import Layout, lay_out
from archdsl.backends.diagram.metrics import shorten, text_width
from archdsl.backends.diagram.scene import Scene, Text
from archdsl.backends.diagram.sketch import Detail, sketch
from archdsl.backends.diagram.styles.graph import paint_graph
from archdsl.backends.diagram.theme import DARK, LIGHT
from archdsl.backends.diagram.valley import rising_side
from archdsl.backends.diagram.view import View
from archdsl.backends.diagram.writers.png import write_png
from archdsl.graph.elaborate import elaborate
from archdsl.graph.graph import Graph
from archdsl.ops.base import TensorType
from archdsl.source import Source
from archdsl.syntax.parse import parse

RESNET = """
net resnet(units=[3, 4, 6, 3], classes=1000)
input 3x224x224
bottleneck(width, stride=1): residual {
  1x1 conv width -> bn -> relu
  3x3 conv width /stride -> bn -> relu
  1x1 conv 4*width -> bn
} -> relu
stage(width, count, stride=2): bottleneck(width, stride) -> bottleneck(width) x (count - 1)
stem = 7x7 conv 64 /2 -> bn -> relu -> 3x3 maxpool /2
stage1 = stage(64, units[0], stride=1)
stage2 = stage(128, units[1])
stage3 = stage(256, units[2])
stage4 = stage(512, units[3])
head = gap -> fc classes
"""
DENSENET = """
net densenet
input 3x64x64
layer: bn -> relu -> 1x1 conv 64 -> bn -> relu -> 3x3 conv 16
stem = 7x7 conv 32 /2
dense growth=16 layers=6 { layer }
head = bn -> relu -> gap -> fc 10
"""
INCEPTION = """
net inception
input 3x64x64
unit(a, b): (
    1x1 conv a -> relu
  | 1x1 conv a -> relu -> 3x3 conv b -> relu
  | 3x3 maxpool /1 -> 1x1 conv b -> relu
) -> concat
stem = 3x3 conv 16 /2 -> relu
i1 = unit(8, 16)
exit aux weight=0.3 only=train { 5x5 avgpool /3 -> fc 64 -> relu -> fc 10 }
i2 = unit(16, 24)
head = gap -> fc 10
"""
UNET = """
net unet(width=16, depth=3)
input 1x64x64
double(width): 3x3 conv width -> relu -> 3x3 conv width -> relu
level(width, depth): {
  left = double(width)
  if depth > 0 {
    up = 2x2 maxpool -> level(2*width, depth - 1) -> 2x2 upconv width /2
    (left -> crop like=up | up) -> concat -> double(width)
  }
}
level(width, depth)
head = 1x1 conv 2
"""
FRACTAL = """
net fractal
input 3x32x32
block: 3x3 conv -> bn -> relu
fractal cols=3 width=16
head = gap -> fc 10
"""
GROUPED = """
net grouped
input 16x32x32
(1x1 conv 4 -> relu -> 3x3 conv 4 -> relu for i in 1..8) -> concat -> fc 10
"""
TIED = """
net tied_pair
input 8x16x16
tied same(k): 3x3 conv 8
same(1) -> relu -> same(1) -> gap -> fc 10
"""
PLAIN = "input 3x32x32\n5x5 conv 6 -> relu -> 2x2 maxpool -> fc 10"
ALTERNATING = "net alternating\ninput 8x32x32\na: 3x3 conv 8 -> relu\nb: 1x1 conv 8 -> sigmoid\n" + "a -> b\n" * 5
SAMPLES = {
    "resnet": RESNET,
    "densenet": DENSENET,
    "inception": INCEPTION,
    "unet": UNET,
    "fractal": FRACTAL,
    "grouped": GROUPED,
    "tied": TIED,
    "plain": PLAIN,
    "alternating": ALTERNATING,
}
SVG = "{http://www.w3.org/2000/svg}"


@cache
def graph_of(text: str, **arguments: object) -> Graph:
    parsed = parse(Source("test.arch", text))
    assert not parsed.diagnostics
    elaborated = elaborate(parsed.file, arguments=arguments)
    assert elaborated.graph is not None, elaborated.diagnostics
    return elaborated.graph


@cache
def figure_of(text: str, detail: Detail = "default", view: View = View()) -> Figure:  # noqa: B008  frozen
    graph = graph_of(text)
    return sketch(graph, analyse_cost(graph), view, detail=detail)


def place(source: str, seconds: float) -> bytes:
    return run_engine(source, "-Tjson0", time_limit=seconds)


@cache
def layout_of(text: str) -> Layout:
    return lay_out(figure_of(text), "TB", place)


@cache
def scene_of(text: str) -> Scene:
    return paint_graph(figure_of(text), layout_of(text))


def svg_of(text: str, **options: object) -> ElementTree.Element:
    return ElementTree.fromstring(draw(graph_of(text), **options))  # type: ignore[arg-type]


def frame(figure: Figure, path: str) -> Frame:
    return next(frame for frame in figure.frames() if frame.path == path)


samples = pytest.mark.parametrize("text", SAMPLES.values(), ids=SAMPLES)


# Folding


@samples
def test_unfolding_gives_back_every_operator(text: str) -> None:
    graph = graph_of(text)
    for fuse in (True, False):
        plain = build_blocks(graph, fuse=fuse)
        folded = fold(graph, plain)
        assert Counter(nodes_of(folded)) == Counter(range(len(graph.nodes)))
        assert unfold(folded) == plain


@samples
def test_totals_do_not_depend_on_what_is_open(text: str) -> None:
    """Boxes stand for all copies, so parameters and MACs add up to the network's in every view."""
    graph = graph_of(text)
    cost = analyse_cost(graph)
    for view in (View(depth=0), View(depth=1), View(depth=9), View()):
        figure = sketch(graph, cost, view)
        nodes = [node for box in figure.boxes() for node in box.nodes]
        assert sorted(nodes) == list(range(len(graph.nodes)))
        assert sum(cost[node].own_parameters for node in nodes) == cost.parameters


def repeats(item: Item) -> list[Repeat]:
    found = [item] if isinstance(item, Repeat) else []
    return found + [repeat for child in children_of(item) for repeat in repeats(child)]


def folded(text: str) -> Block:
    graph = graph_of(text)
    return fold(graph, build_blocks(graph, fuse=True))


def test_projection_block_stays_apart() -> None:
    counts = [len(repeat.copies) for repeat in repeats(folded(RESNET))]
    assert counts == [2, 3, 5, 2]


def test_evenly_growing_layers_fold() -> None:
    (repeat,) = repeats(folded(DENSENET))
    assert len(repeat.copies) == 6
    assert not repeat.is_parallel


def test_alternating_blocks_fold_as_pairs() -> None:
    (repeat,) = repeats(folded(ALTERNATING))
    assert (len(repeat.copies), len(repeat.copies[0])) == (5, 2)


def test_equal_branches_fold_side_by_side() -> None:
    (repeat,) = repeats(folded(GROUPED))
    assert len(repeat.copies) == 8
    assert repeat.is_parallel


@pytest.mark.parametrize(
    "changed",
    [
        ("bottleneck(width) x (count - 1)", "bottleneck(width) -> bottleneck(width, 1) -> bottleneck(width + 1)"),
        ("bottleneck(width) x (count - 1)", "bottleneck(width) -> 3x3 conv 4*width -> bottleneck(width)"),
    ],
)
def test_different_blocks_do_not_fold(changed: tuple[str, str]) -> None:
    counts = [len(repeat.copies) for repeat in repeats(folded(RESNET.replace(*changed)))]
    assert all(count == 2 for count in counts)


def test_a_stream_taken_from_the_middle_ends_the_run() -> None:
    text = """
input 8x32x32
block: { 3x3 conv 8 -> relu; 3x3 conv 8 -> sigmoid }
block -> block
middle = block
block -> block
(middle | skip) -> add -> fc 10
"""
    counts = [len(repeat.copies) for repeat in repeats(folded(text))]
    assert counts == [3, 2]


def test_chains_never_hide_a_stream_that_is_used_elsewhere() -> None:
    text = "input 8x8x8\na = 3x3 conv 8\nb = relu\n(a | b) -> add -> fc 10"
    assert [box.title for box in figure_of(text).boxes() if box.keyword == "relu"] == ["ReLU"]


# What is open


def test_resnet_fits_budget_and_page_at_any_depth() -> None:
    counts = set()
    for units in ([3, 4, 6, 3], [3, 8, 36, 3]):
        graph = graph_of(RESNET.replace("[3, 4, 6, 3]", str(units)))
        root = ElementTree.fromstring(draw(graph))
        counts.add(len([group for group in root.iter(f"{SVG}g") if group.get("class", "").startswith("box")]))
        width, height = (float(root.attrib[name].removesuffix("pt")) for name in ("width", "height"))
        assert width <= 595
        assert height <= 842
    (count,) = counts
    assert count <= 40


def test_depth_expand_and_collapse_override_the_budget() -> None:
    outer = figure_of(RESNET, view=View(depth=0))
    assert [box.title for box in outer.boxes()] == [
        "Input",
        "stem",
        "stage1",
        "stage2",
        "stage3",
        "stage4",
        "head",
        "out",
    ]
    inner = figure_of(RESNET, view=View(depth=0, expand=("stage3.bottleneck1",)))
    assert [frame.path for frame in inner.frames()] == ["stage3", "stage3.bottleneck1"]
    closed = figure_of(RESNET, view=View(collapse=("stage",)))
    assert not any(frame.path.startswith("stage") for frame in closed.frames())


def test_unknown_block_is_an_error_with_a_near_name() -> None:
    with pytest.raises(DrawingError, match="near: stage1"):
        draw(graph_of(RESNET), expand=["stag1"])


def test_full_detail_draws_every_operator() -> None:
    graph = graph_of(RESNET)
    boxes = list(figure_of(RESNET, "full").boxes())
    assert len(boxes) == len(graph.nodes) + len(graph.outputs)
    assert all(box.count == 1 for box in boxes)


@pytest.mark.parametrize("option", ["style", "format", "theme", "detail", "direction", "shapes"])
def test_wrong_option_is_named(option: str) -> None:
    with pytest.raises(DrawingError, match=f"no {option}"):
        draw(graph_of(PLAIN), **{option: "nonsense"})  # type: ignore[arg-type]


def test_wrong_resolution_is_refused() -> None:
    with pytest.raises(DrawingError, match="dots per inch"):
        draw(graph_of(PLAIN), format="png", dpi=1e6)


# What is said


def test_boxes_say_what_they_are() -> None:
    stem, pool, head, out = list(figure_of(PLAIN).boxes())[1:]
    assert (stem.title, stem.details, [band.text for band in stem.after]) == ("Conv 5x5", ("6x32x32",), ["ReLU"])
    assert (pool.title, pool.details) == ("MaxPool 2x2", ("6x16x16",))
    assert (head.title, head.details) == ("FC", ("10",))
    assert (out.kind, out.title) == ("output", "out")
    assert stem.spoken == "Conv 5 by 5, then ReLU, output 6 by 32 by 32"


def test_folded_blocks_state_range_and_totals_over_all_copies() -> None:
    figure = figure_of(RESNET)
    inner = frame(figure, "stage1.bottleneck2")
    assert (inner.name, inner.count) == ("bottleneck2–3", 2)
    cost = analyse_cost(graph_of(RESNET))
    parameters = sum(cost[node].parameters for node in inner.nodes)
    assert parameters == 2 * 70_400
    assert inner.note.startswith("141 K params")


def test_growing_shapes_are_ranges() -> None:
    (concat,) = [box for box in figure_of(DENSENET).boxes() if box.keyword == "concat"]
    assert concat.details == ("48–128x32x32",)


def test_shapes_option() -> None:
    graph = graph_of(RESNET)
    cost = analyse_cost(graph)

    def stated(shapes: str) -> int:
        figure = sketch(graph, cost, View(), shapes=shapes)  # type: ignore[arg-type]
        return sum(bool(box.details) for box in figure.boxes() if box.kind == "operator")

    assert stated("none") == 0 < stated("change") < stated("all")


def test_skips_are_told_from_the_spine() -> None:
    kinds = Counter(link.kind for link in figure_of(RESNET).links)
    assert kinds["identity"] == 1
    assert kinds["projection"] == 2
    assert set(kinds) == {"flow", "identity", "projection"}


def test_a_skip_starts_inside_its_block() -> None:
    figure = figure_of(RESNET)
    (skip,) = [link for link in figure.links if link.kind == "identity"]
    assert {skip.tail, skip.head} <= set(keys_of(frame(figure, "stage1.bottleneck2")))


def test_shared_weights_are_linked() -> None:
    (link,) = [link for link in figure_of(TIED).links if link.kind == "tied"]
    assert link.tail != link.head


def test_size_reference_is_no_skip() -> None:
    kinds = Counter(link.kind for link in figure_of(UNET).links)
    assert kinds["reference"] == 3
    assert "identity" not in kinds


def test_exit_holds_its_output_and_says_when_it_exists() -> None:
    aux = next(frame for frame in figure_of(INCEPTION).frames() if frame.kind == "exit")
    (pill,) = [member for member in aux.members if isinstance(member, Box) and member.kind == "output"]
    assert (pill.title, pill.details[-1]) == ("aux", "weight 0.3 · training only")


@pytest.mark.parametrize(
    ("number", "text"), [(0, "0"), (999, "999"), (1000, "1.00 K"), (999_999, "1.00 M"), (25_557_032, "25.6 M")]
)
def test_si(number: int, text: str) -> None:
    assert si(number) == text


def test_words() -> None:
    assert shape_text([TensorType((64, 8, 8)), TensorType((96, 8, 8))]) == "64–96x8x8"
    assert range_text("bottleneck2", "bottleneck4") == "bottleneck2–4"
    assert range_text("conv1", "add3") == "conv1 – add3"
    assert spoken("Conv 3x3 /2") == "Conv 3 by 3 stride 2"
    assert shorten("inception(a=1)", 8, 40).endswith("…")
    assert text_width("WWW", 10) > text_width("iii", 10)


# SVG


@samples
def test_svg_has_an_id_and_a_label_for_every_box_and_frame(text: str) -> None:
    root = svg_of(text)
    ids = [element.attrib["id"] for element in root.iter() if "id" in element.attrib]
    assert len(ids) == len(set(ids))
    named = [group for group in root.iter(f"{SVG}g") if group.get("role", "").startswith("graphics-")]
    assert named
    assert all(group.get("aria-label") and group.get("id") for group in named)
    assert root.find(f"{SVG}title") is not None
    assert root.find(f"{SVG}desc") is not None


def test_svg_nests_as_the_source_does() -> None:
    root = svg_of(RESNET)
    outer = next(group for group in root.iter(f"{SVG}g") if group.get("id") == "stage1")
    inner = {group.get("id") for group in outer.iter(f"{SVG}g")}
    assert {"stage1.bottleneck1", "stage1.bottleneck2", "stage1.bottleneck1.conv1"} <= inner
    assert "stage2" not in inner
    words = ["".join(text.itertext()) for text in root.iter(f"{SVG}text")]
    assert words.count("×2") == 2
    assert {"×3", "×5"} <= set(words)


def test_svg_keeps_strange_titles_legal() -> None:
    text = 'net odd\ntitle "a < b & \\"c\\" ∑ 深"\n' + PLAIN
    root = svg_of(text)
    title = root.findtext(f"{SVG}title")
    assert title is not None
    assert title.startswith("a < b & ")


def test_svg_legend_lists_only_what_is_there() -> None:
    legend = next(group for group in svg_of(PLAIN).iter(f"{SVG}g") if group.get("class") == "legend")
    words = ["".join(text.itertext()) for text in legend.iter(f"{SVG}text")]
    assert words == ["convolution", "linear", "activation", "pooling", "input, output"]


def test_themes() -> None:
    light, dark, auto = (draw(graph_of(PLAIN), theme=theme).decode() for theme in ("light", "dark", "auto"))
    assert LIGHT.colour("conv.fill") in light
    assert "prefers-color-scheme" not in light
    assert f'fill="{DARK.colour("conv.fill")}"' in dark
    assert f'fill="{LIGHT.colour("conv.fill")}"' in auto
    assert "prefers-color-scheme:dark" in auto


# Geometry


Area = tuple[float, float, float, float]


def area(member: Member, layout: Layout) -> Area:
    if isinstance(member, Frame):
        return layout.frames[member.key]
    x, y = layout.centres[member.key]
    width, height = (member.width, member.height) if isinstance(member, Box) else (0.0, 0.0)
    return (x - width / 2, y - height / 2, x + width / 2, y + height / 2)


def overlap(one: Area, other: Area) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def within(inner: Area, outer: Area) -> bool:
    left, top, right, bottom = (a - b for a, b in zip(inner, outer, strict=True))
    return min(left, top) >= -0.05 and max(right, bottom) <= 0.05


@samples
def test_nothing_overlaps_and_all_is_inside_its_frame(text: str) -> None:
    figure, layout = figure_of(text), layout_of(text)
    page = (0.0, 0.0, layout.width + 0.01, layout.height + 0.01)

    def check(members: tuple[Member, ...], outer: Area) -> None:
        areas = [area(member, layout) for member in members]
        assert all(within(inner, outer) for inner in areas)
        assert not any(overlap(one, other) for one, other in combinations(areas, 2))
        for member in members:
            if isinstance(member, Frame):
                left, top, right, _ = layout.frames[member.key]
                width, height = frame_label_size(member)
                assert left + width <= right
                label = (left, top, left + width, top + height)
                assert not any(overlap(label, area(part, layout)) for part in member.members)
                check(member.members, layout.frames[member.key])

    check(figure.members, page)


@samples
def test_text_is_inside_its_box(text: str) -> None:
    for box in figure_of(text).boxes():
        assert text_width(box_title(box), 10, bold=True) < box.width
        assert all(text_width(detail, 8) < box.width for detail in box_details(box))


@samples
def test_everything_is_on_the_page_and_large_enough(text: str) -> None:
    scene = scene_of(text)
    for mark in scene.marks():
        if isinstance(mark, Text):
            assert mark.size >= 7
            assert 0 <= mark.x <= scene.width
            assert 0 <= mark.y <= scene.height
        else:
            assert all(-1 <= x <= scene.width + 1 and -1 <= y <= scene.height + 1 for x, y in mark.points)


@samples
def test_every_link_meets_its_boxes(text: str) -> None:
    figure, layout = figure_of(text), layout_of(text)
    boxes = {box.key: area(box, layout) for box in figure.boxes()}
    for route in layout.routes:
        for key, point in ((route.link.tail, route.points[0]), (route.link.head, route.tip or route.points[-1])):
            if key in boxes:
                left, top, right, bottom = boxes[key]
                assert left - 2 <= point[0] <= right + 2
                assert top - 2 <= point[1] <= bottom + 2


def test_a_long_network_stands_in_columns() -> None:
    assert layout_of(RESNET).corners
    assert layout_of(RESNET).height <= 2.5 * layout_of(RESNET).width


def test_a_valley_rises_beside_its_fall() -> None:
    figure, layout = figure_of(UNET), layout_of(UNET)
    rising = rising_side(figure)
    keys = {box.key for box in figure.boxes()}
    flows = [link for link in figure.links if link.kind == "flow" and {link.tail, link.head} <= keys]
    assert rising < keys
    for link in flows:
        down = layout.centres[link.head][1] - layout.centres[link.tail][1]
        if link.tail in rising:
            assert down <= 0.5
        elif link.head not in rising:
            assert down > 0
    assert not rising_side(figure_of(RESNET))


def test_left_to_right() -> None:
    layout = lay_out(figure_of(PLAIN), "LR", place)
    assert layout.width > 2 * layout.height


# Other formats


def pixels(picture: bytes) -> tuple[int, int, list[bytes]]:
    """Width, height and rows of RGBA pixels of a PNG without interlacing."""
    assert picture.startswith(b"\x89PNG\r\n\x1a\n")
    place, data, width, height, channels = 8, b"", 0, 0, 4
    while place < len(picture):
        (length,) = struct.unpack(">I", picture[place : place + 4])
        kind, body = picture[place + 4 : place + 8], picture[place + 8 : place + 8 + length]
        if kind == b"IHDR":
            width, height, depth, colour = struct.unpack(">IIBB", body[:10])
            assert depth == 8
            channels = {2: 3, 6: 4}[colour]
        data += body if kind == b"IDAT" else b""
        place += length + 12
    return width, height, _unfiltered(zlib.decompress(data), width * channels, channels)


def _unfiltered(data: bytes, stride: int, step: int) -> list[bytes]:
    rows: list[bytes] = []
    above = bytearray(stride)
    for start in range(0, len(data), stride + 1):
        method, row = data[start], bytearray(data[start + 1 : start + 1 + stride])
        for i in range(stride):
            left = row[i - step] if i >= step else 0
            corner = above[i - step] if i >= step else 0
            row[i] = (row[i] + _predicted(method, left, above[i], corner)) & 255
        rows.append(b"".join(bytes(row[i : i + 3]) for i in range(0, stride, step)))
        above = row
    return rows


def _predicted(method: int, left: int, up: int, corner: int) -> int:
    if method == 4:
        guess = left + up - corner
        return min((left, up, corner), key=lambda value: abs(guess - value))
    return (0, left, up, (left + up) // 2)[method]


def test_png_shows_the_scene() -> None:
    graph, scene = graph_of(PLAIN), ElementTree.fromstring(draw(graph_of(PLAIN)))
    width, height, rows = pixels(draw(graph, format="png", dpi=72))
    size = [float(scene.attrib[name].removesuffix("pt")) for name in ("width", "height")]
    assert abs(width - size[0]) <= 2
    assert abs(height - size[1]) <= 2
    colours = Counter(row[i : i + 3] for row in rows for i in range(0, len(row), 3))
    assert 0.4 < colours[b"\xff\xff\xff"] / (width * height) < 0.9
    for role in ("conv.fill", "linear.fill", "activation.fill", "pool.fill", "io.fill"):
        assert colours[bytes.fromhex(LIGHT.colour(role)[1:])] > 20
    assert colours[b"\x00\x00\x00"] < 0.02 * width * height


def test_png_dark_and_resolution() -> None:
    graph = graph_of(PLAIN)
    small, large = (pixels(draw(graph, format="png", dpi=dpi, theme="dark")) for dpi in (36, 72))
    assert abs(large[0] - 2 * small[0]) <= 2
    assert large[2][1][3:6] == bytes.fromhex(DARK.colour("paper")[1:])


def test_dot_is_read_by_the_engine_without_complaint() -> None:
    source = draw(graph_of(INCEPTION), format="dot").decode()
    picture = ElementTree.fromstring(run_engine(source, "-Tsvg"))
    assert "i1" in source
    assert len([group for group in picture.iter(f"{SVG}g") if group.get("class") == "cluster"]) == len(
        list(figure_of(INCEPTION).frames())
    )


def test_json_holds_the_figure() -> None:
    document = json.loads(draw(graph_of(PLAIN), format="json"))
    assert [member["title"] for member in document["members"]] == ["Input", "Conv 5x5", "MaxPool 2x2", "FC", "out"]
    assert len(document["links"]) == 4


_PROGRAM = """
import sys
from archdsl.backends.diagram.draw import draw
from archdsl.graph.elaborate import elaborate
from archdsl.source import Source
from archdsl.syntax.parse import parse
graph = elaborate(parse(Source("test.arch", sys.stdin.read())).file).graph
sys.stdout.buffer.write(draw(graph, format=sys.argv[1]))
assert "torch" not in sys.modules
"""


@pytest.mark.parametrize("format", ["svg", "png", "dot", "json"])
def test_same_bytes_on_every_run(format: str) -> None:
    """Whatever the hash seed and the locale, and with no ``dot`` to be found; and torch is not loaded."""
    pictures = {
        subprocess.run(
            [sys.executable, "-c", _PROGRAM, format],
            input=RESNET.encode(),
            capture_output=True,
            check=True,
            cwd=Path(__file__).parents[1],
            env={**os.environ, "PYTHONHASHSEED": seed, "LC_ALL": locale, "PATH": "/nonexistent"},
        ).stdout
        for seed, locale in (("0", "C"), ("4711", "C.UTF-8"))
    }
    assert pictures == {draw(graph_of(RESNET), format=format)}


# Engines


def fake(folder: Path, script: str) -> str:
    """A program that stands in for an engine."""
    program = folder / "engine"
    program.write_text(f"#!{sys.executable}\n{script}\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return str(program)


def test_no_engine_is_an_error_that_names_both(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_module, "_packaged", lambda: None)
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(DrawingError, match=r"graphviz-pure.*dot"):
        draw(graph_of(PLAIN))
    with pytest.raises(DrawingError, match="'neato' is not installed"):
        draw(graph_of(PLAIN), engine="neato")


def test_dot_on_the_path_stands_in(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "dot").symlink_to(find_engine())
    expected = draw(graph_of(PLAIN))
    monkeypatch.setattr(engine_module, "_packaged", lambda: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_engine() == str(tmp_path / "dot")
    assert draw(graph_of(PLAIN)) == expected


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("import sys; sys.exit('dot: cannot do it')", "ended with status 1: dot: cannot do it"),
        ("import os; os.abort()", "ended by signal 6"),
        ("import sys; print('{}'); print('Error: bad label', file=sys.stderr)", "failed: Error: bad label"),
        ("", "wrote nothing"),
    ],
)
def test_a_broken_engine_is_a_clear_error(script: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(DrawingError, match=message):
        draw(graph_of(PLAIN), engine=fake(tmp_path, script))


def test_a_file_that_is_no_program_is_a_clear_error(tmp_path: Path) -> None:
    program = tmp_path / "engine"
    program.write_bytes(b"\x7fELF nonsense")
    program.chmod(0o755)
    with pytest.raises(DrawingError, match="cannot be run"):
        run_engine("digraph {}", engine=str(program))


def test_a_hanging_engine_is_stopped(tmp_path: Path) -> None:
    with pytest.raises(EngineTimeout, match=r"longer than 0\.3 seconds"):
        run_engine("digraph {}", engine=fake(tmp_path, "import time; time.sleep(60)"), time_limit=0.3)


def test_a_layout_that_takes_too_long_is_made_plain() -> None:
    sources: list[str] = []

    def slow(source: str, seconds: float) -> bytes:
        sources.append(source)
        if "splines=polyline" not in source:
            raise EngineTimeout("too slow")
        return place(source, seconds)

    assert lay_out(figure_of(PLAIN), "TB", slow).centres
    assert len(sources) == 2


def test_a_huge_network_is_drawn() -> None:
    graph = graph_of("input 8x8x8\n" + "3x3 conv 8 -> relu\n" * 505)
    assert len(list(sketch(graph, analyse_cost(graph), View()).boxes())) == 3
    root = ElementTree.fromstring(draw(graph, detail="full"))
    assert len([group for group in root.iter(f"{SVG}g") if group.get("class", "").startswith("box")]) == 1012


def test_a_huge_bitmap_is_refused() -> None:
    scene = Scene(500, 100_000, "tall", "", ())
    with pytest.raises(DrawingError, match="1000 by 200000 pixels"):
        write_png(scene, LIGHT, 144, run_engine)
