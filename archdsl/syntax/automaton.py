"""The parser: Lark's, which climbs the ladder of expressions in one step rather than rung by rung.

A number becomes an ``expression`` by a dozen rules that only pass it on, one for each precedence. Where such a chain
ends depends on two states and the token that follows, so that it is looked up after the first time.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from lark.parse_tree_builder import ExpandSingleChild
from lark.parsers.lalr_analysis import Shift
from lark.parsers.lalr_parser import LALR_Parser
from lark.parsers.lalr_parser_state import ParserState

if TYPE_CHECKING:
    from lark import Token
    from lark.lexer import LexerThread
    from lark.parsers.lalr_interactive_parser import InteractiveParser
    from lark.parsers.lalr_parser_state import ParseConf


class Parser(LALR_Parser):
    """Does what ``LALR_Parser`` does, in half the time."""

    def parse_interactive(self, lexer: LexerThread, start: str) -> InteractiveParser:
        """Begin to read a text."""
        parser = super().parse_interactive(lexer, start)
        parser.parser_state = Stack(parser.parser_state.parse_conf, lexer, moves=self._moves)
        return parser  # type: ignore[no-any-return]

    @cached_property
    def _moves(self) -> Moves:
        return {}


class Move(NamedTuple):
    """What a token does to the stacks.

    Parameters
    ----------
    state
        What the topmost state becomes by rules that pass their only value on.
    target
        The state behind the token; None if values have to be put together first.
    size, symbol, callback
        How many values are put together, to what, and how.
    """

    state: int
    target: int | None = None
    size: int = 0
    symbol: str = ""
    callback: Callable[[list[Any]], Any] = list


#: Moves by the two topmost states and the kind of the token.
Moves: TypeAlias = dict[tuple[int, int, str], Move]


class Stack(ParserState[int]):
    """The states and values of one parse."""

    __slots__ = ("_moves",)

    def __init__(
        self,
        conf: ParseConf[int],
        lexer: LexerThread,
        states: Any = None,
        values: Any = None,
        moves: Moves | None = None,
    ) -> None:
        super().__init__(conf, lexer, states, values)
        self._moves: Moves = {} if moves is None else moves

    def feed_token(self, token: Token, is_end: bool = False) -> Any:
        """Take a token; the root of the tree if it is the last one."""
        if not self.parse_conf.callbacks:  # a trial of what could follow
            return super().feed_token(token, is_end)
        table, states, values, moves = self.parse_conf.states, self.state_stack, self.value_stack, self._moves
        while True:
            key = (states[-2] if values else -1, states[-1], token.type)
            move = moves.get(key)
            if move is None:
                move = self._move(*key)
                if move is None:
                    return super().feed_token(token, is_end)
                moves[key] = move
            state, target, size, symbol, callback = move
            states[-1] = state
            if target is not None:
                states.append(target)
                values.append(token)
                return None
            parts = values[len(values) - size :]
            del states[len(states) - size :], values[len(values) - size :]
            values.append(callback(parts))
            states.append(table[states[-1]][symbol][1])
            if is_end and states[-1] == self.parse_conf.end_state:
                return values[-1]

    def _move(self, below: int, state: int, kind: str) -> Move | None:
        """What a token of some kind does; none if it cannot stand here."""
        table, callbacks = self.parse_conf.states, self.parse_conf.callbacks
        while (found := table[state].get(kind)) is not None:
            action, argument = found
            if action is Shift:
                return Move(state, argument)
            callback, size, symbol = callbacks[argument], len(argument.expansion), argument.origin.name
            if size != 1 or type(callback) is not ExpandSingleChild:
                return Move(state, None, size, symbol, callback)
            state = table[below][symbol][1]
        return None
