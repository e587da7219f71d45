"""The house style: how each rule of ``arch.lark`` is laid out.

Spaces, indentation and columns are settled here. Where a line ends is mostly for the author to say: a bracket that is
followed by a line end stays open over several lines, an arrow that begins a line keeps doing so, and statements joined
by ``;`` stay joined. What does not fit is broken anyhow.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from archdsl.syntax.doc import (
    Doc,
    Group,
    Hang,
    Hard,
    Line,
    Margin,
    Nest,
    Tab,
    concat,
    is_forced,
    is_tall,
    join,
    spaced,
    wrap,
)
from archdsl.syntax.operators import tight_products
from archdsl.syntax.phrases import INDENT, Phrases, bracketed
from archdsl.syntax.remarks import Remarks

if TYPE_CHECKING:
    from lark import Token
    from lark import Tree as Parsed

    Part = Token | Parsed[Token]

WIDTH = 120
"""Columns of a line."""


_NO_ARROW = "none"


@dataclass(frozen=True, slots=True)
class _Row:
    """A pipeline on one line whose arrows may stand in a column with its neighbours'.

    ``kind`` tells which arrow, and with whom: the one behind a step with a kernel; the one in front of it; the one
    behind a step without, with others of its name; or none, as there is no arrow.
    """

    kind: str
    tab: Tab


class Style(Phrases):
    """Makes a document of the tokens of a file.

    Attributes
    ----------
    columns
        Tabs of neighbouring lines that are to be aligned.
    """

    def __init__(self, remarks: Remarks) -> None:
        super().__init__(remarks)
        self.columns: list[list[Tab]] = []
        self._rows: dict[int, _Row] = {}

    def file(self, root: Parsed[Token]) -> Doc:
        """The document of a whole file; built bottom up and without recursion, however deep it nests."""
        order = []
        pending = [root]
        while pending:
            node = pending.pop()
            order.append(node)
            pending.extend(child for child in node.children if not isinstance(child, str))
        self._tight = tight_products(order)
        for node in reversed(order):
            if node.children:
                first = node.children[0]
                start = first.start_pos if isinstance(first, str) else self._starts.get(id(first))
                self._starts[id(node)] = start or 0
            method: Callable[[Parsed[Token]], Doc] = getattr(self, f"_{node.data}", self._joined)
            self._docs[id(node)] = method(node)
        return self._docs[id(root)]

    # Statements ------------------------------------------------------------------------------------------------------

    def _start(self, node: Parsed[Token]) -> Doc:
        return concat(*self._sequence(node.children), *self.remarks.before.pop(len(self.remarks.text), ()))

    def _sequence(self, parts: Sequence[Part]) -> list[Doc]:
        """Statements on lines of their own, but those that the author joined by ``;``."""
        runs: list[list[Parsed[Token]]] = []
        is_joined = False
        for part in parts:
            if isinstance(part, str):
                is_joined = bool(runs) and part.type == "_SEMICOLON" and not {"\n", "#"} & set(part)
            elif is_joined:
                runs[-1].append(part)
            else:
                runs.append([part])
        self._find_columns(runs)
        docs: list[Doc] = []
        for run in runs:
            if docs:
                docs.append(Hard(self._place(run[0]) in self.remarks.spaced))
            docs.append(self._run([self._doc(statement) for statement in run]))
        return docs

    def _run(self, docs: Sequence[Doc]) -> Doc:
        if len(docs) == 1:
            return docs[0]
        line: Doc = Hard() if any(map(is_tall, docs)) else Line("; ")
        return Group(concat(docs[0], *(part for doc in docs[1:] for part in (line, doc))), any(map(is_tall, docs)))

    def _find_columns(self, runs: Sequence[Sequence[Parsed[Token]]]) -> None:
        rows: list[_Row] = []
        for run in runs:
            row = self._row(run)
            is_new = self._place(run[0]) in self.remarks.spaced or is_tall(self._doc(run[0]))
            if row is None or is_new or len({row.kind, *(other.kind for other in rows)} - {_NO_ARROW}) > 1:
                self._add_column(rows)
                rows = []
            if row is not None:
                rows.append(row)
        self._add_column(rows)

    def _row(self, run: Sequence[Parsed[Token]]) -> _Row | None:
        if len(run) > 1 or run[0].data != "flow":
            return None
        return self._rows.get(id(run[0].children[0]))

    def _add_column(self, rows: list[_Row]) -> None:
        split = [number for number, row in enumerate(rows) if row.kind != _NO_ARROW]
        if len(split) > 1:
            self.columns.append([row.tab for row in rows[split[0] : split[-1] + 1]])

    def _block(self, node: Parsed[Token]) -> Doc:
        opener, statements, closer = bracketed(node.children)
        docs = self._sequence(statements)
        if not docs:
            return self._enclosed(opener, "", closer)
        return self._bracket(opener, join(*docs), closer, is_open=any(map(is_tall, docs)), pad=" ")

    def _net(self, node: Parsed[Token]) -> Doc:
        keyword, name, *call = map(self._doc, node.children)
        return join(keyword, " ", name, *call)

    _variant = _net

    def _input(self, node: Parsed[Token]) -> Doc:
        keyword, *parts = node.children
        colon = next((number for number, part in enumerate(parts) if part == ":"), -1)
        name = [join(*map(self._doc, parts[: colon + 1]))] if colon >= 0 else []
        return spaced([self._doc(keyword), *name, *map(self._doc, parts[colon + 1 :])])

    def _definition(self, node: Parsed[Token]) -> Doc:
        *head, colon, pipeline = node.children
        condition = [part for part in head if not isinstance(part, str) and part.data == "condition"]
        name = join(*(self._doc(part) for part in head if part not in condition))
        start = concat(spaced([name, *map(self._doc, condition)]), self._doc(colon))
        gap: Doc = Hard() if self._starts_line(pipeline) else " "
        return concat(start, Nest(INDENT, concat(gap, self._doc(pipeline))))

    def _let(self, node: Parsed[Token]) -> Doc:
        *head, value = node.children
        shown = [self._binding(part, " =") if _is_binding(part) else self._doc(part) for part in head]
        return spaced([*shown, Nest(INDENT, self._doc(value))])

    _output = _assign = _let

    def _flow(self, node: Parsed[Token]) -> Doc:
        doc = self._doc(node.children[0])
        return doc if isinstance(doc, str) else Nest(INDENT, doc)

    def _branch(self, node: Parsed[Token]) -> Doc:
        kind, name, *rest = node.children
        subscript = [part for part in rest if not isinstance(part, str) and part.data == "subscript"]
        others = [self._doc(part) for part in rest if part not in subscript]
        return spaced([self._doc(kind), join(self._doc(name), *map(self._doc, subscript)), *others])

    def _links(self, node: Parsed[Token]) -> Doc:
        keyword, name, *body = node.children
        opener, parts, closer = bracketed(body)
        tokens = [part for part in parts if isinstance(part, str) and part.type == "LINKS"]
        rows = [self._token(token, " ".join("".join(token.split()).upper())) for token in tokens]
        is_open = any(map(self._starts_line, tokens))
        line: Doc = Hard() if is_open else Line(" / ")
        content = concat(rows[0], *(part for row in rows[1:] for part in (line, row)))
        table = self._bracket(opener, content, closer, is_open=is_open, pad=" ")
        return spaced([self._doc(keyword), self._doc(name), table])

    # Pipelines -------------------------------------------------------------------------------------------------------

    def _pipeline(self, node: Parsed[Token]) -> Doc:
        elements, arrows = node.children[::2], node.children[1::2]
        tab = Tab()
        split, kind = self._split(elements)
        content: list[Doc] = [self._doc(elements[0])]
        for number, (arrow, element) in enumerate(zip(arrows, elements[1:], strict=True), 1):
            if number == split:
                content.append(tab)
            is_hard = self._starts_line(arrow) or self._starts_line(element)
            link = concat(self._doc(arrow), " ", self._doc(element))
            content += [Hard(), link] if is_hard else [wrap(link)]
        if not arrows and split:
            content.append(tab)
        doc = concat(*content)
        if split and not doc.tall:
            self._rows[id(node)] = _Row(kind if arrows else _NO_ARROW, tab)
        return doc if arrows or split else content[0]

    def _split(self, elements: Sequence[Part]) -> tuple[int, str]:
        """At which arrow a pipeline may be aligned, counted from 1, and with which others; 0 if there is none."""
        if name := _name_of(elements[0]):
            kernel = next((number for number, part in enumerate(elements) if _has_kernel(part)), 0)
            if kernel and all(_is(part, "step") for part in elements[:kernel]):
                return kernel, "in front of a kernel"
            return 1, "behind a kernel" if _has_kernel(elements[0]) else f"behind {name}"
        return 0, ""

    def _step(self, node: Parsed[Token]) -> Doc:
        parts = list(node.children)
        head = [self._doc(parts.pop(0))] if isinstance(parts[0], str) else []
        name = self._doc(parts.pop(0))
        if parts and _is(parts[0], "call"):
            name = join(name, self._doc(parts.pop(0)))
        rest = [self._doc(part) for part in parts]
        stride = next((number for number, part in enumerate(parts) if _is(part, "stride")), None)
        if stride is not None and not any(map(is_tall, rest)):
            rest.insert(_place_of_stride(parts), rest.pop(stride))
        return spaced([*head, name, *rest])

    def _group(self, node: Parsed[Token]) -> Doc:
        opener, (first, *parts), closer = bracketed(node.children)
        bars, branches = parts[::2], parts[1::2]
        if not bars:
            return self._bracket(opener, self._doc(first), closer)
        before = self._before(opener)
        inner = [self._token(opener), Nest(2 * INDENT, concat(Line(""), self._doc(first)))]
        for bar, branch in zip(bars, branches, strict=True):
            assert isinstance(bar, str)
            doc = self._doc(branch)
            inner.append(Nest(2 * INDENT, concat(*self._before(bar))))
            inner.append(Nest(INDENT, concat(Line(), Margin("| " if doc else "|"), Nest(INDENT, doc))))
        inner.append(Nest(INDENT, concat(*self._before(closer))))
        is_open = self.remarks.ends_line(opener.end_pos or 0) or any(map(is_forced, inner))
        is_open = is_open or any(map(self._starts_line, (*parts, closer)))
        return join(*before, Group(Hang(concat(*inner, Line(""), self._token(closer))), is_open))

    def _optional_pipeline(self, node: Parsed[Token]) -> Doc:
        return self._doc(node.children[0]) if node.children else ""

    def _group_for(self, node: Parsed[Token]) -> Doc:
        opener, parts, closer = bracketed(node.children)
        return self._bracket(opener, spaced(map(self._doc, parts)), closer)

    _comprehension = _group_for

    def _repeat(self, node: Parsed[Token]) -> Doc:
        element, times, *count = node.children
        assert isinstance(times, str)
        return spaced([self._doc(element), self._token(times, "x"), self._in_brackets(count)])


def _name_of(part: Part) -> str:
    """The name of a step, perhaps a repeated one."""
    while _is(part, "repeat"):
        assert not isinstance(part, str)
        part = part.children[0]
    if not _is(part, "step"):
        return ""
    assert not isinstance(part, str)
    name = part.children[1] if _has_kernel(part) else part.children[0]
    assert not isinstance(name, str)
    return "".join(map(str, name.children))


def _has_kernel(part: Part) -> bool:
    return not isinstance(part, str) and part.data == "step" and isinstance(part.children[0], str)


def _is_binding(part: Part) -> bool:
    return isinstance(part, str) and part.type == "BINDING"


def _place_of_stride(parts: Sequence[Part]) -> int:
    """How many of the parts behind the name of a step stand before its stride: a width, and a kernel by keyword."""
    others = [part for part in parts if not _is(part, "stride")]
    place = 0 if not others or _is(others[0], "keyword", "block") else 1
    if place < len(others) and _is(others[place], "keyword"):
        keyword = others[place]
        assert not isinstance(keyword, str)
        place += str(keyword.children[0]).rstrip("= \t") == "kernel"
    return place


def _is(part: Part, *rules: str) -> bool:
    return not isinstance(part, str) and part.data in rules
