"""The README's claims are executed: its specifications check, its Python runs, its picture and commands are true."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import archdsl
from archdsl.cli.main import run as command_line
from archdsl.render import render_text

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("text", blocks("arch"))
def test_specifications_are_right(text: str) -> None:
    assert render_text(archdsl.check(archdsl.text(text))) == ""


@pytest.mark.parametrize("text", blocks("python"))
def test_python_runs(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    exec(compile(text, "README.md", "exec"), {})
    for name in re.findall(r'draw\("(.*?)"\)', text):
        assert (tmp_path / name).stat().st_size > 10_000


def test_the_error_is_the_one_that_is_shown() -> None:
    (shown,) = blocks("text")
    lines = re.findall(r"^\d+ \| (.*)$", shown, re.MULTILINE)
    source = archdsl.Source("example.arch", "\n".join(["input 3x32x32", *lines]))
    found = render_text(archdsl.check(source))
    assert found.removesuffix("\n\n1 error").strip() == shown.strip()


def test_the_users_own_line(tmp_path: Path) -> None:
    line = next(line.strip() for line in README.splitlines() if line.strip().startswith("block:"))
    path = tmp_path / "line.arch"
    path.write_text(f"input 3x32x32\n{line}\n", "utf-8")
    assert command_line(["build", str(path), "-o", str(tmp_path / "out")]) == 0


def test_the_picture_is_fresh(accept: bool) -> None:
    path = ROOT / "specs" / "resnet" / "resnet50.svg"
    picture = archdsl.load("resnet50").draw()
    if accept:
        path.write_bytes(picture)
    assert path.read_bytes() == picture, "draw it anew: pytest tests/test_readme.py --accept"


def test_every_command_of_the_table_exists() -> None:
    for command in re.findall(r"^\| `archdsl (\w+)", README, re.MULTILINE):
        assert command_line([command, "--help"]) == 0
