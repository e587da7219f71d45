"""What can be told of a text without its grammar: comments, depth of brackets, ends of statements."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

MAX_BRACKETS = 64
"""How deep brackets may nest."""

_OPENERS = {")": "(", "]": "[", "}": "{"}
_EVENT = re.compile(r'"(?:[^"\\\n]|\\.)*"?|#[^\n]*|[()\[\]{};\n]')
_BLANK = re.compile(r"(?:[ \t\r\f\n\uFEFF]|#[^\n]*)*+")
_CONTINUES = re.compile(r"->|[|)\]}]")
_OPEN_END = re.compile(r"(?:->|[|,(\[{=:+\-*/%<>.]|\b(?:and|or|not|else|where))$")


@dataclass(frozen=True, slots=True)
class Trivia:
    """Where the comments are, and whether the brackets of a text might nest too deeply."""

    comments: tuple[tuple[int, int], ...]
    is_suspect: bool


class _Event(NamedTuple):
    """A bracket, a ``;``, or a line end that separates statements."""

    char: str
    start: int


def trivia(text: str) -> Trivia:
    """Read comments and depth in one pass; an unclosed bracket counts to the end of the file here."""
    comments = []
    depth = deepest = 0
    for match in _EVENT.finditer(text):
        char = text[match.start()]
        if char == "#":
            comments.append(match.span())
        elif char in "([{":
            depth += 1
            deepest = max(deepest, depth)
        elif char in _OPENERS:
            depth -= depth > 0
    return Trivia(tuple(comments), deepest > MAX_BRACKETS)


def too_deep(text: str) -> int | None:
    """Where the first bracket stands that nests too deeply; one that its line leaves open ends there."""
    stack: list[str] = []
    for char, start in _events(text, 0):
        if char in "\n;":
            _end_line(stack)
            continue
        _nest(stack, char)
        if len(stack) > MAX_BRACKETS:
            return start
    return None


def blank_end(text: str, start: int) -> int:
    """Where white space and comments end."""
    match = _BLANK.match(text, start)
    assert match is not None
    return match.end()


def statement_end(text: str, start: int, reached: int, *, in_block: bool) -> int:
    """Where the statement that begins at ``start`` ends, at ``reached`` at the earliest.

    A round or square bracket that is left open ends with its line, unless the next line stands further in.
    """
    stack: list[str] = []
    for char, place in _events(text, start):
        if char in "\n;":
            if "{" in stack or place < reached or (char == "\n" and stack and stands_further_in(text, start, place)):
                continue
            return place
        if char == "}" and in_block and "{" not in stack and place >= reached:
            return place
        _nest(stack, char)
    return len(text)


def stands_further_in(text: str, start: int, line_end: int) -> bool:
    """Whether the line after ``line_end`` is indented more than the one that a statement starts on."""
    line_start = text.rfind("\n", 0, start) + 1
    following = blank_end(text, line_end)
    return following - (text.rfind("\n", 0, following) + 1) > blank_end(text, line_start) - line_start


def _events(text: str, start: int) -> Iterator[_Event]:
    place = line_start = start
    code_end: int | None = None
    while match := _EVENT.search(text, place):
        char, place = text[match.start()], match.end()
        if char == "#":
            code_end = match.start()
        elif char == "\n":
            code = text[line_start : match.start() if code_end is None else code_end].rstrip()
            line_start = place = blank_end(text, match.start())
            code_end = None
            if code and not _OPEN_END.search(code[-8:]) and not _CONTINUES.match(text, place):
                yield _Event(char, match.start())
        elif char != '"':
            yield _Event(char, match.start())


def _nest(stack: list[str], char: str) -> None:
    """Open or close a bracket; one that closes nothing is passed over."""
    opener = _OPENERS.get(char)
    if opener is None:
        stack.append(char)
        return
    reach = stack if char == "}" else _line_part(stack)
    if opener in reach:
        while stack.pop() != opener:
            pass


def _end_line(stack: list[str]) -> None:
    """Forget the round and square brackets that a line left open."""
    while stack and stack[-1] != "{":
        stack.pop()


def _line_part(stack: list[str]) -> list[str]:
    """The brackets inside the innermost brace."""
    if "{" not in stack:
        return stack
    return stack[len(stack) - stack[::-1].index("{") :]
