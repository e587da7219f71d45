"""The small print of the house style: tokens, brackets, lists and expressions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from archdsl.syntax.doc import (
    Align,
    Doc,
    Glued,
    Group,
    Hang,
    Hard,
    Line,
    Nest,
    aside,
    concat,
    is_forced,
    join,
    spaced,
    wrap,
)
from archdsl.syntax.grid import grid
from archdsl.syntax.remarks import Remarks

if TYPE_CHECKING:
    from lark import Token
    from lark import Tree as Parsed

    Part = Token | Parsed[Token]

INDENT = 2

_SHORT = 40
"""Lists, calls and sums up to this length are not broken."""


class Phrases:
    """Makes documents of the parts of statements, by rules of the grammar; those within a rule are there before it."""

    def __init__(self, remarks: Remarks) -> None:
        self.remarks = remarks
        self._docs: dict[int, Doc] = {}
        self._starts: dict[int, int] = {}
        self._cells: dict[int, list[str]] = {}
        self._comments: dict[int, Sequence[Doc]] = {}
        self._tight: set[int] = set()
        self._has_comments = bool(remarks.before or remarks.after)

    # Parts -----------------------------------------------------------------------------------------------------------

    def _doc(self, part: Part) -> Doc:
        return self._token(part) if isinstance(part, str) else self._docs[id(part)]

    def _token(self, token: Token, text: str | None = None) -> Doc:
        """A token with its comments."""
        shown: str = token.value if text is None else text
        if not self._has_comments:
            return shown
        before, after = self._before(token), self._after(token)
        return concat(*before, shown, *after) if before or after else shown

    def _binding(self, token: Part, end: str) -> Doc:
        assert isinstance(token, str)
        return self._token(token, token.rstrip("= \t") + end)

    def _before(self, token: Token) -> Sequence[Doc]:
        return self.remarks.before.pop(token.start_pos or 0, ())

    def _after(self, token: Token) -> Sequence[Doc]:
        remark = self.remarks.after.pop(token.end_pos or 0, None)
        return () if remark is None else (remark,)

    def _place(self, part: Part) -> int:
        start = part.start_pos if isinstance(part, str) else self._starts.get(id(part))
        return -1 if start is None else start

    def _starts_line(self, part: Part) -> bool:
        return self.remarks.starts_line(self._place(part))

    def _joined(self, node: Parsed[Token]) -> Doc:
        return join(*map(self._doc, node.children))

    def _words(self, node: Parsed[Token]) -> Doc:
        return spaced(map(self._doc, node.children))

    _documentation = _use = _set = _tied = _expect = _require = _condition = _if = _for = _words

    def _bracket(
        self, opener: Token, content: Doc, closer: Token, *, is_open: bool = False, pad: str = "", comma: bool = False
    ) -> Doc:
        """A bracket whose content stands on lines of its own if the author says so, or if it does not fit."""
        end = (Glued(",", broken=True),) if comma else ()
        before = self._before(opener)
        inner = concat(self._token(opener), Nest(INDENT, concat(Line(pad), content, *end, *self._before(closer))))
        is_open = is_open or self.remarks.ends_line(opener.end_pos or 0) or is_forced(inner)
        if isinstance(content, str) and len(content) <= _SHORT and not is_open:
            return join(*before, f"{opener}{pad}{content}{pad}", self._token(closer))
        return join(*before, Group(Hang(concat(inner, Line(pad), self._token(closer))), is_open))

    def _enclosed(self, opener: Token, content: Doc, closer: Token) -> Doc:
        """A bracket that hugs its content."""
        inner = join(self._token(opener), content, *self._before(closer))
        end = self._token(closer)
        return join(inner, end) if isinstance(inner, str) else Hang(concat(Nest(INDENT, inner), end))

    def _items(self, parts: Sequence[Part], docs: Sequence[Doc] = (), *, keep_lines: bool) -> Doc:
        """What stands between commas; a line takes as many as fit, and author's line ends stay if ``keep_lines``."""
        items = [part for part in parts if not isinstance(part, str)]
        commas = [part for part in parts if isinstance(part, str)]
        shown = list(docs) or [self._doc(item) for item in items]
        if all(isinstance(doc, str) for doc in shown) and not keep_lines:
            whole = ", ".join(map(str, shown))
            if len(whole) <= _SHORT and not any(comma.end_pos in self.remarks.after for comma in commas):
                return whole
        content: list[Doc] = [shown[0]]
        for comma, item, doc in zip(commas, items[1:], shown[1:], strict=False):
            content += [Glued(","), *self._after(comma)]
            is_hard = is_forced(doc) or (keep_lines and self._starts_line(item))
            content += [Hard(), doc] if is_hard else [wrap(doc)]
        if len(commas) == len(items):
            content += self._after(commas[-1])
        return concat(*content)

    def _listed(self, children: Sequence[Part], docs: Sequence[Doc] = ()) -> Doc:
        """Items in brackets, with a comma behind the last if they stand on lines of their own."""
        opener, parts, closer = bracketed(children)
        if not parts:
            return self._enclosed(opener, "", closer)
        keep_lines = self.remarks.ends_line(opener.end_pos or 0)
        return self._bracket(opener, self._items(parts, docs, keep_lines=keep_lines), closer, comma=True)

    # Expressions -----------------------------------------------------------------------------------------------------

    def _in_brackets(self, parts: Sequence[Part]) -> Doc:
        if len(parts) == 1:
            return self._doc(parts[0])
        opener, (content,), closer = bracketed(parts)
        return self._enclosed(opener, self._doc(content), closer)

    def _atom(self, node: Parsed[Token]) -> Doc:
        return self._in_brackets(node.children)

    _subscript = _atom

    def _stride(self, node: Parsed[Token]) -> Doc:
        slash, *value = node.children
        return join(self._doc(slash), self._in_brackets(value))

    def _keyword(self, node: Parsed[Token]) -> Doc:
        name, *value = node.children
        return join(self._binding(name, "="), self._in_brackets(value))

    def _index(self, node: Parsed[Token]) -> Doc:
        value, *index = node.children
        return join(self._doc(value), self._in_brackets(index))

    _select = _index

    def _unary(self, node: Parsed[Token]) -> Doc:
        operator, operand = node.children
        gap = " " if operator == "not" else ""
        return join(self._doc(operator), gap, self._doc(operand))

    def _binary(self, node: Parsed[Token]) -> Doc:
        left, operator, right = map(self._doc, node.children)
        if id(node) in self._tight:
            return join(left, operator, right)
        whole = join(left, " ", operator, " ", right)
        if isinstance(whole, str) and len(whole) <= _SHORT:
            return whole
        return concat(left, " ", operator, Nest(2 * INDENT, aside(right)))

    def _conditional(self, node: Parsed[Token]) -> Doc:
        *head, otherwise = map(self._doc, node.children)
        whole = spaced([*head, otherwise])
        if isinstance(whole, str) and len(whole) <= _SHORT:
            return whole
        return concat(spaced(head), Nest(2 * INDENT, aside(otherwise)))

    def _call(self, node: Parsed[Token]) -> Doc:
        return self._arguments(node.children)

    def _arguments(self, children: Sequence[Part]) -> Doc:
        """Arguments in parentheses: aligned behind the opener unless the author leaves it open."""
        opener, parts, closer = bracketed(children)
        if not parts:
            return self._enclosed(opener, "", closer)
        if self.remarks.ends_line(opener.end_pos or 0):
            return self._listed(children)
        items = self._items(parts, keep_lines=False)
        if is_forced(items) or (closer.start_pos or 0) in self.remarks.before:
            return self._bracket(opener, items, closer, comma=True)
        opened, closed = self._token(opener), self._token(closer)
        return join(opened, items if isinstance(items, str) else Align(items), closed)

    def _function_call(self, node: Parsed[Token]) -> Doc:
        name, *call = node.children
        return join(self._doc(name), self._arguments(call))

    def _list(self, node: Parsed[Token]) -> Doc:
        opener = node.children[0]
        assert isinstance(opener, str)
        before = self._before(opener)
        doc = self._listed(node.children, self._grid(node))
        items = [self._doc(part) for part in node.children if not isinstance(part, str)]
        if isinstance(doc, str):
            self._cells[id(node)] = [item for item in items if isinstance(item, str)]
            self._comments[id(node)] = before
        return join(*before, doc)

    def _entry(self, node: Parsed[Token]) -> Doc:
        key, colon, value = node.children
        shown, cells = self._doc(key), self._cells.get(id(value))
        if isinstance(shown, str) and cells is not None and not self._comments.get(id(value)):
            self._cells[id(node)] = [f"{shown}:", *cells]
        return join(shown, self._doc(colon), " ", self._doc(value))

    def _table(self, node: Parsed[Token]) -> Doc:
        return self._listed(node.children, self._grid(node))

    def _grid(self, node: Parsed[Token]) -> list[Doc]:
        """The rows of a list or a table of lists with their columns aligned, if each has a line of its own."""
        rows = [part for part in node.children if not isinstance(part, str)]
        cells = [self._cells.get(id(row), []) for row in rows]
        if not all(map(self._starts_line, rows)):
            return []
        texts = grid(cells, has_keys=node.data == "table")
        return [join(*self._comments.get(id(row), ()), text) for row, text in zip(rows, texts, strict=False)]


def bracketed(parts: Sequence[Part]) -> tuple[Token, list[Part], Token]:
    """An opener, what stands between, and the closer."""
    opener, *between, closer = parts
    assert isinstance(opener, str)
    assert isinstance(closer, str)
    return opener, between, closer
