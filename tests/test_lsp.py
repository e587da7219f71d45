"""The language server: each feature by cases, texts that are edited at random, and a session with a real client."""

from __future__ import annotations

import asyncio
import random
import re
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from lsprotocol import types
from pygls.exceptions import JsonRpcException
from pygls.lsp.client import LanguageClient
from pygls.uris import to_fs_path

from archdsl.diagnostic import Edit, LoadError
from archdsl.lsp.background import Precedence, worker
from archdsl.lsp.coordinates import Coordinates, Place
from archdsl.lsp.document import Document
from archdsl.lsp.features.actions import actions
from archdsl.lsp.features.completion import ItemKind, completion, documentation_of
from archdsl.lsp.features.diagnostics import shown
from archdsl.lsp.features.folding import folding
from archdsl.lsp.features.formatting import formatting
from archdsl.lsp.features.hints import hints
from archdsl.lsp.features.hover import hover
from archdsl.lsp.features.navigation import definition, highlights, references
from archdsl.lsp.features.picture import figure, parts_at, places
from archdsl.lsp.features.rename import Refused, rename, renameable
from archdsl.lsp.features.signature import signature_help
from archdsl.lsp.features.symbols import document_symbols, workspace_symbols
from archdsl.lsp.features.tokens import tokens
from archdsl.lsp.knowledge import Shift, Superseded
from archdsl.lsp.protocol import ROLES
from archdsl.lsp.workspace import Workspace
from archdsl.project import MAX_BYTES, Project
from archdsl.source import Source
from archdsl.syntax.words import RESERVED, RESERVED_WORDS, STATEMENT_WORDS, STATEMENTS

ROOT = Path(__file__).parents[1]
SPECS = sorted((ROOT / "specs").rglob("*.arch"))

#: Marks the place that is asked about.
MARK = "¦"

NET = """\
# Small, but it has everything.
net tiny(width=8, classes=10)
title "Tiny"
paper "Nobody: Nothing, arXiv:1512.03385"
variant wide(width=16)
input 3x32x32
let twice = 2*width

# Two convolutions.
block(out, stride=1): {
  left = 3x3 conv out /stride -> bn -> relu
  (3x3 conv out -> bn | left) -> add
}

stem = 3x3 conv width -> relu
body = block(width) -> block(twice, stride=2)
head = gap -> fc classes
"""


