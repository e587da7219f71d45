"""From text to tree: the one place where the grammar is loaded and run."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from archdsl.diagnostic import Diagnostic
from archdsl.source import Source, Span
from archdsl.syntax import tree
from archdsl.syntax.build import build

if TYPE_CHECKING:
    from lark import Lark, Token

_COMMENT = re.compile(r'"(?:[^"\\\n]|\\.)*"?|(#[^\n]*)')
_GOES_ON = frozenset(
    "_ARROW BAR COMMA LPAR LSQB LBRACE EQUAL BINDING COLON PLUS MINUS STAR SLASH SLASHES PERCENT POWER COMPARISON RANGE DOT"
    " AND OR NOT _ELSE _WHERE".split()
)


@dataclass(frozen=True, slots=True)
class Parsed:
    """A file's tree, and what is wrong with its text, in order of place."""

    file: tree.File
    diagnostics: tuple[Diagnostic, ...]


def parse(source: Source) -> Parsed:
    """Read a text; every statement that does not parse is a diagnostic and a ``Broken`` node."""
    statements, diagnostics = build(source, _lark().parse(source.text))  # type: ignore[arg-type]
    return Parsed(tree.File(statements, _comments(source), source), tuple(diagnostics))


def _comments(source: Source) -> tuple[tree.Comment, ...]:
    comments = []
    text = source.text
    for match in _COMMENT.finditer(text):
        if match.group(1) is None:
            continue
        start = match.start()
        own_line = not text[text.rfind("\n", 0, start) + 1 : start].strip()
        comments.append(tree.Comment(match.group(1), own_line, Span(source, start, match.end())))
    return tuple(comments)


class _Separators:
    """Drops a line end after a token that cannot end a statement; looks back only, as the lexer runs in step."""

    always_accept = ("_NEWLINE", "_SEMICOLON")

    def process(self, stream: Iterator[Token]) -> Iterator[Token]:
        last = ""
        for token in stream:
            if token.type == "_NEWLINE" and last in _GOES_ON or token.type == "_SEMICOLON" and last == "LBRACE":
                continue
            last = token.type
            yield token


@cache
def _lark() -> Lark:
    from lark import Lark

    grammar = files("archdsl.syntax").joinpath("arch.lark").read_text("utf-8")
    return Lark(
        grammar, parser="lalr", postlex=_Separators(), propagate_positions=True, maybe_placeholders=False,  # type: ignore[arg-type]
    )
