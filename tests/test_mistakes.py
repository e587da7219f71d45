"""Mistakes in a text: each is told once, at its place, with a way out, and the rest of the file is read."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archdsl.diagnostic import Diagnostic, Fix
from archdsl.source import Source
from archdsl.syntax import tree
from archdsl.syntax.parse import MAX_DIAGNOSTICS, Parsed, parse
from tests.examples import examples

DATA = Path(__file__).parent / "data"
EXAMPLES = {path.stem: path.read_text("utf-8") for path in sorted((DATA / "language").rglob("*.arch"))}
MISTAKES = DATA / "syntax" / "mistakes.txt"


def read(text: str) -> Parsed:
    return parse(Source("test.arch", text))


def codes(text: str) -> list[str]:
    return [str(diagnostic.code) for diagnostic in read(text).diagnostics]


def nodes(node: object) -> Iterator[tree.Tree]:
    """A tree's nodes, parents first."""
    if isinstance(node, tuple):
        for item in node:
            yield from nodes(item)
    elif isinstance(node, tree.Tree):
        yield node
        for name in node.fields:
            yield from nodes(getattr(node, name))


def report(text: str, diagnostic: Diagnostic) -> Iterator[str]:
    yield f"{diagnostic.code} at {diagnostic.span.start} `{diagnostic.span.text}`: {diagnostic.message}"
    for label in diagnostic.labels:
        yield f"  at {label.span.start} `{label.span.text}`: {label.message}"
    yield f"  {diagnostic.hint}"
    for fix in diagnostic.fixes:
        yield f"  {'fix' if fix.safe else 'perhaps'}, {fix.title}: {mend(text, fix)!r}"


def mend(text: str, fix: Fix) -> str:
    for edit in sorted(fix.edits, key=lambda edit: -edit.span.start):
        text = text[: edit.span.start] + edit.replacement + text[edit.span.end :]
    return text


def cases() -> list[str]:
    return [case.partition("\n---")[0] for case in MISTAKES.read_text("utf-8").rstrip("\n").split("\n\n")]


def test_mistakes_are_explained(accept: bool) -> None:
    told = []
    for text in cases():
        lines = [line for diagnostic in read(text).diagnostics for line in report(text, diagnostic)]
        told.append("\n".join([text, "---", *lines]))
    found = "\n\n".join(told) + "\n"
    if accept:
        MISTAKES.write_text(found, "utf-8")
    assert found == MISTAKES.read_text("utf-8")


@pytest.mark.parametrize("text", cases())
def test_one_mistake_is_told_once_and_its_fix_mends_it(text: str) -> None:
    (diagnostic,) = read(text).diagnostics
    assert diagnostic.hint
    assert not diagnostic.message.endswith(".")
    for fix in diagnostic.fixes:
        if fix.safe:
            assert codes(mend(text, fix)) == []


def test_five_mistakes_are_five_diagnostics() -> None:
    text = """
    stem = 3x3 conv 64, stride=2
    block(width): residual {
      conv width -> -> bn
      relu
      3 x 3 conv
    } -> relu
    if a = 1 { relu } else { bn ) }
    fine = relu
    head = (gap -> fc
    last = bn
    """
    parsed = read(text)
    assert [diagnostic.span.line for diagnostic in parsed.diagnostics] == [2, 4, 6, 8, 10]
    kinds = [type(node).__name__ for node in parsed.file.statements]
    assert kinds == ["Broken", "Definition", "Broken", "Assign", "Broken", "Assign"]
    assert sum(isinstance(node, tree.Broken) for node in nodes(parsed.file.statements)) == 5


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("x = (a | b\ny = c", ["Broken", "Assign"]),
        ("x = f(a, {\n b\n}\ny = c", ["Broken", "Assign"]),
        ("x = { a\ny = c", ["Assign"]),
        ("(a | { b\nc", ["Broken"]),
        ("a } else { b\nc }\nd", ["Broken", "Flow"]),
        ("a )\nb", ["Broken", "Flow"]),
        ("{ (a }\nb", ["Flow", "Flow"]),
        ("x = f(1, 2\n  3, 4)\ny = c", ["Broken", "Assign"]),
        ('title "a\nb', ["Broken", "Flow"]),
        ("conv /2 /2; a", ["Broken", "Flow"]),
        ("f(1): { a; b }\nc", ["Broken", "Flow"]),
    ],
)
def test_parsing_goes_on_after_a_mistake(text: str, kinds: list[str]) -> None:
    parsed = read(text)
    assert len(parsed.diagnostics) == 1
    assert [type(node).__name__ for node in parsed.file.statements] == kinds


