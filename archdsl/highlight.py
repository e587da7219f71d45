"""Colours for .arch texts: a lexer for Pygments, which Sphinx, MkDocs, minted and rich find by its entry point."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import ClassVar

from pygments.lexer import RegexLexer, bygroups
from pygments.token import Comment, Keyword, Name, Number, Operator, Punctuation, String, Whitespace, _TokenType

from archdsl.syntax.words import RESERVED, STATEMENTS

_NAME = r"[A-Za-z_]\w*"
_START = r"(?:^|(?<=[;{]))([ \t]*)"
_NO_BINDING = r"(?![ \t]*=(?!=))"
_DEFINITION = re.compile(
    rf"(?:^|;)[ \t]*(?:tied[ \t]+)?({_NAME})[ \t]*(?:\((?:[^()]|\((?:[^()]|\([^()]*\))*\))*\))?"
    r"(?:\s+where\s[^:{}]*)?[ \t]*:",
    re.MULTILINE,
)
_KINDS = {
    **dict.fromkeys(RESERVED, Keyword),
    **dict.fromkeys(("and", "or", "not"), Operator.Word),
    **dict.fromkeys(("true", "false"), Keyword.Constant),
    "in": Name.Builtin.Pseudo,
}


class ArchLexer(RegexLexer):
    """The .arch language; a name is coloured by what it is: an operator, a definition, an argument, a stream."""

    name = "archdsl"
    aliases: ClassVar[list[str]] = ["arch", "archdsl"]
    filenames: ClassVar[list[str]] = ["*.arch"]
    mimetypes: ClassVar[list[str]] = ["text/x-arch"]
    flags = re.MULTILINE

    tokens: ClassVar = {
        "root": [
            (
                rf"{_START}(table)([ \t]+)({_NAME})([ \t]*)(\{{)",
                bygroups(Whitespace, Keyword, Whitespace, Name.Variable, Whitespace, Punctuation),
                "table",
            ),
            (
                rf"{_START}(net|variant)([ \t]+)({_NAME})",
                bygroups(Whitespace, Keyword.Declaration, Whitespace, Name.Class),
            ),
            (
                rf"{_START}(let|exit|tap|output)([ \t]+)({_NAME})",
                bygroups(Whitespace, Keyword, Whitespace, Name.Variable),
            ),
            (
                rf"{_START}({'|'.join(STATEMENTS)})\b{_NO_BINDING}",
                bygroups(Whitespace, Keyword),
            ),
            (
                rf"{_START}({_NAME})(?=[ \t]*(?:\[[^\]\n]*\])?[ \t]*=(?!=))",
                bygroups(Whitespace, Name.Variable),
            ),
            (r"\n", Whitespace),
            (r"[ \t\r\f\uFEFF]+", Whitespace),
            (r"#[^\n]*", Comment.Single),
            (r'("(?:[^"\\\n]|\\.)*")([ \t]+)(as)\b', bygroups(String, Whitespace, Keyword)),
            (r'"(?:[^"\\\n]|\\.)*"', String),
            (r"(?<=[ \t)}\]])x(?=[ \t]+[0-9]|[ \t]*\()|×", Operator.Word),
            (r"[0-9]+(?:x[0-9]+)+", Number.Integer),
            (r"[0-9]+(?:\.[0-9]+(?:[eE][+-]?[0-9]+)?|[eE][+-]?[0-9]+)", Number.Float),
            (r"[0-9]+", Number.Integer),
            (
                rf"(for)([ \t]+)({_NAME})([ \t]+)(in)\b",
                bygroups(Keyword, Whitespace, Name.Variable, Whitespace, Keyword),
            ),
            *((rf"{word}\b", kind) for word, kind in _KINDS.items()),
            (rf"{_NAME}(?=[ \t]*=(?!=))", Name.Attribute),
            (rf"(?<=[^.]\.){_NAME}", Name.Property),
            (_NAME, Name),
            (r"->|\.\.|\*\*|//|==|!=|<=|>=|[-+*/%|<>=]", Operator),
            (r"[()\[\]{},:;.]", Punctuation),
        ],
        "table": [
            (r"\s+", Whitespace),
            (r"#[^\n]*", Comment.Single),
            (r"[Xx.]", Number),
            (r"[/;]", Punctuation),
            (r"\}", Punctuation, "#pop"),
        ],
    }

    def get_tokens_unprocessed(
        self, text: str, stack: Iterable[str] = ("root",)
    ) -> Iterator[tuple[int, _TokenType, str]]:
        defined = {*structures(), *_DEFINITION.findall(text)}
        for place, kind, value in super().get_tokens_unprocessed(text, stack):
            if kind is not Name:
                yield place, kind, value
            elif value in defined:
                yield place, Name.Function, value
            else:
                yield place, Name.Builtin if value in builtins() else Name, value


@cache
def builtins() -> frozenset[str]:
    """The operators of the catalogue, and the functions of expressions."""
    from archdsl.graph.functions import FUNCTIONS
    from archdsl.ops import catalogue

    return frozenset({*catalogue(), *FUNCTIONS})


@cache
def structures() -> tuple[str, ...]:
    """The definitions of the standard library."""
    texts = [path.read_text("utf-8") for path in (Path(__file__).parent / "std").glob("*.arch")]
    return tuple(sorted(name for text in texts for name in _DEFINITION.findall(text)))
