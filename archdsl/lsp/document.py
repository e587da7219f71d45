"""What features look at: a text among its files, and what is known of the network that it describes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from archdsl.graph.passage import Passage
from archdsl.lsp.knowledge import Extent, Knowledge, Shift
from archdsl.lsp.lexis import Word
from archdsl.lsp.module import Module
from archdsl.source import Source, Span
from archdsl.syntax import tree
from archdsl.syntax.names import Binding, Kind, NameTable


@dataclass(frozen=True, eq=False)
class Copies:
    """The passages through one element, one for each copy of it, and the knowledge that they belong to."""

    knowledge: Knowledge
    passages: Sequence[Passage]


@dataclass(frozen=True, eq=False)
class Document:
    """A text that is being edited.

    Parameters
    ----------
    knowledge
        What was found out about this text, or while it has changed since or has errors, about earlier ones; and what
        elaborations of other files have found that use this one. The best comes first.
    """

    module: Module
    knowledge: tuple[Knowledge, ...] = ()

    @property
    def source(self) -> Source:
        return self.module.source

    @property
    def file(self) -> tree.File:
        return self.module.file

    @property
    def names(self) -> NameTable:
        return self.module.names

    @property
    def words(self) -> tuple[Word, ...]:
        return self.module.text.words

    @cached_property
    def network(self) -> Knowledge | None:
        """What is known of the network of this very file, errors aside."""
        own = (known for known in self.knowledge if known.source.name == self.source.name)
        return next((known for known in own if known.graph is not None and known.graph.nodes), None)

    @cached_property
    def _shifts(self) -> tuple[tuple[Knowledge, Shift], ...]:
        sources = ((known, known.sources.get(self.source.name)) for known in self.knowledge)
        return tuple((known, Shift(source.text, self.source.text)) for known, source in sources if source is not None)

    def in_scope(self, offset: int) -> dict[str, Binding]:
        """The names that can be mentioned at a place; where a statement is broken, also those that it had before."""
        text = self.source.text
        while offset > 0 and text[offset - 1 : offset] in {" ", "\t"}:  # a scope ends with its last word
            offset -= 1
        names = self.names.in_scope(offset)
        for known, shift in self._shifts if self.module.text.parsed.diagnostics else ():
            if known.source.name == self.source.name:
                before = self.module.files.shelf.text(known.source).names.in_scope(min(offset, shift.first))
                names = {name: item for name, item in before.items() if item.kind is not Kind.DEFINITION} | names
        return names

    def copies(self, span: Span) -> Copies | None:
        """The streams through an element of this text; None if nothing is known of it."""
        for known, shift in self._shifts:
            extent = shift.back(span.start, span.end)
            passages = known.passages.get(self.source.name, {}).get(extent, ()) if extent is not None else ()
            sound = [passage for passage in passages if not passage.leaving.is_broken]
            if sound:
                return Copies(known, sound)
        return None

    def values(self, source: Source, span: Span) -> Sequence[str]:
        """The values that a name has got which is made at a place of this text or another; nothing if none is known."""
        for known in self.knowledge:
            before = known.sources.get(source.name)
            extent = Shift(before.text, source.text).back(span.start, span.end) if before is not None else None
            found = known.values.get(source.name, {}).get(extent, ()) if extent is not None else ()
            if found:
                return found
        return ()

    def now(self, known: Knowledge, span: Span) -> Extent | None:
        """Where a place that is known from earlier is in this text; None if it is gone, or of another file."""
        if span.source.name != self.source.name:
            return None
        return next((shift.forth(span) for other, shift in self._shifts if other is known), None)

    @cached_property
    def elements(self) -> tuple[tree.Element, ...]:
        """Every element of every pipeline, in order of the source, outer ones first."""
        return tuple(_elements(self.file))


def _elements(file: tree.File) -> Iterator[tree.Element]:
    for node in tree.walk(file.statements):
        if isinstance(node, tree.Pipeline):
            yield from node.elements
        elif isinstance(node, tree.Repeat):
            yield node.element
