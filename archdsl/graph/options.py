"""Reads the modifiers of inputs, outputs and exits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from archdsl import codes
from archdsl.graph.values import problem
from archdsl.syntax import tree

Mode = Literal["train", "eval"]


def only_in(arguments: Sequence[tree.Argument], what: str, modes: tuple[Mode, ...]) -> Mode | None:
    """The mode of ``only=``, the one modifier that there may be.

    Raises
    ------
    Problem
        There is another modifier, or another mode.
    """
    for argument in arguments:
        if argument.name != "only":
            message = f"`{what}` has no argument `{argument.name}`"
            raise problem(codes.UNKNOWN_KEYWORD, message, argument.span, hint="it has only")
    return mode_of(arguments[-1], modes) if arguments else None


def mode_of(argument: tree.Argument, modes: tuple[Mode, ...]) -> Mode:
    """The mode that ``only=`` names.

    Raises
    ------
    Problem
        It is none of ``modes``.
    """
    chosen = next((mode for mode in modes if mode == argument.value.span.text), None)
    if chosen is None:
        choices = " or ".join(f"`{mode}`" for mode in modes)
        message = f"`only` is {choices}, or left out"
        raise problem(codes.BAD_ARGUMENT, message, argument.value.span)
    return chosen
