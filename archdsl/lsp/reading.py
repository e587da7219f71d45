"""What the names before a place mean while the statement around them cannot be parsed."""

from __future__ import annotations

from archdsl.lsp.cursor import Cursor
from archdsl.lsp.document import Document
from archdsl.lsp.meaning import Meaning, Named, Operator, definitions, meaning, offers, taps, used_module
from archdsl.ops import lookup
from archdsl.syntax import tree
from archdsl.syntax.names import Kind


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
