"""Pictures of the zoo: laws that hold for every style, and what a reader of the papers expects to see."""

from __future__ import annotations

import hashlib
import json
import math
import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import archdsl
from archdsl.analysis.analyse import analyse
from archdsl.backends.diagram.column import arrange
from archdsl.backends.diagram.draw import paint
from archdsl.backends.diagram.engine import DrawingError
from archdsl.backends.diagram.figure import Figure
from archdsl.backends.diagram.metrics import text_width
from archdsl.backends.diagram.options import Options
from archdsl.backends.diagram.scene import Mark, Part, Scene, Text
from archdsl.backends.diagram.subject import Subject
from archdsl.backends.diagram.theme import DARK, LIGHT, Theme
from archdsl.backends.diagram.untangle import without_losses
from archdsl.cli.main import archdsl as program
from archdsl.graph.graph import Graph
from tests.colours import contrast

STYLES = ("graph", "paper", "volumes", "table")
NETWORKS = ("b_alexnet", "cliquenet_cifar", "fast_rcnn", "googlenet", "octave_resnet", "resnet18", "unet", "yolov2")

Area = tuple[float, float, float, float]


def scene_of(name: str, style: str, **options: Any) -> Scene:
    graph = archdsl.load(name).graph
    return paint([Subject(graph, analyse(graph))], Options(style=style, **options))  # type: ignore[arg-type]


def figure_of(graph: Graph, **options: Any) -> Figure:
    return Subject(graph, analyse(graph)).figure(Options(**options), budget=40)


def text(source: str) -> archdsl.Network:
    return archdsl.load(archdsl.text(source))


def outline(mark: Mark) -> Area:
    assert not isinstance(mark, Text)
    xs, ys = zip(*mark.points, strict=True)
    return min(xs), min(ys), max(xs), max(ys)


def boxes_of(parts: tuple[Part, ...]) -> Iterator[Part]:
    for part in parts:
        if part.role.startswith("box "):
            yield part
        yield from boxes_of(part.parts)


def area_of(part: Part) -> Area:
    areas = [outline(mark) for mark in part.marks if not isinstance(mark, Text)]
    lefts, tops, rights, bottoms = zip(*areas, strict=True)
    return min(lefts), min(tops), max(rights), max(bottoms)


def extent(mark: Text) -> tuple[float, float]:
    width = text_width(mark.text, mark.size, bold=mark.bold)
    left = mark.x - {"start": 0.0, "middle": width / 2, "end": width}[mark.anchor]
    return left, left + width


# Laws


@pytest.mark.parametrize("style", ["graph", "paper", "volumes"])
@pytest.mark.parametrize("name", NETWORKS)
def test_boxes_stand_apart_and_words_on_the_page(name: str, style: str) -> None:
    scene = scene_of(name, style)
    areas = {part.id: area_of(part) for part in boxes_of(scene.parts)}
    for (one, a), (other, b) in combinations(areas.items(), 2):
        is_apart = a[2] <= b[0] + 0.5 or b[2] <= a[0] + 0.5 or a[3] <= b[1] + 0.5 or b[3] <= a[1] + 0.5
        # Copies lie behind the first one, a little to the side.
        assert is_apart, (one, other, a, b)
    for mark in scene.marks():
        if isinstance(mark, Text):
            left, right = extent(mark)
            assert 0 <= left < right <= scene.width, mark
            assert 0 < mark.y <= scene.height, mark
            assert mark.size >= 7


@pytest.mark.parametrize("name", NETWORKS)
def test_words_fit_their_boxes(name: str) -> None:
    for part in boxes_of(scene_of(name, "paper").parts):
        left, top, right, bottom = area_of(part)
        for mark in part.marks:
            if isinstance(mark, Text):
                start, end = extent(mark)
                assert left <= start < end <= right, (part.id, mark.text)
                assert top < mark.y < bottom, (part.id, mark.text)