def test_unclosed_brace_shows_both_places() -> None:
    (diagnostic,) = read("f: { a\nb\n").diagnostics
    assert (diagnostic.code.id, diagnostic.span.start, diagnostic.labels[0].span.start) == ("E0102", 3, 9)


def test_mistakes_are_counted_up_to_a_limit() -> None:
    assert len(codes("$\n" * 500)) == MAX_DIAGNOSTICS


@pytest.mark.parametrize(
    "text",
    [
        "(" * 65 + "a" + ")" * 65,
        "{" * 1000,
        "let a = " + "[" * 70 + "]" * 70,
        "let a = 1" + " + 1" * 200,
        "let a = " + "-" * 200 + "1",
        "let a = b" + "[0]" * 200,
        "a" + " x 2" * 200,
        "if a { b }" + " else if a { b }" * 200,
    ],
)
def test_deep_nesting_is_told(text: str) -> None:
    assert codes(text) == ["E0104"]


def test_forgotten_closers_do_not_nest() -> None:
    assert set(codes("x = (a\n" * 40)) == {"E0102"}
    assert codes("(" * 64 + "a" + ")" * 64) == []


@pytest.mark.parametrize(
    "unit",
    ["(", "(\n", ")", "{ ) }\n", "\n", ";", "a;", "a -> ", "$\n", '"', "x ", "# c\n", "a:", "not ", "1..", "=\n"],
)
def test_hostile_texts_take_no_time(unit: str) -> None:
    start = time.process_time()
    read(unit * (10_000 // len(unit)))
    read("let a = " + unit * (10_000 // len(unit)))
    read("a" + unit * (10_000 // len(unit)) + "-> b")
    assert time.process_time() - start < 20


PIECES = st.sampled_from(
    [
        *("net", "title", "use", "let", "set", "tied", "exit", "tap", "if", "else", "for", "in", "where", "and", "not"),
        *("x", "×", "3x3", "64", "/2", "a=1", "a", ".", "..", "->", "|", "(", ")", "[", "]", "{", "}", ",", ";", ":"),
        *("=", "==", "-", "*", "//", "%", "**", "\n", "#", '"', "'", "\\", "1.5", "$", "é", "\t", ">", "1..n"),
        *("\u00a0", "\x00", "\r", " "),
    ]
)


@examples(150)
@given(
    st.one_of(
        st.text(max_size=80), st.lists(PIECES, max_size=40).map(" ".join), st.lists(PIECES, max_size=40).map("".join)
    )
)
def test_any_text_is_read(text: str) -> None:
    check_sound(text)


@examples(150)
@given(
    st.sampled_from(sorted(EXAMPLES)),
    st.lists(st.tuples(st.floats(0, 1), st.integers(0, 3), PIECES), min_size=1, max_size=4),
)
def test_any_change_of_an_example_is_read(name: str, changes: list[tuple[float, int, str]]) -> None:
    text = EXAMPLES[name]
    for place, length, piece in changes:
        start = int(place * len(text))
        text = text[:start] + piece + text[start + length :]
    check_sound(text)


def check_sound(text: str) -> None:
    """Places lie in the text and in order; a broken statement has a diagnostic."""
    parsed = read(text)
    starts = [diagnostic.span.start for diagnostic in parsed.diagnostics]
    assert starts == sorted(starts)
    for diagnostic in parsed.diagnostics:
        assert 0 <= diagnostic.span.start <= diagnostic.span.end <= len(text)
    if any(isinstance(node, tree.Broken) for node in nodes(parsed.file.statements)):
        assert parsed.diagnostics
