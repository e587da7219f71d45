"""Diagnostics as text for people and as JSON for machines."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from archdsl.codes import CATALOGUE, Code
from archdsl.diagnostic import Call, Diagnostic, Edit, Fix, near
from archdsl.source import Source, Span

_TAB = 4
_MAX_WIDTH = 140
_MAX_CALLS = 8
_ELLIPSIS = "…"

_RED, _YELLOW, _BLUE, _GREEN, _BOLD, _RESET = "\x1b[1;31m", "\x1b[1;33m", "\x1b[1;34m", "\x1b[32m", "\x1b[1m", "\x1b[0m"


def in_order(diagnostics: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    """Diagnostics by place: files in the order in which they first occur, then from top to bottom."""
    given = tuple(diagnostics)
    files = {source: number for number, source in enumerate(dict.fromkeys(d.span.source for d in given))}
    return tuple(sorted(given, key=lambda d: (files[d.span.source], d.span.start, not d.is_error)))


def render_text(diagnostics: Iterable[Diagnostic], *, colour: bool = False, limit: int = 50) -> str:
    """Diagnostics with the lines they speak of, carets under the place, and a closing line with counts.

    Parameters
    ----------
    colour
        Whether to use ANSI colours.
    limit
        At most so many are written out; all are counted.
    """
    ordered = in_order(diagnostics)
    paint = _Paint(colour)
    parts = ["\n".join(_lines(diagnostic, paint)) + "\n" for diagnostic in ordered[:limit]]
    if ordered:
        parts.append(counts(ordered) + (f" (the first {limit} are shown)" if len(ordered) > limit else ""))
    return "\n".join(parts)


def counts(diagnostics: Sequence[Diagnostic]) -> str:
    """How many errors and warnings there are: ``2 errors, 1 warning``."""
    errors = sum(diagnostic.is_error for diagnostic in diagnostics)
    warnings = len(diagnostics) - errors
    said = [_plural(number, word) for number, word in ((errors, "error"), (warnings, "warning")) if number]
    return ", ".join(said) or "no errors"


def render_json(diagnostics: Iterable[Diagnostic]) -> str:
    """Diagnostics as a JSON document; lines and columns count from 1, offsets from 0, in code points."""
    ordered = in_order(diagnostics)
    errors = sum(diagnostic.is_error for diagnostic in ordered)
    document = {
        "version": 1,
        "errors": errors,
        "warnings": len(ordered) - errors,
        "diagnostics": [_record(diagnostic) for diagnostic in ordered],
    }
    return json.dumps(document, indent=2, ensure_ascii=False)


def _plural(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


# JSON --------------------------------------------------------------------------------------------------------------


def _record(diagnostic: Diagnostic) -> dict[str, object]:
    return {
        "code": diagnostic.code.id,
        "title": diagnostic.code.title,
        "severity": diagnostic.severity.value,
        "message": diagnostic.message,
        **_place(diagnostic.span),
        "labels": [{"message": label.message, **_place(label.span)} for label in diagnostic.labels],
        "hint": diagnostic.hint,
        "fixes": [
            {
                "title": fix.title,
                "safe": fix.safe,
                "edits": [{"replacement": edit.replacement, **_place(edit.span)} for edit in fix.edits],
            }
            for fix in diagnostic.fixes
        ],
        "calls": [{"name": call.name, **_place(call.span)} for call in diagnostic.calls],
    }


def _place(span: Span) -> dict[str, object]:
    first, last = span.first, span.last
    return {
        "file": span.source.name,
        "start": {"line": first.line, "column": first.column, "offset": span.start},
        "end": {"line": last.line, "column": last.column, "offset": span.end},
    }


# Text --------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Paint:
    """Wraps texts in ANSI colours, or leaves them as they are."""

    on: bool

    def __call__(self, style: str, text: str) -> str:
        return f"{style}{text}{_RESET}" if self.on and text else text


@dataclass(frozen=True, slots=True)
class _Mark:
    """A place to underline, with what to say about it."""

    span: Span
    message: str
    is_primary: bool


def _lines(diagnostic: Diagnostic, paint: _Paint) -> Iterator[str]:
    style = _RED if diagnostic.is_error else _YELLOW
    head = paint(style, f"{diagnostic.severity.value}[{diagnostic.code}]")
    yield head + paint(_BOLD, f": {printable(diagnostic.message)}")
    marks = [_Mark(diagnostic.span, "", True)]
    marks += [_Mark(label.span, printable(label.message), False) for label in diagnostic.labels]
    gutter = max(len(str(mark.span.line)) for mark in marks)
    sources = list(dict.fromkeys(mark.span.source for mark in marks))
    for source in sources:
        yield from _snippet([mark for mark in marks if mark.span.source is source], gutter, style, paint)
    for call in _middle_left_out(diagnostic.calls):
        yield _note(gutter, "in", call, paint)
    if diagnostic.hint:
        yield _note(gutter, "help:", printable(diagnostic.hint), paint)
    for fix in diagnostic.fixes:
        yield _note(gutter, "fix:", printable(fix.title), paint)
        yield from _mended(fix, gutter, paint)


def _note(gutter: int, keyword: str, text: str, paint: _Paint) -> str:
    return f"{' ' * gutter} {paint(_BLUE, '=')} {paint(_BOLD, keyword)} {text}"


def _middle_left_out(calls: Sequence[Call]) -> Iterator[str]:
    """The stack of calls, innermost first; of a deep one its two ends."""
    lines = [f"`{printable(call.name)}`, called at {printable(str(call.span))}" for call in reversed(calls)]
    runs = [(line, len(list(equal))) for line, equal in groupby(lines)]
    said = [line if times == 1 else f"{line}, {times} times over" for line, times in runs]
    if len(said) <= _MAX_CALLS:
        yield from said
        return
    half = _MAX_CALLS // 2
    yield from said[:half]
    yield f"{_ELLIPSIS} {len(said) - 2 * half} more calls {_ELLIPSIS}"
    yield from said[-half:]


def _snippet(marks: list[_Mark], gutter: int, style: str, paint: _Paint) -> Iterator[str]:
    """The lines of one file that the marks lie on, each followed by its marks."""
    arrow = "-->" if marks[0].is_primary else ":::"
    source = marks[0].span.source
    if not source.text:  # what could not be read has a name but no places
        yield f"{' ' * gutter}{paint(_BLUE, arrow)} {printable(source.name)}"
        return
    yield f"{' ' * gutter}{paint(_BLUE, arrow)} {printable(str(marks[0].span))}"
    bar = f"{' ' * gutter} {paint(_BLUE, '|')}"
    yield bar
    previous = None
    for number, on_line in groupby(sorted(marks, key=lambda mark: mark.span.start), key=lambda mark: mark.span.line):
        if previous is not None and number > previous + 1:
            yield paint(_BLUE, "...")
        previous = number
        shown = None
        for mark in on_line:
            excerpt = _Excerpt.around(source, number, mark.span)
            if excerpt.text != shown:
                yield f"{paint(_BLUE, f'{number:>{gutter}} |')} {excerpt.text}".rstrip()
                shown = excerpt.text
            underline = ("^" if mark.is_primary else "-") * excerpt.width
            said = f"{underline} {mark.message}".rstrip()
            yield f"{bar} {' ' * excerpt.indent}{paint(style if mark.is_primary else _BLUE, said)}"


def _mended(fix: Fix, gutter: int, paint: _Paint) -> Iterator[str]:
    """The line as it would be; a fix that spans lines shows by its title alone."""
    numbers = {edit.span.first.line for edit in fix.edits} | {edit.span.last.line for edit in fix.edits}
    sources = {edit.span.source for edit in fix.edits}
    if len(numbers) != 1 or len(sources) != 1 or any("\n" in edit.replacement for edit in fix.edits):
        return
    number, source = numbers.pop(), sources.pop()
    text = _expanded(_edited(source, number, fix.edits)).strip()
    if len(text) <= _MAX_WIDTH:
        yield f"{paint(_BLUE, f'{number:>{gutter}} |')} {paint(_GREEN, text)}"


def _edited(source: Source, number: int, edits: Iterable[Edit]) -> str:
    line, start = source.line(number), source.line_starts[number - 1]
    for edit in sorted(edits, key=lambda edit: edit.span.start, reverse=True):
        line = line[: edit.span.start - start] + edit.replacement + line[edit.span.end - start :]
    return line


@dataclass(frozen=True, slots=True)
class _Excerpt:
    """A line as it is shown, or what matters of a long one, and where on the screen its mark lies."""

    text: str
    indent: int
    width: int

    @classmethod
    def around(cls, source: Source, number: int, span: Span) -> _Excerpt:
        """The excerpt of line ``number`` that shows the beginning of ``span``."""
        line, offset = source.line(number), source.line_starts[number - 1]
        start = span.start - offset
        end = max(start, min(span.end - offset, len(line)))
        lead = tail = ""
        if len(line) > _MAX_WIDTH:
            cut = max(0, min(start - _MAX_WIDTH // 4, len(line) - _MAX_WIDTH))
            lead, tail = _ELLIPSIS * (cut > 0), _ELLIPSIS * (cut + _MAX_WIDTH < len(line))
            line, start, end = line[cut : cut + _MAX_WIDTH], start - cut, min(end - cut, _MAX_WIDTH)
        indent = _columns(_expanded(lead + line[:start]))
        marked = _columns(_expanded(lead + line[:end])) - indent
        return cls(lead + _expanded(line) + tail, indent, max(1, marked))


def printable(text: str) -> str:
    """Text that is safe on a terminal: control characters are shown as their pictures."""
    return text if text.isprintable() else "".join(map(_picture, text))


def _picture(char: str) -> str:
    if char.isprintable() or char == "\n":
        return char
    if ord(char) < 0x20:
        return chr(0x2400 + ord(char))
    return " " if char.isspace() else "\N{REPLACEMENT CHARACTER}"


def _expanded(line: str) -> str:
    """A line with its tabs as spaces, up to the next multiple of four columns."""
    parts = line.split("\t")
    text = printable(parts[0])
    for part in parts[1:]:
        text += " " * (_TAB - _columns(text) % _TAB) + printable(part)
    return text


def _columns(text: str) -> int:
    """Columns that a text takes on a screen: wide characters two, combining ones none."""
    return len(text) if text.isascii() else sum(map(_column_width, text))


def _column_width(char: str) -> int:
    if unicodedata.combining(char) or unicodedata.category(char) in {"Mn", "Me", "Cf"}:
        return 0
    return 2 if unicodedata.east_asian_width(char) in {"W", "F"} else 1


# Codes -------------------------------------------------------------------------------------------------------------


def explain(code: str, catalogue: Mapping[str, Code] = CATALOGUE) -> str:
    """What a code of a catalogue means, with an example of the mistake and of its mending.

    Raises
    ------
    ValueError
        There is no such code.
    """
    entry = catalogue.get(code.upper())
    if entry is None:
        meant = near(code.upper(), catalogue)
        raise ValueError(f"no diagnostic has the code {code!r}" + (f"; did you mean {meant}?" if meant else ""))
    parts = [f"{entry.id}: {entry.title}", entry.explanation]
    parts += [f"{title}:\n\n{_indented(example)}" for title, example in _examples(entry) if example]
    return "\n\n".join(parts) + "\n"


def _examples(entry: Code) -> tuple[tuple[str, str], ...]:
    return ("Instead of", entry.bad), ("write", entry.good)


def _indented(text: str) -> str:
    return "\n".join(f"    {line}".rstrip() for line in text.splitlines())
