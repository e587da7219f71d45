"""From text to tree: the one place where the grammar is loaded and run."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archdsl.codes import TOO_DEEP
from archdsl.collector import paused
from archdsl.diagnostic import Diagnostic
from archdsl.source import Source, Span
from archdsl.syntax import tree
from archdsl.syntax.build import build
from archdsl.syntax.scan import MAX_BRACKETS, blank_end, statement_end, too_deep, trivia

if TYPE_CHECKING:
    from lark import Lark, Token
    from lark import Tree as Branch
    from lark.exceptions import UnexpectedInput
    from lark.parsers.lalr_interactive_parser import InteractiveParser
    from lark.parsers.lalr_parser_state import ParserState

GRAMMAR = files("archdsl.syntax").joinpath("arch.lark")

MAX_DIAGNOSTICS = 50
"""How many mistakes of one file are explained."""

_MAX_KEPT = 50_000
"""Longer texts are not kept: their trees take much room."""

_OPENERS = frozenset({"LPAR", "LSQB", "LBRACE"})
_CLOSERS = frozenset({"RPAR", "RSQB", "RBRACE"})
_OPEN_ENDS = frozenset(
    {
        *(
            "ARROW",
            "BAR",
            "COMMA",
            "LPAR",
            "LSQB",
            "LBRACE",
            "EQUAL",
            "BINDING",
            "COLON",
            "DOT",
            "RANGE",
            "PLUS",
            "MINUS",
        ),
        *("STAR", "SLASH", "SLASHES", "PERCENT", "POWER", "COMPARISON", "AND", "OR", "NOT", "_ELSE", "_WHERE"),
    }
)
"""The tokens after which a line goes on."""


@dataclass(frozen=True, slots=True)
class Parsed:
    """A file's tree, and what is wrong with its text, in order of place."""

    file: tree.File
    diagnostics: tuple[Diagnostic, ...]


def parse(source: Source) -> Parsed:
    """Read a text; a statement that does not parse is a diagnostic and a ``Broken`` node. Never raises.

    Examples
    --------
    >>> parse(Source("net.arch", "input 3x32x32; relu")).file.statements[1].pipeline.elements[0].name
    'relu'
    """
    return parse_tokens(source)[0]


def parse_tokens(source: Source) -> tuple[Parsed, Branch[Token] | None]:
    """Read a text, and keep the tree of its tokens; there is none if the text nests too deeply to be read.

    What has just been read is read no second time: a text is formatted after it was checked, say. Nobody may change it.
    """
    return _parse_again(source) if len(source.text) <= _MAX_KEPT else _parse(source)


@paused()
def _parse(source: Source) -> tuple[Parsed, Branch[Token] | None]:
    scanned = trivia(source.text)
    comments = tuple(_comment(source, start, end) for start, end in scanned.comments)
    if scanned.is_suspect and (place := too_deep(source.text)) is not None:
        return Parsed(tree.File((), comments, source), (_nests_too_deep(source, place),)), None
    run = _Run(source)
    root = run.parse()
    statements, unfit = build(source, root)
    diagnostics = sorted(run.diagnostics + unfit, key=lambda diagnostic: diagnostic.span.start)
    return Parsed(tree.File(statements, comments, source), tuple(diagnostics[:MAX_DIAGNOSTICS])), root


_parse_again = lru_cache(maxsize=4)(_parse)


def _comment(source: Source, start: int, end: int) -> tree.Comment:
    line_start = source.text.rfind("\n", 0, start) + 1
    own_line = not source.text[line_start:start].strip()
    text = source.text[start:end].rstrip()
    return tree.Comment(text, own_line, Span(source, start, start + len(text)))


def _nests_too_deep(source: Source, place: int) -> Diagnostic:
    message = f"brackets nest more than {MAX_BRACKETS} deep here"
    return Diagnostic(TOO_DEEP, message, Span(source, place, place + 1), hint="give the inner parts names of their own")