_PROGRAM = """
import hashlib, json, sys
import archdsl
networks = {name: archdsl.load(name) for name in ("b_lenet", "cliquenet_cifar")}
made = {
    f"{name} {style} {form}": hashlib.sha256(network.draw(style=style, format=form)).hexdigest()
    for name, network in networks.items()
    for style in ("graph", "paper", "volumes", "table")
    for form in ("svg", "pdf", "tex", *(["txt", "md", "csv"] if style == "table" else ["png"]))
}
assert "torch" not in sys.modules
print(json.dumps(made))
"""


def test_same_bytes_whatever_hash_seed_and_locale() -> None:
    answers = [
        subprocess.run(
            [sys.executable, "-c", _PROGRAM],
            capture_output=True,
            check=True,
            cwd=Path(__file__).parents[1],
            env={**os.environ, "PYTHONHASHSEED": seed, "LC_ALL": locale, "LANG": locale, "PATH": "/nonexistent"},
        ).stdout
        for seed, locale in (("0", "C"), ("4711", "C.UTF-8"))
    ]
    assert answers[0] == answers[1]
    digest = hashlib.sha256(archdsl.load("b_lenet").draw(style="paper")).hexdigest()
    assert json.loads(answers[0])["b_lenet paper svg"] == digest


def pixels(path: Path, folder: Path) -> tuple[int, int, bytes]:
    """Width, height and grey values of the first page of a PDF, as poppler draws it at 36 dots per inch."""
    stem = folder / path.stem
    subprocess.run(["pdftoppm", "-r", "36", "-gray", "-singlefile", str(path), str(stem)], check=True)
    return greymap(stem.with_suffix(".pgm").read_bytes())


def greymap(data: bytes) -> tuple[int, int, bytes]:
    """Width, height and grey values of a PGM."""
    kind, width, height, most, values = data.split(maxsplit=4)
    assert (kind, most) == (b"P5", b"255")
    count = int(width) * int(height)
    return int(width), int(height), data[-count:] if len(values) != count else values


def shades(data: bytes) -> tuple[int, int, bytes]:
    """Width, height and grey values of a PNG."""
    image = pytest.importorskip("PIL.Image")
    from io import BytesIO

    picture = image.open(BytesIO(data)).convert("L")
    return (*picture.size, picture.tobytes())


@pytest.mark.skipif(shutil.which("pdftoppm") is None, reason="poppler's pdftoppm is not installed")
@pytest.mark.parametrize("style", ["graph", "paper", "volumes"])
def test_pdf_shows_what_png_shows(style: str, tmp_path: Path) -> None:
    network = archdsl.load("b_lenet")
    network.draw(tmp_path / "net.pdf", style=style)
    wide, high, printed = pixels(tmp_path / "net.pdf", tmp_path)
    width, height, shown = shades(network.draw(style=style, format="png", dpi=36))
    assert abs(wide - width) <= 1
    assert abs(high - height) <= 1
    rows = [
        (printed[y * wide : y * wide + min(wide, width)], shown[y * width : y * width + min(wide, width)])
        for y in range(min(high, height))
    ]
    differences = [abs(a - b) for one, other in rows for a, b in zip(one, other, strict=True)]
    assert sum(differences) / len(differences) < 8
    assert sum(difference > 128 for difference in differences) < 0.02 * len(differences)


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("name", ["googlenet", "lenet5", "unet"])
def test_pictures_are_mostly_paper_and_nowhere_black(name: str, style: str) -> None:
    width, height, shown = shades(archdsl.load(name).draw(style=style, format="png", dpi=36))
    counts = Counter(shown)
    assert counts[255] > 0.25 * len(shown)
    assert sum(count for shade, count in counts.items() if shade < 70) < 0.12 * len(shown)
    assert len(shown) == width * height


# Colours

#: Machado, Oliveira, Fernandes: A physiologically-based model for simulation of color vision deficiency, 2009.
VISION = {
    "normal": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "protanopia": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
    "deuteranopia": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.01182, 0.04294, 0.968881)),
    "tritanopia": ((1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.3039)),
}
#: Families that a reader tells by colour; merges and rearrangements are white and grey, and told by shape.
COLOURED = ("conv", "linear", "norm", "activation", "pool", "detection")


