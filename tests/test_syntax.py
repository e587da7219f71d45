"""The language's text: what it means and where everything stands."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from lark import Lark, Token
from lark.exceptions import UnexpectedInput
from lark.lexer import ContextualLexer
from lark.parsers.lalr_parser_state import ParserState

from archdsl.source import Source
from archdsl.syntax import parse as parsing
from archdsl.syntax import tree
from archdsl.syntax.automaton import Stack
from archdsl.syntax.parse import Parsed, build_parser, load_grammar, parse, parse_tokens

DATA = Path(__file__).parent / "data"
EXAMPLES = {path.stem: path.read_text("utf-8") for path in sorted((DATA / "language").rglob("*.arch"))}
SPECS = [path.read_text("utf-8") for path in sorted((DATA.parents[1] / "specs").rglob("*.arch"))]


def read(text: str) -> Parsed:
    return parse(Source("test.arch", text))


def statements(text: str) -> tuple[tree.Statement, ...]:
    parsed = read(text)
    assert parsed.diagnostics == ()
    return parsed.file.statements


def nodes(node: object) -> Iterator[tree.Tree]:
    """A tree's nodes, parents first."""
    if isinstance(node, tuple):
        for item in node:
            yield from nodes(item)
    elif isinstance(node, tree.Tree):
        yield node
        for name in node.fields:
            yield from nodes(getattr(node, name))


def first(kind: type[tree.Tree], text: str) -> tree.Tree:
    return next(node for node in nodes(statements(text)) if isinstance(node, kind))


# The grammar ---------------------------------------------------------------------------------------------------------


def test_grammar_has_no_conflicts() -> None:
    assert build_parser(parsing.GRAMMAR.read_text("utf-8"), strict=True).parse("input 3x32x32").data == "start"


def test_lexer_finds_the_tokens_of_larks_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("archdsl.syntax.lexer.Lexer", ContextualLexer)
    plain = build_parser(parsing.GRAMMAR.read_text("utf-8"))
    words = "let input, net = net(variant, 3) where set = table; when: repeat x2 -> use; for: 2x2 in; input in: 3x32x32"
    for text in (*EXAMPLES.values(), *SPECS, *re.split(r"(?<=;) ", words)):
        assert _tokens(load_grammar(), text) == _tokens(plain, text)


@pytest.mark.parametrize("is_whole", [True, False])
def test_parser_does_what_larks_own_does(is_whole: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parsing, "_MAX_KEPT", 0)
    chance = random.Random(1)
    texts = [*EXAMPLES.values(), *SPECS]
    sources = [Source("x", text if is_whole else _damaged(text, chance)) for text in texts]
    found = [parse_tokens(source) for source in sources]
    assert any(parsed.diagnostics for parsed, _ in found) is not is_whole
    monkeypatch.setattr(Stack, "feed_token", ParserState.feed_token)
    for source, (parsed, root) in zip(sources, found, strict=True):
        assert parse_tokens(source) == (parsed, root)


def _damaged(text: str, chance: random.Random) -> str:
    """A text with some characters less and some twice."""
    for _ in range(4):
        place = chance.randrange(len(text))
        text = text[:place] + chance.choice(["", text[place] * 2]) + text[place + 1 :]
    return text


def _tokens(parser: Lark, text: str) -> list[tuple[str, str, int | None]] | str:
    try:
        tokens = parser.parse(text).scan_values(lambda value: isinstance(value, Token))
    except UnexpectedInput as error:
        return f"{type(error).__name__} at {error.pos_in_stream}"
    return [(token.type, str(token), token.start_pos) for token in tokens]


@pytest.mark.parametrize("name", EXAMPLES)
def test_examples_of_the_language_parse(name: str) -> None:
    assert len(statements(EXAMPLES[name])) > 1


def test_line_of_the_language_page() -> None:
    block, dense, fractal = statements("block: 3x3 conv -> bn -> relu; dense growth=32; fractal cols=4")
    assert isinstance(block, tree.Definition)
    assert [element.name for element in block.body.elements if isinstance(element, tree.Step)] == ["conv", "bn", "relu"]
    assert [
        argument.name for node in nodes((dense, fractal)) if isinstance(node, tree.Step) for argument in node.arguments
    ] == [
        "growth",
        "cols",
    ]


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("a\n-> b", "a -> b"),
        ("a\n\n  # why\n  -> b", "a -> b"),
        ("a ->\n\n # why\n b", "a -> b"),
        ("( a\n| b\n)", "(a | b)"),
        ("(\na |\nb)", "(a | b)"),
        ("f(\n1,\n2\n)", "f(1, 2)"),
        ("f: # body\n a", "f: a"),
        ("y =\n a", "y = a"),
        ("let n = 1 +\n 2", "let n = 1 + 2"),
        ("let n = [\n1,\n2,\n]", "let n = [1, 2]"),
        ("require a and\n not\n b", "require a and not b"),
        ("if a { b } else\n { c }", "if a { b } else { c }"),
        ("\n;\n\n a ;; \n; b;\n\n", "a; b"),
        ("{\n\n; a\n; b; # end\n}", "{ a; b }"),
        ("a\r\n  -> b\r\nc\r\n", "a -> b; c"),
        ("table t { X .\n . X\n}", "table t { X. / .X }"),
        ("\ufeffa\n", "a"),
        ("a\t->\tb", "a -> b"),
        ("s = in\ny = s", "s = in; y = s"),
    ],
)
def test_lines(text: str, same: str) -> None:
    assert statements(text) == statements(same)


