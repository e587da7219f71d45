"""The linter: each rule by its own examples, on the zoo, and what hides its findings."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import archdsl
from archdsl.graph.elaborate import standard_library
from archdsl.lint.engine import catalogue, rules
from archdsl.lint.ignore import UNUSED_IGNORE
from archdsl.project import specifications, specs_folder
from archdsl.review import lint
from archdsl.syntax.parse import parse
from archdsl.syntax.prose import remark

CODES = [*(rule.CODE for rule in rules()), UNUSED_IGNORE]


def _found(text: str) -> list[str]:
    return [f"{item.code} {item.span.first.line}:{item.span.first.column}" for item in lint(archdsl.text(text))]


def test_every_rule_is_found_by_itself() -> None:
    folder = Path(archdsl.lint.engine.__file__).parent / "rules"
    assert len(rules()) == len(list(folder.glob("[a-z]*.py")))
    assert len({code.id for code in CODES}) == len(CODES)
    assert {code.id for code in CODES} <= set(catalogue())


@pytest.mark.parametrize("code", CODES, ids=str)
def test_examples_of_a_rule_are_true(code: archdsl.lint.engine.Code) -> None:
    assert {item.code.id for item in lint(archdsl.text(code.bad))} == {code.id}
    assert lint(archdsl.text(code.good)) == ()
    assert code.explanation.endswith(".")


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule.CODE.id)
def test_every_rule_is_documented(rule: archdsl.lint.rule.Rule) -> None:
    assert ast.get_docstring(ast.parse(inspect.getsource(rule)))  # type: ignore[arg-type]
    assert rule.find.__doc__


def test_all_codes_are_explained(arch: Callable[..., Any]) -> None:
    for code in CODES:
        assert code.title in archdsl.explain(code.id.lower())
    assert "W0705  channels not divisible by 8" in arch("explain").out


BIASED = "3x3 conv 16 bias=true -> bn -> relu"


@pytest.mark.parametrize(
    "text",
    [
        f"input 3x8x8\n{BIASED}  # arch: ignore[W0701]",
        f"input 3x8x8\n# as the authors have it; arch: ignore[ w0701 , W0702]\n{BIASED}",
        f"input 3x8x8\n# arch: ignore[W0701]\n{BIASED}",
    ],
)
def test_comments_hide_findings(text: str) -> None:
    assert _found(f"input 3x8x8\n{BIASED}") == ["W0701 2:1"]
    assert _found(text) == []


def test_a_comment_may_hide_its_codes_in_the_whole_file() -> None:
    twice = f"input 3x8x8\n{BIASED}\n{BIASED}\n"
    assert _found(twice) == ["W0701 2:1", "W0701 3:1"]
    assert _found(f"{twice}# arch: ignore-file[W0701] as published") == []
    assert _found(f"input 3x8x8  # arch: ignore-file[W0702]\n{BIASED}") == ["W0709 1:14", "W0701 2:1"]
    assert _found(f"# arch: ignore-files[W0701]\ninput 3x8x8\n{BIASED}") == ["W0701 3:1"]
    assert _found("# arch: ignore-file[E0201]\ninput 3x8x8\nconcatt") == ["W0709 1:1", "E0201 3:1"]


def test_a_comment_for_the_linter_documents_nothing() -> None:
    file = parse(archdsl.text("# One.\n# arch: ignore-file[W0701] as published\n# Two.\nblock: relu\n")).file
    (block,) = file.statements
    assert remark(file, block.span) == "One.\nTwo."


SHARED = "block(width):\n  3x3 conv width bias=true -> bn  # arch: ignore[W0701]\n"


def test_definitions_keep_the_comments_that_matter_where_they_are_used(tmp_path: Path) -> None:
    (tmp_path / "blocks.arch").write_text(SHARED)
    (tmp_path / "net.arch").write_text('use "blocks.arch"\ninput 3x8x8\nblock(8)\n')
    assert lint(tmp_path / "blocks.arch") == ()
    assert lint(tmp_path / "net.arch") == ()
    (tmp_path / "blocks.arch").write_text(SHARED.replace("W0701", "E0701"))
    assert [item.code.id for item in lint(tmp_path / "blocks.arch")] == ["W0709"]
    assert [item.code.id for item in lint(tmp_path / "net.arch")] == ["W0701"]


VARIANTS = """net n(width=32)
variant odd(width=66)
variant even(width=64)
input 3x32x32
3x3 conv width -> relu -> 3x3 conv 64  # arch: ignore[W0705]
"""


def test_a_comment_may_be_for_a_variant_that_is_not_looked_at(tmp_path: Path) -> None:
    path = tmp_path / "net.arch"
    path.write_text(VARIANTS)
    assert lint(path) == lint(f"{path}:odd") == lint(f"{path}:even") == lint(path, input="3x16x16", width=8) == ()
    path.write_text(VARIANTS.replace("variant odd(width=66)\n", ""))
    assert [item.code.id for item in lint(path)] == ["W0709"]
    path.write_text(VARIANTS.replace("variant odd(width=66)\n", "").replace("relu", "rellu"))
    assert {item.code.id for item in lint(path)} == {"E0201"}  # what the network would be like is not known


def test_a_comment_hides_its_codes_on_its_line_alone() -> None:
    assert _found(f"input 3x8x8 # arch: ignore[W0701]\n{BIASED}") == ["W0709 1:13", "W0701 2:1"]
    assert _found(f"input 3x8x8\n{BIASED} # arch: ignore[W0702]") == ["W0701 2:1", "W0709 2:37"]
    assert _found("input 3x8x8\n3x3 conv 8 -> concatt # arch: ignore[E0201]") == ["E0201 2:15", "W0709 2:23"]


def test_warnings_of_the_check_are_hidden_everywhere(arch: Callable[..., Any], tmp_path: Path) -> None:
    path = tmp_path / "net.arch"
    path.write_text("input 3x8x8\nlet unused = 3  # arch: ignore[W0602]\nrelu\n")
    assert "no errors" in arch("check", path).out
    assert arch("lint", path).code == 0
    assert arch("summary", path).err == ""
    assert archdsl.check(path) == ()
    path.write_text("input 3x8x8\nlet unused = 3\nrelu\n")
    assert "W0602" in arch("check", path).err
    assert arch("lint", path).code == 1


def test_the_check_lints_only_when_asked(arch: Callable[..., Any], tmp_path: Path) -> None:
    path = tmp_path / "net.arch"
    path.write_text(f"input 3x8x8\n{BIASED}\n")
    assert "W0701" not in arch("check", path).err
    finished = arch("check", "--lint", path)
    assert "W0701" in finished.err
    assert finished.code == 0


ANCHORS = """input 3x64x64
features = 3x3 conv 64 /16 -> relu
regions = (1x1 conv 18 | 1x1 conv 36) -> proposals
(features | regions) -> roi_pool 7 -> fc 10"""

NORMAL = "\n1x1 conv 8 init=normal std=0.1"

PREACTIVATED = """input 3x32x32
unit: residual { bn -> relu -> 3x3 conv 64 -> bn -> relu -> 3x3 conv 64 }
stem = 3x3 conv 64 /2 -> BEHIND
unit x 4
head = bn -> relu -> gap -> fc 10"""


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("input 3x9x9\n3x3 conv 8 bias=true -> ln", []),  # a norm over all channels keeps their differences
        ("input 3x8x8\n(3x3 conv 8 bias=true -> (bn | relu)) -> add", []),  # the bias has another user
        (
            "input 3x8x8\n(skip | gap -> 1x1 conv 33 -> 1x1 conv 3) -> mul -> 3x3 conv 8",
            [],
        ),  # a gate is too small to matter
        ("input 3x8x8\ntap t { 1x1 conv 40 }\nrelu", []),  # a tap is there to be looked at
        ("net n(width=4)\ninput 3x8x8\nunit(width): 1x1 conv width\nunit(width)", []),
        ("input 3x8x8\n1x1 conv 8 init=he\n1x1 conv 8 init=he\n1x1 conv 8", []),
        ("input 3x224x224\n3x3 conv 8 -> 1x1 conv 5", []),  # scores for each place need no wide field
        ("input 3x2x2\n3x3 conv 8", []),  # in one position or another each of the 3x3 places meets one of the 2x2
        ("input 3x33x33\n3x3 conv 8 dilation=24", []),
        ("input 3x33x33\n3x3 conv 8 dilation=33", ["W0702 2:1"]),
        ("input 3x2x2\n4x4 conv 8 pad=1", ["W0702 2:1"]),
        ("input 3x4x1\n3x3 maxpool /1", ["W0702 2:1"]),
        (ANCHORS, []),  # two scores and four sides for each of 9 anchors
        (ANCHORS.replace("(1x1 conv 18 | 1x1 conv 36)", "1x1 conv 36 -> (1x1 conv 18 | 1x1 conv 36)"), ["W0705 3:11"]),
        (PREACTIVATED.replace("BEHIND", "3x3 maxpool /2"), []),  # the norm is behind the pool
        (PREACTIVATED.replace("BEHIND", "relu -> 3x3 maxpool /2"), ["W0703 3:8"]),
        (f"input 3x8x8{NORMAL}{NORMAL}{NORMAL}", ["W0708 2:12", "W0708 2:24"]),
        (
            f"input 3x8x8\nset conv init=he{NORMAL}{NORMAL}{NORMAL}",
            [],
        ),  # that is for other files
    ],
)
def test_what_is_meant_is_told_from_what_is_not(text: str, found: list[str]) -> None:
    assert _found(text) == found


@pytest.mark.parametrize(
    ("kernel", "size", "arguments", "met"),
    [
        ("3x3", (1, 1), "", 1),
        ("3x3", (2, 1), "", 3),
        ("7x7", (2, 2), "", 9),
        ("5x3", (2, 4), "", 9),
        ("4x4", (2, 2), " pad=1", 4),
        ("3x3", (9, 9), " dilation=9", 1),
        ("3x3", (9, 9), " /5 dilation=8", 4),
        ("3x3", (2, 2), "", 9),
    ],
)
def test_places_of_a_window_without_gradient_are_counted(
    kernel: str, size: tuple[int, int], arguments: str, met: int
) -> None:
    torch = pytest.importorskip("torch")
    spec = archdsl.text(f"input 1x{size[0]}x{size[1]}\n{kernel} conv 1{arguments}")
    module = archdsl.load(spec).module()
    module(torch.ones(1, 1, *size)).sum().backward()
    (weight,) = (parameter for parameter in module.parameters() if parameter.ndim == 4)
    assert int((weight.grad != 0).sum()) == met
    said = f"{weight.numel() - met} of the {weight.numel()} places of the window meet nothing but padding"
    assert [item.message for item in lint(spec)] == [said] * (met < weight.numel())


@pytest.mark.parametrize("path", sorted(specifications(specs_folder())), ids=lambda path: path.stem)
def test_the_zoo_has_nothing_to_mend(path: Path) -> None:
    assert lint(path) == ()


@pytest.mark.parametrize("file", standard_library(), ids=lambda file: Path(file.source.name).stem)
def test_the_standard_library_has_nothing_to_mend(file: archdsl.syntax.tree.File) -> None:
    assert lint(file.source) == ()