def seen(colour: str, vision: str) -> tuple[float, float, float]:
    """A colour in CIELAB, as somebody sees it."""
    channels = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    mixed = (sum(share * c for share, c in zip(row, linear, strict=True)) for row in VISION[vision])
    red, green, blue = (min(max(c, 0.0), 1.0) for c in mixed)
    x = (0.4124564 * red + 0.3575761 * green + 0.1804375 * blue) / 0.95047
    y = 0.2126729 * red + 0.7151522 * green + 0.0721750 * blue
    z = (0.0193339 * red + 0.1191920 * green + 0.9503041 * blue) / 1.08883
    x, y, z = (t ** (1 / 3) if t > 216 / 24389 else (24389 / 27 * t + 16) / 116 for t in (x, y, z))
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


@pytest.mark.parametrize(
    ("theme", "part", "least"), [(LIGHT, "fill", 13), (LIGHT, "line", 15), (DARK, "fill", 13), (DARK, "line", 13)]
)
def test_colours_stay_apart_for_everybody(theme: Theme, part: str, least: float) -> None:
    differences = {
        (vision, one, other): math.dist(
            seen(getattr(theme.tones[one], part), vision), seen(getattr(theme.tones[other], part), vision)
        )
        for vision in VISION
        for one, other in combinations(COLOURED, 2)
    }
    pair = min(differences, key=differences.__getitem__)
    assert differences[pair] >= least, (pair, differences[pair])


@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_text_is_legible_on_every_tone(theme: Theme) -> None:
    assert min(contrast(tone.fill, tone.text) for tone in theme.tones.values()) >= 4.5


@pytest.mark.parametrize("family", COLOURED)
def test_a_family_keeps_its_hue_in_the_dark(family: str) -> None:
    def hue(colour: str) -> float:
        _, a, b = seen(colour, "normal")
        return math.degrees(math.atan2(b, a))

    turned = abs(hue(LIGHT.tones[family].fill) - hue(DARK.tones[family].fill)) % 360
    assert min(turned, 360 - turned) <= 25


def test_rearrangements_stay_apart_in_the_dark() -> None:
    grey = DARK.tones["view"].fill
    for vision in VISION:
        for family in COLOURED:
            assert math.dist(seen(grey, vision), seen(DARK.tones[family].fill, vision)) > 9


# What a reader expects


def test_calls_leave_out_what_is_so_anyway() -> None:
    network = text(
        "input 8x8x8; part(out, stride=1, name=3): 3x3 conv out /stride -> relu -> conv out kernel=1\n"
        "part(16, stride=1) -> part(16, stride=2) -> part(16, 1, name=4)\n"
    )
    captions = [scope.caption for scope in network.graph.scopes if scope.definition]
    assert captions == ["part(out=16)", "part(out=16, stride=2)", "part(out=16, name=4)"]


def test_a_default_that_depends_on_the_call_is_not_compared() -> None:
    network = text("input 8x8x8; part(out=in.channels): 3x3 conv out -> bn -> relu\npart(8) -> part(out=4)\n")
    assert [scope.caption for scope in network.graph.scopes if scope.definition] == ["part(out=8)", "part(out=4)"]


def test_a_norm_behind_a_call_belongs_to_its_layer() -> None:
    network = text("input 8x8x8; active: bn -> relu\nstem = 3x3 conv 8 -> active\n")
    layers = [box for box in figure_of(network.graph).boxes() if box.keyword == "conv"]
    assert [band.text for band in layers[0].after] == ["BN", "ReLU"]


