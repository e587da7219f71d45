"""Comparing networks: what became of operators and tensors, in words and in a picture."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path

import pytest
from click.testing import CliRunner

import archdsl
from archdsl.analysis.analyse import analyse
from archdsl.analysis.compare import Comparison
from archdsl.backends.diagram.difference import unite
from archdsl.backends.diagram.draw import draw_difference
from archdsl.backends.diagram.engine import DrawingError
from archdsl.backends.diagram.figure import Figure
from archdsl.backends.diagram.options import Options
from archdsl.backends.diagram.subject import Subject
from archdsl.backends.report.difference import difference_json, write_text
from archdsl.cli.main import archdsl as command
from archdsl.cli.main import run

PLAIN = """net small(classes=10)
input 3x32x32
stem = 3x3 conv 16 -> bn -> relu
body = residual { 3x3 conv 16 -> bn -> relu; 3x3 conv 16 -> bn } -> relu
head = gap -> fc classes
"""


def compared(after: str, before: str = PLAIN) -> Comparison:
    return archdsl.load(archdsl.text(before)).compare(archdsl.load(archdsl.text(after)))


def figure_of(comparison: Comparison) -> Figure:

    subjects = [Subject(graph, analyse(graph)) for graph in (comparison.before, comparison.after)]
    return unite(comparison, subjects[0], subjects[1], Options())


def changes(comparison: Comparison) -> dict[str, str]:
    """What became of each operator that is not the same, by path."""
    found = {}
    for change in comparison.nodes:
        if change.fate != "same":
            graph, number = (
                (comparison.before, change.before) if change.after is None else (comparison.after, change.after)
            )
            assert number is not None
            found[graph.nodes[number].path] = f"{change.fate}: {'; '.join(change.differences)}".rstrip(": ")
    return found


# Operators


@pytest.mark.parametrize("name", ["resnet50", "googlenet", "unet", "lenet5", "densenet121"])
def test_a_network_equals_itself(name: str) -> None:
    network = archdsl.load(name)
    comparison = network.compare(network)
    assert comparison.is_equal
    assert set(comparison.fates) == {"same"}
    assert set(comparison.survival) == {"kept"}
    assert write_text(comparison).endswith("no difference\n")


def test_an_argument_that_changes_is_told() -> None:
    assert changes(compared(PLAIN.replace("stem = 3x3", "stem = 5x5"))) == {"stem.conv1": "changed: kernel 3x3 → 5x5"}


def test_shapes_that_follow_are_told() -> None:
    found = changes(compared(PLAIN.replace("gap -> fc", "gap -> dropout 0.5 -> fc").replace("classes=10", "classes=5")))
    assert found == {
        "head.dropout1": "added",
        "head.fc1": "changed: out 10 → 5; 10 → 5",
    }


def test_what_is_removed_stands_where_it_stood() -> None:
    comparison = compared(PLAIN.replace("stem = 3x3 conv 16 -> bn -> relu", "stem = 3x3 conv 16 bias=false -> relu"))
    order = [change.fate for change in comparison.nodes]
    assert order[:4] == ["same", "same", "removed", "changed"]
    assert changes(comparison)["stem.relu1"] == "changed: takes stem.conv1 instead of stem.bn1"


def test_what_is_renamed_has_moved() -> None:
    comparison = compared(PLAIN.replace("stem =", "trunk ="))
    assert comparison.fates["moved"] == 3
    assert comparison.survival == Counter(kept=16 * 16 * 9 * 2 + 4 * 32 + 170 + 2, moved=3 * 16 * 9 + 64 + 1)


def test_another_output_is_a_difference() -> None:
    assert not compared(PLAIN + "output again = head\n").is_equal


# Weights


def test_tensors_are_kept_reshaped_added_and_removed() -> None:
    comparison = compared(PLAIN.replace("classes=10", "classes=5").replace("gap ->", "gap -> ln ->"))
    fates = {change.after or change.before: change.survival for change in comparison.weights}
    assert fates["head.fc1.weight"] == "reshaped"
    assert fates["head.ln1.weight"] == "added"
    assert fates["stem.conv1.weight"] == "kept"


@pytest.mark.parametrize(
    ("one", "other"), [("resnet50", "seresnet50"), ("vgg16", "vgg16_bn"), ("resnet18", "resnet34")]
)
def test_every_tensor_is_told_once(one: str, other: str) -> None:
    torch = pytest.importorskip("torch")
    before, after = archdsl.load(one), archdsl.load(other)
    comparison = before.compare(after)
    with torch.device("meta"):
        keys = [set(network.module(device="meta").state_dict()) for network in (before, after)]
    assert Counter(c.before for c in comparison.weights if c.before) == Counter(keys[0])
    assert Counter(c.after for c in comparison.weights if c.after) == Counter(keys[1])


# Pictures


def test_the_picture_tells_what_became_of_each_box() -> None:
    after = PLAIN.replace("stem = 3x3", "stem = 5x5").replace("gap -> fc", "gap -> fc 32 -> relu -> fc")
    figure = figure_of(compared(after))
    told = {box.path: box.change for box in figure.boxes()}
    assert told["stem.conv1"] == "changed"
    assert told["head.fc2"] == "added"
    assert told["input"] == "same"
    assert "kernel 3x3 → 5x5" in next(box for box in figure.boxes() if box.path == "stem.conv1").details


def test_a_removed_skip_is_a_removed_link() -> None:
    body = "3x3 conv 16 -> bn -> relu; 3x3 conv 16 -> bn"
    plain = PLAIN.replace(f"residual {{ {body} }} -> relu", body.replace(";", " ->") + " -> relu")
    figure = figure_of(compared(plain))
    assert [box.title for box in figure.boxes() if box.change == "removed"] == ["- Add"]
    assert any(link.change == "removed" for link in figure.links)
    assert any(link.change == "added" for link in figure.links)


def test_links_end_at_boxes_that_are_drawn() -> None:
    for one, other in (("resnet50", "seresnet50"), ("unet", "unet_padded"), ("googlenet", "inception_v3")):
        try:
            comparison = archdsl.load(one).compare(archdsl.load(other))
        except archdsl.ArchError:
            continue
        figure = figure_of(comparison)
        keys = [box.key for box in figure.boxes()]
        assert len(keys) == len(set(keys))
        ends = {link.tail for link in figure.links} | {link.head for link in figure.links}
        assert {end for end in ends if not end.startswith("j")} <= set(keys)


@pytest.mark.parametrize("format", ["svg", "png", "pdf", "tikz"])
def test_the_picture_is_the_same_each_time(format: str) -> None:
    comparison = compared(PLAIN.replace("stem = 3x3", "stem = 5x5"))
    assert draw_difference(comparison, format=format) == draw_difference(comparison, format=format)


def test_another_style_is_refused() -> None:
    with pytest.raises(DrawingError, match="style 'graph'"):
        draw_difference(compared(PLAIN), style="paper")


# Command


def test_exit_codes_and_outputs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["diff", "resnet18", "resnet18"]) == 0
    assert run(["diff", "resnet18", "resnet34", "-o", str(tmp_path / "d.svg")]) == 1
    text = capsys.readouterr().out
    assert re.search(r"parameters: 11,689,512 → 21,797,672 \(\+10,108,160\)", text)
    assert (tmp_path / "d.svg").read_bytes().startswith(b"<?xml")
    assert run(["diff", "resnet18", "nonsense"]) == 1


def test_json() -> None:
    done = CliRunner().invoke(command, ["diff", "resnet18", "resnet34", "--json"], standalone_mode=False)
    read = json.loads(done.output)
    assert read["equal"] is False
    assert read["params"] == [11_689_512, 21_797_672]
    comparison = archdsl.load("resnet18").compare(archdsl.load("resnet34"))
    assert read == json.loads(json.dumps(difference_json(comparison)))
    assert sum(tensor["size"] for tensor in read["tensors"] if tensor["after"]) >= 21_797_672
