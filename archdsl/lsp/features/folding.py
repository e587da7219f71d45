"""Which lines can be folded away."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from archdsl.lsp.document import Document
from archdsl.lsp.lexis import Lexeme

_CLOSERS = {")": "(", "]": "[", "}": "{"}


@dataclass(frozen=True, slots=True)
class Fold:
    """Lines from the first, which stays, to the last; lines count from 1."""

    first: int
    last: int
    kind: Literal["region", "comment"]


def folding(document: Document) -> tuple[Fold, ...]:
    """Brackets that span lines, and comments of several lines."""
    found = {*_brackets(document), *_comments(document)}
    return tuple(sorted(found, key=lambda fold: (fold.first, fold.last)))


def _brackets(document: Document) -> Iterator[Fold]:
    position = document.source.position
    stack: list[tuple[str, int]] = []
    for word in document.words:
        if word.kind is not Lexeme.SIGN:
            continue
        if word.text in "([{":
            stack.append((word.text, position(word.start).line))
        elif word.text in _CLOSERS and any(opener == _CLOSERS[word.text] for opener, _ in stack):
            while stack[-1][0] != _CLOSERS[word.text]:
                stack.pop()
            _, first = stack.pop()
            last = position(word.start).line - 1  # the closer stays
            if last > first:
                yield Fold(first, last, "region")


def _comments(document: Document) -> Iterator[Fold]:
    lines = [comment.span.line for comment in document.file.comments if comment.own_line]
    first = last = 0
    for line in (*lines, 0):
        if line == last + 1 and last:
            last = line
            continue
        if last > first:
            yield Fold(first, last, "comment")
        first = last = line
