"""Starting points: every template is right, formatted, and learns."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

import archdsl
from archdsl.cli.target import TARGET
from archdsl.render import render_text
from archdsl.review import lint
from archdsl.start import begin, is_name, templates
from archdsl.syntax.format import format

Arch = Callable[..., "object"]
TEMPLATES = templates()
ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("name", TEMPLATES)
@pytest.mark.parametrize("called", [None, "mine", "a_rather_long_name_of_a_network"])
def test_a_template_is_right_and_formatted(name: str, called: str | None) -> None:
    text = TEMPLATES[name].text if called is None else begin(called, TEMPLATES[name]).text
    assert format(text) == text
    assert render_text(lint(archdsl.text(text))) == ""
    assert archdsl.load(archdsl.text(text)).name == (called or name)


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_template_learns(name: str) -> None:
    torch.manual_seed(0)
    network = archdsl.load(begin("mine", TEMPLATES[name]))
    module = network.module(seed=0).train()
    (shape,) = (node.outputs[0].shape for node in network.graph.inputs)
    images = torch.randn(2, *shape)
    optimiser = torch.optim.SGD(module.parameters(), lr=0.01)
    before = [parameter.detach().clone() for parameter in module.parameters()]
    outputs = module(images)
    scores = [outputs] if isinstance(outputs, torch.Tensor) else [item for item in outputs if item is not None]
    loss = sum(
        torch.nn.functional.cross_entropy(item, torch.ones(item.shape[:1] + item.shape[2:], dtype=torch.long))
        for item in scores
    )
    loss.backward()
    optimiser.step()
    assert torch.isfinite(loss)
    changed = sum(not torch.equal(old, new) for old, new in zip(before, module.parameters(), strict=True))
    assert changed > len(before) // 2


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_template_teaches(name: str) -> None:
    comments = [line for line in TEMPLATES[name].text.splitlines() if "#" in line]
    assert len(comments) >= 3


def test_variants_are_renamed_with_the_network() -> None:
    text = begin("mine", TEMPLATES["plain"]).text
    assert "variant mine_wide(" in text
    assert "FILE:mine_wide" in text
    assert "plain_wide" not in text


@pytest.mark.parametrize(("name", "good"), [("a", True), ("_a1", True), ("1a", False), ("if", False), ("a-b", False)])
def test_names(name: str, good: bool) -> None:
    assert is_name(name) is good


def test_new_writes_a_file_that_checks(arch: Arch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = arch("new", "mine", "--like", "resnet")
    assert (done.code, done.err) == (0, "")
    assert "wrote mine.arch" in done.out
    assert arch("check", "mine.arch", "mine.arch:mine_deep").code == 0


def test_new_never_overwrites(arch: Arch, tmp_path: Path) -> None:
    path = tmp_path / "mine.arch"
    path.write_text("precious")
    done = arch("new", "mine", "-o", path)
    assert (done.code, path.read_text()) == (2, "precious")
    assert "is there already" in done.err


def test_new_to_standard_output(arch: Arch) -> None:
    assert arch("new", "mine", "-o", "-").out == begin("mine", TEMPLATES["plain"]).text


def test_new_lists_the_templates(arch: Arch) -> None:
    lines = arch("new", "--list").out.splitlines()
    assert [line.split()[0] for line in lines] == list(TEMPLATES)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "name the network"),
        (["mine", "--like", "rsnet"], "did you mean `resnet`?"),
        (["mine", "--like", "zzz"], "there are branchynet, densenet"),
        (["my-net"], "cannot name a network"),
        (["where"], "cannot name a network"),
    ],
)
def test_wrong_usage_is_explained(arch: Arch, arguments: list[str], said: str) -> None:
    done = arch("new", *arguments)
    assert (done.code, done.out) == (2, "")
    assert said in done.err


# Completion


def _completed(begun: str) -> list[tuple[str, str]]:
    import click

    context = click.Context(click.Command("check"))
    found = TARGET.shell_complete(context, click.Argument(["target"]), begun)
    return [(item.type, item.value) for item in found]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "res.arch").write_text("net res\nvariant res_a\nvariant res_b\nvariant other\n")
    (tmp_path / "results").mkdir()
    (tmp_path / "res.txt").touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.usefixtures("folder")
def test_names_of_the_zoo_and_files_are_offered() -> None:
    found = _completed("res")
    assert {("plain", "resnet50"), ("plain", "res.arch"), ("plain", "results/")} <= set(found)
    assert ("plain", "res.txt") not in found


@pytest.mark.usefixtures("folder")
def test_where_no_name_fits_the_shell_completes_files() -> None:
    assert _completed("./re") == [("file", "./re")]


@pytest.mark.usefixtures("folder")
def test_variants_of_a_file_are_offered() -> None:
    assert _completed("res.arch:res") == [("plain", "res.arch:res_a"), ("plain", "res.arch:res_b")]
    assert _completed("gone.arch:") == []


@pytest.mark.parametrize("command", ["check", "lint", "summary", "draw", "diff", "compile", "build", "fold", "watch"])
def test_every_command_about_a_target_completes_it(command: str) -> None:
    environment = {"_ARCHDSL_COMPLETE": "bash_complete", "COMP_WORDS": f"archdsl {command} resnet5", "COMP_CWORD": "2"}
    code = "from archdsl.cli.main import archdsl; archdsl(prog_name='archdsl')"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, **environment, "PYTHONPATH": str(ROOT)},
    )
    assert "plain,resnet50" in done.stdout.split(), done.stderr
