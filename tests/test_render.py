"""How diagnostics look."""

from __future__ import annotations

import json
import re

import pytest

from archdsl.codes import CATALOGUE, MERGE_MISMATCH, UNKNOWN_OP, UNUSED_NAME
from archdsl.diagnostic import ArchError, Call, Diagnostic, Edit, Fix, Label, Severity
from archdsl.render import counts, explain, in_order, render_json, render_text
from archdsl.source import Source, Span

NET = Source(
    "net.arch",
    "net tiny\ninput 3x32x32\nunit(width): {\n  y = 3x3 conv width /2\n  (y | in) -> add\n}\nunit(64)\n",
)


def place(source: Source, text: str, occurrence: int = 0) -> Span:
    start = -1
    for _ in range(occurrence + 1):
        start = source.text.index(text, start + 1)
    return source.span(start, start + len(text))


MERGE = Diagnostic(
    MERGE_MISMATCH,
    "shapes do not merge: 64x16x16 and 3x32x32",
    place(NET, "add"),
    labels=(Label(place(NET, "3x3 conv width /2"), "64x16x16 comes from here"),),
    hint="make the strides equal",
    fixes=(Fix("leave the stride out", (Edit(place(NET, " /2"), ""),)),),
    calls=(Call("unit", place(NET, "unit(64)")),),
)


def test_an_error_shows_both_places_the_way_there_and_the_way_out() -> None:
    assert render_text([MERGE]) == (
        "error[E0402]: shapes do not merge: 64x16x16 and 3x32x32\n"
        " --> net.arch:5:15\n"
        "  |\n"
        "4 |   y = 3x3 conv width /2\n"
        "  |       ----------------- 64x16x16 comes from here\n"
        "5 |   (y | in) -> add\n"
        "  |               ^^^\n"
        "  = in `unit`, called at net.arch:7:1\n"
        "  = help: make the strides equal\n"
        "  = fix: leave the stride out\n"
        "4 | y = 3x3 conv width\n"
        "\n"
        "1 error"
    )


def test_lines_between_are_left_out_and_other_files_are_named() -> None:
    other = Source("blocks.arch", "a: relu\n")
    labels = (Label(place(NET, "net"), "this network"), Label(place(other, "relu"), "defined here"))
    shown = render_text([Diagnostic(UNKNOWN_OP, "no", place(NET, "unit(64)"), labels=labels)])
    assert "1 | net tiny\n  | --- this network\n...\n7 | unit(64)\n  | ^^^^^^^^\n ::: blocks.arch:1:4\n" in shown


@pytest.mark.parametrize(
    ("line", "mark", "indent"),
    [
        ("\tx -> nope", "    x -> nope", 9),
        ("a\tnope", "a   nope", 4),
        ('note "図" nope', 'note "図" nope', 10),
        ("e\u0301 nope", "e\u0301 nope", 2),
    ],
    ids=["tab", "tab after text", "wide", "combining"],
)
def test_carets_stand_under_the_word(line: str, mark: str, indent: int) -> None:
    source = Source("a.arch", line)
    rows = render_text([Diagnostic(UNKNOWN_OP, "no", place(source, "nope"))]).splitlines()
    assert rows[3] == f"1 | {mark}"
    assert rows[4] == f"  | {' ' * indent}^^^^"


def test_a_long_line_is_cut_around_the_place() -> None:
    source = Source("a.arch", "relu -> " * 100_000 + "nope" + " -> relu" * 100_000)
    rows = render_text([Diagnostic(UNKNOWN_OP, "no", place(source, "nope"))]).splitlines()
    assert max(map(len, rows)) < 160
    column = rows[4].index("^")
    assert rows[3][column : column + 4] == "nope"


def test_a_place_over_several_lines_shows_its_first() -> None:
    span = place(NET, "{\n  y = 3x3 conv width /2\n  (y | in) -> add\n}")
    assert "3 | unit(width): {\n  |              ^\n" in render_text([Diagnostic(UNKNOWN_OP, "no", span)])