@dataclass
class Desk:
    """A workspace in a folder."""

    folder: Path
    workspace: Workspace

    def open(self, text: str, name: str = "net.arch", *, study: bool = True) -> tuple[Document, int]:
        """Open a text, or change it; the document and the place of the mark."""
        path = self.folder / name
        offset = max(text.find(MARK), 0)
        self.workspace.update(str(path), text.replace(MARK, ""), path)
        if study:
            self.study(name)
        return self.document(name), offset

    def study(self, name: str = "net.arch") -> None:
        task = self.workspace.task(str(self.folder / name))
        assert task is not None
        assert self.workspace.learn(task, task.study())

    def document(self, name: str = "net.arch") -> Document:
        document = self.workspace.document(str(self.folder / name))
        assert document is not None
        return document

    def findings(self, name: str = "net.arch") -> Any:
        task = self.workspace.task(str(self.folder / name))
        assert task is not None
        return task.findings()

    def file(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
        return path


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    (tmp_path / "pyproject.toml").write_text("")
    return Desk(tmp_path, Workspace())


def marked(text: str, place: str) -> str:
    """A text with the mark behind the first character of a word in it, or where the word has it."""
    bare = place.replace(MARK, "")
    at = text.index(bare) + (place.index(MARK) if MARK in place else 1)
    return text[:at] + MARK + text[at:]


def applied(text: str, edits: tuple[Edit, ...]) -> str:
    for edit in sorted(edits, key=lambda edit: -edit.span.start):
        text = text[: edit.span.start] + edit.replacement + text[edit.span.end :]
    return text


# Hover -------------------------------------------------------------------------------------------------------------

HOVERS = [
    ("conv width -> relu", ["`3x32x32 → 8x32x32`", "224 parameters, 221,184 MACs", "receptive field 3x3", "Convolve"]),
    (
        "conv out /stride",
        ["2 copies", "`8x32x32 → 8x32x32`", "`8x32x32 → 16x16x16`", "1,728 parameters, 884,736 MACs in all"],
    ),
    ("block(width)", ["`8x32x32 → 8x32x32`", "block(out, stride=1)", "Two convolutions."]),
    ("stride=2", ["parameter of `block`", "stride=1", "= `1`, `2`"]),
    ("twice = 2", ["value", "let twice = 2*width", "= `16`"]),
    ("twice, stride", ["= `16`", "let twice"]),
    ("out, stride", ["= `8`, `16`"]),
    ("width=8", ["parameter of `tiny`", "= `8`"]),
    ("variant wide", ["variant NAME(PARAMETER=VALUE, …)", "Variants are networks of their own"]),
    ("input 3", ["channels x height x width"]),
    ("tiny(", ["net tiny(width=8, classes=10)", "**Tiny**", "parameters", "out 10"]),
    ("Nobody", ["[arXiv:1512.03385](https://arxiv.org/abs/1512.03385)"]),
    ("add\n", ["(8x32x32 | 8x32x32) → 8x32x32"]),
    ("fc classes", ["`16x1x1 → 10`", "170 parameters, 160 MACs"]),
]


@pytest.mark.parametrize(("place", "expected"), HOVERS, ids=[place for place, _ in HOVERS])
def test_hover_says_what_is_there(desk: Desk, place: str, expected: list[str]) -> None:
    found = hover(*desk.open(marked(NET, place)))
    assert found is not None
    missing = [text for text in expected if text not in found.markdown]
    assert not missing, found.markdown


def test_hover_counts_shared_weights_once(desk: Desk) -> None:
    text = "input 8x4x4\ntied f(): 3x3 c¦onv 8 bias=false\nf -> f -> f"
    found = hover(*desk.open(text))
    assert found is not None
    assert "3 copies" in found.markdown
    assert "576 parameters, 27,648 MACs in all" in found.markdown


VALUES = [
    ("let wid¦ths = [4, 8]\ninput 3x8x8\nfor w in widths { 1x1 conv w }", "= `[4, 8]`"),
    ("input 3x8x8\nfor w¦ in [4, 8] { 1x1 conv w }", "= `4`, `8`"),
    ("input 3x8x8\n(1x1 conv(w¦) for w in [4, 8]) -> concat", "= `4`, `8`"),
    ("input 3x8x8\nfor w in 1..20 { 1x1 conv w¦ }", "= `1`, `2`, `3`, `4`, `5`, `6`, `7`, `8`, …"),
    ('f(ki¦nd): relu\ninput 3x8x8\nf(true) -> f(true) -> f("a")', "= `true`, `a`"),
    ("f(kind): relu\ninput 3x8x8\nf(kin¦d=2.5)", "= `2.5`"),
    ("f(n): relu -> if n > 0 { f(n¦ - 1) }\ninput 3x8x8\nf(3)", "= `3`, `2`, `1`, `0`"),
]


@pytest.mark.parametrize(("text", "expected"), VALUES, ids=[text for text, _ in VALUES])
def test_hover_tells_the_values_of_a_name(desk: Desk, text: str, expected: str) -> None:
    found = hover(*desk.open(text))
    assert found is not None
    assert found.markdown.splitlines()[0] == expected or f"\n{expected}\n" in found.markdown


def test_hover_tells_values_that_another_file_gives(desk: Desk) -> None:
    desk.file("blocks.arch", "unit(w): 3x3 conv w -> relu\n")
    document, offset = desk.open('use "blocks.arch" as b\ninput 3x8x8\nb.unit(w¦=4) -> b.unit(6)')
    found = hover(document, offset)
    assert found is not None
    assert "= `4`, `6`" in found.markdown
    inside = hover(*desk.open("unit(w¦): 3x3 conv w -> relu\n", "blocks.arch", study=False))
    assert inside is not None
    assert "= `4`, `6`" in inside.markdown


def test_values_that_have_changed_are_not_told(desk: Desk) -> None:
    desk.open("let n = 3\ninput 3x8x8\nrelu x (n)")
    before = hover(*desk.open("let n = 4\ninput 3x8x8\nrelu x (n¦)", study=False))
    assert before is not None
    assert "= `" not in before.markdown
    desk.study()
    after = hover(desk.document(), 4)
    assert after is not None
    assert "= `4`" in after.markdown


@pytest.mark.parametrize("word", [*STATEMENTS, *RESERVED])
def test_hover_explains_the_words_of_the_language(desk: Desk, word: str) -> None:
    (entry,) = (item for item in (*STATEMENT_WORDS, *RESERVED_WORDS) if item.name == word)
    text = entry.example
    at = re.search(rf"(?m)(?:^|(?<=[^\w\"])){word}\b", text)
    assert at is not None
    found = hover(*desk.open(text[: at.start()] + MARK + text[at.start() :]))
    assert found is not None
    assert entry.form.splitlines()[0] in found.markdown
    assert entry.explanation.partition(",")[0] in found.markdown


def test_hover_tells_words_from_names(desk: Desk) -> None:
    found = hover(*desk.open("input 3x8x8\nno¦te = relu\n(note | in) -> add"))
    assert found is not None
    assert "for readers of the network" not in found.markdown
    repeated = hover(*desk.open("input 3x8x8\nrelu x¦ 3"))
    assert repeated is not None
    assert "3 copies" in repeated.markdown or "ELEMENT x NUMBER" in repeated.markdown


@pytest.mark.parametrize("place", ["# Sm¦all", "\n\n¦"])
def test_hover_is_silent_where_there_is_nothing(desk: Desk, place: str) -> None:
    text = marked(NET, place) if place.strip(MARK).strip() else NET + place
    found = hover(*desk.open(text))
    assert found is None


# Hints -------------------------------------------------------------------------------------------------------------


def shown_hints(document: Document) -> dict[int, list[str]]:
    by_line: dict[int, list[str]] = {}
    for hint in hints(document, 0, len(document.source.text)):
        by_line.setdefault(document.source.position(hint.offset).line, []).append(hint.text)
    return by_line


def test_hints_tell_shapes_and_channels(desk: Desk) -> None:
    document, _ = desk.open("input 3x32x32\nf(w): 3x3 conv w /2 -> relu # half\nf(8) -> f(4)\n(skip | relu)\n")
    assert shown_hints(document) == {
        2: ["3→8, 8→4", "8x16x16, 4x8x8"],
        3: ["4x8x8"],
        4: ["(4x8x8 | 4x8x8)"],
    }


def test_channels_that_differ_too_much_are_left_to_the_hover(desk: Desk) -> None:
    document, _ = desk.open("input 1x8x8\nf(w): 3x3 conv w -> relu\nf(2) -> f(4) -> f(8) -> f(16)\n")
    assert shown_hints(document)[2] == ["2x8x8, 4x8x8, 8x8x8, …"]


def test_hints_stay_where_a_text_is_broken(desk: Desk) -> None:
    before = "input 3x32x32\nstem = 3x3 conv 8 /2 -> relu\nhead = gap -> fc 10\n"
    desk.open(before)
    broken = before.replace("head", "middle = 3x3 conv 16 -> )\nhead")
    assert shown_hints(desk.open(broken, study=False)[0]) == {2: ["3→8", "8x16x16"], 4: ["10"]}
    assert shown_hints(desk.open(broken)[0]) == {2: ["3→8", "8x16x16"], 4: ["10"]}


def test_a_changed_step_has_no_shape_until_it_is_known(desk: Desk) -> None:
    before = "input 3x32x32\n3x3 conv 8\nrelu\n"
    desk.open(before)
    changed, _ = desk.open(before.replace("conv 8", "conv 80"), study=False)
    assert shown_hints(changed) == {3: ["8x32x32"]}
    desk.study()
    assert shown_hints(desk.document()) == {2: ["80x32x32"], 3: ["80x32x32"]}


def test_a_used_file_has_the_shapes_of_its_user(desk: Desk) -> None:
    desk.file("blocks.arch", "unit(w): 3x3 conv w -> relu\n")
    desk.open('use "blocks.arch"\ninput 3x8x8\nunit(4)')
    document, _ = desk.open("unit(w): 3x3 conv w -> relu\n", "blocks.arch")
    assert shown_hints(document) == {1: ["3→4", "4x8x8"]}


@pytest.mark.parametrize(
    ("before", "after"),
    [("abc def", "abc X def"), ("abc def", "abc ef"), ("", "abc"), ("abc", ""), ("aaa", "aa"), ("a b a", "a b b a")],
)
def test_places_move_with_the_text(before: str, after: str) -> None:
    shift = Shift(before, after)
    for start in range(len(after) + 1):
        for end in range(start, len(after) + 1):
            extent = shift.back(start, end)
            if extent is not None:
                assert before[extent.start : extent.end] == after[start:end]
                back = shift.forth(Source("", before).span(*extent))
                assert back is None or after[back.start : back.end] == before[extent.start : extent.end]


# Completion --------------------------------------------------------------------------------------------------------

COMPLETIONS = [
    ("input 3x8x8\n¦", ["conv", "let", "residual", "for", "in"], ["true", "floor"]),
    ("input 3x8x8\n3x3 co¦", ["conv", "dwconv"], ["let"]),
    ("input 3x8x8\nrelu -> ¦", ["conv", "residual"], ["let", "floor"]),
    ("input 3x8x8\n3x3 conv 8 ¦", ["groups", "pad", "bias"], ["conv", "floor"]),
    ("input 3x8x8\n3x3 conv 8 bias=true ¦", ["groups"], ["bias"]),
    ("input 3x8x8\n3x3 conv 8 pad=¦", ["same", "valid", "tf_same"], ["groups"]),
    ("input 3x8x8\n3x3 conv 8 bias=¦", ["true", "false"], ["groups"]),
    ("let n = 3\ninput 3x8x8\n3x3 conv ¦", ["n", "floor", "groups"], ["relu"]),
    ("let n = 3\ninput 3x8x8\n3x3 conv(¦", ["n", "out", "groups"], ["relu"]),
    ("set ¦", ["conv", "bn"], ["let", "residual"]),
    ("set conv ¦", ["bias", "init"], ["relu"]),
    ("f(width, deep=1): relu\ninput 3x8x8\nf(¦", ["width", "deep"], ["groups"]),
    ("f(width, deep=1): relu\ninput 3x8x8\nf(3, deep=1, ¦", ["width"], ["deep"]),
    ("f(width, deep=1): 3x3 conv ¦\ninput 3x8x8\nf(3)", ["width", "deep"], []),
    ("net n(depth=1)\nvariant v(¦", ["depth"], ["groups"]),
    ("input 3x8x8\ny = relu\n(y | ¦)", ["y", "relu"], ["let"]),
    ("input 3x8x8\ny = relu\nlet n = y.¦", ["channels", "height", "stride"], ["relu"]),
    ("input 3x8x8\nfor i in 1..3 { 3x3 conv(¦) }", ["i"], []),
    ("input 3x8x8\nfor i in 1..3 { relu }\n3x3 conv(¦)", ["out"], ["i"]),
    ("input 3x8x8\nexit a ¦", ["weight", "entropy", "only"], ["conv"]),
    ("input 3x8x8\nfoo = ¦", ["conv"], ["let"]),
    ("# ¦", [], ["conv", "let"]),
    ('title "¦"', [], ["conv", "let"]),
    ("input 3x8x8\na = relu -> { tap side { relu } }\na.¦", ["side", "channels"], ["conv"]),
]


@pytest.mark.parametrize(("text", "present", "absent"), COMPLETIONS, ids=[text for text, _, _ in COMPLETIONS])
def test_completion_knows_what_fits(desk: Desk, text: str, present: list[str], absent: list[str]) -> None:
    labels = {item.label for item in completion(*desk.open(text))}
    assert not set(present) - labels
    assert not set(absent) & labels


@pytest.mark.parametrize(
    ("text", "first", "later"),
    [("input 3x8x8\n3x3 con¦", "conv", "concat"), ("input 3x8x8\n3x3 conv(¦", "out", "bias")],
    ids=["behind a kernel", "required"],
)
def test_completion_begins_with_what_fits_best(desk: Desk, text: str, first: str, later: str) -> None:
    labels = [item.label for item in completion(*desk.open(text))]
    assert labels.index(first) < labels.index(later)


def test_names_stay_known_while_a_definition_is_broken(desk: Desk) -> None:
    desk.open("input 3x8x8\nf(width): relu\nf(3)")
    document, offset = desk.open("input 3x8x8\nf(width): relu -> (3x3 conv(¦\nf(3)", study=False)
    assert "width" in {item.label for item in completion(document, offset)}


def test_completion_in_files_that_are_used(desk: Desk) -> None:
    desk.file("blocks.arch", "unit(w, k=3): conv w\nlet n = 3\n")
    desk.file("deep/more.arch", "other(w): relu\n")
    names = {item.label for item in completion(*desk.open('use "¦"', study=False))}
    assert names == {"blocks.arch", "deep/more.arch"}
    items = {item.label: item for item in completion(*desk.open('use "blocks.arch" as b\ninput 3x8x8\nb.¦'))}
    assert set(items) == {"unit", "n"}
    assert items["unit"].insert == "unit(${1:w})"
    assert items["unit"].detail == "unit(w, k=3)"


def test_completion_has_documentation_when_asked(desk: Desk) -> None:
    document, offset = desk.open("# Twice.\nf(w): relu\ninput 3x8x8\n¦")
    items = {item.label: item for item in completion(document, offset)}
    assert items["conv"].insert == "conv ${1:64}"
    assert "Convolve" in documentation_of(document, "conv", ItemKind.OPERATOR)
    assert "Twice." in documentation_of(document, "f", ItemKind.DEFINITION)
    assert "He et al." in documentation_of(document, "residual", ItemKind.DEFINITION)


@pytest.mark.parametrize("word", [*STATEMENTS, "if", "for", "in"])
def test_completion_documents_the_words_of_the_language(desk: Desk, word: str) -> None:
    document, offset = desk.open("input 3x8x8\n¦")
    item = next(item for item in completion(document, offset) if item.label == word and item.kind != "operator")
    (entry,) = (entry for entry in (*STATEMENT_WORDS, *RESERVED_WORDS) if entry.name == word)
    assert item.detail == entry.summary
    assert item.documentation is None
    assert entry.explanation in documentation_of(document, word, item.kind)


def test_completion_replaces_the_word_that_is_being_written(desk: Desk) -> None:
    document, offset = desk.open("input 3x8x8\n3x3 con¦")
    item = next(item for item in completion(document, offset) if item.label == "conv")
    assert item.span.text == "con"


SIGNATURES = [
    ("3x3 conv ¦", "conv(out, groups=1", "out"),
    ("3x3 conv 8 groups=¦", "conv(out, groups=1", "groups=1"),
    ("f(¦", "f(width, deep=1)", "width"),
    ("f(1, ¦", "f(width, deep=1)", "deep=1"),
    ("f(deep=¦", "f(width, deep=1)", "deep=1"),
    ("f(deep=2, ¦", "f(width, deep=1)", "width"),
    ("relu -> f(1 + g(2), ¦", "f(width, deep=1)", "deep=1"),
    ("residual shortcut=¦", "residual(body, shortcut=", 'shortcut="projection"'),
]


@pytest.mark.parametrize(("text", "label", "active"), SIGNATURES, ids=[text for text, _, _ in SIGNATURES])
def test_signature_follows_the_arguments(desk: Desk, text: str, label: str, active: str) -> None:
    found = signature_help(*desk.open("input 3x8x8\nf(width, deep=1): relu\n" + text))
    assert found is not None
    assert found.label.startswith(label)
    assert found.active is not None
    assert found.parameters[found.active].label == active


# Names -------------------------------------------------------------------------------------------------------------

DEFINITIONS = [
    ("b¦lock(width)", "block"),
    ("t¦wice, stride", "twice"),
    ("stride=2", "stride"),
    ("out /stride", "out"),
    ("l¦eft) -> add", "left"),
    ("width=16", "width"),
    ("classes\n", "classes"),
]


@pytest.mark.parametrize(("place", "name"), DEFINITIONS, ids=[place for place, _ in DEFINITIONS])
def test_definition_is_where_a_name_is_made(desk: Desk, place: str, name: str) -> None:
    document, offset = desk.open(marked(NET, place))
    span = definition(document, offset)
    assert span is not None
    assert span.text == name
    assert span.start < offset


def test_definition_in_other_files(desk: Desk) -> None:
    desk.file("blocks.arch", "unit(w): 3x3 conv w\n")
    document, offset = desk.open('use "blocks.arch" as b\ninput 3x8x8\nb.un¦it(3) -> residual { relu }')
    span = definition(document, offset)
    assert span is not None
    assert (span.source.name, span.start) == (str(desk.folder / "blocks.arch"), 0)
    library = definition(document, document.source.text.index("residual"))
    assert library is not None
    assert (library.source.name, library.text) == ("std/residual.arch", "residual")
    alias = definition(document, document.source.text.index("b.unit"))
    assert alias is not None
    assert alias.start == document.source.text.index("b\n")
    file = definition(document, document.source.text.index("blocks"))
    assert file is not None
    assert file.source.name.endswith("blocks.arch")


def test_inner_names_hide_outer_ones(desk: Desk) -> None:
    text = "let n = 1\ninput 3x8x8\nfor n in [n, 2] { 1x1 conv(n) }\n1x1 conv(n)\nlet m = [n for n in [n]]"
    document, _ = desk.open(text)
    found = [[span.start for span in highlights(document, place.start())] for place in re.finditer(r"\bn\b", text)]
    first, loop = text.index("n ="), text.index("n in")
    outer = [first, text.index("n, 2"), text.index("n)\nlet"), text.index("n])]".replace(")]", "]"))]
    assert found[0] == outer
    assert found[1] == [loop, text.index("n) }")]


def test_references_across_files(desk: Desk) -> None:
    desk.file("blocks.arch", "unit(w): 3x3 conv w\npair(w): unit(w) -> unit(w)\n")
    desk.file("other.arch", 'use "blocks.arch"\ninput 3x8x8\nunit(3)\n')
    desk.file("third.arch", "unit(w): relu\ninput 3x8x8\nunit(3)\n")
    document, offset = desk.open('use "blocks.arch" as b\ninput 3x8x8\nb.un¦it(3)')
    found = {(Path(span.source.name).name, span.first.line) for span in references(document, offset)}
    assert found == {("blocks.arch", 1), ("blocks.arch", 2), ("other.arch", 3), ("net.arch", 3)}
    without = references(document, offset, with_definition=False)
    assert len(without) == len(references(document, offset)) - 1


RENAMES = [
    ("w¦idth=8", "breadth", ["breadth=8", "wide(breadth=16)", "2*breadth", "conv breadth", "block(breadth)"]),
    ("block(o", "unit", ["unit(out, stride=1)", "unit(width) -> unit(twice"]),
    ("o¦ut, stride", "channels_out", ["block(channels_out,", "conv channels_out /stride", "conv channels_out -> bn"]),
    ("left = ", "side", ["side = 3x3", "| side)"]),
    ("twice =", "double", ["let double", "block(double,"]),
    ("wide(", "big", ["variant big("]),
]


@pytest.mark.parametrize(("place", "name", "expected"), RENAMES, ids=[place for place, _, _ in RENAMES])
def test_rename_changes_every_place(desk: Desk, place: str, name: str, expected: list[str]) -> None:
    document, offset = desk.open(marked(NET, place))
    changed = applied(NET, rename(document, offset, name))
    assert not [text for text in expected if text not in changed], changed
    desk.open(changed)
    assert not [found for found in desk.findings() if found.is_error]
    old = renameable(document, offset).text
    back, _ = desk.open(changed)
    assert applied(changed, rename(back, changed.index(name), old)) == NET


REFUSED = [
    ("conv width", "other", "belongs to the language"),
    ("block(o", "conv", "is an operator"),
    ("block(o", "twice", "is a name already"),
    ("twice =", "left", "is a name already"),
    ("twice =", "3x", "cannot be a name"),
    ("twice =", "for", "cannot be a name"),
    ("twice =", "let", "is a word of the language"),
    ("stride=1", "pace", "without its name"),
    ("out, stride", "body", "in a way of its own"),
    ("block(o", "residual", "is a name already"),
]


@pytest.mark.parametrize(("place", "name", "reason"), REFUSED, ids=[f"{place}-{name}" for place, name, _ in REFUSED])
def test_rename_refuses_what_would_break(desk: Desk, place: str, name: str, reason: str) -> None:
    net = NET.replace("stride=2)", "1) -> block(3) /2 -> residual { relu }")
    with pytest.raises(Refused, match=re.escape(reason)):
        rename(*desk.open(marked(net, place)), name)


def test_rename_keeps_off_the_standard_library_and_blocks(desk: Desk) -> None:
    document, offset = desk.open("input 3x8x8\nblo¦ck: relu\ndense growth=4\nresidual { relu }")
    with pytest.raises(Refused, match="by its name"):
        renameable(document, offset)
    with pytest.raises(Refused, match="standard library"):
        renameable(document, document.source.text.index("residual"))


def test_rename_across_files(desk: Desk) -> None:
    desk.file("blocks.arch", "unit(w): 3x3 conv w\n")
    document, offset = desk.open('use "blocks.arch" as b\ninput 3x8x8\nb.unit(w¦=3)')
    edits = rename(document, offset, "width")
    assert {(Path(edit.span.source.name).name, edit.span.first.line) for edit in edits} == {
        ("net.arch", 3),
        ("blocks.arch", 1),
    }
    assert len(edits) == 3


def test_symbols_are_an_outline(desk: Desk) -> None:
    document, _ = desk.open(NET)
    outline = document_symbols(document)
    assert [symbol.name for symbol in outline] == ["tiny", "wide", "twice", "block", "stem", "body", "head"]
    assert [child.name for child in outline[3].children] == ["left"]


def test_symbols_of_a_workspace(desk: Desk) -> None:
    desk.file("blocks.arch", "unit(w): 3x3 conv w\nseparable(w): dwconv -> 1x1 conv w\n")
    document, _ = desk.open(NET)
    found = workspace_symbols(document.module.files.all, "SPB")
    assert [symbol.name for symbol in found] == ["separable"]
    everything = {symbol.name for symbol in workspace_symbols(document.module.files.all, "")}
    assert everything == {"tiny", "wide", "block", "unit", "separable"}


# Looks -------------------------------------------------------------------------------------------------------------


def test_folds(desk: Desk) -> None:
    text = "# one\n# two\n\nf: {\n  relu\n  (\n    a\n  | b\n  ) -> add\n}\nlet t = [\n  1,\n]\n"
    document, _ = desk.open(text, study=False)
    found = [(fold.first, fold.last, fold.kind) for fold in folding(document)]
    assert found == [(1, 2, "comment"), (4, 9, "region"), (6, 8, "region"), (11, 12, "region")]


def test_tokens_are_told_by_what_names_mean(desk: Desk) -> None:
    document, _ = desk.open(NET)
    found = {(document.source.text[token.start : token.end], token.role) for token in tokens(document)}
    expected = {
        ("net", "keyword"),
        ("tiny", "class"),
        ("wide", "enumMember"),
        ("conv", "function"),
        ("block", "method"),
        ("out", "parameter"),
        ("left", "variable"),
        ("stride", "property"),
        ("3x32x32", "number"),
        ("->", "operator"),
        ('"Tiny"', "string"),
        ("# Two convolutions.", "comment"),
    }
    assert not expected - found


def test_tokens_where_a_text_is_broken(desk: Desk) -> None:
    document, _ = desk.open("input 3x8x8\nlet = conv (", study=False)
    found = [(document.source.text[token.start : token.end], str(token.role)) for token in tokens(document)]
    assert found[-2:] == [("=", "operator"), ("conv", "function")]


def test_fixes_are_actions(desk: Desk) -> None:
    document, offset = desk.open("input 3x8x8\nre¦lru -> gap\n")
    found = actions(document.source, desk.findings(), offset, offset)
    assert [action.title for action in found] == ["use `relu`"]
    assert applied(document.source.text, found[0].edits) == "input 3x8x8\nrelu -> gap\n"
    assert not actions(document.source, desk.findings(), 0, 0)


def test_safe_fixes_can_be_applied_together(desk: Desk) -> None:
    document, _ = desk.open("input 3x8x8\nrelu # arch: ignore[W0705]\n")
    found = actions(document.source, desk.findings(), 0, 0)
    assert [action.is_for_all for action in found] == [True]
    assert applied(document.source.text, found[0].edits) == "input 3x8x8\nrelu \n"


def test_findings_in_used_files_stand_where_they_are_called(desk: Desk) -> None:
    desk.file("blocks.arch", "unit(w): 3x3 conv w -> nothing_like_it\nbad = (\n")
    document, _ = desk.open('use "blocks.arch" as b\ninput 3x8x8\nb.unit(4)')
    found = shown(document, desk.findings())
    assert {item.span.text for item in found} == {'"blocks.arch"', "b.unit(4)"}
    assert all("blocks.arch:" in item.message for item in found)


def test_formatting_is_one_small_edit(desk: Desk) -> None:
    before = "input 3x8x8\n3x3   conv 8->relu\ngap\n"
    document, _ = desk.open(before, study=False)
    edits = formatting(document)
    assert applied(before, edits) == "input 3x8x8\n3x3 conv 8 -> relu\ngap\n"
    assert [edit.span.first.line for edit in edits] == [2]
    assert formatting(desk.open("input 3x8x8\n", study=False)[0]) == ()
    assert formatting(desk.open("input (\n", study=False)[0]) == ()


def test_figure_and_the_places_of_its_parts(desk: Desk) -> None:
    document, offset = desk.open(marked(NET, "conv out /stride"))
    drawn = figure(document, {"depth": 1})
    assert drawn is not None
    assert drawn.is_current
    assert drawn.svg.startswith("<?xml")
    parts = parts_at(document, offset)
    assert [part.path for part in parts] == ["body.block1.left.conv1", "body.block2.left.conv1"]
    (place,) = places(document, ["body.block2.left.conv1"])
    assert place.span.text == "3x3 conv out /stride"
    assert {part.path for part in parts_at(document, NET.index("block(twice"))} == {"body.block2"}
    stale, _ = desk.open(NET.replace("head", "let = (\nhead"))
    late = figure(stale, {})
    assert late is not None
    assert not late.is_current
    (moved,) = places(stale, ["head.fc1"])
    assert moved.span.text == "fc classes"


# Texts -------------------------------------------------------------------------------------------------------------


def test_unsaved_texts_win(desk: Desk) -> None:
    desk.file("blocks.arch", "unit(w): 3x3 conv w\n")
    document, _ = desk.open('use "blocks.arch"\ninput 3x8x8\nunit(4)')
    assert shown_hints(document) == {3: ["4x8x8"]}
    desk.open("unit(w): 3x3 conv 2*w /2\n", "blocks.arch", study=False)
    assert list(desk.workspace.users(str(desk.folder / "blocks.arch"))) == [str(desk.folder / "net.arch")]
    desk.study()
    assert shown_hints(desk.document()) == {3: ["8x4x4"]}
    desk.workspace.close(str(desk.folder / "blocks.arch"))
    desk.study()
    assert shown_hints(desk.document()) == {3: ["4x8x8"]}


def test_a_text_that_is_too_large_says_so(desk: Desk) -> None:
    large = "input 3x8x8\nrelu\n" + "#" * MAX_BYTES
    path = desk.file("net.arch", "input 3x8x8\nrelu\n")
    name = str(path)
    for text in (large, "input 3x8x8\nrelu\n" + "# é" * (MAX_BYTES // 4 + 1)):  # in letters, or only in bytes
        desk.workspace.update(name, text, path)
        found = desk.workspace.excess(name)
        assert found is not None
        assert (found.code.id, found.span.first.line, found.is_error) == ("E0505", 1, True)
        assert desk.workspace.task(name) is None
        assert desk.workspace.document(name) is None
    desk.open("input 3x8x8\nrelu\n")
    assert desk.workspace.excess(name) is None
    assert not [item for item in desk.findings() if item.is_error]


def test_a_used_text_that_is_too_large_is_read_from_the_disk(desk: Desk) -> None:
    path = desk.file("blocks.arch", "unit(w): 3x3 conv w\n")
    desk.workspace.update(str(path), "#" * (MAX_BYTES + 1), path)
    document, _ = desk.open('use "blocks.arch"\ninput 3x8x8\nunit(4)')
    assert shown_hints(document) == {3: ["4x8x8"]}


def test_files_are_read_again_when_they_have_changed(desk: Desk) -> None:
    path = desk.file("blocks.arch", "unit(w): 3x3 conv w\n")
    project = Project(desk.folder)
    first = project.read(path)
    assert project.renewed().read(path) is first
    desk.file("blocks.arch", "unit(w): 5x5 conv 2*w\n")
    assert project.read(path) is first
    assert project.renewed().read(path).text == "unit(w): 5x5 conv 2*w\n"
    later = project.renewed()
    path.unlink()
    with pytest.raises(LoadError):
        later.renewed().read(path)


def test_what_has_changed_is_not_examined_to_the_end(desk: Desk) -> None:
    desk.open(NET, study=False)
    name = str(desk.folder / "net.arch")
    task = desk.workspace.task(name)
    assert task is not None
    known = task.study()
    desk.open(NET + "\nrelu", study=False)
    with pytest.raises(Superseded):
        task.study()
    with pytest.raises(Superseded):
        task.findings()
    assert not desk.workspace.learn(task, known)


def test_what_runs_in_the_background_gives_way_to_answers() -> None:
    precedence, order = Precedence(), []
    background = worker("test")

    def pause() -> None:
        precedence.give_way()
        order.append("background")

    @precedence.first
    def answer() -> None:
        running.append(background.submit(pause))
        time.sleep(0.02)
        order.append("answer")

    running: list[Future[None]] = []
    answer()
    running[0].result()
    precedence.give_way()  # nobody waits for anything
    assert order == ["answer", "background"]


def test_a_text_that_was_never_saved(desk: Desk) -> None:
    desk.workspace.update("untitled:1", 'use "x.arch"\r\ninput 3x8x8\r\nrelu\r\n', None)
    task = desk.workspace.task("untitled:1")
    assert task is not None
    desk.workspace.learn(task, task.study())
    assert [found.code.id for found in task.findings()] == ["E0507"]
    document = desk.workspace.document("untitled:1")
    assert document is not None
    assert shown_hints(document) == {3: ["3x8x8"]}


@pytest.mark.parametrize(("encoding", "column"), [("utf-8", 8), ("utf-16", 5), ("utf-32", 4)])
def test_columns_are_counted_in_code_units(encoding: str, column: int) -> None:
    source = Source("net.arch", "relu\n# é𝔛x\n")
    coordinates = Coordinates(encoding)
    offset = source.text.index("x\n")
    assert coordinates.place(source, offset + 0) == Place(1, column)
    assert coordinates.offset(source, 1, column) == offset
    assert coordinates.offset(source, 1, 999) == len(source.text) - 1
    assert coordinates.offset(source, 99, 0) == len(source.text)
    for place in range(len(source.text)):
        assert coordinates.offset(source, *coordinates.place(source, place)) == place


def test_an_unknown_name_with_members_is_one_mistake(desk: Desk) -> None:
    desk.open("input 3x8x8\nb.part.other(3) -> relu\n")
    assert [found.code.id for found in desk.findings()] == ["E0201"]


def test_the_server_needs_no_torch(python: Callable[..., str]) -> None:
    loaded = python("import sys, archdsl.lsp.server; print(*sys.modules)").split()
    assert not {"torch", "networkx", "click", "rich", "numpy"} & set(loaded)


# Texts as they come ------------------------------------------------------------------------------------------------

FRAGMENTS = [
    *(
        "{",
        "}",
        "(",
        ")",
        "[",
        "]",
        "->",
        "|",
        "=",
        ":",
        ".",
        "..",
        '"',
        "#",
        ";",
        "\\",
        "/2",
        "x 3",
        "×",
        "x",
        "in",
        " ",
    ),
    *(
        "\n",
        "\n  ",
        "\t",
        "\f",
        "é",
        "𝔛",
        "\ud800",
        "conv",
        "for i in 1..3 {",
        "let a = ",
        "set conv ",
        "x[i] = ",
        "b.",
    ),
    *(
        'use "blocks.arch" as b\n',
        "if x { } else if y { }",
        "net n(a=1)\n",
        "table t {",
        "exit a {",
        "tied f(",
        "1e999",
    ),
    *("where", "variant v(", "[a for a in ", "title ", "9" * 30, "1x1"),
]

#: Seconds of work that all answers about a place may take; the slowest are far below it on any machine.
PATIENCE = 30.0


def edited(text: str, rnd: random.Random) -> tuple[str, int]:
    """A text with one edit somewhere, and the place of the edit."""
    start = rnd.randrange(len(text) + 1)
    end = min(len(text), start + rnd.choice([0, 0, 1, 3, 20, 100]))
    copied = rnd.randrange(len(text) + 1)
    inserted = rnd.choice([*FRAGMENTS, "", text[copied : copied + 30]])
    return text[:start] + inserted + text[end:], start + len(inserted)


def answers(document: Document, offset: int) -> Iterator[object]:
    """What every feature says about a place."""
    end = len(document.source.text)
    yield hover(document, offset)
    yield hints(document, 0, end)
    yield completion(document, offset)
    yield signature_help(document, offset)
    yield definition(document, offset)
    yield highlights(document, offset)
    yield document_symbols(document)
    yield folding(document)
    yield tokens(document)
    yield formatting(document)
    yield parts_at(document, offset)
    for name in ("fresh", "width", "conv"):
        try:
            yield rename(document, offset, name)
        except Refused as refused:
            yield str(refused)


def check_answers(document: Document, offset: int) -> None:
    start = time.process_time()
    text = document.source.text
    for _ in answers(document, offset):
        assert time.process_time() - start < PATIENCE
    found = tokens(document)
    assert all(token.start < token.end <= len(text) for token in found)
    assert all(one.end <= two.start for one, two in pairwise(found))
    assert all(0 <= hint.offset <= len(text) for hint in hints(document, 0, len(text)))


def test_any_text_has_answers(request: pytest.FixtureRequest) -> None:
    """Every spec, edited at random again and again; some of the texts are elaborated as well."""
    total = int(request.config.getoption("--random-edits"))
    rnd = random.Random(total)
    rounds = max(1, total // (len(SPECS) * 4)) if total > len(SPECS) else 1
    chosen = SPECS if total > len(SPECS) else rnd.sample(SPECS, min(total, len(SPECS)))
    done = 0
    for _ in range(rounds):
        for path in chosen:
            done += edit_at_random(path, rnd, 4 if total > len(SPECS) else 1)
    assert done


def edit_at_random(path: Path, rnd: random.Random, count: int) -> int:
    workspace, name = Workspace(), str(path)
    text = path.read_text("utf-8")
    for number in range(count):
        text, offset = edited(text, rnd)
        workspace.update(name, text, path)
        if number == count - 1:
            task = workspace.task(name)
            assert task is not None
            workspace.learn(task, task.study())
        document = workspace.document(name)
        assert document is not None
        try:
            check_answers(document, rnd.choice([offset, rnd.randrange(len(document.source.text) + 1)]))
        except Exception as error:
            error.add_note(f"{path}\n{text!r}")
            raise
    return count


# A session ---------------------------------------------------------------------------------------------------------


#: Seconds that a server may be silent: many times what it takes on a machine with nothing else to do.
SILENCE = 120


class Session:
    """A client and a server that talk over pipes."""

    def __init__(self, folder: Path, text: str) -> None:
        self.client = LanguageClient("test", "1")
        self.published: asyncio.Queue[types.PublishDiagnosticsParams] = asyncio.Queue()
        self.refreshed = asyncio.Event()
        self.path = folder / "net.arch"
        self.path.write_text(text, "utf-8")
        self.uri = self.path.as_uri()
        self.document = types.TextDocumentIdentifier(self.uri)
        self.text, self.version = text, 1
        self.client.feature(types.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)(partial(self.published.put_nowait))
        self.client.feature(types.WORKSPACE_INLAY_HINT_REFRESH)(lambda *_: self.refreshed.set())

    async def start(self) -> types.InitializeResult:
        await self.client.start_io(sys.executable, "-m", "archdsl", "lsp", cwd=str(ROOT))
        hint = types.InlayHintWorkspaceClientCapabilities(refresh_support=True)
        capabilities = types.ClientCapabilities(workspace=types.WorkspaceClientCapabilities(inlay_hint=hint))
        root = self.path.parent.as_uri()
        result = await self.client.initialize_async(types.InitializeParams(capabilities=capabilities, root_uri=root))
        self.client.initialized(types.InitializedParams())
        item = types.TextDocumentItem(self.uri, "arch", self.version, self.text)
        self.client.text_document_did_open(types.DidOpenTextDocumentParams(item))
        return result

    def change(self, text: str) -> None:
        self.text, self.version = text, self.version + 1
        document = types.VersionedTextDocumentIdentifier(self.version, self.uri)
        change = types.TextDocumentContentChangeWholeDocument(text)
        self.client.text_document_did_change(types.DidChangeTextDocumentParams(document, [change]))

    async def diagnostics(self, wanted: Callable[[list[str]], bool]) -> list[str]:
        """Codes of what is shown, once they are as wanted."""
        while True:
            params = await asyncio.wait_for(self.published.get(), SILENCE)
            codes = [str(item.code) for item in params.diagnostics]
            if wanted(codes):
                return codes

    def at(self, text: str, shift: int = 0) -> dict[str, Any]:
        offset = self.text.index(text) + shift
        before = self.text[:offset]
        line = before.count("\n")
        column = len(before[before.rfind("\n") + 1 :].encode("utf-16-le")) // 2
        return {"text_document": self.document, "position": types.Position(line, column)}

    async def stop(self) -> int:
        await self.client.shutdown_async(None)
        self.client.exit(None)
        server = self.client._server
        assert server is not None
        code = await asyncio.wait_for(server.wait(), SILENCE)
        await self.client.stop()
        return code


def test_a_session(tmp_path: Path) -> None:
    asyncio.run(asyncio.wait_for(session(tmp_path), 4 * SILENCE))


async def session(folder: Path) -> None:
    talk = Session(folder, NET.replace("# Two", "# 𝔛 Two"))
    capabilities = (await talk.start()).capabilities
    assert capabilities.text_document_sync is not None
    assert await talk.diagnostics(lambda codes: True) == ["W0704"]
    await asyncio.wait_for(talk.refreshed.wait(), SILENCE)
    await ask_about_a_step(talk)
    await ask_what_to_write(talk)
    await ask_about_names(talk)
    await ask_about_the_text(talk)
    await ask_for_a_picture(talk)
    await write_carelessly(talk)
    await go_to_other_files(talk)
    await make_a_mistake(talk)
    await open_something_large(talk)
    assert await talk.stop() == 0


async def ask_about_a_step(talk: Session) -> None:
    client = talk.client
    found = await client.text_document_hover_async(types.HoverParams(**talk.at("conv width")))
    assert found is not None
    assert isinstance(found.contents, types.MarkupContent)
    assert "`3x32x32 → 8x32x32`" in found.contents.value
    whole = types.Range(types.Position(0, 0), types.Position(100, 0))
    hinted = await client.text_document_inlay_hint_async(types.InlayHintParams(talk.document, whole))
    assert [hint.label for hint in hinted or ()][-1] == "10"


async def ask_what_to_write(talk: Session) -> None:
    client = talk.client
    found = await client.text_document_completion_async(types.CompletionParams(**talk.at("conv width", 2)))
    assert isinstance(found, types.CompletionList)
    item = next(item for item in found.items if item.label == "conv")
    resolved = await client.completion_item_resolve_async(item)
    assert isinstance(resolved.documentation, types.MarkupContent)
    assert "Convolve" in resolved.documentation.value
    help = await client.text_document_signature_help_async(types.SignatureHelpParams(**talk.at("twice, stride")))
    assert help is not None
    assert help.signatures[0].label == "block(out, stride=1)"


async def ask_about_names(talk: Session) -> None:
    client = talk.client
    made = await client.text_document_definition_async(types.DefinitionParams(**talk.at("block(width)")))
    assert isinstance(made, types.Location)
    assert made.uri == talk.uri
    assert made.range.start == talk.at("block(out")["position"]
    context = types.ReferenceContext(include_declaration=True)
    used = await client.text_document_references_async(
        types.ReferenceParams(context=context, **talk.at("block(width)"))
    )
    assert len(used or ()) == 3
    marks = await client.text_document_document_highlight_async(types.DocumentHighlightParams(**talk.at("twice =")))
    assert len(marks or ()) == 2
    ready = await client.text_document_prepare_rename_async(types.PrepareRenameParams(**talk.at("twice =")))
    assert isinstance(ready, types.Range)
    edit = await client.text_document_rename_async(types.RenameParams(new_name="double", **talk.at("twice =")))
    assert edit is not None
    assert edit.changes is not None
    assert [change.new_text for change in edit.changes[talk.uri]] == ["double", "double"]
    with pytest.raises(JsonRpcException, match="is an operator"):
        await client.text_document_rename_async(types.RenameParams(new_name="conv", **talk.at("twice =")))
    outline = await client.text_document_document_symbol_async(types.DocumentSymbolParams(talk.document))
    assert "block" in {symbol.name for symbol in outline or ()}
    symbols = await client.workspace_symbol_async(types.WorkspaceSymbolParams("blk"))
    assert [symbol.name for symbol in symbols or ()] == ["block"]


def coloured(data: Sequence[int], line: int, text: str) -> Iterator[tuple[str, str]]:
    """The words of a line with their roles, out of what the protocol packs: five numbers for each."""
    at = character = 0
    for down, right, length, role, _ in zip(*(data[number::5] for number in range(5)), strict=True):
        character = right if down else character + right
        at += down
        if at == line:
            yield text[character : character + length], ROLES[role]


async def ask_about_the_text(talk: Session) -> None:
    client = talk.client
    folds = await client.text_document_folding_range_async(types.FoldingRangeParams(talk.document))
    assert [fold.start_line for fold in folds or ()] == [talk.at("block(out")["position"].line]
    colours = await client.text_document_semantic_tokens_full_async(types.SemanticTokensParams(talk.document))
    assert colours is not None
    assert len(colours.data) % 5 == 0
    assert list(colours.data[:3]) == [0, 0, len("# Small, but it has everything.")]
    line = talk.at("stem =")["position"].line
    assert list(coloured(colours.data, line, talk.text.splitlines()[line])) == [
        ("stem", "variable"),
        ("=", "operator"),
        ("3x3", "number"),
        ("conv", "function"),
        ("width", "parameter"),
        ("->", "operator"),
        ("relu", "function"),
    ]
    options = types.FormattingOptions(tab_size=2, insert_spaces=True)
    edits = await client.text_document_formatting_async(types.DocumentFormattingParams(talk.document, options))
    assert not edits


async def ask_for_a_picture(talk: Session) -> None:
    ask = talk.client.protocol.send_request_async
    where = {"textDocument": {"uri": talk.uri}}
    drawn = await ask("archdsl/figure", {**where, "options": {"depth": 1, "theme": "dark"}})
    assert drawn.isCurrent
    assert drawn.svg.startswith("<?xml")
    with pytest.raises(JsonRpcException, match="style"):
        await ask("archdsl/figure", {**where, "options": {"style": "cubist"}})
    position = talk.at("fc classes")["position"]
    place = {"line": position.line, "character": position.character}
    (part,) = await ask("archdsl/partsAt", {**where, "position": place})
    assert (part["path"], part["kind"], part["uri"]) == ("head.fc1", "operator", talk.uri)
    (back,) = await ask("archdsl/places", {**where, "paths": ["head.fc1"]})
    assert back["range"]["start"]["line"] == position.line


async def write_carelessly(talk: Session) -> None:
    client, before = talk.client, talk.text
    talk.change(before.replace("head = gap -> fc", "head = gap->fc"))
    options = types.FormattingOptions(tab_size=2, insert_spaces=True)
    edits = await client.text_document_formatting_async(types.DocumentFormattingParams(talk.document, options))
    (edit,) = edits or ()
    lines = talk.text.splitlines()
    first, last = edit.range.start, edit.range.end
    assert first.line == last.line == talk.at("head =")["position"].line
    line = lines[first.line]
    lines[first.line] = line[: first.character] + edit.new_text + line[last.character :]
    assert "\n".join(lines).rstrip("\n") == before.rstrip("\n")
    talk.change(before)


async def go_to_other_files(talk: Session) -> None:
    """The names of a used file and of the standard library: where they are made, what they are, another name."""
    client, before = talk.client, talk.text
    blocks = talk.path.with_name("blocks.arch")
    blocks.write_text("# Half as large.\nhalve(out): 3x3 conv out /2 -> relu\n")
    talk.change(
        f'use "blocks.arch" as b\n{before}side = b.halve(4) -> residual {{ 3x3 conv 4 }}\n'.replace(
            "fc classes", "flatten"
        )
    )
    made = await client.text_document_definition_async(types.DefinitionParams(**talk.at("halve(4)")))
    assert isinstance(made, types.Location)
    assert (made.uri, made.range.start) == (blocks.as_uri(), types.Position(1, 0))
    library = await client.text_document_definition_async(types.DefinitionParams(**talk.at("residual {")))
    assert isinstance(library, types.Location)
    assert library.uri.endswith("/std/residual.arch")
    line = Path(to_fs_path(library.uri) or "").read_text("utf-8").splitlines()[library.range.start.line]
    assert line.startswith("residual(")
    known = await client.text_document_hover_async(types.HoverParams(**talk.at("halve(4)")))
    assert known is not None
    assert isinstance(known.contents, types.MarkupContent)
    assert "Half as large." in known.contents.value
    context = types.ReferenceContext(include_declaration=True)
    used = await client.text_document_references_async(types.ReferenceParams(context=context, **talk.at("halve(4)")))
    assert [place.uri for place in used or ()] == [blocks.as_uri(), talk.uri]
    edit = await client.text_document_rename_async(types.RenameParams(new_name="shrink", **talk.at("halve(4)")))
    assert edit is not None
    assert edit.changes is not None
    assert {uri: [change.new_text for change in changes] for uri, changes in edit.changes.items()} == {
        blocks.as_uri(): ["shrink"],
        talk.uri: ["shrink"],
    }
    found = await client.text_document_completion_async(types.CompletionParams(**talk.at("halve(4)")))
    assert isinstance(found, types.CompletionList)
    assert [item.label for item in found.items] == ["halve"]
    help = await client.text_document_signature_help_async(types.SignatureHelpParams(**talk.at("4) ->")))
    assert help is not None
    assert (help.signatures[0].label, help.active_parameter) == ("halve(out)", 0)
    with pytest.raises(JsonRpcException, match="standard library"):
        await client.text_document_rename_async(types.RenameParams(new_name="other", **talk.at("residual {")))
    talk.change(before)


async def open_something_large(talk: Session) -> None:
    """A text over the limit says so, at its first line, and nothing else is said about it."""
    client = talk.client
    large = types.TextDocumentItem("untitled:large", "arch", 1, "#" * (MAX_BYTES + 1))
    client.text_document_did_open(types.DidOpenTextDocumentParams(large))
    while True:
        params = await asyncio.wait_for(talk.published.get(), 60)
        if params.uri == large.uri:
            break
    (found,) = params.diagnostics
    assert (found.code, found.range.start, found.severity) == (
        "E0505",
        types.Position(0, 0),
        types.DiagnosticSeverity.Error,
    )
    asked = types.HoverParams(types.TextDocumentIdentifier(large.uri), types.Position(0, 0))
    assert await client.text_document_hover_async(asked) is None
    document = types.VersionedTextDocumentIdentifier(2, large.uri)
    change = types.TextDocumentContentChangeWholeDocument("input 3x8x8\nrelu\n")
    client.text_document_did_change(types.DidChangeTextDocumentParams(document, [change]))
    while params.uri != large.uri or params.diagnostics:
        params = await asyncio.wait_for(talk.published.get(), 60)
    client.text_document_did_close(types.DidCloseTextDocumentParams(types.TextDocumentIdentifier(large.uri)))


async def make_a_mistake(talk: Session) -> None:
    client = talk.client
    talk.change(talk.text.replace("gap ->", "gapp ->"))
    assert await talk.diagnostics(lambda codes: "E0201" in codes) == ["E0201"]
    start = talk.at("gapp")["position"]
    context = types.CodeActionContext([])
    asked = types.CodeActionParams(talk.document, types.Range(start, start), context)
    (action,) = await client.text_document_code_action_async(asked) or ()
    assert isinstance(action, types.CodeAction)
    assert action.title == "use `gap`"
    assert action.edit is not None
    assert action.edit.changes is not None
    assert [edit.new_text for edit in action.edit.changes[talk.uri]] == ["gap"]
    talk.change(talk.text.replace("gapp", "gap"))
    assert await talk.diagnostics(lambda codes: "E0201" not in codes) == ["W0704"]
    client.text_document_did_close(types.DidCloseTextDocumentParams(talk.document))
