"""The words of a text, whether or not it can be parsed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import StrEnum
from typing import NamedTuple

from archdsl.syntax.words import RESERVED as NEVER_NAMES


class Lexeme(StrEnum):
    """What kind of word it is."""

    COMMENT = "comment"
    STRING = "string"
    NUMBER = "number"
    NAME = "name"
    SIGN = "sign"
    LINE = "line"
    """A line end."""


class Word(NamedTuple):
    """A word and its place."""

    kind: Lexeme
    text: str
    start: int
    end: int


#: Words that are names nowhere; ``as`` may be one, but hardly ever is.
RESERVED = (*NEVER_NAMES, "as")

_WORD = re.compile(
    r"(?P<comment>#[^\n]*)"
    r'|(?P<string>"(?:[^"\\\n]|\\.)*"?)'
    r"|(?P<number>[0-9]+(?:x[0-9]+)+|[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)"
    r"|(?P<name>[A-Za-z_]\w*)"
    r"|(?P<line>\n)"
    r"|(?P<sign>->|\.\.|==|!=|<=|>=|\*\*|//|[^\s])"
)


def words(text: str) -> Iterator[Word]:
    """Every word of a text, in order; blanks are left out."""
    for match in _WORD.finditer(text):
        kind = match.lastgroup
        assert kind is not None
        yield Word(Lexeme(kind), match[0], match.start(), match.end())
