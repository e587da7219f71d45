"""Where elaboration stands: names in scope, defaults of operators, levels of paths, the stack of calls."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from archdsl.graph.values import Indexed, Streams, Value
from archdsl.source import Span
from archdsl.syntax import tree

#: For each operator the arguments that ``set`` gave it, with the place of each.
Defaults = Mapping[str, Mapping[str, tuple[Value, Span]]]


@dataclass(slots=True)
class Binding:
    """A name's value and where it was bound; no place for what the language itself provides."""

    value: Value
    span: Span | None


@dataclass(slots=True)
class Environment:
    """Names in scope: those of a block, and, through ``parent``, of the blocks around it.

    ``statements`` are the statements of the block, so that a name used too early can be told from an unknown one.
    ``is_prelude`` marks the standard library, whose names a file may define anew.
    """

    parent: Environment | None = None
    statements: tuple[tree.Statement, ...] = ()
    is_prelude: bool = False
    bindings: dict[str, Binding] = field(default_factory=dict)

    def lookup(self, name: str) -> Binding | None:
        """The innermost binding of a name."""
        environment: Environment | None = self
        while environment is not None:
            binding = environment.bindings.get(name)
            if binding is not None:
                return binding
            environment = environment.parent
        return None

    def outwards(self) -> Iterator[Environment]:
        """The environment and those around it, innermost first."""
        environment: Environment | None = self
        while environment is not None:
            yield environment
            environment = environment.parent

    def names(self) -> set[str]:
        """Every name in scope."""
        return {name for environment in self.outwards() for name in environment.bindings}

    def bind(self, name: str, value: Value, span: Span | None) -> None:
        self.bindings[name] = Binding(value, span)

    def indexed(self, name: str) -> Indexed | None:
        """The indexed name that is in scope, if there is one."""
        binding = self.lookup(name)
        return binding.value if binding is not None and isinstance(binding.value, Indexed) else None


@dataclass(slots=True)
class Level:
    """One level of paths: gives each operator, call and step in it a name of its own."""

    path: str
    taken: set[str] = field(default_factory=set)
    counts: dict[str, int] = field(default_factory=dict)

    def ordinal(self, name: str) -> str:
        """The next of its like: ``conv1``, then ``conv2``."""
        number = self.counts.get(name, 0) + 1
        while f"{name}{number}" in self.taken:
            number += 1
        self.counts[name] = number
        self.taken.add(f"{name}{number}")
        return f"{name}{number}"

    def claim(self, name: str) -> str:
        """``name`` itself, or ``name_2`` … where it is taken."""
        candidate, number = name, 1
        while candidate in self.taken:
            number += 1
            candidate = f"{name}_{number}"
        self.taken.add(candidate)
        return candidate

    def join(self, name: str) -> str:
        """Path of a member."""
        return f"{self.path}.{name}" if self.path else name

    def below(self, name: str) -> Level:
        """A fresh level under this one."""
        return Level(self.join(name))


@dataclass(frozen=True, slots=True)
class CallKey:
    """What makes two calls of a definition the same call: if one leads to the other, recursion never ends."""

    definition: int
    arguments: tuple[tuple[str, object], ...]
    shapes: tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Frame:
    """A place in the stack of calls: the scope of the graph that nodes belong to, and the level of their paths."""

    scope: int
    level: Level
    depth: int = 0
    parent: Frame | None = None
    key: CallKey | None = None

    def callers(self) -> Iterator[Frame]:
        """The frame and those that led to it, innermost first."""
        frame: Frame | None = self
        while frame is not None:
            yield frame
            frame = frame.parent


@dataclass(slots=True)
class Context:
    """Everything that evaluating a statement depends on; each block has one.

    ``entry`` is what ``in`` means; ``trunk`` the stream that the next step takes.
    """

    environment: Environment
    defaults: Defaults
    frame: Frame
    entry: Streams
    trunk: Streams
    taps: dict[str, Streams]

    @property
    def is_top(self) -> bool:
        """Whether it is that of a whole file, not of a block in it."""
        above = self.environment.parent
        return self.frame.scope == 0 and above is not None and above.is_prelude

    def inside(self, **changes: object) -> Context:
        """A context that differs in some fields."""
        fields: dict[str, object] = {name: getattr(self, name) for name in self.__slots__}
        return Context(**{**fields, **changes})  # type: ignore[arg-type]