class _Run:
    """One parse, which drops each statement that has a mistake and goes on after it."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.diagnostics: list[Diagnostic] = []
        self.end = len(source.text)

    def parse(self) -> Branch[Token]:
        from lark.exceptions import UnexpectedInput

        parser = load_grammar().parse_interactive(self.source.text)
        ended = False
        while True:
            try:
                return parser.resume_parse()  # type: ignore[no-any-return, no-untyped-call]
            except UnexpectedInput as error:
                parser, place = error.interactive_parser, self._place(error)
            if not ended:
                self.diagnostics.append(self._explain(parser, place))
            ended = place == self.end or len(self.diagnostics) == MAX_DIAGNOSTICS
            if ended:
                self._close(parser)
            else:
                self._skip(parser, place)

    def _place(self, error: UnexpectedInput) -> int:
        token: Token | None = getattr(error, "token", None)
        if token is None:
            return error.pos_in_stream  # type: ignore[return-value]
        return self.end if token.type == "$END" else token.start_pos  # type: ignore[return-value]

    def _explain(self, parser: InteractiveParser, place: int) -> Diagnostic:
        # Most files have no mistakes, and those that explain them take a while to load.
        from archdsl.syntax.failure import Failure, Word
        from archdsl.syntax.mistakes import explain

        state = parser.parser_state
        brackets = _open_brackets(state)
        opener = Word(brackets[-1].value, brackets[-1].start_pos or 0) if brackets else None
        start = self._statement_start(state.value_stack[: _restart(state)])
        return explain(Failure(self.source, start, place, _accepted(parser), opener))

    def _skip(self, parser: InteractiveParser, place: int) -> None:
        """Put ``BROKEN`` in place of the statement that has the mistake, and set the lexer behind it."""
        start = self._unwind(parser)
        in_block = bool(_open_brackets(parser.parser_state))
        end = statement_end(self.source.text, start, place, in_block=in_block)
        if end <= start:  # the grammar separates statements as the scan does, but a parser never hangs
            end = start + 1
        parser.feed_token(self._token("BROKEN", start, end))
        _set_lexer(parser, end)

    def _close(self, parser: InteractiveParser) -> None:
        """Read no further: close every open block, and drop statements that do not end."""
        from lark.exceptions import UnexpectedToken

        _set_lexer(parser, self.end)
        code_end = len(self.source.text.rstrip())
        while any(token.type == "LBRACE" for token in _open_brackets(parser.parser_state)):
            try:
                parser.feed_token(self._token("RBRACE", code_end, code_end))
            except UnexpectedToken:
                parser.feed_token(self._token("BROKEN", self._unwind(parser), self.end))
        if "$END" not in _accepted(parser):
            parser.feed_token(self._token("BROKEN", self._unwind(parser), self.end))

    def _unwind(self, parser: InteractiveParser) -> int:
        """Take the broken statement off the stacks; where it began."""
        state = parser.parser_state
        restart = _restart(state)
        del state.state_stack[restart + 1 :]
        del state.value_stack[restart:]
        return self._statement_start(state.value_stack)

    def _statement_start(self, before: list[Any]) -> int:
        """Where the statement begins that follows an opener, a separator, or nothing."""
        if not before:
            return blank_end(self.source.text, 0)
        last: Any = before[-1]
        last = last.children[-1] if hasattr(last, "children") else last
        return blank_end(self.source.text, last.end_pos)

    def _token(self, kind: str, start: int, end: int) -> Token:
        from lark import Token

        text = self.source.text[start:end].rstrip()
        return Token(kind, text, start_pos=start, end_pos=start + len(text))


def _accepted(parser: InteractiveParser) -> frozenset[str]:
    """The terminals that can stand here."""
    return frozenset(parser.accepts())  # type: ignore[no-untyped-call]


def _set_lexer(parser: InteractiveParser, place: int) -> None:
    """Let the lexer go on at ``place``; its line numbers are nobody's concern."""
    lexer = parser.lexer_thread.state
    assert lexer is not None
    lexer.line_ctr.char_pos = place


def _open_brackets(state: ParserState[Any]) -> list[Token]:
    """The brackets that are open, outermost first; a closer at the very end is not reduced yet."""
    brackets: list[Token] = []
    for value in state.value_stack:
        kind = getattr(value, "type", None)
        if kind in _OPENERS:
            brackets.append(value)
        elif kind in _CLOSERS:
            brackets.pop()
    return brackets


def _restart(state: ParserState[Any]) -> int:
    """How many values lie on the stack below the innermost statement that has begun and not ended."""
    states, values = state.parse_conf.states, state.value_stack
    depth = len(values)
    if depth and getattr(values[-1], "type", None) == "RBRACE":  # a block that is closed, but not reduced yet
        depth = max(i for i, value in enumerate(values) if getattr(value, "type", None) == "LBRACE")
    while "BROKEN" not in states[state.state_stack[depth]]:
        depth -= 1
    return depth


# Loading the grammar -------------------------------------------------------------------------------------------------


class _Separators:
    """Drops a line end after a token that cannot end a statement; looks back only, as the lexer runs in step."""

    always_accept = ("_NEWLINE", "_SEMICOLON")

    def process(self, stream: Iterator[Token]) -> Iterator[Token]:
        last = ""
        for token in stream:
            if (token.type == "_NEWLINE" and last in _OPEN_ENDS) or (token.type == "_SEMICOLON" and last == "LBRACE"):
                continue
            last = token.type
            yield token


@cache
def load_grammar() -> Lark:
    """The parser of the language, built or loaded when first needed."""
    grammar = GRAMMAR.read_text("utf-8")
    path = _cache_path(grammar)
    return build_parser(grammar, cache=str(path) if path else False)


def build_parser(grammar: str, *, cache: str | bool = False, strict: bool = False) -> Lark:
    """Make a parser of a grammar; ``strict`` looks for conflicts, which needs ``interegular``."""
    from lark import Lark

    from archdsl.syntax.automaton import Parser
    from archdsl.syntax.lexer import Lexer

    return Lark(
        grammar,
        parser="lalr",
        postlex=_Separators(),
        keep_all_tokens=True,
        maybe_placeholders=False,
        cache=cache,
        strict=strict,
        _plugins={"ContextualLexer": Lexer, "LALR_Parser": Parser},
    )


def _cache_path(grammar: str) -> Path | None:
    """Where the built parser is kept; None if there is no place to write. Lark itself passes over a broken cache."""
    from lark import __version__

    key = sha256(f"{grammar}\0{__version__}\0{sys.version}".encode()).hexdigest()[:16]
    try:
        folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "archdsl"
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, RuntimeError):
        return None
    return folder / f"grammar-{key}.pickle"
