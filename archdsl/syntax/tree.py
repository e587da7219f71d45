"""The syntax tree: what a person wrote, with a span on every node.

Nodes are named after the rules of ``arch.lark``. ``span`` stands last and does not take part in comparison, so two
texts mean the same if their trees are equal.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar, Literal, Self, dataclass_transform

from archdsl.source import Source, Span


@dataclass_transform(frozen_default=True)
class Tree:
    """Base of all nodes: a frozen record whose annotations are its fields.

    It does what a dataclass does, but costs a fraction of the time to declare: there are some fifty kinds of nodes,
    and every command starts by importing them.
    """

    fields: ClassVar[tuple[str, ...]] = ()
    _compared: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls) -> None:
        cls.fields = tuple(cls.__annotations__)
        trivia = ("span", "comments", "source")  # where something stands does not change what it means
        cls._compared = tuple(name for name in cls.fields if not name.endswith(trivia))

    def __init__(self, *values: Any, **named: Any) -> None:
        self.__dict__.update(zip(self.fields, values, strict=False), **named)
        if len(self.__dict__) != len(self.fields):
            raise TypeError(f"{type(self).__name__} takes {', '.join(self.fields)}")

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{type(self).__name__} is frozen")

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other):
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name in self._compared)

    def __hash__(self) -> int:
        return hash((type(self), *(getattr(self, name) for name in self._compared)))

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={getattr(self, name)!r}" for name in self._compared)
        return f"{type(self).__name__}({shown})"

    def replace(self, **changes: Any) -> Self:
        """A node that differs in some fields."""
        return type(self)(**{**self.__dict__, **changes})

    def compared(self) -> list[object]:
        """Values of the fields in which nodes of this kind may differ: all but places and comments."""
        return [self.__dict__[name] for name in self._compared]

    def children(self) -> list[object]:
        """Values of the fields, last first: nodes, tuples of nodes, and plain values."""
        return [self.__dict__[name] for name in reversed(self.fields)]


def walk(node: object) -> Iterator[Tree]:
    """Every node in a node or in nested tuples of nodes, itself first, in order of the source."""
    pending = [node]
    while pending:
        current = pending.pop()
        if isinstance(current, tuple):
            pending.extend(reversed(current))
        elif isinstance(current, Tree):
            yield current
            pending.extend(current.children())


# Expressions -----------------------------------------------------------------------------------------------------


class Number(Tree):
    """``64`` or ``0.5``."""

    value: int | float
    span: Span


class String(Tree):
    """``"text"``."""

    value: str
    span: Span


class Boolean(Tree):
    """``true`` or ``false``."""

    value: bool
    span: Span


class Dims(Tree):
    """``3x224x224``."""

    values: tuple[int, ...]
    span: Span


class Name(Tree):
    """A name in an expression; ``in`` is the name ``in``."""

    name: str
    span: Span


class List(Tree):
    """``[1, 2, 3]``."""

    items: tuple[Expression, ...]
    span: Span


class Comprehension(Tree):
    """``[item for name in iterable where condition]``."""

    item: Expression
    name: str
    iterable: Expression
    condition: Expression | None
    span: Span


class Table(Tree):
    """``{18: [2, 2, 2, 2], 34: [3, 4, 6, 3]}``."""

    entries: tuple[tuple[Expression, Expression], ...]
    span: Span


class Index(Tree):
    """``value[index]``; a range as index is a slice, both ends included."""

    value: Expression
    index: Expression
    span: Span


class Attribute(Tree):
    """``value.name``."""

    value: Expression
    name: str
    span: Span


class FunctionCall(Tree):
    """``divisible(32 * width, 8)``."""

    function: str
    arguments: tuple[Expression, ...]
    span: Span


class Unary(Tree):
    """``-value`` or ``not value``."""

    operator: Literal["-", "not"]
    operand: Expression
    span: Span


class Binary(Tree):
    """``left operator right``."""

    operator: Literal["+", "-", "*", "/", "//", "%", "**", "==", "!=", "<", "<=", ">", ">=", "and", "or"]
    left: Expression
    right: Expression
    span: Span


class Conditional(Tree):
    """``value if test else otherwise``."""

    test: Expression
    value: Expression
    otherwise: Expression
    span: Span


class Range(Tree):
    """``first..last``, both ends included."""

    first: Expression
    last: Expression
    span: Span


Expression = (
    Number
    | String
    | Boolean
    | Dims
    | Name
    | List
    | Comprehension
    | Table
    | Index
    | Attribute
    | FunctionCall
    | Unary
    | Binary
    | Conditional
    | Range
)

# Elements of pipelines -------------------------------------------------------------------------------------------


class Argument(Tree):
    """``value`` or ``name=value``; ``span`` covers both, ``name_span`` the name."""

    name: str | None
    value: Expression
    name_span: Span | None
    span: Span


class Step(Tree):
    """``3x3 conv 64 /2 groups=4 { body }``: an op, a definition, or the name of a stream (``a.feature``).

    ``arguments`` holds, in order of the source, what stands in parentheses, the bare value, and the keywords.
    """

    kernel: Dims | None
    name: str
    arguments: tuple[Argument, ...]
    stride: Expression | None
    body: Block | None
    name_span: Span
    span: Span


class Select(Tree):
    """``gates[0]``, ``x[i]``, ``in[0]``: one stream (or, by a range, some) of a named list."""

    name: str
    index: Expression
    span: Span


class Block(Tree):
    """``{ statements }``."""

    statements: tuple[Statement, ...]
    span: Span


class Group(Tree):
    """``( p | q )``; an empty branch is an empty pipeline."""

    branches: tuple[Pipeline, ...]
    span: Span


class GroupFor(Tree):
    """``( p for name in iterable where condition )``."""

    pipeline: Pipeline
    name: str
    iterable: Expression
    condition: Expression | None
    span: Span


class If(Tree):
    """``if test { … } else { … }``; ``else if`` nests."""

    test: Expression
    then: Block
    otherwise: Block | If | None
    span: Span


class For(Tree):
    """``for name in iterable { … }``."""

    name: str
    iterable: Expression
    body: Block
    span: Span


class Repeat(Tree):
    """``element x count``."""

    element: Element
    count: Expression
    span: Span


Element = Step | Select | Block | Group | GroupFor | If | For | Repeat


class Pipeline(Tree):
    """``element -> element -> …``; empty only as a branch of a group."""

    elements: tuple[Element, ...]
    span: Span


# Statements ------------------------------------------------------------------------------------------------------


class Parameter(Tree):
    """A parameter of a net or a definition, with its default."""

    name: str
    default: Expression | None
    span: Span


class Net(Tree):
    """``net resnet(depth=50)``."""

    name: str
    parameters: tuple[Parameter, ...]
    name_span: Span
    span: Span


class Documentation(Tree):
    """``title "…"``, ``paper "…"`` or ``note "…"``."""

    kind: Literal["title", "paper", "note"]
    text: str
    span: Span


class Variant(Tree):
    """``variant resnet101(depth=101)``."""

    name: str
    arguments: tuple[Argument, ...]
    name_span: Span
    span: Span


class Input(Tree):
    """``input 3x224x224`` or ``input truth: 20x5 only=train``; ``shape`` is ``Dims``, ``Number`` or ``List``."""

    name: str | None
    shape: Expression
    arguments: tuple[Argument, ...]
    span: Span


class Use(Tree):
    """``use "blocks.arch" as b``."""

    path: str
    alias: str | None
    path_span: Span
    span: Span


class Let(Tree):
    """``let n = 4*growth``."""

    name: str
    value: Expression
    name_span: Span
    span: Span


class Set(Tree):
    """``set conv bias=true pad=valid``."""

    op: str
    arguments: tuple[Argument, ...]
    op_span: Span
    span: Span


class Definition(Tree):
    """``name(a, b=1) where condition: pipeline``, perhaps ``tied``."""

    name: str
    parameters: tuple[Parameter, ...]
    condition: Expression | None
    body: Pipeline
    tied: bool
    name_span: Span
    span: Span


class Assign(Tree):
    """``name = pipeline`` or ``x[i] = pipeline``."""

    name: str
    index: Expression | None
    pipeline: Pipeline
    name_span: Span
    span: Span


class Flow(Tree):
    """``pipeline``: the next step of the trunk."""

    pipeline: Pipeline
    span: Span


class Branch(Tree):
    """``exit aux1 weight=0.3 { … }`` or ``tap feature { … }``."""

    kind: Literal["exit", "tap"]
    name: str
    index: Expression | None
    arguments: tuple[Argument, ...]
    body: Block
    name_span: Span
    span: Span


class OutputStatement(Tree):
    """``output boxes = pipeline`` or ``output loss only=train = pipeline``."""

    name: str
    arguments: tuple[Argument, ...]
    pipeline: Pipeline
    name_span: Span
    span: Span


class Expect(Tree):
    """``expect 512x7x7``."""

    shape: Expression
    span: Span


class Require(Tree):
    """``require condition "message"``."""

    condition: Expression
    message: str | None
    span: Span


class Links(Tree):
    """``table name { X . X / … }``: one row of booleans for each input."""

    name: str
    rows: tuple[tuple[bool, ...], ...]
    name_span: Span
    span: Span


class Broken(Tree):
    """A statement that does not parse; its diagnostic has been given."""

    span: Span


Statement = (
    Net
    | Documentation
    | Variant
    | Input
    | Use
    | Let
    | Set
    | Definition
    | Assign
    | Flow
    | Branch
    | OutputStatement
    | Expect
    | Require
    | Links
    | Broken
)


class Comment(Tree):
    """``# text``; ``own_line`` if nothing else stands on the line."""

    text: str
    own_line: bool
    span: Span


class File(Tree):
    """A whole file; comments are trivia, kept in order of place."""

    statements: tuple[Statement, ...]
    comments: tuple[Comment, ...]
    source: Source
