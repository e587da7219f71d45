"""What each word of a text is, for colours: told by the tree, and where that is broken by the words alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from archdsl.graph.functions import FUNCTIONS
from archdsl.lsp.document import Document
from archdsl.lsp.lexis import Lexeme, Word
from archdsl.lsp.meaning import Builtin, Meaning, Named, Operator, meaning
from archdsl.lsp.reading import is_keyword
from archdsl.ops import lookup
from archdsl.syntax.names import Binding, Kind


class Role(StrEnum):
    """The protocol's types of tokens that occur."""

    COMMENT = "comment"
    STRING = "string"
    NUMBER = "number"
    KEYWORD = "keyword"
    OPERATOR = "operator"
    FUNCTION = "function"
    CLASS = "class"
    METHOD = "method"
    VARIABLE = "variable"
    PARAMETER = "parameter"
    PROPERTY = "property"
    NAMESPACE = "namespace"
    ENUM_MEMBER = "enumMember"


#: The protocol's modifiers that occur.
DECLARATION, READONLY, DEFAULT_LIBRARY = "declaration", "readonly", "defaultLibrary"


@dataclass(frozen=True, slots=True)
class Token:
    """A word with its role."""

    start: int
    end: int
    role: Role
    modifiers: tuple[str, ...] = ()


_ROLES = {
    Kind.NETWORK: Role.CLASS,
    Kind.VARIANT: Role.ENUM_MEMBER,
    Kind.PARAMETER: Role.PARAMETER,
    Kind.LOOP: Role.PARAMETER,
    Kind.DEFINITION: Role.METHOD,
    Kind.FILE: Role.NAMESPACE,
}
_READONLY = frozenset({Kind.VALUE, Kind.TABLE, Kind.PARAMETER, Kind.LOOP})
_PLAIN = {Lexeme.COMMENT: Role.COMMENT, Lexeme.STRING: Role.STRING, Lexeme.NUMBER: Role.NUMBER}
_SIGNS = frozenset({*"|+-*/%<>×=:", "->", "..", "==", "!=", "<=", ">=", "**", "//"})


def tokens(document: Document) -> tuple[Token, ...]:
    """Every word that has a role, in order; none spans lines."""
    return tuple(_tokens(document))


def _tokens(document: Document) -> Iterator[Token]:
    named = {item.span.start: item for item in document.names.occurrences}
    words = document.words
    for index, word in enumerate(words):
        if word.kind in _PLAIN:
            yield Token(word.start, word.end, _PLAIN[word.kind])
        elif word.kind is Lexeme.SIGN and word.text in _SIGNS:
            yield Token(word.start, word.end, Role.OPERATOR)
        elif word.kind is Lexeme.NAME:
            occurrence = named.get(word.start)
            if occurrence is None or occurrence.name != word.text:
                yield _unnamed(words, index)
            elif isinstance(occurrence, Binding):
                yield _token(word, occurrence.kind, DECLARATION)
            else:
                yield _meant(word, meaning(document.module, occurrence), is_keyword=occurrence.role == "keyword")


def _token(word: Word, kind: Kind, *modifiers: str) -> Token:
    also = (READONLY,) if kind in _READONLY else ()
    return Token(word.start, word.end, _ROLES.get(kind, Role.VARIABLE), (*modifiers, *also))


def _meant(word: Word, meant: Meaning | None, *, is_keyword: bool) -> Token:
    if is_keyword:
        return Token(word.start, word.end, Role.PROPERTY)
    if isinstance(meant, Operator):
        return Token(word.start, word.end, Role.FUNCTION, (DEFAULT_LIBRARY,))
    if isinstance(meant, Named):
        return _token(word, meant.binding.kind, *((DEFAULT_LIBRARY,) if meant.module.is_library else ()))
    if isinstance(meant, Builtin):
        role = Role.FUNCTION if meant.kind == "function" else Role.PROPERTY
        return Token(word.start, word.end, role, (DEFAULT_LIBRARY,))
    return Token(word.start, word.end, Role.VARIABLE)


def _unnamed(words: Sequence[Word], index: int) -> Token:
    """A word of the language, or a name in a statement that cannot be parsed."""
    word = words[index]
    before = words[index - 1] if index else None
    is_first = before is None or before.kind is Lexeme.LINE or before.text in {";", "{"}
    is_followed_by_equals = index + 1 < len(words) and words[index + 1].text == "="
    if is_keyword(words, index):
        return Token(word.start, word.end, Role.KEYWORD)
    if is_followed_by_equals and not is_first:
        return Token(word.start, word.end, Role.PROPERTY)
    if lookup(word.text) is not None or word.text in FUNCTIONS:
        return Token(word.start, word.end, Role.FUNCTION, (DEFAULT_LIBRARY,))
    return Token(word.start, word.end, Role.VARIABLE)
