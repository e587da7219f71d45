"""The lexer: Lark's contextual one, without a regular expression to compile for each state of the parser."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from lark.lexer import AbstractBasicLexer, BasicLexer, ContextualLexer, Token, UnlessCallback

if TYPE_CHECKING:
    from lark.common import LexerConf
    from lark.lexer import LexerState
    from lark.parsers.lalr_parser_state import ParserState


class Lexer(ContextualLexer):
    """Finds the same tokens as ``ContextualLexer``, and starts several times as fast.

    The parser has some forty sets of tokens that it accepts in one state or another. A regular expression for each
    takes longer to compile than most files take to read; one for all of them nearly always gives the same answer.
    """

    def __init__(
        self, conf: LexerConf, states: dict[int, Collection[str]], always_accept: Collection[str] = ()
    ) -> None:
        super().__init__(conf, states, always_accept)
        shared: dict[int, _StateLexer] = {}
        for state, lexer in self.lexers.items():
            assert isinstance(lexer, BasicLexer)
            assert isinstance(self.root_lexer, BasicLexer)
            self.lexers[state] = shared.setdefault(id(lexer), _StateLexer(self.root_lexer, lexer))


class _StateLexer(AbstractBasicLexer):
    """Looks for any token first, and for those of one state only if that is another one.

    Both try their tokens in the same order, so what is first among all is first among a part of them.
    """

    def __init__(self, root: BasicLexer, own: BasicLexer) -> None:
        self._root = root
        self._own = own
        self._accepted = frozenset(terminal.name for terminal in own.terminals)

    def next_token(self, lex_state: LexerState, parser_state: ParserState[Any] | None = None) -> Token:
        """Take the next token off the text."""
        text, counter = lex_state.text, lex_state.line_ctr
        scanner, ignored, accepted = self._root.scanner, self._root.ignore_types, self._accepted
        place = counter.char_pos
        while place < text.end:
            found = scanner.match(text, place)
            if found is None:
                break
            value, kind = found
            end = place + len(value)
            if kind in ignored:
                place = end
                continue
            keywords = self._root.callback.get(kind)
            if isinstance(keywords, UnlessCallback):
                kind = keywords.scanner.fullmatch(value) or kind
            if kind not in accepted:
                break
            counter.char_pos = end
            token = lex_state.last_token = _token(kind, value, place, end)
            return token
        return self._own.next_token(lex_state, parser_state)


def _token(kind: str, value: str, start: int, end: int) -> Token:
    """What ``Token(…)`` makes, sooner; lines and columns are nobody's concern."""
    token = str.__new__(Token, value)
    token.type, token.value, token.start_pos, token.end_pos = kind, value, start, end
    token.line = token.column = token.end_line = token.end_column = None
    return token
