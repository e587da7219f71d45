"""Every mistake that a person makes has a case file: its first line states codes and places, its ``.txt`` the text."""

from __future__ import annotations

from pathlib import Path

import pytest

from archdsl import codes
from archdsl.graph.elaborate import LoadError, elaborate
from archdsl.render import in_order, render_text
from archdsl.source import Source
from archdsl.syntax.parse import parse

CASES = sorted((Path(__file__).parent / "data" / "errors").glob("*.arch"))


def load(_: Source, path: str, /) -> Source:
    raise LoadError(codes.UNREADABLE, f"`{path}` does not exist")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_error_is_found_at_its_place(case: Path, accept: bool) -> None:
    text = case.read_text("utf-8")
    expected = text.splitlines()[0].removeprefix("# ").split(", ")
    parsed = parse(Source(case.name, text))
    found = in_order([*parsed.diagnostics, *elaborate(parsed.file, load=load).diagnostics])
    assert [f"{item.code} {item.span.first.line}:{item.span.first.column}" for item in found] == expected
    golden = case.with_suffix(".txt")
    if accept:
        golden.write_text(render_text(found), "utf-8")
    assert render_text(found) == golden.read_text("utf-8")


@pytest.mark.parametrize("code", [code for code in codes.CATALOGUE.values() if code.bad], ids=str)
def test_examples_of_a_code_are_true(code: codes.Code) -> None:
    for text, expected in ((code.bad, {code.id}), (code.good, set())):
        parsed = parse(Source("example.arch", text))
        found = [*parsed.diagnostics, *elaborate(parsed.file, load=load).diagnostics]
        assert {item.code.id for item in found} == expected, render_text(found)


def test_every_code_is_explained() -> None:
    without_example = {"E0204", "E0504", "E0505", "E0506", "E0507", "E0508"}  # they need more than one text
    for code in codes.CATALOGUE.values():
        assert code.explanation.endswith(".")
        assert bool(code.bad and code.good) == (code.id not in without_example)
