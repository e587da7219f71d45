"""What a file makes, as an outline, and across a project."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from archdsl.lsp.document import Document
from archdsl.lsp.module import Module
from archdsl.source import Span
from archdsl.syntax.names import Binding, Kind

#: What an outline shows; parameters and loop variables stand in the lines that it leads to.
_OUTLINED = frozenset(Kind) - {Kind.PARAMETER, Kind.LOOP}
#: What is searched for across files.
_PUBLIC = frozenset({Kind.NETWORK, Kind.VARIANT, Kind.DEFINITION})
_MAX_SYMBOLS = 500


@dataclass(frozen=True, slots=True)
class Symbol:
    """A name with the statement that makes it, and those that are made in there."""

    name: str
    kind: Kind
    span: Span
    name_span: Span
    children: list[Symbol] = field(default_factory=list)


def document_symbols(document: Document) -> tuple[Symbol, ...]:
    """The names that a file makes, those inside of others below them."""
    roots: list[Symbol] = []
    around: list[Symbol] = []
    for binding in document.names.bindings:
        if binding.kind not in _OUTLINED:
            continue
        symbol = _symbol(binding)
        while around and symbol.name_span.start >= around[-1].span.end:
            around.pop()
        (around[-1].children if around else roots).append(symbol)
        around.append(symbol)
    return tuple(roots)


def workspace_symbols(modules: Iterable[Module], query: str) -> tuple[Symbol, ...]:
    """Networks, variants and definitions whose names have the letters of a query, in their order."""
    found = []
    for module in modules:
        for binding in module.names.bindings:
            if binding.kind in _PUBLIC and _matches(binding.name.lower(), query.lower()):
                found.append(_symbol(binding))
                if len(found) == _MAX_SYMBOLS:
                    return tuple(found)
    return tuple(found)


def _symbol(binding: Binding) -> Symbol:
    return Symbol(binding.name, binding.kind, binding.node.span, binding.span)


def _matches(name: str, query: str) -> bool:
    letters = iter(name)
    return all(letter in letters for letter in query if not letter.isspace())
