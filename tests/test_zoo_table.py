"""The zoo's table and its pictures are what `tools/zoo_table.py` writes."""

from __future__ import annotations

import re
from dataclasses import replace
from difflib import unified_diff
from pathlib import Path

import pytest

from archdsl.project import write
from tools.zoo_table import (
    PICTURE_BYTES,
    TABLE,
    Evidence,
    Spec,
    difference,
    main,
    orphans,
    picture,
    read_evidence,
    section,
    specs,
    table,
)

HOW = "write it anew: python tools/zoo_table.py"

SPECS = specs()


def test_the_table_is_fresh(accept: bool) -> None:
    made = table(SPECS, read_evidence())
    if accept:
        write(TABLE, made)
    found = TABLE.read_bytes().decode()
    assert list(unified_diff(found.splitlines(), made.splitlines(), lineterm="", n=0)) == [], HOW
    assert found == made, HOW


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.path.stem)
def test_a_picture_is_fresh_and_small(spec: Spec, accept: bool) -> None:
    made = picture(spec)
    if accept:
        write(spec.picture, made)
    assert spec.picture.is_file(), HOW
    assert spec.picture.read_bytes() == made, HOW
    assert len(made) < 1.25 * PICTURE_BYTES


def test_every_picture_belongs_to_a_file() -> None:
    assert orphans(SPECS) == []


def test_every_link_leads_somewhere() -> None:
    text = TABLE.read_text("utf-8")
    targets = re.findall(r"\]\(([^)#]+)\)|(?:href|src)=\"([^\"]+)\"", text)
    assert targets
    assert [target for pair in targets for target in pair if target and not (TABLE.parent / target).is_file()] == []
    anchors = re.findall(r"\]\(#([^)]+)\)", text)
    assert anchors == re.findall(r"^## (.+)$", text, re.MULTILINE)


def test_everything_compared_is_in_the_table() -> None:
    evidence, names = read_evidence(), {entry.name for spec in SPECS for entry in spec.entries}
    assert evidence.figures
    assert evidence.peers
    assert evidence.figures.keys() | evidence.peers.keys() <= names


def test_a_network_that_misses_a_figure_is_an_error() -> None:
    (lenet,) = (spec for spec in SPECS if spec.path.stem == "lenet")
    (figure,) = read_evidence().figures["lenet5"]
    evidence = Evidence({"lenet5": [replace(figure, macs=figure.macs + 1)]}, {})
    with pytest.raises(ValueError, match="325,680 MACs, not 60,000 and 325,681"):
        section(lenet, evidence)


def test_a_picture_without_a_file_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stray = tmp_path / "family" / "gone.svg"
    write(stray, "<svg/>")
    monkeypatch.setattr("tools.zoo_table.SPECS", tmp_path)
    assert orphans([]) == [stray]


def test_a_check_says_what_is_stale(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    path = SPECS[0].picture
    before = path.read_bytes()
    monkeypatch.setattr("sys.argv", ["zoo_table.py", "--check"])
    monkeypatch.setattr("tools.zoo_table.made", lambda: iter([(path, b"<svg/>")]))
    assert main() == 1
    assert capsys.readouterr().out == f"specs/{path.parent.name}/{path.name} is stale\n"
    assert path.read_bytes() == before
    monkeypatch.setattr("tools.zoo_table.made", lambda: iter([(path, before)]))
    assert main() == 0
    assert capsys.readouterr().out == ""


def test_a_stale_table_is_shown_line_by_line() -> None:
    text = TABLE.read_text("utf-8")
    assert difference(TABLE, text.encode()) == []
    assert difference(TABLE, text.replace("# The zoo\n", "# A zoo\n", 1).encode())[-2:] == ["-# The zoo", "+# A zoo"]
    assert difference(TABLE.with_name("none.svg"), b"<svg/>") == ["specs/none.svg is missing"]
