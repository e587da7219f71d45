"""What is shown between the words of a text: shapes at the ends of lines, channels that are inferred."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from archdsl.lsp.document import Document
from archdsl.lsp.traffic import Shapes, outcomes, said, ways
from archdsl.ops import lookup
from archdsl.ops.base import Family
from archdsl.syntax import tree

#: So many different shapes are named.
_MAX_SHAPES = 3

_FAMILIES = frozenset({Family.CONV, Family.LINEAR})


@dataclass(frozen=True, slots=True)
class Hint:
    """A few words shown behind an offset; ``detail`` is all that there is to say."""

    offset: int
    text: str
    kind: Literal["shape", "channels"]
    detail: str


def hints(document: Document, start: int, end: int) -> tuple[Hint, ...]:
    """The hints between two offsets, in order of place."""
    last = _last_of_lines(document, start, end)
    shown = {element.span.end for element in last}
    found = [*_shapes(document, last), *_channels(document, start, end, shown)]
    return tuple(sorted(found, key=lambda hint: hint.offset))


def _last_of_lines(document: Document, start: int, end: int) -> list[tree.Element]:
    """The element that ends last on each line; of several that end together the outermost."""
    by_line: dict[int, tree.Element] = {}
    for element in document.elements:
        if not start <= element.span.end <= end:
            continue
        line = element.span.last.line
        before = by_line.get(line)
        if before is None or _outranks(element, before):
            by_line[line] = element
    return list(by_line.values())


def _outranks(element: tree.Element, before: tree.Element) -> bool:
    return (element.span.end, -element.span.start) > (before.span.end, -before.span.start)


def _shapes(document: Document, elements: list[tree.Element]) -> Iterator[Hint]:
    for element in elements:
        copies = document.copies(element.span)
        if copies is not None:
            found = outcomes(copies)
            yield Hint(element.span.end, _listed(found), "shape", "\n".join(said(shapes) for shapes in found))


def _listed(found: tuple[Shapes, ...]) -> str:
    text = ", ".join(said(shapes) for shapes in found[:_MAX_SHAPES])
    return text + (", …" if len(found) > _MAX_SHAPES else "")


def _channels(document: Document, start: int, end: int, shown: set[int]) -> Iterator[Hint]:
    """Channels before and behind a layer, where no shape stands right beside it."""
    for element in document.elements:
        if not isinstance(element, tree.Step) or element.span.end in shown or not start <= element.span.end <= end:
            continue
        op = lookup(element.name)
        copies = document.copies(element.span) if op is not None and op.family in _FAMILIES else None
        if copies is None:
            continue
        pairs = [_pair(way.entering, way.leaving) for way in ways(copies)]
        found = [pair for pair in dict.fromkeys(pairs) if pair is not None]
        if 0 < len(found) <= _MAX_SHAPES:  # more would push the rest of the line away
            yield Hint(element.span.end, ", ".join(found), "channels", "\n".join(found))


def _pair(entering: Shapes, leaving: Shapes) -> str | None:
    if len(entering) != 1 or len(leaving) != 1 or not entering[0].shape or not leaving[0].shape:
        return None
    return f"{entering[0].channels}→{leaving[0].channels}"
