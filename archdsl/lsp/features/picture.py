"""The picture of a network, and which of its parts belongs to which place of the text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from archdsl.backends.diagram.draw import draw
from archdsl.lsp.document import Document
from archdsl.lsp.knowledge import Knowledge
from archdsl.source import Span

#: How a picture may be asked for; the rest of the options concern files.
_OPTIONS = ("style", "theme", "depth", "expand", "collapse", "detail", "direction", "shapes", "heat", "legend")


@dataclass(frozen=True, slots=True)
class Figure:
    """A picture; ``is_current`` unless the text has changed since, or has errors."""

    svg: str
    is_current: bool


@dataclass(frozen=True, slots=True)
class Place:
    """A part of a network: an operator, or a scope of them; ``span`` is where it was written."""

    path: str
    kind: Literal["operator", "scope"]
    span: Span


def figure(document: Document, options: Mapping[str, Any]) -> Figure | None:
    """The network as SVG; None while there is none.

    Raises
    ------
    DrawingError
        An option has a value that it cannot have.
    """
    known = document.network
    if known is None or known.graph is None:
        return None
    chosen = {name: _plain(options[name]) for name in _OPTIONS if options.get(name) is not None}
    svg = draw(known.graph, analysis=known.analysis, **{"theme": "auto", **chosen}).decode()
    return Figure(svg, known.source == document.source)


def _plain(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def places(document: Document, paths: Iterable[str]) -> tuple[Place, ...]:
    """Where the parts with these paths were written; those of this text where they are now."""
    known = document.network
    wanted = set(paths)
    return tuple(place for place in _all(document, known) if place.path in wanted) if known is not None else ()


def parts_at(document: Document, offset: int) -> tuple[Place, ...]:
    """The parts that were written at a place: operators of the innermost step, and the scopes that it opened."""
    known = document.network
    if known is None:
        return ()
    around = [
        place
        for place in _all(document, known)
        if place.span.source == document.source and place.span.start <= offset <= place.span.end
    ]
    least = min((place.span.end - place.span.start for place in around), default=0)
    return tuple(place for place in around if place.span.end - place.span.start == least)


def _all(document: Document, known: Knowledge) -> Iterable[Place]:
    graph = known.graph
    assert graph is not None
    for scope in graph.scopes[1:]:
        span = _moved(document, known, scope.span)
        if span is not None:
            yield Place(scope.path, "scope", span)
    for node in graph.nodes:
        span = _moved(document, known, node.span)
        if span is not None:
            yield Place(node.path, "operator", span)


def _moved(document: Document, known: Knowledge, span: Span) -> Span | None:
    """A place as it is in the text of now; None if it is gone."""
    if span.source.name != document.source.name:
        return span
    extent = document.now(known, span)
    return Span(document.source, extent.start, extent.end) if extent is not None else None
