"""Which token of a text each comment belongs to, and where blank lines stand."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from archdsl.syntax import tree
from archdsl.syntax.doc import Remark

if TYPE_CHECKING:
    from lark import Token

_BLANK_LINE = re.compile(r"\n[ \t\r\f\uFEFF]*\n")
_CODE_LINE = re.compile(r"^[ \t\r\f\uFEFF]*(?=[^\s#])", re.MULTILINE)
_REST_OF_LINE = re.compile(r"[ \t\r\f\uFEFF]*(?:#[^\n]*)?\n")

_OPENERS = frozenset({"LPAR", "LSQB", "LBRACE"})
_CLOSERS = frozenset({"RPAR", "RSQB", "RBRACE"})
_JOINTS = frozenset({"ARROW", "BAR"})
"""The tokens that begin a line rather than end it, so that comments behind them move in front of them."""


@dataclass
class Remarks:
    """Comments and blank lines by the offsets of tokens.

    Parameters
    ----------
    before
        Comments on lines of their own, by the beginning of the token that follows; the file's last by its length.
    after
        Comments behind code, by the end of the token in front of them.
    spaced
        Beginnings of tokens that follow a blank line.
    """

    text: str
    before: dict[int, list[Remark]] = field(default_factory=dict)
    after: dict[int, Remark] = field(default_factory=dict)
    spaced: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._line_starts = frozenset(match.end() for match in _CODE_LINE.finditer(self.text))

    def starts_line(self, offset: int) -> bool:
        """Whether nothing stands before ``offset`` on its line."""
        return offset in self._line_starts

    def ends_line(self, offset: int) -> bool:
        """Whether nothing but a comment stands behind ``offset`` on its line."""
        return _REST_OF_LINE.match(self.text, offset) is not None


def attach(text: str, tokens: Sequence[Token], comments: Sequence[tree.Comment]) -> Remarks:
    """Give each comment to a token; both are in order of the text."""
    remarks = Remarks(text)
    number = 0
    for index in range(len(tokens) + 1):
        start = tokens[index].start_pos if index < len(tokens) else len(text)
        first = number
        while number < len(comments) and comments[number].span.start < start:  # type: ignore[operator]
            number += 1
        _Gap(remarks, tokens, index, start or 0).fill(comments[first:number])
    return remarks


@dataclass(frozen=True, slots=True)
class _Gap:
    """What stands between a token and the one before it."""

    remarks: Remarks
    tokens: Sequence[Token]
    index: int
    end: int

    def fill(self, comments: Sequence[tree.Comment]) -> None:
        """Tell whose the comments are."""
        place = self._end_of(self.index - 1)
        if not comments:
            if self._is_blank(place, self.end):
                self.remarks.spaced.add(self.end)
            return
        if not comments[0].own_line and self.index:
            self._put_behind(comments[0].text)
            place, comments = comments[0].span.end, comments[1:]
            if not comments and self._is_blank(place, self.end):
                self.remarks.spaced.add(self.end)
        owner = self._owner()
        for number, comment in enumerate(comments):
            blank_before = self._is_blank(place, comment.span.start) and not (number == 0 and self._follows_opener())
            place = comment.span.end
            is_last = number == len(comments) - 1
            blank_after = is_last and self._is_blank(place, self.end) and not self._is(self.index, _CLOSERS)
            remark = Remark(comment.text, True, blank_before, blank_after)
            self.remarks.before.setdefault(owner, []).append(remark)

    def _put_behind(self, text: str) -> None:
        """Keep a comment behind the token before the gap; behind the one before that if it is a joint, which moves."""
        index = self.index - 1
        if self._is(index, _JOINTS):
            joint = self.tokens[index].start_pos or 0
            index -= 1
            if self._is(index, _JOINTS) or self._end_of(index) in self.remarks.after or joint in self.remarks.before:
                self.remarks.before.setdefault(joint, []).append(Remark(text, True))
                return
        self.remarks.after[self._end_of(index)] = Remark(text, False)

    def _owner(self) -> int:
        if self._is(self.index - 1, _JOINTS):
            return self.tokens[self.index - 1].start_pos or 0
        return self.end

    def _follows_opener(self) -> bool:
        return self._is(self.index - 1, _OPENERS) or self.index == 0

    def _is(self, index: int, kinds: frozenset[str]) -> bool:
        return 0 <= index < len(self.tokens) and self.tokens[index].type in kinds

    def _end_of(self, index: int) -> int:
        return self.tokens[index].end_pos or 0 if index >= 0 else 0

    def _is_blank(self, start: int, end: int) -> bool:
        return _BLANK_LINE.search(self.remarks.text, start, end) is not None
