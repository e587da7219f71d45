"""Gives a name another one, everywhere, or says why that cannot be."""

from __future__ import annotations

import re

from archdsl.diagnostic import Edit
from archdsl.lsp.document import Document
from archdsl.lsp.features.navigation import sharing
from archdsl.lsp.lexis import RESERVED
from archdsl.lsp.meaning import Meaning, Named, meaning, meaning_at, same
from archdsl.lsp.module import Module
from archdsl.ops import lookup
from archdsl.source import Source, Span
from archdsl.syntax import tree
from archdsl.syntax.bind import name_table
from archdsl.syntax.names import Binding, Kind, NameTable
from archdsl.syntax.parse import parse
from archdsl.syntax.words import STATEMENTS

#: What a definition may be given without its name: `3x3 f`, `f /2`, `f { … }`.
_PREFIXES = ("kernel", "stride", "body")


class Refused(Exception):
    """A name cannot be changed so; the text says why, in one sentence."""


def renameable(document: Document, offset: int) -> Span:
    """The name at a place, if it can have another one.

    Raises
    ------
    Refused
        It cannot.
    """
    return _renamed(document, offset)[0]


def rename(document: Document, offset: int, name: str) -> tuple[Edit, ...]:
    """The edits that give the name at a place another one, in every file that has it.

    Raises
    ------
    Refused
        It would mean something else afterwards, or is not to be changed.
    """
    _, named = _renamed(document, offset)
    if name == named.binding.name:
        return ()
    _require_free(named, name)
    edits = []
    for module in sharing(document.module, named):
        spans = dict.fromkeys(item.span for item in same(module, named))
        if spans:
            found = [Edit(span, name) for span in spans]
            _require_unknown(module, named, name)
            _require_same_meanings(module, found, named.binding.name, name)
            edits += found
    return tuple(edits)


def _renamed(document: Document, offset: int) -> tuple[Span, Named]:
    found = meaning_at(document.module, offset)
    if found is None:
        raise Refused("there is no name here")
    occurrence, meant = found
    if meant is None:
        raise Refused(f"nothing is called `{occurrence.name}`")
    if not isinstance(meant, Named):
        raise Refused(f"`{occurrence.name}` belongs to the language")
    if meant.module.is_library:
        raise Refused(f"`{occurrence.name}` belongs to the standard library")
    if meant.binding.kind is Kind.DEFINITION and _is_default_body(document.module, meant):
        raise Refused(f"structural definitions look for `{occurrence.name}` by its name")
    if _is_set_by_form(document.module, meant):
        raise Refused(f"calls give `{occurrence.name}` without its name: by a kernel, a slash or a body")
    return occurrence.span, meant


def _is_default_body(module: Module, named: Named) -> bool:
    """Whether a structural definition takes a definition for its body where it is called without one."""
    return any(
        isinstance(mention.node, tree.Step)
        and mention.node.body is None
        and _looks_for(meaning(source, mention), named)
        for source in sharing(module, named)
        for mention in source.names.mentions
        if mention.role in {"step", "member"}
    )


def _looks_for(called: Meaning | None, named: Named) -> bool:
    if not isinstance(called, Named) or not isinstance(called.binding.node, tree.Definition):
        return False
    bodies = (parameter.default for parameter in called.binding.node.parameters if parameter.name == "body")
    return any(isinstance(default, tree.Name) and default.name == named.binding.name for default in bodies)


def _is_set_by_form(module: Module, named: Named) -> bool:
    owner = named.binding.owner
    if owner is None or owner.kind is not Kind.DEFINITION or named.binding.name not in _PREFIXES:
        return False
    called = Named(named.module, owner)
    return any(
        isinstance(mention.node, tree.Step)
        and getattr(mention.node, named.binding.name) is not None
        and meaning(source, mention) == called
        for source in sharing(module, called)
        for mention in source.names.mentions
        if mention.name == owner.name
    )


def _require_free(named: Named, name: str) -> None:
    binding = named.binding
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name) or name in RESERVED:
        raise Refused(f"`{name}` cannot be a name")
    if name in STATEMENTS or name == "x":
        raise Refused(f"`{name}` is a word of the language")
    if lookup(name) is not None:
        raise Refused(f"`{name}` is an operator")
    is_parameter = binding.kind is Kind.PARAMETER and binding.owner is not None
    if is_parameter and name in _PREFIXES:
        raise Refused(f"a parameter called `{name}` is given in a way of its own")


def _require_unknown(module: Module, named: Named, name: str) -> None:
    """Nothing near may have the new name: neither hide it nor be hidden by it."""
    names = module.names
    places = [item.span.start for item in same(module, named) if getattr(item, "role", "") != "keyword"]
    is_known = any(name in names.in_scope(place) for place in places)
    is_offered = any(
        item.name == name and item.role in {"step", "value"} for item in names.mentions if not item.binding
    )
    home = next((scope for scope in names.scopes if named.binding in scope.bindings.values()), None)
    is_inside = home is not None and any(
        item.name == name and home.start <= item.span.start <= home.end for item in names.bindings
    )
    if is_known or is_offered or is_inside:
        raise Refused(f"`{name}` is a name already")


def _require_same_meanings(module: Module, edits: list[Edit], before: str, after: str) -> None:
    """Every name of the text must be made where it was before."""
    source = module.source
    changed = Source(source.name, _edited(source.text, edits))
    old = _meanings(module.names, {edit.span.start for edit in edits}, before)
    new_starts = {
        edit.span.start + number * (len(after) - len(before))
        for number, edit in enumerate(sorted(edits, key=lambda edit: edit.span.start))
    }
    if old != _meanings(name_table(parse(changed).file), new_starts, after):
        raise Refused(f"`{after}` would mean something else in some places")


def _meanings(names: NameTable, renamed: set[int], name: str) -> list[tuple[str, int]]:
    """For each name in order, what it says (nothing if it is renamed), and the number of the name that it means."""
    numbers = {id(item): number for number, item in enumerate(names.occurrences)}
    found = []
    for item in names.occurrences:
        is_renamed = item.span.start in renamed and item.name == name
        binding = item if isinstance(item, Binding) else item.binding
        found.append(("" if is_renamed else item.name, numbers.get(id(binding), -1)))
    return found


def _edited(text: str, edits: list[Edit]) -> str:
    for edit in sorted(edits, key=lambda edit: -edit.span.start):
        text = text[: edit.span.start] + edit.replacement + text[edit.span.end :]
    return text
