"""The formatter: one canonical text for each tree.

Whatever it does, it keeps the tree, every comment, and its own output; each is checked on each text that it formats.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from archdsl.collector import paused
from archdsl.diagnostic import ArchError
from archdsl.source import Source
from archdsl.syntax import tree
from archdsl.syntax.doc import layout
from archdsl.syntax.parse import Parsed, parse_tokens
from archdsl.syntax.remarks import attach
from archdsl.syntax.style import WIDTH, Style

if TYPE_CHECKING:
    from lark import Token
    from lark import Tree as Branch

MAX_PASSES = 4
"""How often a text is formatted until it stays as it is; nearly all do at once."""


class LawBroken(Exception):
    """The formatter would have changed more than the looks of a text: a fault of its own, not of the text."""


@paused()
def format(text: str, name: str = "<text>") -> str:
    """A text in the house style: same tree, same comments, and formatting it again changes nothing.

    Raises
    ------
    ArchError
        The text has syntax errors.
    LawBroken
        The result would not be the same network with the same comments.

    Examples
    --------
    >>> format("input   3x32x32;3x3 conv 2 * 8/2->bn")
    'input 3x32x32; 3x3 conv 2*8 /2 -> bn\\n'
    """
    given = _read(Source(name, text.replace("\r\n", "\n").replace("\r", "\n")))
    if given.parsed.diagnostics or given.root is None:
        raise ArchError(given.parsed.diagnostics)
    current = given
    for _ in range(MAX_PASSES):
        styled = _styled(current)
        if styled == current.text:
            return styled
        current = _read(Source(name, styled))
        _require_same(given.parsed, current.parsed)
    raise LawBroken("formatting again would change the text again")


class _Read(NamedTuple):
    """A text with its tree and the tree of its tokens."""

    text: str
    parsed: Parsed
    root: Branch[Token] | None


def _read(source: Source) -> _Read:
    return _Read(source.text, *parse_tokens(source))


def _styled(read: _Read) -> str:
    assert read.root is not None
    remarks = attach(read.text, _tokens(read.root), read.parsed.file.comments)
    style = Style(remarks)
    return layout(style.file(read.root), WIDTH, style.columns)


def _tokens(root: Branch[Token]) -> list[Token]:
    """The tokens of a tree that are more than separators, in order of the text."""
    found = []
    pending: list[Token | Branch[Token]] = [root]
    while pending:
        part = pending.pop()
        if not isinstance(part, str):
            pending.extend(reversed(part.children))
        elif part.type not in {"_NEWLINE", "_SEMICOLON"}:
            found.append(part)
    return found


def _require_same(before: Parsed, after: Parsed) -> None:
    if after.diagnostics:
        raise LawBroken("the result would not parse")
    if not _are_equal(before.file.statements, after.file.statements):
        raise LawBroken("the result would mean something else")
    if [comment.text for comment in before.file.comments] != [comment.text for comment in after.file.comments]:
        raise LawBroken("the result would lack a comment, or have them in another order")


def _are_equal(first: object, second: object) -> bool:
    """Whether two trees differ in nothing but their places; without recursion, however deep they are."""
    pending = [(first, second)]
    while pending:
        one, other = pending.pop()
        if type(one) is not type(other):
            return False
        if isinstance(one, tuple) and isinstance(other, tuple):
            if len(one) != len(other):
                return False
            pending.extend(zip(one, other, strict=True))
        elif isinstance(one, tree.Tree) and isinstance(other, tree.Tree):
            pending.extend(zip(one.compared(), other.compared(), strict=True))
        elif one != other:
            return False
    return True