@pytest.mark.parametrize("text", ["", "a", "a\n", "\n"])
def test_any_place_can_be_shown(text: str) -> None:
    source = Source("a.arch", text)
    for start in range(len(text) + 1):
        for end in range(start, len(text) + 1):
            shown = render_text([Diagnostic(UNKNOWN_OP, "no", source.span(start, end))])
            assert ("^" in shown) == bool(text)


def test_nothing_from_a_file_reaches_the_terminal_as_control() -> None:
    source = Source("a\x1b[2J.arch", "x\x1b[31m\x07\u202ey")
    diagnostic = Diagnostic(UNKNOWN_OP, "no `\x1b]0;title\x07`", source.span(0, 1), hint="a\x9bb")
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", render_text([diagnostic]))


def test_deep_stacks_show_their_ends() -> None:
    calls = tuple(Call(f"level{number}", place(NET, "unit(64)")) for number in range(50))
    shown = render_text([Diagnostic(UNKNOWN_OP, "no", place(NET, "add"), calls=calls)])
    assert "`level49`" in shown
    assert "`level0`" in shown
    assert "`level25`" not in shown
    assert "42 more calls" in shown


def test_a_call_that_repeats_is_said_once() -> None:
    calls = (Call("unit", place(NET, "unit(64)")), *[Call("level", place(NET, "unit(64)"))] * 3)
    shown = render_text([Diagnostic(UNKNOWN_OP, "no", place(NET, "add"), calls=calls)])
    assert "  = in `level`, called at net.arch:7:1, 3 times over\n  = in `unit`, called at net.arch:7:1\n" in shown


def test_colour_only_adds_codes() -> None:
    coloured = render_text([MERGE], colour=True)
    assert "\x1b[1;31merror[E0402]\x1b[0m" in coloured
    assert re.sub(r"\x1b\[[\d;]*m", "", coloured) == render_text([MERGE])


def test_order_is_that_of_places() -> None:
    late, early = Diagnostic(UNKNOWN_OP, "b", place(NET, "unit(64)")), Diagnostic(UNKNOWN_OP, "a", place(NET, "net"))
    warning = Diagnostic(UNUSED_NAME, "c", place(NET, "net"), Severity.WARNING)
    assert in_order([late, warning, early]) == (early, warning, late)
    assert counts([late, warning, early]) == "2 errors, 1 warning"
    assert str(ArchError([MERGE])) == "\n" + render_text([MERGE])


def test_many_are_counted_and_the_first_shown() -> None:
    shown = render_text([MERGE] * 60, limit=50)
    assert shown.count("error[E0402]") == 50
    assert shown.endswith("60 errors (the first 50 are shown)")


def test_json_says_everything() -> None:
    document = json.loads(render_json([MERGE]))
    assert (document["errors"], document["warnings"]) == (1, 0)
    (record,) = document["diagnostics"]
    assert (record["code"], record["severity"], record["file"]) == ("E0402", "error", "net.arch")
    assert record["start"] == {"line": 5, "column": 15, "offset": NET.text.index("add")}
    assert record["labels"][0]["message"] == "64x16x16 comes from here"
    assert record["fixes"][0]["edits"][0]["replacement"] == ""
    assert record["calls"][0]["start"]["line"] == 7


@pytest.mark.parametrize("code", CATALOGUE)
def test_every_code_explains_itself(code: str) -> None:
    shown = explain(code.lower())
    assert shown.startswith(f"{code}: {CATALOGUE[code].title}\n\n{CATALOGUE[code].explanation}")
    for example in (CATALOGUE[code].bad, CATALOGUE[code].good):
        assert all(line.strip() in shown for line in example.splitlines())


def test_an_unknown_code_gets_a_near_one() -> None:
    with pytest.raises(ValueError, match="did you mean"):
        explain("E0402x")
