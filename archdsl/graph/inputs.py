"""Declares the inputs of a network: as its file has them, or with the shapes that a caller asks for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from archdsl import codes
from archdsl.diagnostic import Diagnostic, Edit, Fix, Severity
from archdsl.graph.builder import Builder
from archdsl.graph.flow import Flow
from archdsl.graph.names import Names
from archdsl.graph.options import only_in
from archdsl.graph.scope import Context
from archdsl.graph.values import Problem, Streams, Value, problem
from archdsl.ops import lookup
from archdsl.ops.base import Shape, TensorType
from archdsl.source import Span
from archdsl.syntax import tree

_FORM = "write `input 3x224x224`"

#: Maps are at least so large where their shape gives away that the channels were put behind them.
_LARGE = 16


class Inputs:
    """Runs ``input`` statements.

    Parameters
    ----------
    asked
        Shapes in place of those in the file: in order, or by name.
    """

    def __init__(
        self, builder: Builder, flow: Flow, file: tree.File, asked: tuple[Shape, ...] | Mapping[str, Shape] | None
    ) -> None:
        self._builder = builder
        self._flow = flow
        self._names = [item.name or "input" for item in file.statements if isinstance(item, tree.Input)]
        by_number = asked if isinstance(asked, Mapping) else dict(enumerate(asked or ()))
        #: By name of the input or by its number; those that are left at the end were asked for in vain.
        self._asked = {str(key): shape for key, shape in by_number.items()}
        self._count = 0

    def declare(self, statement: tree.Input, context: Context) -> None:
        """Add an input; one that only training has is reached by its name alone."""
        only = only_in(statement.arguments, "input", ("train",))
        if only is not None and statement.name is None:
            hint = "name it: `input truth: 20x5 only=train`"
            raise problem(codes.BAD_ARGUMENT, "an input of training alone needs a name", statement.span, hint=hint)
        declared = self._flow.expressions.evaluate(statement.shape, context)
        shape = self._override(statement) or self._shape(declared, statement)
        if only is None and _has_channels_last(shape):
            self._flow.report(_channels_last(shape, statement.shape.span), context)
        op = lookup("input")
        assert op is not None
        name = self._builder.root.level.claim(statement.name or "input")
        made = op.make(shape=shape, only=only)
        streams = self._builder.add(context.frame, made, (), (TensorType(shape),), statement.span, name)
        if statement.name is not None:
            Names.bind(context, statement.name, streams, statement.span)
        if only is not None:
            return
        untouched = context.trunk.items == context.entry.items
        context.entry = Streams(context.entry.items + streams.items)
        context.trunk = context.entry if untouched else streams

    @staticmethod
    def _shape(value: Value, statement: tree.Input) -> Shape:
        axes = value if isinstance(value, tuple) else (value,)
        shape = tuple(axis for axis in axes if isinstance(axis, int) and not isinstance(axis, bool) and axis > 0)
        if shape and len(shape) == len(axes):
            return shape
        message = f"an input's shape is channels and sizes, all at least 1, not {statement.shape.span.text}"
        raise problem(codes.BAD_ARGUMENT, message, statement.shape.span, hint=_FORM)

    def _override(self, statement: tree.Input) -> Shape | None:
        by_number = self._asked.pop(str(self._count), None)
        self._count += 1
        return self._asked.pop(statement.name or "", None) or by_number

    def unanswered(self, span: Span) -> Iterator[Problem]:
        """Shapes that were asked for inputs that there are not."""
        for name in self._asked:
            message = f"there is no input {int(name) + 1}" if name.isdigit() else f"no input is called `{name}`"
            yield problem(codes.UNKNOWN_PARAMETER, message, span, hint="there are " + ", ".join(self._names))


def _has_channels_last(shape: Shape) -> bool:
    """Whether a shape looks like height x width x channels."""
    return len(shape) == 3 and shape[0] == shape[1] >= _LARGE and shape[2] in {1, 3}


def _channels_last(shape: Shape, span: Span) -> Problem:
    meant = "x".join(map(str, (shape[2], *shape[:2])))
    message = f"this input has {shape[0]} channels of {shape[1]}x{shape[2]}"
    fix = Fix(f"write `{meant}`", (Edit(span, meant),), safe=False)
    hint = f"channels come first: `input {meant}`"
    return Problem(Diagnostic(codes.CHANNELS_LAST, message, span, Severity.WARNING, hint=hint, fixes=(fix,)))
