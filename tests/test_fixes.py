"""Fixes that are applied, and findings in the forms of other programs."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import archdsl
from archdsl import codes
from archdsl.diagnostic import Diagnostic, Edit, Fix, Severity
from archdsl.exchange import render_github, render_sarif
from archdsl.fixes import Mended, mend
from archdsl.project import find
from archdsl.review import repair
from archdsl.source import Source

SOURCE = Source("a.arch", "one two three\nfour\n")


def _finding(start: int, *edits: tuple[int, int, str], safe: bool = True) -> Diagnostic:
    changes = tuple(Edit(SOURCE.span(first, last), text) for first, last, text in edits)
    return Diagnostic(codes.SYNTAX, "wrong", SOURCE.span(start, start + 1), fixes=(Fix("mend it", changes, safe),))


# Fixes ---------------------------------------------------------------------------------------------------------------


def test_fixes_are_applied_together() -> None:
    mended = mend(SOURCE, [_finding(8, (8, 13, "3")), _finding(0, (0, 3, "1"), (4, 4, "and "))])
    assert mended.text == "1 and two 3\nfour\n"
    assert len(mended.applied) == 2


def test_of_two_that_overlap_the_first_wins_with_all_its_edits() -> None:
    first, second = _finding(0, (0, 3, "1")), _finding(4, (2, 7, ""), (8, 13, "3"))
    mended = mend(SOURCE, [second, first])
    assert mended.text == "1 two three\nfour\n"
    assert mended.applied == (first,)


def test_insertions_at_one_place_are_applied_one_at_a_time() -> None:
    assert mend(SOURCE, [_finding(0, (4, 4, "x ")), _finding(1, (4, 4, "y "))]).text == "one x two three\nfour\n"


def test_equal_edits_are_one() -> None:
    mended = mend(SOURCE, [_finding(0, (0, 3, "1")), _finding(1, (0, 3, "1"), (4, 7, "2"))])
    assert mended.text == "1 2 three\nfour\n"


def test_what_might_change_the_meaning_needs_a_word() -> None:
    finding = _finding(0, (0, 3, "1"), safe=False)
    assert mend(SOURCE, [finding]).text == SOURCE.text
    assert mend(SOURCE, [finding], unsafe=True).text == "1 two three\nfour\n"


def test_other_files_are_left_alone() -> None:
    assert mend(Source("b.arch", SOURCE.text), [_finding(0, (0, 3, "1"))]).text == SOURCE.text


def test_repair_goes_on_until_nothing_is_left() -> None:
    text = "input 3x8x8\nlet a = 1\nlet b = a\n3x3 convv 8 -> bnn\n"  # `a` is unused once `b` is gone
    repaired = repair(find(archdsl.text(text)), {}, unsafe=True)
    assert repaired.diagnostics == ()
    assert archdsl.format(repaired.target.source.text) == "input 3x8x8\n\n3x3 conv 8 -> bn\n"
    assert repaired.mended == 4


def test_a_fix_that_adds_errors_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def worse(_: Source, found: tuple[Diagnostic, ...], **_options: bool) -> Mended:
        return Mended("a -> -> b", found)

    monkeypatch.setattr("archdsl.review.mend", worse)
    target = find(archdsl.text("input 3x8x8\nlet a = 1\nrelu\n"))
    repaired = repair(target, {}, unsafe=True)
    assert repaired.target == target
    assert [item.code.id for item in repaired.diagnostics] == ["W0602"]


def test_check_writes_what_it_mends(arch: Callable[..., Any], tmp_path: Path) -> None:
    path = tmp_path / "net.arch"
    text = "input 3x32x32\nconv 3x3 16 -> rellu\n"
    path.write_text(text)
    path.chmod(0o600)
    assert arch("check", path).code == 1
    assert path.read_text() == text
    finished = arch("check", "--fix", path)
    assert "1 finding mended" in finished.err
    assert finished.code == 1
    assert path.read_text() == "input 3x32x32\n3x3 conv 16 -> rellu\n"
    finished = arch("check", "--fix", "--unsafe", path)
    assert (finished.code, path.read_text()) == (0, "input 3x32x32\n3x3 conv 16 -> relu\n")
    assert path.stat().st_mode & 0o777 == 0o600
    assert arch("check", "--fix", path).code == 0


def test_fixing_needs_a_file(arch: Callable[..., Any]) -> None:
    finished = arch("check", "--fix", "resnet50")
    assert finished.code == 2
    assert "names none" in finished.err
    assert arch("check", "--unsafe", "resnet50").code == 2


# Forms ---------------------------------------------------------------------------------------------------------------

BROKEN = "input 3x32x32\nside = 3x3 conv 32 /2\n(side | in -> 1x1 conv 32) -> add -> rellu\n"

#: What the schema of SARIF 2.1.0 demands of the parts that are written: name -> (type, required).
SARIF: dict[str, dict[str, tuple[type, bool]]] = {
    "log": {"$schema": (str, False), "version": (str, True), "runs": (list, True)},
    "run": {"tool": (dict, True), "columnKind": (str, False), "results": (list, False)},
    "tool": {"driver": (dict, True)},
    "driver": {"name": (str, True), "version": (str, False), "rules": (list, False)},
    "rule": {
        "id": (str, True),
        "shortDescription": (dict, False),
        "fullDescription": (dict, False),
        "help": (dict, False),
        "defaultConfiguration": (dict, False),
    },
    "result": {
        "ruleId": (str, False),
        "ruleIndex": (int, False),
        "level": (str, False),
        "message": (dict, True),
        "locations": (list, False),
        "relatedLocations": (list, False),
        "fixes": (list, False),
    },
    "location": {"id": (int, False), "physicalLocation": (dict, False), "message": (dict, False)},
    "place": {"artifactLocation": (dict, True), "region": (dict, False)},
    "region": dict.fromkeys(
        ("startLine", "startColumn", "endLine", "endColumn", "charOffset", "charLength"), (int, False)
    ),
    "fix": {"description": (dict, False), "artifactChanges": (list, True)},
    "change": {"artifactLocation": (dict, True), "replacements": (list, True)},
    "replacement": {"deletedRegion": (dict, True), "insertedContent": (dict, False)},
}

#: Which part stands where.
PARTS = {
    ("log", "runs"): "run",
    ("run", "tool"): "tool",
    ("tool", "driver"): "driver",
    ("driver", "rules"): "rule",
    ("run", "results"): "result",
    ("result", "locations"): "location",
    ("result", "relatedLocations"): "location",
    ("location", "physicalLocation"): "place",
    ("place", "region"): "region",
    ("result", "fixes"): "fix",
    ("fix", "artifactChanges"): "change",
    ("change", "replacements"): "replacement",
    ("replacement", "deletedRegion"): "region",
}


def _require_sarif(part: dict[str, Any], kind: str = "log") -> None:
    schema = SARIF[kind]
    assert set(part) <= set(schema), kind
    assert {name for name, (_, required) in schema.items() if required} <= set(part), kind
    for name, value in part.items():
        assert isinstance(value, schema[name][0]), (kind, name)
        for item in value if isinstance(value, list) else [value]:
            if (kind, name) in PARTS:
                _require_sarif(item, PARTS[kind, name])


def test_sarif(arch: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("my net.arch").write_text(BROKEN)
    finished = arch("check", "--format", "sarif", "my net.arch")
    log = json.loads(finished.out)
    _require_sarif(log)
    (run,) = log["runs"]
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert finished.code == 1
    assert run["columnKind"] == "unicodeCodePoints"
    for result in run["results"]:
        assert rules[result["ruleIndex"]] == result["ruleId"]
        assert result["level"] in {"error", "warning"}
        (location,) = result["locations"]
        place = location["physicalLocation"]
        assert place["artifactLocation"]["uri"] == "my%20net.arch"
        region = place["region"]
        lines = BROKEN.split("\n")
        marked = lines[region["startLine"] - 1][region["startColumn"] - 1 : region["endColumn"] - 1]
        assert marked == BROKEN[region["charOffset"] :][: region["charLength"]]
    by_rule = {result["ruleId"]: result for result in run["results"]}
    assert set(by_rule) == {"E0402", "E0201"}
    assert len(by_rule["E0402"]["relatedLocations"]) == 2
    edit = by_rule["E0201"]["fixes"][0]["artifactChanges"][0]["replacements"][0]
    assert edit["insertedContent"] == {"text": "relu"}


def test_sarif_without_findings() -> None:
    _require_sarif(json.loads(render_sarif([], "1.0")))


def test_sarif_names_files_by_uri() -> None:
    far = Diagnostic(codes.SYNTAX, "wrong", Source("/far/ü.arch", "x").span(0, 1))
    assert '"uri": "file:///far/%C3%BC.arch"' in render_sarif([far], "1.0")


def test_github(arch: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("net.arch").write_text(BROKEN)
    lines = arch("check", "--format", "github", "net.arch").out.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("::error file=net.arch,line=3,endLine=3,col=31,endColumn=34,title=E0402%3A shapes do")
    assert lines[1].startswith("::error file=net.arch,line=3,endLine=3,col=38,")


def test_github_escapes_what_it_must() -> None:
    source = Source("a,b.arch", "x\ny")
    found = Diagnostic(codes.SYNTAX, "100% of\x1b it", source.span(0, 3), Severity.WARNING, hint="no\nway")
    assert render_github([found]) == (
        "::warning file=a%2Cb.arch,line=1,endLine=2,title=E0101%3A unexpected text::100%25 of␛ it%0Ano%0Away\n"
    )


def test_json_is_a_format_too(arch: Callable[..., Any], tmp_path: Path) -> None:
    path = tmp_path / "net.arch"
    path.write_text(BROKEN)
    assert arch("check", "--format", "json", path).out == arch("check", "--json", path).out


@pytest.mark.parametrize(
    ("variables", "coloured"),
    [({}, False), ({"FORCE_COLOR": "1"}, True), ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False)],
)
def test_colour_is_for_terminals_and_who_asks(
    variables: dict[str, str], coloured: bool, arch: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    path = tmp_path / "net.arch"
    path.write_text(BROKEN)
    assert ("\x1b[" in arch("check", path).err) == coloured
