"""A small pretty printer: documents that say where lines may break, and a layout that decides where they do.

A document is a string, or one of the types below. Layout is greedy and linear: a group stays on its line if it and what
must stand beside it fit, else its own breaks become line ends, and the groups within decide for themselves.

References
----------
Wadler: A prettier printer, in The Fun of Programming, 2003. Lindig: Strictly pretty, 2000.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class Line:
    """A line end if the group around it breaks, else ``flat``; one ``aside`` does not change how brackets hang."""

    flat: str = " "
    aside: bool = False


@dataclass(frozen=True, slots=True)
class Hard:
    """A line end always; ``blank`` leaves a line empty."""

    blank: bool = False


@dataclass(frozen=True, slots=True)
class Glued:
    """Text that stands before the comment that ends its line, if there is one; ``broken``: in groups that break."""

    text: str
    broken: bool = False


@dataclass(frozen=True, slots=True)
class Margin:
    """Text at the beginning of a line that counts as its indentation, such as the ``|`` of a branch."""

    text: str


@dataclass(frozen=True, slots=True)
class Remark:
    """A comment: on a line of its own, with a blank line before and after it if so, or at the end of its line."""

    text: str
    own_line: bool
    blank_before: bool = False
    blank_after: bool = False


class Tab:
    """A place whose column is aligned with that of others once all lines are known."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Nest:
    """Lines that begin in ``content`` are indented by so much more."""

    amount: int
    content: Doc


@dataclass(frozen=True, slots=True)
class Hang:
    """Lines that begin in ``content`` are indented like the line on which it begins, one begun aside not counted."""

    content: Doc


@dataclass(frozen=True, slots=True)
class Align:
    """Lines that begin in ``content`` are indented up to where it begins."""

    content: Doc


@dataclass(frozen=True, slots=True)
class Group:
    """Breaks all of its lines or none; an ``open`` one always."""

    content: Doc
    open: bool = False


@dataclass(frozen=True, slots=True)
class Concat:
    """One document after the other.

    ``forced``: a line end or a comment stands in it, outside of groups. ``tall``: it takes several lines for certain.
    """

    parts: tuple[Doc, ...]
    forced: bool
    tall: bool


Doc = str | Line | Hard | Glued | Margin | Remark | Tab | Nest | Hang | Align | Group | Concat


_INDENTED = (Nest, Hang, Align)
_LINE_ENDS = (Hard, Remark)


def concat(*parts: Doc) -> Concat:
    """Documents in a row."""
    composed = [part for part in parts if type(part) is not str]
    return Concat(parts, any(map(is_forced, composed)), any(map(is_tall, composed)))


def is_forced(doc: Doc) -> bool:
    """Whether the group directly around a document has to break."""
    while isinstance(doc, _INDENTED):
        doc = doc.content
    return doc.forced if isinstance(doc, Concat) else isinstance(doc, _LINE_ENDS)


def is_tall(doc: Doc) -> bool:
    """Whether a document takes more than one line, whatever the width."""
    while isinstance(doc, _INDENTED):
        doc = doc.content
    if isinstance(doc, Group):
        return doc.open or is_tall(doc.content)
    return doc.tall if isinstance(doc, Concat) else isinstance(doc, _LINE_ENDS)


def join(*docs: Doc) -> Doc:
    """Documents in a row; strings make a string."""
    if len(docs) == 1:
        return docs[0]
    for doc in docs:
        if type(doc) is not str:
            return concat(*docs)
    return "".join(docs)  # type: ignore[arg-type]


def spaced(docs: Iterable[Doc]) -> Doc:
    """Documents with a space between them."""
    parts: list[Doc] = []
    for doc in docs:
        parts += [" ", doc] if parts else [doc]
    return join(*parts)


def wrap(*content: Doc) -> Group:
    """A break that is taken only if what follows it, up to the next break, does not fit."""
    return Group(concat(Line(), *content))


def aside(*content: Doc) -> Group:
    """A break like that of ``wrap`` in the midst of a head: what opens behind it hangs as if it had not been taken."""
    return Group(concat(Line(aside=True), *content))


@dataclass(slots=True)
class Row:
    """A line as it was laid out: its text, the comment behind it, and the tabs in it."""

    text: str
    comment: str | None


@dataclass(frozen=True, slots=True)
class Place:
    """Where a tab came to stand."""

    row: int
    column: int


def layout(doc: Doc, width: int, columns: Sequence[Sequence[Tab]] = ()) -> str:
    """Lay a document out as text.

    Parameters
    ----------
    width
        Length of a line, comments behind it aside.
    columns
        Tabs to align with one another; they are left as they are if their lines do not follow one another, or if one
        would get too long.
    """
    printer = _Printer(width)
    printer.run(doc)
    for tabs in columns:
        _align(printer.rows, [printer.tabs[tab] for tab in tabs], width)
    _align_comments(printer.rows)
    return "".join(f"{row.text if row.comment is None else row.text + row.comment}\n" for row in printer.rows)


