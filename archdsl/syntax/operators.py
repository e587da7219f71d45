"""Which products are written without spaces: ``4*width`` is a width, ``in.channels * expansion`` a computation."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lark import Token
    from lark import Tree as Parsed

    Part = Token | Parsed[Token]

_BARE = frozenset({"step", "stride"})
_SIMPLE = frozenset({"number", "reference", "attribute", "index"})


def tight_products(order: Iterable[Parsed[Token]]) -> set[int]:
    """Tell which nodes (by identity) are operators without spaces; parents come first in ``order``.

    Powers are, and products that stand outside of parentheses, that multiply a name by a number, or that are of two
    plain factors and a summand or the value of a keyword. What holds for a product holds for the products in it.
    """
    tight: set[int] = set()
    for node in order:
        is_bare = node.data in _BARE
        for child in node.children:
            if isinstance(child, str) or child.data != "binary":
                continue
            operator = str(child.children[1])
            if operator == "**" or (operator == "*" and (is_bare or _is_tight(node, child, tight))):
                tight.add(id(child))
    return tight


def _is_tight(parent: Parsed[Token], product: Parsed[Token], tight: set[int]) -> bool:
    operator = _operator(parent)
    if operator == "*":
        return id(parent) in tight
    left, _, right = product.children
    if _is(left, frozenset({"number"})):
        return _is(right, _SIMPLE - {"number"})
    is_plain = operator in {"+", "-"} or parent.data == "keyword"
    return is_plain and _is(left, _SIMPLE) and _is(right, _SIMPLE)


def _operator(node: Parsed[Token]) -> str | None:
    return str(node.children[1]) if node.data == "binary" else None


def _is(part: Part, rules: frozenset[str]) -> bool:
    return not isinstance(part, str) and part.data in rules