def test_a_clique_shows_its_two_stages() -> None:
    figure = figure_of(archdsl.load("cliquenet_cifar").graph, collapse=("block2", "block3"))
    rows = [box.title for box in figure.boxes() if box.title.startswith("x_")]
    assert rows == [f"x_{layer} {stage}" for stage in ("I", "II") for layer in range(1, 5)]
    keys = {box.title: box.key for box in figure.boxes()}
    tied = {(link.tail, link.head) for link in figure.links if link.kind == "tied"}
    assert tied == {(keys[f"x_{layer} I"], keys[f"x_{layer} II"]) for layer in (2, 3, 4)}
    streams = {(link.tail, link.head) for link in figure.links if link.kind != "tied"}
    others = {(keys[f"x_{one} I"], keys[f"x_{two} I"]) for one, two in combinations(range(1, 5), 2)}
    assert others <= streams


def test_a_closed_block_states_what_goes_on_not_its_tap() -> None:
    figure = figure_of(archdsl.load("cliquenet_cifar").graph, collapse=("clique",))
    assert "144x8x8" in next(box for box in figure.boxes() if box.title == "block3").details


def test_dense_wiring_becomes_a_bus() -> None:
    network = archdsl.load("cliquenet_k12_t36_cifar")
    figure = figure_of(network.graph, expand=("block1",), collapse=("block2", "block3"))
    assert sum(link.kind == "bus" for link in figure.links) >= 20
    heads = Counter(link.head for link in figure.links if link.kind in ("flow", "identity"))
    assert max(heads[box.key] for box in figure.boxes() if box.title.startswith("x_")) == 1
    assert not any(link.kind == "bus" for link in figure_of(archdsl.load("cliquenet_cifar").graph).links)


@pytest.mark.parametrize("name", ["cliquenet_cifar", "octave_resnet", "sknet"])
@pytest.mark.parametrize("style", ["paper", "volumes"])
def test_meshes_stay_closed_where_only_branches_are_drawn(name: str, style: str) -> None:
    from archdsl.backends.diagram.untangle import untangled

    graph = archdsl.load(name).graph
    subject, options = Subject(graph, analyse(graph)), Options(style=style)  # type: ignore[arg-type]
    opened = subject.figure(Options(depth=99), budget=None)
    assert arrange(opened).tangles
    assert not arrange(untangled(subject, options, opened)).tangles


def test_outputs_beside_the_main_one_hang_on_their_source() -> None:
    figure = figure_of(archdsl.load("yolov2").graph)
    column, keys = arrange(figure), {box.title: box.key for box in figure.boxes() if box.kind == "output"}
    source, last = column.series.parts[-2:]
    assert last == keys["boxes"]
    entries = {(tail, head) for aside in column.asides for tail, head in aside.entering}
    assert {(source, keys["scores"]), (source, keys["labels"])} <= entries


def test_training_is_told_apart() -> None:
    figure = figure_of(archdsl.load("yolov2").graph)
    training = {box.title for box in figure.boxes() if box.is_training}
    assert training == {"truth", "loss"}
    assert all("training only" in box.details for box in figure.boxes() if box.is_training)
    left = without_losses(figure)
    assert training.isdisjoint(box.title for box in left.boxes())
    assert not any("loss" in box.keyword for box in left.boxes())
    exits = figure_of(archdsl.load("googlenet").graph, collapse=("inception",))
    assert {box.title for box in without_losses(exits).boxes()} == {box.title for box in exits.boxes()}


def test_sizes_of_the_input_are_told_in_words() -> None:
    figure = figure_of(archdsl.load("fcn_resnet50").graph)
    upsample = [box for box in figure.boxes() if box.keyword == "upsample"]
    assert upsample
    assert all("size of image" in box.details for box in upsample)
    assert not any(link.kind == "reference" for link in figure.links)


def test_equal_branches_fold_in_a_column() -> None:
    network = text("input 8x16x16; (3x3 conv 4 -> bn -> relu -> 3x3 conv 8 for i in 1..6) -> add -> gap -> fc 10")
    for style in ("paper", "volumes"):
        words = [
            mark.text
            for mark in paint([Subject(network.graph, network.analysis)], Options(style=style)).marks()  # type: ignore[arg-type]
            if isinstance(mark, Text)
        ]
        assert any("×6" in word for word in words), style