def _align(rows: list[Row], places: Sequence[Place], width: int) -> None:
    target = max(place.column for place in places)
    if any(second.row != first.row + 1 for first, second in pairwise(places)):
        return
    if any(len(rows[place.row].text) + target - place.column > width for place in places):
        return
    for place in places:
        text = rows[place.row].text
        if place.column < len(text):
            rows[place.row].text = text[: place.column] + " " * (target - place.column) + text[place.column :]


def _align_comments(rows: list[Row]) -> None:
    """Let comments behind neighbouring lines begin in one column, two behind the longest."""
    start = 0
    while start < len(rows):
        end = start
        while end < len(rows) and rows[end].comment is not None:
            end += 1
        longest = max((len(row.text) for row in rows[start:end]), default=0)
        for row in rows[start:end]:
            row.comment = " " * (longest + 2 - len(row.text)) + str(row.comment)
        start = end + 1


class _Task(NamedTuple):
    """A document to print, with the indentation of lines that begin in it, and whether breaks are line ends."""

    indent: int
    breaks: bool
    doc: Doc


class _Printer:
    def __init__(self, width: int) -> None:
        self.width = width
        self.rows: list[Row] = []
        self.tabs: dict[Tab, Place] = {}
        self.parts: list[str] = []
        self.column = 0
        self.line_indent = self.anchor = 0
        self.comment: str | None = None

    def run(self, doc: Doc) -> None:
        """Lay out a document into rows."""
        tasks = [_Task(0, True, doc)]
        while tasks:
            task = tasks.pop()
            match task.doc:
                case str(text):
                    self._write(text, task.indent)
                case Concat(parts=parts):
                    tasks.extend(_Task(task.indent, task.breaks, part) for part in reversed(parts))
                case Nest(amount=amount, content=content):
                    tasks.append(_Task(task.indent + amount, task.breaks, content))
                case Group(content=content, open=is_open):
                    breaks = is_open or (task.breaks and not self._fits(_Task(task.indent, False, content), tasks))
                    tasks.append(_Task(task.indent, breaks, content))
                case Hang(content=content):
                    tasks.append(_Task(self.anchor, task.breaks, content))
                case Align(content=content):
                    tasks.append(_Task(self.column, task.breaks, content))
                case _:
                    self._leaf(task)
        self._end(0)

    def _leaf(self, task: _Task) -> None:
        match task.doc:
            case Line(flat=flat, aside=aside):
                if task.breaks:
                    anchor = self.anchor
                    self._end(task.indent)
                    self.anchor = anchor if aside else self.anchor
                elif self.parts and flat and self.comment is None:
                    self._write(flat, task.indent)
            case Hard(blank=blank):
                self._end(task.indent, blank=blank)
            case Margin(text=text):
                self._write(text, task.indent)
                self.anchor = self.column
            case Glued(text=text, broken=broken):
                if task.breaks or not broken:
                    self.parts.append(text)
                    self.column += len(text)
            case Remark() as remark:
                self._remark(remark, task.indent)
            case Tab() as tab:
                self.tabs[tab] = Place(len(self.rows), self.column)

    def _write(self, text: str, indent: int) -> None:
        if text and self.comment is not None:  # nothing can follow a comment on its line
            self._end(indent)
            text = text.lstrip()
        if not text:
            return
        if not self.parts:
            self.parts.append(" " * self.line_indent)
        self.parts.append(text)
        self.column += len(text)

    def _remark(self, remark: Remark, indent: int) -> None:
        if not remark.own_line and self.parts and self.comment is None:
            self.comment = remark.text
            return
        self._end(indent if self.parts else self.line_indent, blank=remark.blank_before)
        self._write(remark.text, indent)
        self._end(self.line_indent, blank=remark.blank_after)

    def _end(self, indent: int, *, blank: bool = False) -> None:
        """End the line, if anything stands on it."""
        if self.parts:
            self.rows.append(Row("".join(self.parts).rstrip(), self.comment))
            self.parts, self.comment = [], None
        if blank and self.rows and self.rows[-1].text:
            self.rows.append(Row("", None))
        self.column = self.line_indent = self.anchor = indent

    def _fits(self, first: _Task, rest: Sequence[_Task]) -> bool:
        """Whether a document without breaks, and what follows up to the next break, fits in the line."""
        left = self.width - self.column
        tasks, following = [first], len(rest)
        while left >= 0:
            if not tasks:
                if not following:
                    return True
                following -= 1
                tasks.append(rest[following])
            task = tasks.pop()
            match task.doc:
                case Concat(parts=parts):
                    tasks.extend(_Task(0, task.breaks, part) for part in reversed(parts))
                case Nest(content=content) | Hang(content=content) | Align(content=content):
                    tasks.append(_Task(0, task.breaks, content))
                case Group(content=content, open=is_open):
                    tasks.append(_Task(0, task.breaks or is_open, content))
                case leaf:
                    if isinstance(leaf, _LINE_ENDS) or (isinstance(leaf, Line) and task.breaks):
                        return True
                    left -= _length(leaf, breaks=task.breaks)
        return False


def _length(leaf: Doc, *, breaks: bool) -> int:
    """Columns that a leaf takes on its line."""
    match leaf:
        case str(text) | Margin(text=text) | Line(flat=text):
            return len(text)
        case Glued(text=text, broken=broken):
            return len(text) if breaks or not broken else 0
    return 0
