"""Where and how a parse failed, in words of the text rather than of the parser."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from archdsl.codes import SYNTAX, Code
from archdsl.diagnostic import Diagnostic, Edit, Fix, Label
from archdsl.source import Source, Span

CLOSERS = {"(": ")", "[": "]", "{": "}"}

_WORD = re.compile(
    r'"(?:[^"\\\n]|\\.)*"?|#[^\n]*|[0-9]+(?:x[0-9]+)+|[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|[A-Za-z_][A-Za-z0-9_]*'
    r"|->|=>|//|\*\*|\.\.|[=!<>]=|[^ \t\r\f\n\uFEFF]"
)
OPERAND = r"(?:[A-Za-z_][A-Za-z0-9_.]*(?:\[[^\[\]\n]*\])?|[0-9]+)"
"""A name or a whole number, perhaps of a list or a stream."""

_REACH = 2000
"""How far back the words before a mistake are read."""


class Word(NamedTuple):
    """A word, a number, a string or a sign of the text; empty where a line or the file ends."""

    text: str
    start: int

    @property
    def end(self) -> int:
        return self.start + len(self.text)

    @property
    def is_name(self) -> bool:
        return self.text.isidentifier()

    @property
    def is_number(self) -> bool:
        return self.text[:1].isdigit()

    @property
    def is_dims(self) -> bool:
        return self.is_number and "x" in self.text

    @property
    def is_value(self) -> bool:
        return self.is_name or self.is_number or self.text[:1] == '"'


NOTHING = Word("", -1)


@dataclass(frozen=True)
class Failure:
    """A place where the text does not go on as the grammar wants.

    Parameters
    ----------
    start, place
        Where the statement begins, and where it fails.
    expected
        The terminals that could have stood there.
    opener
        The innermost bracket that is open.
    """

    source: Source
    start: int
    place: int
    expected: frozenset[str]
    opener: Word | None

    @cached_property
    def found(self) -> Word:
        """The word that does not fit."""
        match = _WORD.match(self.source.text, self.place)
        return Word(match.group(), self.place) if match else Word("", self.place)

    @cached_property
    def before(self) -> tuple[Word, ...]:
        """The words of the statement up to the one that does not fit."""
        text = self.source.text
        start = self.start
        if self.place - start > _REACH:
            start = max(start, text.rfind("\n", 0, self.place) + 1, self.place - _REACH)
        found = _WORD.finditer(text, start, self.place)
        return tuple(Word(match.group(), match.start()) for match in found if not match.group().startswith("#"))

    def back(self, count: int) -> Word:
        """The word that many words before the one that does not fit."""
        return self.before[-count] if count <= len(self.before) else NOTHING

    @cached_property
    def step(self) -> tuple[Word, ...]:
        """The words of the step that fails, from its kernel or name on."""
        for index in reversed(range(len(self.before))):
            if self.before[index].text in {"->", "|", "(", "{", "}", ":", ";"}:
                return self.before[index + 1 :]
        is_named = len(self.before) > 1 and self.before[1].text == "="
        return self.before[2:] if is_named else self.before

    @property
    def rest(self) -> str:
        """The rest of the line, from the word that does not fit."""
        end = self.source.text.find("\n", self.place)
        return self.source.text[self.place : end if end >= 0 else None]

    @property
    def is_at_end(self) -> bool:
        """Whether the file ends here."""
        return self.place >= len(self.source.text)

    @property
    def is_in_value(self) -> bool:
        """Whether a round or square bracket is open here."""
        return self.opener is not None and self.opener.text != "{"

    def span(self, start: int, end: int) -> Span:
        return Span(self.source, start, end)

    def label(self, word: Word, message: str) -> Label:
        return Label(self.span(word.start, word.end), message)

    def replace(self, title: str, start: int, end: int, text: str, *, safe: bool = True) -> Fix:
        """The fix that puts ``text`` in one place."""
        return Fix(title, (Edit(self.span(start, end), text),), safe)

    def report(
        self,
        message: str,
        hint: str,
        *fixes: Fix,
        at: tuple[int, int] | None = None,
        labels: tuple[Label, ...] = (),
        code: Code = SYNTAX,
    ) -> Diagnostic:
        """A diagnostic, at the word that does not fit unless told otherwise."""
        start, end = at or (self.found.start, self.found.end)
        return Diagnostic(code, message, self.span(start, end), labels=labels, hint=hint, fixes=fixes)
