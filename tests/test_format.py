"""The formatter: its laws on everything that the grammar allows, its style on what is in the repository.

``ARCHDSL_EXAMPLES=34 pytest tests/test_format.py -k laws`` draws 5,000 texts.
"""

from __future__ import annotations

import random
import stat
import time
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

import archdsl
from archdsl.cli.main import archdsl as cli
from archdsl.diagnostic import ArchError
from archdsl.source import Source
from archdsl.syntax.doc import Align, Group, Hang, Hard, Line, Nest, Remark, Tab, concat, layout, wrap
from archdsl.syntax.format import LawBroken, _require_same, format
from archdsl.syntax.parse import parse
from tests.arch_texts import texts
from tests.examples import examples

ROOT = Path(__file__).parents[1]
FILES = sorted([*(ROOT / "specs").rglob("*.arch"), *(ROOT / "archdsl/std").glob("*.arch")])
EXAMPLES = sorted((ROOT / "tests/data/language/examples").glob("*.arch"))
CASES = sorted((ROOT / "tests/data/format").glob("*.arch"))

drawn = examples(150)


def _comments(text: str) -> list[str]:
    return [comment.text for comment in parse(Source("x", text)).file.comments]


def _require_laws(text: str) -> None:
    formatted = format(text)  # checks its laws itself; here they are checked from outside
    before, after = parse(Source("x", text)), parse(Source("x", formatted))
    assert after.file.statements == before.file.statements
    assert _comments(formatted) == _comments(text)
    assert format(formatted) == formatted
    assert not any(line != line.rstrip() for line in formatted.split("\n"))
    assert "\n\n\n" not in formatted
    assert not formatted.startswith("\n")


@drawn
@given(texts())
def test_laws_hold_for_texts_of_the_whole_grammar(text: str) -> None:
    parsed = parse(Source("x", text))
    if parsed.diagnostics:  # what parses and is refused still: two strides, ragged tables, numbers that are too large
        with pytest.raises(ArchError):
            format(text)
        return
    _require_laws(text)


@drawn
@given(st.sampled_from([*FILES, *EXAMPLES]), st.randoms(use_true_random=False))
def test_laws_hold_for_mutated_files(path: Path, chance: random.Random) -> None:
    text = _mutated(path.read_text("utf-8"), chance)
    if parse(Source("x", text)).diagnostics:
        with pytest.raises(ArchError):
            format(text)
    else:
        _require_laws(text)


def _mutated(text: str, chance: random.Random) -> str:
    """A text with a few changes, most of which leave it legal: spaces, comments, line ends, and lines swapped."""
    for _ in range(chance.randint(1, 4)):
        place = chance.randrange(len(text))
        kind = chance.randrange(6)
        if kind == 0:
            text = text.replace(chance.choice([" -> ", ", ", "{ ", " }"]), chance.choice(["  ->\n  ", ",\n", "{\n"]), 1)
        elif kind == 1:
            line_end = text.find("\n", place)
            text = text[:line_end] + "  # remark" + text[line_end:]
        elif kind == 2:
            text = text[:place] + text[place:].replace(" ", chance.choice(["\t", "   "]), 3)
        elif kind == 3:
            lines = text.split("\n")
            chance.shuffle(lines)
            text = "\n".join(lines)
        elif kind == 4:
            text = text[:place] + text[place + 1 :]
        else:
            text = text[:place] + chance.choice(["\n", "\n\n\n# own\n", " ", ";"]) + text[place:]
    return text


@pytest.mark.parametrize("path", [*FILES, *EXAMPLES], ids=lambda path: path.stem)
def test_files_of_the_repository_are_formatted(path: Path) -> None:
    text = path.read_text("utf-8")
    assert format(text, path.name) == text


@pytest.mark.parametrize("case", CASES, ids=lambda path: path.stem)
def test_style(case: Path, accept: bool) -> None:
    formatted = format(case.read_text("utf-8"), case.name)
    golden = case.with_suffix(".txt")
    if accept:
        golden.write_text(formatted, "utf-8")
    assert formatted == golden.read_text("utf-8")


def test_a_law_that_is_broken_is_noticed() -> None:
    text = parse(Source("x", "relu # one\nbn"))
    for other, said in (("relu # one", "mean"), ("relu\nbn", "comment"), ("relu # one\nbn (", "parse")):
        with pytest.raises(LawBroken, match=said):
            _require_same(text, parse(Source("x", other)))


def test_syntax_errors_are_refused() -> None:
    with pytest.raises(archdsl.ArchError, match="unexpected"):
        archdsl.format("a -> -> b")


