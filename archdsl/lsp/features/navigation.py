"""Where a name is made, and where it is used."""

from __future__ import annotations

from collections.abc import Iterator

from archdsl.lsp.document import Document
from archdsl.lsp.meaning import Named, meaning_at, same
from archdsl.lsp.module import Module
from archdsl.source import Span
from archdsl.syntax import tree
from archdsl.syntax.names import Binding


def definition(document: Document, offset: int) -> Span | None:
    """Where the name at a place is made; for the path of a ``use``, the file."""
    used = _used_file(document, offset)
    if used is not None:
        return used.source.span(0, 0)
    found = meaning_at(document.module, offset)
    if found is None or not isinstance(found[1], Named):
        return None
    return found[1].binding.span


def references(document: Document, offset: int, *, with_definition: bool = True) -> tuple[Span, ...]:
    """Every place that has the name at ``offset``, in this file and in those of the project that use it."""
    found = meaning_at(document.module, offset)
    if found is None:
        return ()
    occurrence, meaning = found
    if not isinstance(meaning, Named):
        return (occurrence.span,)
    places = [
        item.span
        for module in sharing(document.module, meaning)
        for item in same(module, meaning)
        if with_definition or not isinstance(item, Binding)
    ]
    return tuple(dict.fromkeys(places))


def highlights(document: Document, offset: int) -> tuple[Span, ...]:
    """The places of this text alone that have the name at ``offset``."""
    found = meaning_at(document.module, offset)
    if found is None or not isinstance(found[1], Named):
        return ()
    return tuple(item.span for item in same(document.module, found[1]))


def sharing(module: Module, named: Named) -> Iterator[Module]:
    """The files that may have a name: the one that makes it, the one that asks, and if others can see it those too."""
    yield named.module
    if module.source != named.module.source:
        yield module
    if not _is_visible_outside(named):
        return
    known = {named.module.source, module.source}
    for other in module.files.all:
        is_candidate = named.binding.name in other.source.text and (
            named.module.is_library or "use" in other.source.text
        )
        if is_candidate and other.source not in known:
            known.add(other.source)
            yield other


def _is_visible_outside(named: Named) -> bool:
    top, binding = named.module.names.top, named.binding
    owner = binding.owner or binding
    return any(top.bindings.get(item.name) is item for item in (binding, owner))


def _used_file(document: Document, offset: int) -> Module | None:
    for node in tree.walk(document.file.statements):
        if isinstance(node, tree.Use) and node.path_span.start <= offset <= node.path_span.end:
            return document.module.used(node.path)
    return None