@pytest.mark.parametrize("text", ["a ->; b", "( a\n b )", "f(a\n)\n)", "let n = 1\n+ 2", "a;\n-> b", "let n = [a\n b]"])
def test_lines_that_do_not_go_on(text: str) -> None:
    assert len(read(text).diagnostics) == 1


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("1 + 2 * 3", "1 + (2 * 3)"),
        ("1 - 2 - 3", "(1 - 2) - 3"),
        ("8 // 4 % 3 / 2", "((8 // 4) % 3) / 2"),
        ("-2 ** 2", "-(2 ** 2)"),
        ("2 ** -1", "2 ** (-1)"),
        ("2 ** 3 ** 2", "2 ** (3 ** 2)"),
        ("-a * b", "(-a) * b"),
        ("a.b[0].c ** 2", "((a.b)[0].c) ** 2"),
        ("1..n - 1", "1..(n - 1)"),
        ("a or b and not c == d", "a or (b and (not (c == d)))"),
        ("not a < b + 1", "not (a < (b + 1))"),
        ("1 if a or b else 2 if c else 3", "1 if (a or b) else (2 if c else 3)"),
        ("0..1 if a else 0..2", "(0..1) if a else (0..2)"),
        ("{1: a, 2: b,}[c]", "({1: a, 2: b})[c]"),
        ("[f(s) for s in xs[1..3] where s > 1]", "[(f(s)) for s in (xs[(1..3)]) where (s > 1)]"),
    ],
)
def test_precedence(text: str, same: str) -> None:
    assert statements(f"let v = {text}") == statements(f"let v = {same}")


def test_numbers_and_ranges() -> None:
    literals = list(nodes(statements('let v = [1, 1.5, 2e-3, 1..2, 3x4x5, true, "a\\"b\\\\n"]')))
    values = [node.value for node in literals if isinstance(node, tree.Number | tree.String | tree.Boolean)]
    assert values == [1, 1.5, 0.002, 1, 2, True, 'a"b\\n']
    assert [node.values for node in literals if isinstance(node, tree.Dims)] == [(3, 4, 5)]


@pytest.mark.parametrize(
    ("text", "step"),
    [
        ("roi_pool 7x7", ("roi_pool", [(None, "7x7")], None)),
        ("conv 4*width /2 groups=2*g", ("conv", [(None, "4*width"), ("groups", "2*g")], "2")),
        ("conv y.channels bias=false /stride", ("conv", [(None, "y.channels"), ("bias", "false")], "stride")),
        ("conv units[0] /(y.stride)", ("conv", [(None, "units[0]")], "y.stride")),
        ("conv divisible(8*w, 8)", ("conv", [(None, "8*w, 8")], None)),
        ("conv(out // 4, pad=[1, 2]) /2", ("conv", [(None, "out // 4"), ("pad", "[1, 2]")], "2")),
        (
            'leaky slope=-0.1 mode="a" by=(b + 1)',
            ("leaky", [("slope", "-0.1"), ("mode", '"a"'), ("by", "b + 1")], None),
        ),
        ("r.stage(64)", ("r.stage", [(None, "64")], None)),
        ("a.feature", ("a.feature", [], None)),
        ("conv x", ("conv", [(None, "x")], None)),
        ("note -> conv input=3", ("conv", [("input", "3")], None)),
    ],
)
def test_steps(text: str, step: tuple[str, list[tuple[str | None, str]], str | None]) -> None:
    if text.startswith("note"):
        text = "y = " + text
    node = [node for node in nodes(statements(text)) if isinstance(node, tree.Step)][-1]
    arguments = [
        (argument.name, argument.value.span.text.partition("(")[2].rstrip(")") or argument.value.span.text)
        for argument in node.arguments
    ]
    assert (node.name, arguments, node.stride.span.text if node.stride else None) == step


