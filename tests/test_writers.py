"""Formats for print, heat maps and the legend."""

from __future__ import annotations

import re
import shutil
import subprocess
import zlib
from pathlib import Path
from xml.etree import ElementTree

import pytest

import archdsl
from archdsl.backends.diagram.engine import DrawingError
from archdsl.backends.diagram.theme import HEAT_LEVELS, heat_colour
from tests.colours import contrast

NETWORKS = ("resnet18", "googlenet")
AWKWARD = 'net awkward\ntitle "50 % of {A_1} & B^2 # $ ~ \\\\ <é> 中"\ninput 3x8x8\n3x3 conv 4'


def texts(picture: bytes) -> list[str]:
    """Every line of text in an SVG."""
    root = ElementTree.fromstring(picture)
    return [node.text or "" for node in root.iter("{http://www.w3.org/2000/svg}text")]


def streams(document: bytes) -> str:
    """What a PDF draws."""
    found = re.findall(rb"stream\r?\n(.*?)\r?\nendstream", document, re.DOTALL)
    parts = []
    for stream in found:
        try:
            parts.append(zlib.decompress(stream).decode("cp1252"))
        except zlib.error:
            continue
    return "\n".join(parts)


# PDF


@pytest.mark.parametrize("name", NETWORKS)
def test_pdf_holds_every_line_of_text(name: str) -> None:
    network = archdsl.load(name)
    drawn = streams(network.draw(format="pdf"))
    found = {re.sub(r"\\(.)", r"\1", line) for line in re.findall(r"\((.*?)(?<!\\)\) Tj", drawn)}
    assert set(texts(network.draw(format="svg"))) <= found


def test_pdf_is_the_size_of_the_picture_and_the_same_each_time() -> None:
    network = archdsl.load("resnet18")
    document, picture = network.draw(format="pdf"), network.draw(format="svg").decode()
    assert document == network.draw(format="pdf")
    width, height = re.search(r'width="([\d.]+)pt" height="([\d.]+)pt"', picture).groups()  # type: ignore[union-attr]
    box = re.search(rb"/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]", document)
    assert box is not None
    assert [float(side) for side in box.groups()] == pytest.approx([float(width), float(height)], abs=0.01)


def test_pdf_has_the_marks_of_the_svg() -> None:
    network = archdsl.load("resnet18")
    drawn, picture = streams(network.draw(format="pdf")), network.draw(format="svg").decode()
    curves = picture.count("<path ")
    shapes = curves + picture.count("<polygon ") + picture.count("<polyline ")
    painted = re.findall(r"(?m)(?:^|\s)(?:S|f|f\*|B|B\*)$", drawn.replace(" Q", "\nQ").replace("\nQ", "\n"))
    assert len(painted) == shapes


@pytest.mark.skipif(shutil.which("pdftotext") is None, reason="needs poppler's pdftotext")
def test_pdf_can_be_searched(tmp_path: Path) -> None:
    archdsl.load("resnet50").draw(tmp_path / "net.pdf")
    done = subprocess.run(["pdftotext", str(tmp_path / "net.pdf"), "-"], capture_output=True, text=True, check=True)
    assert "bottleneck2–4" in done.stdout
    assert "25.6 M params" in done.stdout


@pytest.mark.parametrize("format", ["pdf", "tikz"])
def test_awkward_titles_are_written(format: str) -> None:
    network = archdsl.load(archdsl.text(AWKWARD))
    assert network.draw(format=format)


# TikZ


def test_tikz_escapes_what_tex_would_read() -> None:
    drawn = archdsl.load(archdsl.text(AWKWARD)).draw(format="tikz").decode()
    title = next(line for line in drawn.splitlines() if line.startswith(r"\node"))
    assert r"{50 \% of \{A\_1\} \& B\textasciicircum{}2 \# \$ \textasciitilde{}" in title


@pytest.mark.parametrize("name", NETWORKS)
def test_tikz_is_balanced_and_draws_every_text(name: str) -> None:
    network = archdsl.load(name)
    drawn = network.draw(format="tikz").decode()
    bare = re.sub(r"\\[{}]", "", drawn)
    assert bare.count("{") == bare.count("}")
    assert drawn.count(r"\node[") == len(texts(network.draw(format="svg")))
    used = set(re.findall(r"archdsl\d+", drawn.split(r"\begin{tikzpicture}")[1]))
    defined = set(re.findall(r"\\definecolor{(\w+)}", drawn))
    assert used == defined


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="needs LaTeX with TikZ")
def test_latex_reads_the_picture(tmp_path: Path) -> None:
    archdsl.load("googlenet").draw(tmp_path / "net.tikz")
    page = "\\documentclass{article}\\usepackage{tikz}\\begin{document}\\noindent\\resizebox{\\linewidth}{!}"
    (tmp_path / "page.tex").write_text(page + "{\\input{net.tikz}}\\end{document}", "utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "page.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:]
    assert (tmp_path / "page.pdf").stat().st_size > 10_000


# Heat and legend


def test_text_on_heat_is_legible() -> None:
    levels = range(HEAT_LEVELS + 1)
    assert min(contrast(heat_colour(level, "fill"), heat_colour(level, "text")) for level in levels) >= 4.5


def test_heat_rises_from_dark_to_light() -> None:
    brightness = [contrast(heat_colour(level, "fill"), "#000000") for level in range(HEAT_LEVELS + 1)]
    assert brightness == sorted(brightness)


@pytest.mark.parametrize(
    ("heat", "words"),
    [("params", "9.54 K params"), ("macs", "118 M MACs"), ("memory", "3.21 MB"), ("receptive", "sees 7 px")],
)
def test_heat_states_its_numbers(heat: str, words: str) -> None:
    shown = texts(archdsl.load("resnet18").draw(heat=heat))
    assert words in shown


def test_heat_leaves_colour_to_the_figure() -> None:
    picture = archdsl.load("resnet18").draw(heat="macs").decode()
    used = set(re.findall(r'class="f-([\w-]+)', picture.split("</style>")[1]))
    assert not {name for name in used if name.startswith(("conv", "pool", "norm", "activation", "linear"))}


def test_legend_can_be_left_out() -> None:
    network = archdsl.load("resnet18")
    assert "identity skip" in texts(network.draw())
    assert "identity skip" not in texts(network.draw(legend=False))


def test_unknown_heat_is_named() -> None:
    with pytest.raises(DrawingError, match="'mac' is no heat; did you mean 'macs'"):
        archdsl.load("resnet18").draw(heat="mac")
