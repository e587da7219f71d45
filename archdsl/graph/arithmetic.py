"""Binary operators of the language: exact, total and bounded."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import cast

from archdsl import codes
from archdsl.diagnostic import Edit, Fix
from archdsl.graph.values import Value, describe, problem
from archdsl.source import Span
from archdsl.syntax import tree

#: No network needs larger numbers, and a stranger's spec must not exhaust the machine.
MAX_BITS = 4096

_ARITHMETIC: dict[str, Callable[[float, float], float]] = {
    "-": operator.sub,
    "//": operator.floordiv,
    "%": operator.mod,
}
_ORDER: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def is_number(value: Value) -> bool:
    """Whether a value is an integer or a float; a truth value is neither."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def combine(node: tree.Binary, left: Value, right: Value) -> Value:
    """The value of a binary operator other than ``and`` and ``or``.

    Raises
    ------
    Problem
        There is none: the operands are no numbers, or the result is not exact or too large.
    """
    if node.operator in ("==", "!="):
        return _equal(left, right) == (node.operator == "==")
    if node.operator == "+" and isinstance(left, tuple | range) and isinstance(right, tuple | range):
        return (*left, *right)
    if not (is_number(left) and is_number(right)):
        culprit, value = (node.left, left) if not is_number(left) else (node.right, right)
        raise problem(codes.BAD_VALUE, f"`{node.operator}` needs numbers, not {describe(value)}", culprit.span)
    return _compute(node, cast("float", left), cast("float", right))


def _equal(left: Value, right: Value) -> bool:
    if isinstance(left, range):
        left = tuple(left)
    if isinstance(right, range):
        right = tuple(right)
    return left == right


def _compute(node: tree.Binary, left: float, right: float) -> Value:
    if node.operator in _ORDER:
        return _ORDER[node.operator](left, right)
    try:
        result = _number(node, left, right)
    except ZeroDivisionError:
        raise problem(codes.BAD_VALUE, f"{left} {node.operator} 0 has no value", node.right.span) from None
    except OverflowError:
        raise problem(codes.TOO_LARGE, "the number is too large", node.span) from None
    if isinstance(result, int) and result.bit_length() > MAX_BITS:
        raise problem(codes.TOO_LARGE, "the number is too large", node.span)
    return result


def _number(node: tree.Binary, left: float, right: float) -> float:
    if node.operator == "+":
        return left + right
    if node.operator == "*":
        return left * right
    if node.operator == "/":
        return _divide(node, left, right)
    if node.operator == "**":
        return _power(node, left, right)
    return _ARITHMETIC[node.operator](left, right)


def _divide(node: tree.Binary, left: float, right: float) -> float:
    if not (isinstance(left, int) and isinstance(right, int)):
        return left / right
    if left % right == 0:
        return left // right
    between = Span(node.span.source, node.left.span.end, node.right.span.start)
    slash = between.start + between.text.index("/")
    edit = Edit(Span(node.span.source, slash, slash + 1), "//")
    raise problem(
        codes.BAD_VALUE,
        f"{left} / {right} is not an integer",
        node.span,
        hint="`//` rounds down",
        fixes=(Fix("divide and round down", (edit,)),),
    )


def _power(node: tree.Binary, left: float, right: float) -> float:
    if isinstance(left, int) and isinstance(right, int) and abs(right) * max(left.bit_length(), 1) > MAX_BITS:
        raise problem(codes.TOO_LARGE, "the number is too large", node.span)
    result = left**right
    if isinstance(result, complex):
        raise problem(codes.BAD_VALUE, f"{left} ** {right} is not a real number", node.span)
    return cast("float", result)
