"""What a name means: where it is made, in this file, a used one or the standard library, or which operator it is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from archdsl.graph.expressions import STREAM_ATTRIBUTES
from archdsl.graph.functions import FUNCTIONS
from archdsl.lsp.module import Module, library
from archdsl.ops import lookup
from archdsl.ops.base import Op
from archdsl.syntax import tree
from archdsl.syntax.names import Binding, Kind, Mention, Occurrence

#: How many files or definitions a name is followed through.
_MAX_HOPS = 8


@dataclass(frozen=True, slots=True)
class Named:
    """A name that a file binds."""

    module: Module
    binding: Binding

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Named) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)

    @property
    def key(self) -> tuple[str, int]:
        """The place that tells it from all others."""
        return self.module.source.name, self.binding.span.start


@dataclass(frozen=True, slots=True)
class Operator:
    """An operator."""

    op: type[Op]


@dataclass(frozen=True, slots=True)
class OperatorArgument:
    """An argument of an operator."""

    op: type[Op]
    name: str


@dataclass(frozen=True, slots=True)
class Builtin:
    """What the language itself provides: an attribute of streams, or a function."""

    kind: str
    name: str


Meaning = Named | Operator | OperatorArgument | Builtin


def meaning(module: Module, occurrence: Occurrence) -> Meaning | None:
    """What a name of a file means; None if nothing of that name is known."""
    if isinstance(occurrence, Binding):
        return Named(module, occurrence)
    if occurrence.role == "member":
        return _member(module, occurrence)
    if occurrence.role == "keyword":
        return _argument(module, occurrence)
    if occurrence.role == "function":
        return Builtin("function", occurrence.name) if occurrence.name in FUNCTIONS else None
    return _free(module, occurrence)


def meaning_at(module: Module, offset: int) -> tuple[Occurrence, Meaning | None] | None:
    """The name at a place, and what it means."""
    occurrence = module.names.at(offset)
    return (occurrence, meaning(module, occurrence)) if occurrence is not None else None


def _free(module: Module, mention: Mention) -> Meaning | None:
    if mention.role == "op":
        op = lookup(mention.name)
        return Operator(op) if op is not None else None
    if mention.binding is not None:
        return Named(module, mention.binding)
    offered = _offered(module, mention.name)
    if offered is not None:
        return offered
    op = lookup(mention.name)
    return Operator(op) if op is not None else None


def _offered(module: Module, name: str) -> Named | None:
    """A definition that the files used without ``as``, or the standard library, bring in."""
    for source in (*_brought(module, 0), *library()):
        found = source.names.top.bindings.get(name)
        if found is not None and found.kind is Kind.DEFINITION:
            return Named(source, found)
    return None


def _brought(module: Module, hops: int) -> Iterator[Module]:
    """The files whose definitions a file has under their own names."""
    for use in module.names.uses if hops < _MAX_HOPS else ():
        used = module.used(use.path)
        if used is not None and used is not module:
            yield used
            yield from _brought(used, hops + 1)


def definitions(module: Module) -> Iterator[Named]:
    """The definitions of the standard library, and of the files that are used without ``as``."""
    for source in (*_brought(module, 0), *library()):
        for binding in source.names.top.bindings.values():
            if binding.kind is Kind.DEFINITION:
                yield Named(source, binding)


def used_module(named: Named) -> Module | None:
    """The file that an alias stands for."""
    node = named.binding.node
    return named.module.used(node.path) if isinstance(node, tree.Use) else None


def offers(module: Module) -> Iterator[Named]:
    """What can stand behind the alias of a file and a dot."""
    for binding in module.names.top.bindings.values():
        if binding.kind in {Kind.DEFINITION, Kind.VALUE, Kind.PARAMETER, Kind.TABLE, Kind.FILE}:
            yield Named(module, binding)
    for source in _brought(module, 0):
        for binding in source.names.top.bindings.values():
            if binding.kind is Kind.DEFINITION:
                yield Named(source, binding)


def _member(module: Module, mention: Mention) -> Meaning | None:
    subject = meaning(module, mention.subject) if mention.subject is not None else None
    if isinstance(subject, Named) and subject.binding.kind is Kind.FILE:
        used = used_module(subject)
        if used is None:
            return None
        return next((item for item in offers(used) if item.binding.name == mention.name), None)
    if isinstance(subject, Named):
        tap = next((item for item in taps(subject) if item.binding.name == mention.name), None)
        if tap is not None:
            return tap
    return Builtin("attribute", mention.name) if mention.name in STREAM_ATTRIBUTES else None


def taps(named: Named, hops: int = 0) -> Iterator[Named]:
    """The taps of a step, or of the definitions that it calls."""
    node, module = named.binding.node, named.module
    pipeline = node.pipeline if isinstance(node, tree.Assign) else getattr(node, "body", None)
    if hops > _MAX_HOPS or not isinstance(pipeline, tree.Pipeline):
        return
    for binding in module.names.bindings:
        inside = pipeline.span.start <= binding.span.start < pipeline.span.end
        if inside and binding.kind is Kind.TAP:
            yield Named(module, binding)
    for mention in module.names.mentions:
        if mention.role == "step" and pipeline.span.start <= mention.span.start < pipeline.span.end:
            called = meaning(module, mention)
            is_call = isinstance(called, Named) and called.binding.kind is Kind.DEFINITION
            if isinstance(called, Named) and is_call and called != named:
                yield from taps(called, hops + 1)


def _argument(module: Module, mention: Mention) -> Meaning | None:
    called = meaning(module, mention.subject) if mention.subject is not None else None
    if isinstance(called, Operator):
        return OperatorArgument(called.op, mention.name) if mention.name in called.op.model_fields else None
    if isinstance(called, Named):
        return next((item for item in parameters(called) if item.binding.name == mention.name), None)
    return None


def parameters(named: Named) -> Iterator[Named]:
    """The parameters of a definition or of the network."""
    for binding in named.module.names.bindings:
        if binding.owner is named.binding:
            yield Named(named.module, binding)


def same(module: Module, named: Named) -> Iterator[Occurrence]:
    """Every place of a file that has a name, the one where it is made included."""
    for occurrence in module.names.occurrences:
        if occurrence.name == named.binding.name and meaning(module, occurrence) == named:
            yield occurrence
