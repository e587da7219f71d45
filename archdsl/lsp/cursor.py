"""What is being written at a place, told from the words before it: the text around it need not be parseable."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal

from archdsl.lsp.lexis import RESERVED, Lexeme, Word

Mode = Literal["pipeline", "expression", "arguments"]
Wanted = Literal["statement", "element", "argument", "value", "expression", "member", "operator", "path", "nothing"]

_CLOSERS = {")": "(", "]": "[", "}": "{"}
_CONTINUING = frozenset({"->", "|", ",", "=", ":", "+", "-", "*", "/", "//", "%", "**", "..", ".", "("})
_OPTIONS = frozenset({"exit", "tap", "output", "input"})


@dataclass(frozen=True, slots=True)
class Cursor:
    """What a word at a place can be.

    Parameters
    ----------
    wanted
        ``statement``: the beginning of one; ``element`` of a pipeline; ``argument``: a keyword of ``callee``, or
        a value for it; ``value`` of the argument ``keyword``; ``expression``; ``member`` of ``subject``;
        ``operator``: the name behind ``set``; ``path`` of a file; ``nothing`` that can be told.
    start
        Where the word begins that is being written.
    callee
        The dotted name of what arguments are given to, and where its last part stands.
    given
        Names of the arguments that are there already.
    bare
        How many values stand before without a keyword.
    """

    wanted: Wanted
    start: int
    callee: str = ""
    callee_place: int = -1
    keyword: str = ""
    subject: str = ""
    subject_place: int = -1
    given: tuple[str, ...] = ()
    bare: int = 0
    is_inside_call: bool = False


@dataclass(slots=True)
class _Frame:
    """A bracket that is open, and the words since the last separator in it."""

    mode: Mode
    opener: str
    callee: str = ""
    callee_place: int = -1
    words: list[Word] = field(default_factory=list)
    before: list[Word] = field(default_factory=list)
    """In a call: the words of the arguments that are complete."""
    is_statement: bool = True


def cursor(words: Sequence[Word], offset: int) -> Cursor:
    """What is being written at ``offset``."""
    before = [word for word in words if word.start < offset]
    last = before[-1] if before else None
    if last is not None and last.kind is Lexeme.COMMENT:
        return Cursor("nothing", offset)
    if last is not None and last.kind is Lexeme.STRING and _is_open(last, offset):
        is_path = len(before) > 1 and before[-2].text == "use"
        return Cursor("path" if is_path else "nothing", last.start + 1)
    start = offset
    if last is not None and last.kind in {Lexeme.NAME, Lexeme.NUMBER} and last.end >= offset:
        start = last.start
        before.pop()
        if last.kind is Lexeme.NUMBER:
            return _described(_frames(before), start, is_number=True)
    return _described(_frames(before), start)


def _is_open(word: Word, offset: int) -> bool:
    closed = len(word.text) > 1 and word.text.endswith('"')
    return offset < word.end or not closed


# The words before ------------------------------------------------------------------------------------------------


def _frames(words: Sequence[Word]) -> list[_Frame]:
    """The brackets that are open behind the words, outermost first; the first is the file."""
    frames = [_Frame("pipeline", "")]
    for number, word in enumerate(words):
        top = frames[-1]
        if word.kind is Lexeme.COMMENT:
            continue
        if word.kind is Lexeme.LINE:
            _end_line(top, words[number + 1 :][:1])
        elif word.text in "([{" and word.kind is Lexeme.SIGN:
            frames.append(_opened(top, word))
        elif word.text in _CLOSERS and word.kind is Lexeme.SIGN:
            _close(frames, word)
        else:
            _take(top, word)
    return frames


def _end_line(top: _Frame, following: Sequence[Word]) -> None:
    """A line end separates statements, unless the line goes on."""
    goes_on = bool(top.words) and top.words[-1].text in _CONTINUING
    is_continued = bool(following) and following[0].text in {"->", "|", ")", "]"}
    if top.opener in {"", "{"} and not goes_on and not is_continued:
        _restart(top, is_statement=True)


def _restart(top: _Frame, *, is_statement: bool) -> None:
    top.words.clear()
    top.mode = "pipeline" if top.mode != "arguments" else top.mode
    top.is_statement = is_statement


def _opened(top: _Frame, word: Word) -> _Frame:
    words = top.words
    if word.text == "[":
        return _Frame("expression", "[")
    if word.text == "{":
        is_table = top.mode != "pipeline" or (bool(words) and words[0].text == "let")
        return _Frame("expression" if is_table else "pipeline", "{")
    last = words[-1] if words else None
    if last is not None and last.kind is Lexeme.NAME and last.text not in RESERVED:
        name, place = _dotted(words)
        if not (last.text == "x" and len(words) > 1 and words[-2].text not in {"."}):
            return _Frame("arguments", "(", name, place, is_statement=top.is_statement and len(words) == 1)
    is_group = top.mode == "pipeline" and (last is None or last.text in {"->", "|", "=", ":"})
    is_value = last is not None and last.text == "=" and not _is_assignment(top)
    return _Frame("pipeline" if is_group and not is_value else "expression", "(", is_statement=False)


def _close(frames: list[_Frame], word: Word) -> None:
    """Close a bracket; one that closes nothing is passed over, and takes inner ones that were left open with it."""
    openers = [frame.opener for frame in frames]
    if _CLOSERS[word.text] not in openers:
        return
    while frames[-1].opener != _CLOSERS[word.text]:
        frames.pop()
    closed = frames.pop()
    frames[-1].words.append(Word(Lexeme.SIGN, closed.opener + word.text, word.start, word.end))


def _take(top: _Frame, word: Word) -> None:
    """Add a word to what the separator before it has begun."""
    text = word.text
    if top.mode == "arguments" and text == ",":
        top.before += [*top.words, word]
        top.words.clear()
    elif text == ";":
        _restart(top, is_statement=True)
    elif top.mode == "pipeline" and _separates(top, text):
        _restart(top, is_statement=False)
    else:
        top.words.append(word)
        if top.mode == "pipeline" and text == "=" and _is_assignment(top):
            _restart(top, is_statement=False)


def _separates(top: _Frame, text: str) -> bool:
    """Whether a sign ends an element, or the head of a definition."""
    return text in {"->", "|"} or (text == ":" and not _begins(top, "input"))


def _begins(top: _Frame, *statements: str) -> bool:
    """Whether the words are those of a statement of some kind, behind its first word."""
    words = top.words
    return top.is_statement and len(words) > 1 and words[0].text in statements and words[1].text != "="


def _is_assignment(top: _Frame) -> bool:
    """Whether the last word, ``=``, binds a step or an output rather than giving an argument."""
    words = top.words
    if not top.is_statement or not words or words[-1].text != "=":
        return False
    named = [word.text for word in words[:-1]]
    return len(named) == 1 or named[1:] == ["[]"] or (named[:1] == ["output"] and len(named) == 2)


def _dotted(words: Sequence[Word]) -> tuple[str, int]:
    """The name at the end of the words with what stands before its dots, and where its last part is."""
    parts = [words[-1].text]
    index = len(words) - 2
    while index > 0 and words[index].text == "." and words[index - 1].kind is Lexeme.NAME:
        parts.append(words[index - 1].text)
        index -= 2
    return ".".join(reversed(parts)), words[-1].start


# What may follow ---------------------------------------------------------------------------------------------------


def _described(frames: Sequence[_Frame], start: int, *, is_number: bool = False) -> Cursor:
    top = frames[-1]
    words = top.words
    if words and words[-1].text == ".":
        name, place = _dotted(words[:-1]) if len(words) > 1 else ("", -1)
        return Cursor("member", start, subject=name, subject_place=place)
    if top.mode == "arguments":
        return _in_call(top, start)
    if top.mode == "expression":
        return Cursor("nothing" if is_number else "expression", start)
    return _in_pipeline(top, start, is_number=is_number)


def _in_call(top: _Frame, start: int) -> Cursor:
    words, done = top.words, top.before
    given = tuple(one.text for one, two in pairwise(done) if two.text == "=")
    groups = sum(word.text == "," for word in done)
    place = {"callee": top.callee, "callee_place": top.callee_place, "given": given, "bare": groups - len(given)}
    if len(words) > 1 and words[1].text == "=":
        wanted: Wanted = "value" if len(words) == 2 else "expression"
        return Cursor(wanted, start, keyword=words[0].text, is_inside_call=True, **place)  # type: ignore[arg-type]
    wanted = "argument" if not words else "expression"
    return Cursor(wanted, start, is_inside_call=True, **place)  # type: ignore[arg-type]


def _in_pipeline(top: _Frame, start: int, *, is_number: bool) -> Cursor:
    words = top.words
    if not words:
        if is_number:
            return Cursor("nothing", start)
        return Cursor("statement" if top.is_statement else "element", start)
    special = _in_statement(top, start)
    if special is not None:
        return special
    if all(word.kind is Lexeme.NUMBER for word in words):  # the kernel before an operator
        return Cursor("element", start)
    return _in_step(words, start)


def _in_statement(top: _Frame, start: int) -> Cursor | None:
    words, first = top.words, top.words[0].text
    if not top.is_statement or (len(words) > 1 and words[1].text in {"=", "()"}):
        return None
    if first in {"let", "require", "expect"}:
        is_named = first != "let" or "=" in (word.text for word in words)
        return Cursor("expression" if is_named else "nothing", start)
    if first == "set" and len(words) == 1:
        return Cursor("operator", start)
    if first == "set":
        return _in_step(words[1:], start)
    if first in _OPTIONS and len(words) > 1:
        return _in_step([words[0], *words[2:]], start)
    is_other = first in {"net", "variant", "use", "title", "paper", "note", "table", "tied", *_OPTIONS}
    return Cursor("nothing", start) if is_other and len(words) == 1 and first != "tied" else None


def _in_step(words: Sequence[Word], start: int) -> Cursor:
    """Behind the name of a step: its keywords, or the value of one."""
    if words[0].text in {"if", "for"}:
        return Cursor("expression", start)
    first = next((index for index, word in enumerate(words) if word.kind is Lexeme.NAME), None)
    if first is None:
        return Cursor("nothing", start)
    stop = first + 1
    while stop + 1 < len(words) and words[stop].text == "." and words[stop + 1].kind is Lexeme.NAME:
        stop += 2
    name, place = _dotted(words[:stop])
    rest = words[stop:]
    given = tuple(one.text for one, two in pairwise(rest) if two.text == "=")
    if rest and rest[-1].text == "=" and len(rest) > 1:
        keyword = rest[-2].text
        return Cursor("value", start, name, place, keyword, given=given[:-1])
    if rest and rest[-1].text in {"/", "*"}:
        return Cursor("expression", start, name, place)
    bare = int(bool(rest) and rest[0].text != "=" and rest[0].text != "/" and (len(rest) < 2 or rest[1].text != "="))
    return Cursor("argument", start, name, place, given=given, bare=bare)
