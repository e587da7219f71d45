"""Which name of a file means what, by the rules of scope alone: nothing is evaluated and no other file is read.

What no scope of the file binds (operators, the standard library, what used files offer) is a mention without a binding.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import Literal

from archdsl.source import Span
from archdsl.syntax import tree

#: What makes a name.
Maker = tree.Statement | tree.Parameter | tree.For | tree.GroupFor | tree.Comprehension


class Kind(StrEnum):
    """What a name was made by, in a person's words."""

    NETWORK = "network"
    VARIANT = "variant"
    PARAMETER = "parameter"
    VALUE = "value"
    LOOP = "loop variable"
    TABLE = "table"
    DEFINITION = "definition"
    STEP = "step"
    INPUT = "input"
    TAP = "tap"
    EXIT = "exit"
    OUTPUT = "output"
    FILE = "used file"


@dataclass(frozen=True, slots=True, eq=False)
class Binding:
    """A name where it is made.

    Parameters
    ----------
    span
        The name itself.
    node
        The statement, parameter or loop that binds it.
    visible
        From where on it can be mentioned, in order of the text; a definition can from the start of its block.
    owner
        What a parameter belongs to: a definition or the network.
    """

    name: str
    kind: Kind
    span: Span
    node: Maker
    visible: int
    owner: Binding | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Mention:
    """A name where it is used.

    Parameters
    ----------
    role
        ``value``: in an expression; ``step``: in a pipeline; ``again``: one more statement for an indexed name;
        ``op``: behind ``set``; ``function``; ``member``: behind a dot; ``keyword``: the name of an argument.
    subject
        What stands before the dot of a member, or the name of what an argument is given to.
    binding
        What the name means, if the file says so; never for members and keywords, whose subject decides.
    node
        The step, expression or argument that mentions it.
    """

    name: str
    span: Span
    role: Literal["value", "step", "again", "op", "function", "member", "keyword"]
    node: tree.Tree
    subject: Mention | Binding | None = None
    binding: Binding | None = None


Occurrence = Binding | Mention


@dataclass(slots=True, eq=False)
class Scope:
    """The names that a block, a definition or a loop binds; ``parent`` is the scope around it."""

    start: int
    end: int
    parent: Scope | None = None
    is_definition: bool = False
    bindings: dict[str, Binding] = field(default_factory=dict)

    def outwards(self) -> Iterator[Scope]:
        """The scope and those around it, innermost first."""
        scope: Scope | None = self
        while scope is not None:
            yield scope
            scope = scope.parent

    def find(self, name: str, place: int) -> Binding | None:
        """What a name means at a place in this scope.

        A name is what was bound before, in the innermost scope; what a definition mentions is looked up when it is
        called, so there the order does not matter.
        """
        later, is_deferred = None, False
        for scope in self.outwards():
            binding = scope.bindings.get(name)
            if binding is not None and (is_deferred or binding.visible <= place):
                return binding
            later = later or binding
            is_deferred = is_deferred or scope.is_definition
        return later


@dataclass(frozen=True, eq=False)
class NameTable:
    """Every name of a file.

    Parameters
    ----------
    occurrences
        Where names are made and used, in order of place; no two overlap.
    scopes
        Outer ones first; the first is that of the file.
    uses
        The ``use`` statements at the top of the file that bring in definitions under their own names.
    """

    occurrences: tuple[Occurrence, ...]
    scopes: tuple[Scope, ...]
    uses: tuple[tree.Use, ...]

    @property
    def top(self) -> Scope:
        """The scope of the file."""
        return self.scopes[0]

    @cached_property
    def bindings(self) -> tuple[Binding, ...]:
        """Every name that is made, in order of place."""
        return tuple(item for item in self.occurrences if isinstance(item, Binding))

    @cached_property
    def mentions(self) -> tuple[Mention, ...]:
        """Every name that is used, in order of place."""
        return tuple(item for item in self.occurrences if isinstance(item, Mention))

    @cached_property
    def _starts(self) -> list[int]:
        return [item.span.start for item in self.occurrences]

    def at(self, offset: int) -> Occurrence | None:
        """The name at a place, or right before it."""
        index = bisect_right(self._starts, offset) - 1
        if index < 0:
            return None
        found = self.occurrences[index]
        return found if offset <= found.span.end else None

    def scope_at(self, offset: int) -> Scope:
        """The innermost scope around a place."""
        inside = [scope for scope in self.scopes if scope.start <= offset <= scope.end]
        return min(inside, key=lambda scope: scope.end - scope.start, default=self.top)

    def in_scope(self, offset: int) -> dict[str, Binding]:
        """What can be mentioned at a place, innermost first."""
        found: dict[str, Binding] = {}
        is_deferred = False
        for scope in self.scope_at(offset).outwards():
            for name, binding in scope.bindings.items():
                if is_deferred or binding.visible <= offset:
                    found.setdefault(name, binding)
            is_deferred = is_deferred or scope.is_definition
        return found