def test_time_is_linear() -> None:
    def seconds(lines: int) -> float:
        unit = "f{}(w): residual {{\n  1x1 conv w -> bn  # c\n  3x3 conv 2*w /2->bn\n  (a|b) ->add\n}} -> relu\n"
        start = time.process_time()
        format("".join(unit.format(number) for number in range(lines // 5)))
        return time.process_time() - start

    seconds(100)
    assert seconds(2000) < 8 * seconds(500) + 0.5


# Documents -----------------------------------------------------------------------------------------------------------


def test_a_group_breaks_all_its_lines_or_none() -> None:
    doc = Group(concat("(", Nest(2, concat(Line(""), "one", Line(), "two")), Line(""), ")"))
    assert layout(doc, 20) == "(one two)\n"
    assert layout(doc, 8) == "(\n  one\n  two\n)\n"


def test_wraps_break_one_by_one() -> None:
    words = concat("f(", Align(concat("aa,", wrap("bb,"), wrap("cc,"), wrap("dd"))), ")")
    assert layout(words, 9) == "f(aa, bb,\n  cc, dd)\n"


def test_what_stands_behind_a_group_has_to_fit_too() -> None:
    doc = concat(Group(concat("a", Line(), "b")), "cccc")
    assert layout(doc, 7) == "a bcccc\n"
    assert layout(doc, 6) == "a\nbcccc\n"


def test_brackets_hang_from_their_line() -> None:
    bracket = Group(Hang(concat("{", Nest(2, concat(Line(), "x")), Line(), "}")), open=True)
    assert layout(Nest(4, concat("a", Hard(), "-> ", bracket)), 80) == "a\n    -> {\n      x\n    }\n"


def test_nothing_follows_a_comment_on_its_line() -> None:
    assert layout(concat("a", Remark("# c", False), " ", "b"), 80) == "a  # c\nb\n"
    assert layout(concat("a", Remark("# c", True), "b"), 80) == "a\n# c\nb\n"


def test_tabs_align_lines_that_follow_one_another() -> None:
    tabs = Tab(), Tab(), Tab()
    rows = concat("a", tabs[0], " -> x", Hard(), "long", tabs[1], " -> y")
    assert layout(rows, 80, [tabs[:2]]) == "a    -> x\nlong -> y\n"
    apart = concat("a", tabs[0], " -> x", Hard(), "between", Hard(), "long", tabs[1], " -> y")
    assert layout(apart, 80, [tabs[:2]]) == "a -> x\nbetween\nlong -> y\n"


# Command line --------------------------------------------------------------------------------------------------------


def _run(*arguments: str, text: str | None = None) -> tuple[int, str]:
    result = CliRunner().invoke(cli, ["fmt", *arguments], input=text)
    return result.exit_code, result.output


def test_files_are_written_with_their_mode(tmp_path: Path) -> None:
    path = tmp_path / "below" / "net.arch"
    path.parent.mkdir()
    path.write_bytes(b"input 3x8x8\r\nrelu->bn")
    path.chmod(0o640)
    code, said = _run(str(tmp_path))
    assert (code, path.read_bytes()) == (0, b"input 3x8x8\nrelu -> bn\n")
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert f"formatted {path}" in said
    assert [file.name for file in path.parent.iterdir()] == ["net.arch"]
    assert _run(str(tmp_path))[1] == "1 as they should be\n"


@pytest.mark.parametrize(("option", "said"), [("--check", "would format"), ("--diff", "+relu -> bn")])
def test_nothing_is_written_if_not_asked_for(tmp_path: Path, option: str, said: str) -> None:
    path = tmp_path / "net.arch"
    path.write_text("relu->bn\n")
    code, output = _run(option, str(path))
    assert (code, path.read_text()) == (1, "relu->bn\n")
    assert said in output
    path.write_text("relu -> bn\n")
    assert _run(option, str(path))[0] == 0


def test_standard_input_goes_to_standard_output() -> None:
    assert _run("-", text="relu->bn") == (0, "relu -> bn\n")


def test_a_file_with_errors_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "net.arch"
    path.write_text("relu->->bn\n")
    code, output = _run(str(path))
    assert (code, path.read_text()) == (1, "relu->->bn\n")
    assert "E0101" in output


def test_a_file_that_is_not_there_is_wrong_usage(tmp_path: Path) -> None:
    from archdsl.cli.main import run

    assert run(["fmt", str(tmp_path / "none.arch")]) == 2


def test_a_fault_of_the_formatter_leaves_the_file_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from archdsl.cli.main import run

    path = tmp_path / "net.arch"
    path.write_text("relu->bn\n")
    monkeypatch.setattr("archdsl.syntax.format._styled", lambda read: "relu\n")
    assert run(["fmt", str(path)]) == 2
    assert path.read_text() == "relu->bn\n"


def test_hidden_folders_are_passed_over(tmp_path: Path) -> None:
    for name in (".venv/a.arch", "nets/b.arch", "nets/deeper/c.arch"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("relu->bn\n")
    said = _run("--check", str(tmp_path), str(tmp_path / "nets"))[1].splitlines()
    assert said == [
        *(f"would format {tmp_path / 'nets' / name}" for name in ("b.arch", "deeper/c.arch")),
        "2 would change",
    ]


def test_hooks_name_commands() -> None:
    from archdsl.cli.main import COMMANDS

    lines = (ROOT / ".pre-commit-hooks.yaml").read_text("utf-8").splitlines()
    entries = [line.split()[1:] for line in lines if line.startswith("  entry:")]
    assert [program for program, _ in entries] == ["archdsl"] * 3
    assert {command for _, command in entries} <= set(COMMANDS)