def test_names_that_are_keywords_elsewhere() -> None:
    text = "y = input -> note -> tap set=1 table=2; let use = 3; net = a; x[0] = in; relu x 2; f(x) x (x)"
    assert [type(node).__name__ for node in statements(text)] == ["Assign", "Let", "Assign", "Assign", "Flow", "Flow"]
    assert first(tree.Repeat, "a x(3)") == first(tree.Repeat, "a × 3") == first(tree.Repeat, "a x 3")


def test_groups_and_branches() -> None:
    group = first(tree.Group, "( | a |)")
    assert isinstance(group, tree.Group)
    assert [(len(branch.elements), branch.span.start) for branch in group.branches] == [(0, 1), (1, 4), (0, 7)]
    chain = first(tree.If, "if a { b } else if c { d } else { e }")
    assert isinstance(chain, tree.If)
    assert isinstance(chain.otherwise, tree.If)
    loop = first(tree.GroupFor, "(x[j] -> f(j, i) for j in 0..i - 1 where j != i)")
    assert isinstance(loop, tree.GroupFor)
    assert loop.condition is not None


def test_statements_keep_what_they_say() -> None:
    text = """
    use "b.arch" as b
    tied edge(j, i=2) where i > j: conv
    exit aux[i] weight=0.3 only=train { a }
    output boxes = a
    input image: 3x600x800
    require a == "b" "message"
    table t { X . / . X }
    """
    use, edge, aux, output, image, require, links = statements(text)
    assert (use.path, use.alias) == ("b.arch", "b")  # type: ignore[union-attr]
    assert isinstance(edge, tree.Definition)
    assert (edge.tied, [(p.name, p.default is None) for p in edge.parameters]) == (True, [("j", True), ("i", False)])
    assert isinstance(aux, tree.Branch)
    assert (aux.kind, aux.name, len(aux.arguments), aux.index) == ("exit", "aux", 2, tree.Name("i", aux.span))
    assert isinstance(output, tree.OutputStatement)
    assert output.name_span.text == "boxes"
    assert isinstance(image, tree.Input)
    assert image.name == "image"
    assert isinstance(require, tree.Require)
    assert require.message == "message"
    assert isinstance(links, tree.Links)
    assert links.rows == ((True, False), (False, True))


# Places --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", EXAMPLES)
def test_spans_are_tight_and_nested(name: str) -> None:
    for node in nodes(statements(EXAMPLES[name])):
        assert node.span.text == node.span.text.strip()  # type: ignore[attr-defined]
        for field in node.fields:
            for child in nodes(getattr(node, field)):
                assert node.span.start <= child.span.start <= child.span.end <= node.span.end  # type: ignore[attr-defined]


def test_spans_of_parts() -> None:
    step = first(tree.Step, "  3x3 conv (a + b) * 2 pad = 1   # c".replace("(a + b) * 2", "y.c"))
    assert isinstance(step, tree.Step)
    assert (step.span.text, step.name_span.text) == ("3x3 conv y.c pad = 1", "conv")
    keyword = step.arguments[1]
    assert (keyword.span.text, keyword.name_span and keyword.name_span.text) == ("pad = 1", "pad")
    product = first(tree.Binary, "let v = (a + b) * 2")
    assert isinstance(product, tree.Binary)
    assert (product.span.text, product.left.span.text) == ("(a + b) * 2", "a + b")


def test_comments() -> None:
    comments = read('# one\na "# no" # two\n\t# three  \n"open # no\n').file.comments
    assert [(c.text, c.own_line, c.span.text) for c in comments] == [
        ("# one", True, "# one"),
        ("# two", False, "# two"),
        ("# three", True, "# three"),
    ]


# Loading -------------------------------------------------------------------------------------------------------------


def test_lark_waits_for_the_first_parse(python: Callable[..., str]) -> None:
    loaded = "print('lark' in sys.modules)"
    code = f"import sys, archdsl.syntax.parse as parsing; {loaded}; parsing.load_grammar(); {loaded}"
    assert python(code).split() == ["False", "True"]


@pytest.mark.parametrize("trouble", ["none", "broken", "empty", "folder", "no folder"])
def test_cache_is_only_a_help(trouble: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = statements("a -> b")
    monkeypatch.setattr(parsing, "_MAX_KEPT", 0)  # so that it is read again
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    if trouble == "no folder":
        (tmp_path / "archdsl").write_text("in the way")
    else:
        load_grammar.__wrapped__()
        (path,) = (tmp_path / "archdsl").iterdir()
        assert re.fullmatch(r"grammar-[0-9a-f]{16}\.pickle", path.name)
        spoil(path, trouble)
    load_grammar.cache_clear()
    try:
        assert statements("a -> b") == expected
    finally:
        load_grammar.cache_clear()


def spoil(path: Path, trouble: str) -> None:
    if trouble == "broken":
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    elif trouble == "empty":
        path.write_bytes(b"")
    elif trouble == "folder":
        path.unlink()
        path.mkdir()
