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


def load(source: Source, path: str, /) -> Source:
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
