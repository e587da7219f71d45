"""What rules are built of that is no node by itself: names, calls, strides, literals."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from math import isinf
from typing import Any, TypeVar

from archdsl.codes import SYNTAX, TOO_LARGE, Code
from archdsl.diagnostic import Diagnostic
from archdsl.source import Span
from archdsl.syntax import tree

MAX_DIGITS = 18
"""Length of the longest integer; beyond it no size, count or index makes sense."""

_Kind = TypeVar("_Kind")


@dataclass(frozen=True, slots=True)
class Named:
    """A name and where it stands."""

    text: str
    span: Span


@dataclass(frozen=True, slots=True)
class Call:
    """The arguments in parentheses."""

    arguments: tuple[tree.Argument, ...]


@dataclass(frozen=True, slots=True)
class Condition:
    """What follows ``where``."""

    value: tree.Expression


@dataclass(frozen=True, slots=True)
class Subscript:
    """``[index]`` of a bound name."""

    value: tree.Expression


@dataclass(frozen=True, slots=True)
class Stride:
    """``/stride``."""

    value: tree.Expression


class Unfit(Exception):
    """A statement that fits the grammar but not the language."""

    def __init__(self, message: str, span: Span, hint: str, code: Code = SYNTAX) -> None:
        super().__init__(message)
        self.diagnostic = Diagnostic(code, message, span, hint=hint)


def of(children: Iterable[object], kind: type[_Kind]) -> _Kind | None:
    """The first child of a kind, if there is one."""
    return next((child for child in children if isinstance(child, kind)), None)


def arguments_of(children: Iterable[Any]) -> tuple[tree.Argument, ...]:
    """What follows the name of a step or a definition, without its stride, condition and body."""
    arguments: list[tree.Argument] = []
    for child in children:
        if isinstance(child, Call):
            arguments.extend(child.arguments)
        elif isinstance(child, tree.Argument):
            arguments.append(child)
        elif not isinstance(child, Stride | Condition | tree.Block):
            arguments.append(tree.Argument(None, child, None, child.span))
    return tuple(arguments)


def parameters_of(arguments: Iterable[tree.Argument]) -> tuple[tree.Parameter, ...]:
    """Read the head of a definition, which the grammar takes for a call."""
    parameters = []
    for argument in arguments:
        if argument.name is not None:
            parameters.append(tree.Parameter(argument.name, argument.value, argument.span))
        elif isinstance(argument.value, tree.Name) and argument.value.name != "in":
            parameters.append(tree.Parameter(argument.value.name, None, argument.span))
        else:
            hint = "here stand the names of the parameters, each with a default if you like: `width, stride=1`"
            raise Unfit(f"`{argument.span.text}` cannot be the name of a parameter", argument.span, hint)
    return tuple(parameters)


def integer(digits: str, span: Span) -> int:
    """A whole number of a sensible size."""
    if len(digits) > MAX_DIGITS:
        raise Unfit("this number is too large", span, f"integers have at most {MAX_DIGITS} digits", TOO_LARGE)
    return int(digits)


def real(text: str, span: Span) -> float:
    """A number that a float can hold."""
    if isinf(value := float(text)):
        raise Unfit("this number is too large", span, "the largest is about 1e308", TOO_LARGE)
    return value


def unquoted(token: str) -> str:
    """What a string says; a backslash stands for itself unless a quote or a backslash follows."""
    return re.sub(r'\\(["\\])', r"\1", token[1:-1])
