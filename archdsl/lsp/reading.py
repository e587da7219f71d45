"""What stands at a place, told from the words there: names before it, in a statement that cannot be parsed or not."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

from archdsl.lsp.cursor import Cursor
from archdsl.lsp.document import Document
from archdsl.lsp.lexis import RESERVED, Lexeme, Word
from archdsl.lsp.meaning import Meaning, Named, Operator, definitions, meaning, offers, taps, used_module
from archdsl.ops import lookup
from archdsl.syntax import tree
from archdsl.syntax.names import Kind
from archdsl.syntax.words import STATEMENTS


def called_at(document: Document, place: Cursor) -> Meaning | None:
    """What arguments are given to at a place."""
    return meaning_before(document, place.callee, place.callee_place) if place.callee else None


def meaning_before(document: Document, dotted: str, offset: int) -> Meaning | None:
    """What a dotted name means at a place, whether or not the tree has it."""
    occurrence = document.names.at(offset) if offset >= 0 else None
    if occurrence is not None and occurrence.name == dotted.rpartition(".")[2]:
        known = meaning(document.module, occurrence)
        if known is not None:
            return _network(document, known)
    first, *rest = dotted.split(".")
    found = _named(document, first, offset)
    for name in rest:
        found = _member(found, name)
    if found is None and not rest and (op := lookup(first)) is not None:
        return Operator(op)
    return _network(document, found)


def _network(document: Document, found: Meaning | None) -> Meaning | None:
    """For the name of a variant, the network: its arguments are that one's parameters."""
    if isinstance(found, Named) and found.binding.kind is Kind.VARIANT:
        nets = (item for item in document.names.bindings if isinstance(item.node, tree.Net))
        return next((Named(document.module, item) for item in nets if item.kind is Kind.NETWORK), None)
    return found


def _named(document: Document, name: str, offset: int) -> Named | None:
    binding = document.in_scope(max(offset, 0)).get(name)
    if binding is None:
        binding = document.names.scope_at(max(offset, 0)).find(name, max(offset, 0))
    if binding is not None:
        return Named(document.module, binding)
    return next((named for named in definitions(document.module) if named.binding.name == name), None)


def _member(found: Named | None, name: str) -> Named | None:
    if found is None:
        return None
    used = used_module(found)
    members = offers(used) if used is not None else taps(found)
    return next((item for item in members if item.binding.name == name), None)


# Words of the language -----------------------------------------------------------------------------------------------


def keyword_at(words: Sequence[Word], offset: int) -> Word | None:
    """The word or sign of the language at a place; None if what stands there is a name, or nothing."""
    index = bisect_right(words, offset, key=lambda word: word.start) - 1
    if index < 0 or offset > words[index].end:
        return None
    return words[index] if is_keyword(words, index) else None


def is_keyword(words: Sequence[Word], index: int) -> bool:
    """Whether a word belongs to the language where it stands; statements begin with names, elsewhere."""
    word = words[index]
    if word.kind is Lexeme.SIGN:
        return True
    before = words[index - 1] if index else None
    after = words[index + 1] if index + 1 < len(words) else None
    is_first = before is None or before.kind is Lexeme.LINE or before.text in {";", "{"}
    if word.text in RESERVED:
        return True
    if word.text == "x":
        return not is_first and after is not None and (after.kind is Lexeme.NUMBER or after.text == "(")
    return word.kind is Lexeme.NAME and word.text in STATEMENTS and is_first