def test_a_long_call_goes_on_in_a_second_line() -> None:
    figure = figure_of(archdsl.load("efficientnet").graph)
    from archdsl.backends.diagram.boxes import box_details

    lines = next(box_details(box) for box in figure.boxes() if box.title == "mbconv4")
    assert lines[0].endswith(",")
    assert lines[1].endswith(")")


# Rules


@pytest.mark.parametrize(("name", "outputs"), [("fractalnet_imagenet", 1), ("fractalnet", 3)])
def test_a_fractal_is_drawn_as_its_rule(name: str, outputs: int) -> None:
    picture = json.loads(archdsl.load(name).draw(format="json", rule="columns"))
    labels = Counter(member["title"] for member in picture["members"])
    assert labels["columns"] == 2
    assert labels["Conv 3x3"] == 1
    assert labels["Join"] == (2 if outputs == 1 else 1)
    closed = [member for member in picture["members"] if member["title"] == "columns"]
    assert all("(cols - 1, body)" in member["details"] for member in closed)
    assert sum(title.startswith("out") for title in labels.elements()) == outputs


def test_a_rule_works_in_every_style() -> None:
    for style in ("paper", "volumes"):
        assert b"level1" in archdsl.load("unet").draw(style=style, rule="level")


@pytest.mark.parametrize(
    ("rule", "message"), [("colums", "near: columns"), ("stage", "`stage` does not call itself in fractalnet")]
)
def test_what_has_no_rule_is_an_error(rule: str, message: str) -> None:
    with pytest.raises(DrawingError, match=message):
        archdsl.load("fractalnet").draw(rule=rule)


# Notebooks and tools


def test_a_notebook_shows_picture_and_summary(monkeypatch: pytest.MonkeyPatch) -> None:
    network = archdsl.load("lenet5")
    shown = network._repr_mimebundle_()
    assert shown["image/svg+xml"].startswith("<svg") or "<svg" in shown["image/svg+xml"][:200]
    assert "prefers-color-scheme" in shown["image/svg+xml"]
    assert "60,000" in shown["text/plain"] or "60.0 K" in shown["text/plain"]

    def broken(*_: object, **__: object) -> bytes:
        raise DrawingError("no engine")

    monkeypatch.setattr(archdsl.Network, "draw", broken)
    assert list(network._repr_mimebundle_()) == ["text/plain"]


def test_doctor_finds_everything_here() -> None:
    answer = CliRunner().invoke(program, ["doctor", "--json"])
    checks = {check["name"]: check for check in json.loads(answer.stdout)}
    assert answer.exit_code == 0, answer.output
    assert "graphviz-pure" in checks["layout engine"]["found"]
    assert {"Python", "lark", "torch", "cache", "colours"} <= set(checks)


def test_doctor_names_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    from archdsl.cli import doctor

    monkeypatch.setattr(doctor, "REQUIRED", ("lark", "a-package-that-is-nowhere"))
    answer = CliRunner().invoke(program, ["doctor"])
    assert answer.exit_code == 1
    assert "fix: pip install a-package-that-is-nowhere" in answer.output


def test_doctor_without_an_engine_or_a_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from archdsl.backends.diagram import engine

    monkeypatch.setattr(engine, "_packaged", lambda: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    answer = CliRunner().invoke(program, ["doctor"])
    assert answer.exit_code == 1
    assert "pip install graphviz-pure" in answer.output
    assert "fix: set XDG_CACHE_HOME" in answer.output


def test_gallery_draws_a_family(tmp_path: Path) -> None:
    from tools.gallery import Picture, drawn, index, wanted

    pictures = list(wanted(["lenet"], ["paper", "table"], "svg", variants=False))
    assert [drawn(picture, tmp_path) for picture in pictures] == ["", ""]
    page = index(pictures)
    assert all(f'src="{picture.file}"' in page and (tmp_path / picture.file).is_file() for picture in pictures)
    assert "no network" in drawn(Picture("lenet", "lent", "lent", "paper", "svg"), tmp_path)
