"""The arguments of the call that is being written."""

from __future__ import annotations

from dataclasses import dataclass

from archdsl.lsp.cursor import Cursor, cursor
from archdsl.lsp.document import Document
from archdsl.lsp.meaning import Named, Operator, parameters
from archdsl.lsp.reading import called_at
from archdsl.lsp.wording import described, signature
from archdsl.ops.base import Op
from archdsl.ops.reference import arguments, summary
from archdsl.syntax.names import Kind
from archdsl.syntax.prose import remark


@dataclass(frozen=True, slots=True)
class Parameter:
    """An argument as the label of a signature has it, and what it is."""

    label: str
    documentation: str


@dataclass(frozen=True, slots=True)
class Signature:
    """A call; ``active`` is the number of the argument that is being written, None between arguments."""

    label: str
    documentation: str
    parameters: tuple[Parameter, ...]
    active: int | None


def signature_help(document: Document, offset: int) -> Signature | None:
    """The operator, definition or variant whose arguments are written at a place."""
    place = cursor(document.words, offset)
    if place.wanted not in {"argument", "value", "expression"} or not place.callee:
        return None
    called = called_at(document, place)
    if isinstance(called, Operator):
        return _operator(called.op, place)
    if isinstance(called, Named) and called.binding.kind in {Kind.DEFINITION, Kind.NETWORK}:
        return _definition(called, place)
    return None


def _operator(op: type[Op], place: Cursor) -> Signature:
    names = [item.name for item in arguments(op)]
    labels = signature(op)
    shown = tuple(
        Parameter(label, f"{item.description}\n\n{item.kind}".strip())
        for label, item in zip(labels, arguments(op), strict=True)
    )
    positional = [op.positional] if op.positional is not None else []
    return Signature(f"{op.keyword}({', '.join(labels)})", summary(op), shown, _active(names, positional, place))


def _definition(called: Named, place: Cursor) -> Signature:
    found = list(parameters(called))
    names = [item.binding.name for item in found]
    shown = tuple(Parameter(item.binding.node.span.text, described(item)) for item in found)
    label = f"{called.binding.name}({', '.join(item.label for item in shown)})"
    free = [name for name in names if name not in place.given]
    return Signature(label, remark(called.module.file, called.binding.node.span), shown, _active(names, free, place))


def _active(names: list[str], positional: list[str], place: Cursor) -> int | None:
    """Which argument is being written: the one of a keyword, or the next that a bare value sets."""
    if place.keyword:
        return names.index(place.keyword) if place.keyword in names else None
    if place.bare < len(positional):
        return names.index(positional[place.bare])
    return None
