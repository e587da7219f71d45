"""The lexer: Lark's contextual one, without a regular expression to compile for each state of the parser."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from lark.exceptions import UnexpectedCharacters
from lark.lexer import AbstractBasicLexer, BasicLexer, ContextualLexer

if TYPE_CHECKING:
    from lark import Token
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
            self.lexers[state] = shared.setdefault(id(lexer), _StateLexer(self.root_lexer, lexer))


class _StateLexer(AbstractBasicLexer):
    """Asks the lexer of all tokens first, and the lexer of one state's tokens only if that finds another one.

    Both try their tokens in the same order, so what is first among all is first among a part of them.
    """

    def __init__(self, root: AbstractBasicLexer, own: BasicLexer) -> None:
        self._root = root
        self._own = own
        self._accepted = frozenset(terminal.name for terminal in own.terminals)

    def next_token(self, lex_state: LexerState, parser_state: ParserState[Any] | None = None) -> Token:
        """Take the next token off the text."""
        counter, last, place = lex_state.line_ctr, lex_state.last_token, lex_state.line_ctr.char_pos
        try:
            token = self._root.next_token(lex_state, parser_state)
        except UnexpectedCharacters:
            pass
        else:
            if token.type in self._accepted:
                return token
        counter.char_pos, lex_state.last_token = place, last
        return self._own.next_token(lex_state, parser_state)
