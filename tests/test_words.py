"""What can be looked up: every word of the language has a documentation, and its example is true."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import archdsl
from archdsl.glossary import WORDS, entries, kind, structures
from archdsl.graph.expressions import STREAM_ATTRIBUTES
from archdsl.graph.functions import FUNCTIONS
from archdsl.lint.engine import catalogue
from archdsl.ops import catalogue as operators
from archdsl.render import render_text
from archdsl.syntax.words import RESERVED, STATEMENTS, Word

Arch = Callable[..., Any]

EVERYTHING = [pytest.param(word, id=f"{kind}-{word.name}") for kind, words in WORDS.items() for word in words]
GRAMMAR = Path(archdsl.__file__).parent / "syntax" / "arch.lark"

#: In an example that uses a file: what that file holds.
_USED = re.compile(r'use "([^"]+)".*# which holds (.+)')


def test_every_word_is_documented() -> None:
    grammar = "\n".join(line.partition("//")[0] for line in GRAMMAR.read_text("utf-8").splitlines())
    assert set(re.findall(r'"([a-z]+)"', grammar)) == set(STATEMENTS)
    assert {name for words in WORDS.values() for word in words for name in (word.name, *word.also)} >= {
        *re.findall(r"^_?[A-Z]+\.\d+: /([a-z]+)\\b/", grammar, re.MULTILINE),
        *("->", "|", "x", "/", "=", "[]", ":", "{}", "..", "#", ";"),
    }
    assert [word.name for word in WORDS["function"]] == list(FUNCTIONS)
    assert [word.name for word in WORDS["attribute of streams"]] == list(STREAM_ATTRIBUTES)
    assert [word.name for word in WORDS["reserved word"]] == list(RESERVED)


@pytest.mark.parametrize("word", EVERYTHING)
def test_the_documentation_of_a_word_is_complete(word: Word) -> None:
    assert word.explanation.endswith(".")
    assert word.summary
    assert not word.summary.endswith(".")
    assert not word.summary[0].isupper()
    assert word.form


@pytest.mark.parametrize("word", EVERYTHING)
def test_the_example_of_a_word_is_right(word: Word, tmp_path: Path) -> None:
    used = _USED.search(word.example)
    if used is not None:
        (tmp_path / used[1]).write_text(used[2])
    path = tmp_path / "net.arch"
    path.write_text(f"{word.example}\n")
    assert render_text(archdsl.check(path)) == ""
    assert archdsl.format(word.example) == f"{word.example}\n", "written in the house style"


def _shows(word: Word) -> bool:
    """Whether an example has the word that it is about, or a sign of it."""
    signs = [sign for sign in word.also if not sign.isalnum()]
    return re.search(rf"\b{word.name}\b", word.example) is not None or any(sign in word.example for sign in signs)


@pytest.mark.parametrize("word", [item for item in EVERYTHING if item.id and not item.id.startswith("form")])
def test_the_example_of_a_word_has_it(word: Word) -> None:
    assert _shows(word)


@pytest.mark.parametrize("word", EVERYTHING)
def test_a_word_is_found_by_its_names(word: Word) -> None:
    for name in (word.name, *word.also):
        assert any(isinstance(entry, Word) for entry in entries(name)), name
    assert word in entries(word.name)
    assert word.explanation in archdsl.explain(word.name)


@pytest.mark.parametrize("name", [*structures(), *operators()])
def test_structures_and_operators_are_found(name: str) -> None:
    assert archdsl.explain(name)
    assert any(not isinstance(entry, Word) for entry in entries(name))


def test_a_structure_is_shown_as_it_is_written() -> None:
    shown = archdsl.explain("residual")
    assert 'residual(body, shortcut="projection", kernel=1, groups=1)' in shown
    assert "He et al., arXiv:1512.03385" in shown
    assert "    y = body" in shown
    assert "Larsson et al." in archdsl.explain("fractal")


def test_several_things_of_one_name_are_all_told() -> None:
    assert [entry if isinstance(entry, type) else kind(entry) for entry in entries("max")] == [
        "function",
        operators()["max"],
    ]
    assert [kind(entry) for entry in entries("stride") if not isinstance(entry, type)] == [
        "form",
        "attribute of streams",
    ]


# The command


def test_explain_shows_a_word(arch: Arch) -> None:
    shown = arch("explain", "set").out
    assert shown.startswith("set: defaults of an operator, from here on\n\n    set OPERATOR ARGUMENT=VALUE …\n")
    assert "\nExample:\n\n    input 3x32x32\n    set conv pad=valid" in shown
    assert max(map(len, shown.splitlines())) <= 120


@pytest.mark.parametrize(
    ("said", "shown"),
    [("->", "pipeline"), ("X", "repetition"), ("comprehension", "comprehension"), ("as", "use"), ("Linear", "fc")],
)
def test_explain_takes_signs_and_other_names(arch: Arch, said: str, shown: str) -> None:
    assert re.match(rf"{shown}\b", arch("explain", said).out)


@pytest.mark.parametrize(
    ("said", "hint"),
    [
        ("sett", "did you mean set?"),
        ("compehension", "did you mean comprehension?"),
        ("residul", "did you mean residual?"),
        ("E0403x", "no diagnostic has the code 'E0403x'; did you mean E0403?"),
        ("growth", "'growth' is an argument of dense"),
        ("groups", "'groups' is an argument of "),
        ("xyzzy", "`archdsl explain` lists what there is"),
    ],
)
def test_explain_names_what_was_probably_meant(arch: Arch, said: str, hint: str) -> None:
    done = arch("explain", said)
    assert (done.code, done.out) == (2, "")
    assert hint in done.err


def test_explain_lists_everything(arch: Arch) -> None:
    listed = arch("explain").out
    names = {line.split()[0] for line in listed.splitlines() if line.startswith("  ")}
    words = {word.name.split()[0] for words in WORDS.values() for word in words}
    assert names == {*catalogue(), *words, *structures()}
    records = json.loads(arch("explain", "--json").out)
    assert {record["kind"] for record in records} == {"code", "structure", *WORDS}


def test_explain_writes_json(arch: Arch) -> None:
    record = json.loads(arch("explain", "tied", "--json").out)
    assert (record["kind"], record["name"]) == ("statement", "tied")
    assert record["example"].startswith("input")
    assert json.loads(arch("explain", "e0402", "--json").out)["id"] == "E0402"
    assert [item["kind"] for item in json.loads(arch("explain", "max", "--json").out)] == ["function", "operator"]
    assert json.loads(arch("explain", "se", "--json").out)["parameters"] == ["ratio"]
