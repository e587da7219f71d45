"""Values of the language while a graph is being built: numbers, streams, definitions, namespaces."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from archdsl.codes import Code
from archdsl.diagnostic import Diagnostic, Fix, Label
from archdsl.graph.graph import Port
from archdsl.ops.base import Op, TensorType
from archdsl.source import Span
from archdsl.syntax import tree

if TYPE_CHECKING:
    from archdsl.graph.scope import Defaults, Environment, Level

#: A compile-time value: int, float, str, bool, tuple (a list), range, ``Lookup`` or one of the classes below.
Value = object


@dataclass(frozen=True, slots=True)
class Stream:
    """One stream: where it comes from and its type; the type is None behind an error."""

    port: Port
    type: TensorType | None


_NO_TAPS: Mapping[str, Streams] = {}


@dataclass(frozen=True, slots=True)
class Streams:
    """What a pipeline carries: one stream, or a list; with the taps that were set on the way."""

    items: tuple[Stream, ...]
    taps: Mapping[str, Streams] = field(default_factory=lambda: _NO_TAPS)

    @property
    def is_broken(self) -> bool:
        """Whether an error lies upstream, so that nothing sensible can be said."""
        return any(stream.type is None for stream in self.items)


#: Behind an error: every check on it is silent, so that one mistake gives one diagnostic.
BROKEN = Streams((Stream(Port(-1), None),))


@dataclass(slots=True)
class Indexed:
    """An indexed name: ``x[0] = …``, ``x[1] = …``; the one value that changes while a graph is built."""

    items: dict[int, Streams] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Lookup:
    """A table ``{18: …, 34: …}``."""

    entries: Mapping[object, Value]


@dataclass(frozen=True, slots=True)
class Namespace:
    """A file brought in by ``use … as name``."""

    name: str
    members: Environment


@dataclass(frozen=True, slots=True, eq=False)
class Closure:
    """A definition with the place where it stands.

    ``defaults`` are the ``set`` statements in force at the top of its file; they hold in it wherever it is called.
    """

    tree: tree.Definition
    environment: Environment
    defaults: Defaults
    level: Level

    @property
    def takes_body(self) -> bool:
        """Whether the definition is structural: it takes a body and adds no level to paths."""
        return any(parameter.name == "body" for parameter in self.tree.parameters)


@dataclass(frozen=True, slots=True, eq=False)
class Body:
    """A trailing ``{ body }``: it keeps the names and the ``in`` of the place where it is written."""

    block: tree.Block
    environment: Environment
    entry: Streams


class _Unknown:
    """The value of a name whose statement was wrong; using it is silent."""

    __slots__ = ()


UNKNOWN = _Unknown()


class Problem(Exception):
    """Something is wrong at a place; ``diagnostic`` is None if it has been reported already."""

    def __init__(self, diagnostic: Diagnostic | None) -> None:
        super().__init__(diagnostic)
        self.diagnostic = diagnostic


def problem(
    code: Code,
    message: str,
    span: Span,
    *,
    hint: str | None = None,
    labels: tuple[Label, ...] = (),
    fixes: tuple[Fix, ...] = (),
) -> Problem:
    """Shorthand for a ``Problem`` that reports an error."""
    return Problem(Diagnostic(code, message, span, hint=hint, labels=labels, fixes=fixes))


def describe(value: Value) -> str:
    """What a value is, in a person's words: ``a number``, ``a definition``."""
    if isinstance(value, bool):
        return "a truth value"
    if isinstance(value, int | float):
        return f"a number ({value})"
    if isinstance(value, Streams | Indexed):
        return "a stream" if isinstance(value, Streams) and len(value.items) == 1 else "a list of streams"
    if isinstance(value, type):
        return "an operator"
    names = {str: "a string", tuple: "a list", range: "a range", Lookup: "a table"}
    names |= {Closure: "a definition", Body: "a body", Namespace: "a used file"}
    return names.get(type(value), "a value")


def show(value: Value) -> str:
    """A value as a person would write it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return "[" + ", ".join(show(item) for item in value) + "]"
    if isinstance(value, range):
        return f"{value.start}..{value.stop - 1}"
    if isinstance(value, Closure):
        return value.tree.name
    if isinstance(value, type) and issubclass(value, Op):
        return value.keyword
    if isinstance(value, Streams | Indexed | Body | Namespace | Lookup):
        return "…"
    if isinstance(value, float):
        return f"{value:.6g}"
    return str(value)
