"""The syntax tree: what a person wrote, with a span on every node.

Nodes are named after the rules of ``arch.lark``. ``span`` stands last and does not take part in comparison, so two
texts mean the same if their trees are equal.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from archdsl.source import Source, Span


@dataclass(frozen=True, slots=True)
class Tree:
    """Base of all nodes."""


def children(node: Tree) -> list[object]:
    """Values of a node's fields, last first: trees, tuples of trees, and plain values."""
    slots: tuple[str, ...] = node.__slots__  # type: ignore[assignment]
    return [getattr(node, name) for name in reversed(slots)]


# Expressions -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Number(Tree):
    value: int | float
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class String(Tree):
    value: str
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Boolean(Tree):
    value: bool
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Dims(Tree):
    """``3x224x224``."""

    values: tuple[int, ...]
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Name(Tree):
    """A name in an expression; ``in`` is the name ``in``."""

    name: str
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class List(Tree):
    items: tuple[Expression, ...]
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Comprehension(Tree):
    """``[item for name in iterable where condition]``."""

    item: Expression
    name: str
    iterable: Expression
    condition: Expression | None
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Table(Tree):
    """``{18: [2, 2, 2, 2], 34: [3, 4, 6, 3]}``."""

    entries: tuple[tuple[Expression, Expression], ...]
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Index(Tree):
    """``value[index]``; a range as index is a slice, both ends included."""

    value: Expression
    index: Expression
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Attribute(Tree):
    """``value.name``."""

    value: Expression
    name: str
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class FunctionCall(Tree):
    """``divisible(32 * width, 8)``."""

    function: str
    arguments: tuple[Expression, ...]
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Unary(Tree):
    operator: Literal["-", "not"]
    operand: Expression
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Binary(Tree):
    operator: Literal["+", "-", "*", "/", "//", "%", "**", "==", "!=", "<", "<=", ">", ">=", "and", "or"]
    left: Expression
    right: Expression
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Conditional(Tree):
    """``value if test else otherwise``."""

    test: Expression
    value: Expression
    otherwise: Expression
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Range(Tree):
    """``first..last``, both ends included."""

    first: Expression
    last: Expression
    span: Span = field(compare=False, repr=False)


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


@dataclass(frozen=True, slots=True)
class Argument(Tree):
    """``value`` or ``name=value``; ``span`` covers both, ``name_span`` the name."""

    name: str | None
    value: Expression
    name_span: Span | None = field(compare=False, repr=False)
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Step(Tree):
    """``3x3 conv 64 /2 groups=4 { body }``: an op, a definition, or the name of a stream (``a.feature``).

    ``arguments`` holds, in order of the source, what stands in parentheses, the bare value, and the keywords.
    """

    kernel: Dims | None
    name: str
    arguments: tuple[Argument, ...]
    stride: Expression | None
    body: Block | None
    name_span: Span = field(compare=False, repr=False)
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Select(Tree):
    """``gates[0]``, ``x[i]``, ``in[0]``: one stream (or, by a range, some) of a named list."""

    name: str
    index: Expression
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Block(Tree):
    """``{ statements }``."""

    statements: tuple[Statement, ...]
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Group(Tree):
    """``( p | q )``; an empty branch is an empty pipeline."""

    branches: tuple[Pipeline, ...]
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class GroupFor(Tree):
    """``( p for name in iterable where condition )``."""

    pipeline: Pipeline
    name: str
    iterable: Expression
    condition: Expression | None
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class If(Tree):
    """``if test { … } else { … }``; ``else if`` nests."""

    test: Expression
    then: Block
    otherwise: Block | If | None
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class For(Tree):
    """``for name in iterable { … }``."""

    name: str
    iterable: Expression
    body: Block
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Repeat(Tree):
    """``element x count``."""

    element: Element
    count: Expression
    span: Span = field(compare=False, repr=False)


Element = Step | Select | Block | Group | GroupFor | If | For | Repeat


@dataclass(frozen=True, slots=True)
class Pipeline(Tree):
    """``element -> element -> …``; empty only as a branch of a group."""

    elements: tuple[Element, ...]
    span: Span = field(compare=False, repr=False)


# Statements ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Parameter(Tree):
    """A parameter of a net or a definition, with its default."""

    name: str
    default: Expression | None
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Net(Tree):
    """``net resnet(depth=50)``."""

    name: str
    parameters: tuple[Parameter, ...]
    name_span: Span = field(compare=False, repr=False)
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Documentation(Tree):
    """``title "…"``, ``paper "…"`` or ``note "…"``."""

    kind: Literal["title", "paper", "note"]
    text: str
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Variant(Tree):
    """``variant resnet101(depth=101)``."""

    name: str
    arguments: tuple[Argument, ...]
    name_span: Span = field(compare=False, repr=False)
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Input(Tree):
    """``input 3x224x224`` or ``input image: 3x224x224``; ``shape`` is ``Dims``, ``Number`` or ``List``."""

    name: str | None
    shape: Expression
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Use(Tree):
    """``use "blocks.arch" as b``."""

    path: str
    alias: str | None
    path_span: Span = field(compare=False, repr=False)
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Let(Tree):
    """``let n = 4*growth``."""

    name: str
    value: Expression
    name_span: Span = field(compare=False, repr=False)
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Set(Tree):
    """``set conv bias=true pad=valid``."""

    op: str
    arguments: tuple[Argument, ...]
    op_span: Span = field(compare=False, repr=False)
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Definition(Tree):
    """``name(a, b=1) where condition: pipeline``, perhaps ``tied``."""

    name: str
    parameters: tuple[Parameter, ...]
    condition: Expression | None
    body: Pipeline
    tied: bool
    name_span: Span = field(compare=False, repr=False)
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Assign(Tree):
    """``name = pipeline`` or ``x[i] = pipeline``."""

    name: str
    index: Expression | None
    pipeline: Pipeline
    name_span: Span = field(compare=False, repr=False)
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Flow(Tree):
    """``pipeline``: the next step of the trunk."""

    pipeline: Pipeline
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Branch(Tree):
    """``exit aux1 weight=0.3 { … }`` or ``tap feature { … }``."""

    kind: Literal["exit", "tap"]
    name: str
    index: Expression | None
    arguments: tuple[Argument, ...]
    body: Block
    name_span: Span = field(compare=False, repr=False)
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class OutputStatement(Tree):
    """``output boxes = pipeline``."""

    name: str
    pipeline: Pipeline
    name_span: Span = field(compare=False, repr=False)
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Expect(Tree):
    """``expect 512x7x7``."""

    shape: Expression
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Require(Tree):
    """``require condition "message"``."""

    condition: Expression
    message: str | None
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Links(Tree):
    """``table name { X . X / … }``: one row of booleans for each input."""

    name: str
    rows: tuple[tuple[bool, ...], ...]
    name_span: Span = field(compare=False, repr=False)
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Broken(Tree):
    """A statement that does not parse; its diagnostic has been given."""

    span: Span = field(compare=False, repr=False)


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


@dataclass(frozen=True, slots=True)
class Comment(Tree):
    """``# text``; ``own_line`` if nothing else stands on the line."""

    text: str
    own_line: bool
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class File(Tree):
    """A whole file; comments are trivia, kept in order of place."""

    statements: tuple[Statement, ...]
    comments: tuple[Comment, ...] = field(compare=False, repr=False)
    source: Source = field(compare=False, repr=False)
