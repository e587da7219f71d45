"""The linter: each rule by its own examples, on the zoo, and what hides its findings."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import archdsl
from archdsl.lint.engine import catalogue, rules
from archdsl.lint.ignore import UNUSED_IGNORE
from archdsl.project import specs_folder
from archdsl.review import lint

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
    ],
)
def test_what_is_meant_is_not_reported(text: str, found: list[str]) -> None:
    assert _found(text) == found


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("resnet/resnet_cifar", []),
        ("densenet/densenet", []),
        ("unet/unet", []),
        ("inception/bn_inception", ["W0701 14:32"]),  # as in Caffe
        ("vgg/vgg_cifar", ["W0701 20:15", "W0702 20:15"]),  # 3x3 on maps of 2x2
    ],
)
def test_findings_on_the_zoo(name: str, found: list[str]) -> None:
    places = lint(specs_folder() / f"{name}.arch")
    assert [f"{item.code} {item.span.first.line}:{item.span.first.column}" for item in places] == found
