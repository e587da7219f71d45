"""What is shown about the place under the pointer."""

from __future__ import annotations

from dataclasses import dataclass

from archdsl.backends.report.numbers import exact, lengths
from archdsl.lsp.document import Document
from archdsl.lsp.lexis import Lexeme
from archdsl.lsp.meaning import Meaning, Named, meaning_at
from archdsl.lsp.reading import keyword_at
from archdsl.lsp.traffic import cost, said, sights, ways
from archdsl.lsp.wording import described, keyword, linked, valued
from archdsl.source import Span
from archdsl.syntax import tree

#: So many different shapes are listed.
_MAX_WAYS = 8


@dataclass(frozen=True, slots=True)
class Hover:
    """Markdown about a place."""

    markdown: str
    span: Span


def hover(document: Document, offset: int) -> Hover | None:
    """The step at a place with its shapes and costs, and what the name or word there means; the text of a ``note``."""
    if any(word.kind is Lexeme.COMMENT and word.start <= offset < word.end for word in document.words):
        return None
    word = keyword_at(document.words, offset)
    written = _documentation(document, offset) if word is None else None
    if written is not None:
        return written
    found = meaning_at(document.module, offset)
    step = _step_at(document, offset)
    parts, span = [], None
    if found is not None:
        occurrence, meaning = found
        span = occurrence.span
        parts.append(_described(document, meaning) if meaning is not None else "")
        parts.append(_network(document) if getattr(occurrence, "kind", None) == "network" else "")
    elif word is not None:
        span = document.source.span(word.start, word.end)
        parts.append(keyword(word.text))
    if step is not None:
        figures = _figures(document, step)
        if figures:
            span = span or step.span
            parts.insert(0, figures)
    markdown = "\n\n---\n\n".join(part for part in parts if part)
    return Hover(markdown, span) if markdown and span is not None else None


def _documentation(document: Document, offset: int) -> Hover | None:
    for statement in document.file.statements:
        if isinstance(statement, tree.Documentation) and statement.span.start <= offset <= statement.span.end:
            return Hover(linked(statement.text), statement.span)
    return None


def _step_at(document: Document, offset: int) -> tree.Element | None:
    """The innermost step or selection at a place, or the structure whose first word is there."""
    around = [item for item in document.elements if item.span.start <= offset <= item.span.end]
    steps = [item for item in around if isinstance(item, tree.Step | tree.Select)]
    heads = [item for item in around if not isinstance(item, tree.Step | tree.Select)]
    step = min(steps, key=lambda item: item.span.end - item.span.start, default=None)
    inner = min(heads, key=lambda item: item.span.end - item.span.start, default=None)
    if inner is not None and (step is None or _within(inner, step)):
        is_head = isinstance(inner, tree.Repeat) or offset <= inner.span.start + 3
        return inner if is_head else None
    return step


def _within(inner: tree.Element, outer: tree.Element) -> bool:
    return outer.span.start <= inner.span.start and inner.span.end <= outer.span.end


def _figures(document: Document, step: tree.Element) -> str:
    copies = document.copies(step.span)
    if copies is None:
        return ""
    number = len(copies.passages)
    found = ways(copies)
    lines = [f"{number} copies" if number > 1 else ""]
    for way in found[:_MAX_WAYS]:
        times = f" × {way.count}" if way.count > 1 and len(found) > 1 else ""
        lines.append(f"`{said(way.entering)} → {said(way.leaving)}`{times}")
    if len(found) > _MAX_WAYS:
        lines.append(f"… and {len(found) - _MAX_WAYS} more")
    total = cost(copies)
    if total is not None:
        whole = " in all" if number > 1 else ""
        lines.append(f"{exact(total.parameters)} parameters, {exact(total.macs)} MACs{whole}")
    seen = sights(copies)
    if seen:
        lines.append("receptive field " + " to ".join(lengths(sight) for sight in seen))
    return "  \n".join(line for line in lines if line)


def _described(document: Document, meaning: Meaning) -> str:
    """What a name is, behind the values that it has over all copies of what makes it."""
    if not isinstance(meaning, Named):
        return described(meaning)
    values = valued(document.values(meaning.module.source, meaning.binding.node.span))
    return f"{values}\n\n{described(meaning)}" if values else described(meaning)


def _network(document: Document) -> str:
    known = document.network
    if known is None or known.graph is None or known.analysis is None:
        return ""
    total = known.analysis.cost
    shapes = ", ".join(f"{name} {shape}" for name, shape in known.graph.output_types().items())
    return f"{exact(total.parameters)} parameters, {exact(total.macs)} MACs, {total.layers} layers  \n{shapes}"
