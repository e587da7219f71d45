"""Evaluates expressions: pure, total and bounded arithmetic over numbers, lists, tables and shapes of streams."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import NoReturn, cast

from archdsl import codes
from archdsl.diagnostic import near
from archdsl.graph.arithmetic import combine, is_number
from archdsl.graph.builder import Builder
from archdsl.graph.functions import FUNCTIONS
from archdsl.graph.graph import Port
from archdsl.graph.scope import Context, Environment
from archdsl.graph.unknown import unknown_attribute, unknown_name
from archdsl.graph.values import (
    BROKEN,
    UNKNOWN,
    Indexed,
    Lookup,
    Namespace,
    Problem,
    Stream,
    Streams,
    Value,
    describe,
    problem,
    show,
)
from archdsl.ops import lookup
from archdsl.ops.base import TensorType
from archdsl.source import Span
from archdsl.syntax import tree

#: How long a range may be: no network needs more, and a stranger's spec must not exhaust the machine.
MAX_ITEMS = 100_000

STREAM_ATTRIBUTES = ("channels", "height", "width", "shape", "stride")


class Expressions:
    """Evaluates expressions in a context."""

    def __init__(self, builder: Builder) -> None:
        self._builder = builder
        self._rules: dict[type, Callable[..., Value]] = {
            tree.Number: lambda node, context: node.value,
            tree.String: lambda node, context: node.value,
            tree.Boolean: lambda node, context: node.value,
            tree.Dims: lambda node, context: node.values,
            tree.Name: self._name,
            tree.List: lambda node, context: tuple(self.evaluate(item, context) for item in node.items),
            tree.Comprehension: self._comprehension,
            tree.Table: self._table,
            tree.Index: self._index,
            tree.Attribute: self._attribute,
            tree.FunctionCall: self._call,
            tree.Unary: self._unary,
            tree.Binary: self._binary,
            tree.Conditional: self._conditional,
            tree.Range: self._range,
        }

    def evaluate(self, node: tree.Expression, context: Context) -> Value:
        """The value of an expression.

        Raises
        ------
        Problem
            It has none; the diagnostic says why.
        """
        return self._rules[type(node)](node, context)

    def integer(self, node: tree.Expression, context: Context, what: str) -> int:
        """The value of an expression that must be an integer."""
        value = self.evaluate(node, context)
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        raise problem(
            codes.BAD_VALUE,
            f"{what} must be an integer, not {describe(value)}",
            node.span,
            hint="use floor, ceil, round or divisible" if isinstance(value, float) else None,
        )

    def truth(self, node: tree.Expression, context: Context) -> bool:
        """The value of a condition."""
        value = self.evaluate(node, context)
        if isinstance(value, bool):
            return value
        raise problem(codes.BAD_VALUE, f"a condition must be true or false, not {describe(value)}", node.span)

    def items(self, node: tree.Expression, context: Context) -> tuple[Value, ...] | range:
        """The values that ``for … in`` runs over."""
        value = self.evaluate(node, context)
        if isinstance(value, tuple | range):
            return value
        raise problem(
            codes.BAD_VALUE, f"`for` runs over a range or a list, not {describe(value)}", node.span, hint="write 1..n"
        )

    # One method for each kind of node ----------------------------------------------------------------------------

    def _name(self, node: tree.Name, context: Context) -> Value:
        if node.name == "in":
            return context.entry
        binding = context.environment.lookup(node.name)
        if binding is None:
            op = lookup(node.name)
            if op is not None:  # an operator is a value too: `let act = relu6 if light else relu`
                return op
            raise unknown_name(node.name, node.span, context.environment)
        if binding.value is UNKNOWN:
            raise Problem(None)
        return binding.value

    def _comprehension(self, node: tree.Comprehension, context: Context) -> Value:
        results = []
        for value in self.items(node.iterable, context):
            inner = context.inside(environment=Environment(context.environment))
            inner.environment.bind(node.name, value, None)
            if node.condition is None or self.truth(node.condition, inner):
                results.append(self.evaluate(node.item, inner))
        return tuple(results)

    def _table(self, node: tree.Table, context: Context) -> Value:
        entries: dict[object, Value] = {}
        for key, value in node.entries:
            name = self.evaluate(key, context)
            if not isinstance(name, int | float | str):
                raise problem(codes.BAD_VALUE, f"a key is a number or a string, not {describe(name)}", key.span)
            entries[name] = self.evaluate(value, context)
        return Lookup(entries)

    def _index(self, node: tree.Index, context: Context) -> Value:
        value = self.evaluate(node.value, context)
        index = self.evaluate(node.index, context)
        if isinstance(value, Lookup):
            return _look_up(value, index, node.index.span)
        if isinstance(value, Streams | Indexed):
            return select_streams(value, index, node.value.span.text, node.index.span)
        if not isinstance(value, tuple | range):
            raise problem(codes.BAD_VALUE, f"{describe(value)} has no items", node.value.span)
        return select(tuple(value), index, node.index.span)

    def _attribute(self, node: tree.Attribute, context: Context) -> Value:
        value = self.evaluate(node.value, context)
        if isinstance(value, Streams):
            return self._stream_attribute(value, node, context)
        if isinstance(value, Namespace):
            binding = value.members.lookup(node.name)
            if binding is not None:
                return binding.value
            raise unknown_attribute(node.name, f"file {value.name}", value.members.names(), node.span)
        raise problem(codes.UNKNOWN_ATTRIBUTE, f"{describe(value)} has no attribute {node.name}", node.span)

    def _stream_attribute(self, streams: Streams, node: tree.Attribute, context: Context) -> Value:
        if node.name in streams.taps:
            return streams.taps[node.name]
        if node.name not in STREAM_ATTRIBUTES:
            names = {*STREAM_ATTRIBUTES, *streams.taps}
            raise unknown_attribute(node.name, "a stream", names, node.span)
        if streams.is_broken:
            raise Problem(None)
        if len(streams.items) != 1:
            text = node.value.span.text
            raise problem(
                codes.MISSING_MERGE,
                f"`{text}` is a list of {len(streams.items)} streams, and only one stream has a {node.name}",
                node.span,
                hint=f"take one of them: `{text}[0].{node.name}`",
            )
        stream = streams.items[0]
        assert stream.type is not None
        if node.name == "stride":
            return self._stride(stream, context.entry, node.span)
        return _shape_attribute(stream.type, node)

    def _stride(self, stream: Stream, entry: Streams, span: Span) -> Value:
        """By how much a stream is coarser than what entered the definition, per axis."""
        if len(entry.items) != 1 or entry.items[0].type is None or stream.type is None:
            raise problem(codes.BAD_VALUE, "`stride` is relative to `in`, which must be one stream here", span)
        scales = self._scales(stream.port, entry.items[0].port)
        if scales is None:  # no path leads from `in`: the sizes have to tell
            pairs = zip(entry.items[0].type.spatial, stream.type.spatial, strict=False)
            scales = tuple(Fraction(round(Fraction(before, after))) for before, after in pairs)
        strides = tuple(int(scale) if scale.denominator == 1 else float(scale) for scale in scales)
        return strides[0] if strides and len(set(strides)) == 1 else strides

    def _scales(self, port: Port, origin: Port) -> tuple[Fraction, ...] | None:
        """Product of the strides on the way from ``origin``, following first inputs."""
        scales: tuple[Fraction, ...] | None = None
        while port != origin:
            inputs = self._builder.inputs_of(port)
            if not inputs or port.node < origin.node:
                return None
            window = self._builder.op_of(port).window(*(self._builder.type_of(source) for source in inputs))
            if window is not None and window.everywhere:
                return None
            if window is not None and (window.stride or window.upscale):
                step = [Fraction(stride) for stride in window.stride or (1,) * len(window.upscale)]
                for axis, factor in enumerate(window.upscale):
                    step[axis] /= factor
                scales = tuple(a * b for a, b in zip(scales or (Fraction(1),) * len(step), step, strict=False))
            port = inputs[0]
        return scales or (Fraction(1),) * self._builder.type_of(origin).rank

    def _call(self, node: tree.FunctionCall, context: Context) -> Value:
        function = FUNCTIONS.get(node.function)
        if function is None:
            close = near(node.function, FUNCTIONS)
            raise problem(
                codes.UNKNOWN_NAME,
                f"no function is called `{node.function}`",
                node.span,
                hint=_meant_function(node.function, close),
            )
        values = [self.evaluate(argument, context) for argument in node.arguments]
        if any(isinstance(value, Streams) and value.is_broken for value in values):
            raise Problem(None)
        try:
            return function(*values)
        except (TypeError, ValueError, OverflowError, ArithmeticError) as error:
            given = ", ".join(show(value) for value in values)
            raise problem(codes.BAD_VALUE, f"{node.function}({given}) has no value", node.span) from error

    def _unary(self, node: tree.Unary, context: Context) -> Value:
        if node.operator == "not":
            return not self.truth(node.operand, context)
        value = self.evaluate(node.operand, context)
        if not is_number(value):
            raise problem(codes.BAD_VALUE, f"`-` needs a number, not {describe(value)}", node.operand.span)
        return -cast("float", value)

    def _conditional(self, node: tree.Conditional, context: Context) -> Value:
        return self.evaluate(node.value if self.truth(node.test, context) else node.otherwise, context)

    def _range(self, node: tree.Range, context: Context) -> Value:
        first = self.integer(node.first, context, "the first number of a range")
        last = self.integer(node.last, context, "the last number of a range")
        if last - first >= MAX_ITEMS:
            raise problem(codes.TOO_LARGE, f"the range {first}..{last} has more than {MAX_ITEMS:,} items", node.span)
        return range(first, last + 1)

    def _binary(self, node: tree.Binary, context: Context) -> Value:
        if node.operator == "and":
            return self.truth(node.left, context) and self.truth(node.right, context)
        if node.operator == "or":
            return self.truth(node.left, context) or self.truth(node.right, context)
        return combine(node, self.evaluate(node.left, context), self.evaluate(node.right, context))


def _shape_attribute(type_: TensorType, node: tree.Attribute) -> Value:
    if node.name == "shape":
        return type_.shape
    if node.name == "channels":
        return type_.channels
    axis = {"height": -2, "width": -1}[node.name]
    if type_.rank < -axis:
        raise problem(codes.UNKNOWN_ATTRIBUTE, f"a stream of shape {type_} has no {node.name}", node.span)
    return type_.shape[axis]


def _look_up(table: Lookup, key: Value, span: Span) -> Value:
    if isinstance(key, int | float | str) and key in table.entries:
        return table.entries[key]
    keys = ", ".join(show(known) for known in table.entries)
    raise problem(codes.BAD_VALUE, f"the table has no entry {show(key)}", span, hint=f"it has {keys}")


def select(items: tuple[Value, ...], index: Value, span: Span) -> Value:
    """One item of a list, or the items of a range of indices, both ends included."""
    if isinstance(index, range):
        if len(index) and not (index[0] >= 0 and index[-1] < len(items)):
            _out_of_range(len(items), index, span)
        return items[index.start : index.stop] if len(index) else ()
    if not isinstance(index, int) or isinstance(index, bool):
        raise problem(codes.BAD_VALUE, f"an index is an integer or a range, not {describe(index)}", span)
    if not -len(items) <= index < len(items):
        _out_of_range(len(items), index, span)
    return items[index]


def _out_of_range(length: int, index: Value, span: Span) -> NoReturn:
    have = f"the list has {length} items, 0..{length - 1}" if length else "the list is empty"
    raise problem(codes.BAD_VALUE, f"index {show(index)} is out of range: {have}", span)


def select_streams(value: Streams | Indexed, index: Value, name: str, span: Span) -> Streams:
    """One stream of a named list or of an indexed name, or those of a range of indices."""
    if isinstance(value, Streams):
        if value.is_broken:
            return BROKEN
        chosen = select(value.items, index, span)
        return Streams((chosen,) if isinstance(chosen, Stream) else cast("tuple[Stream, ...]", chosen))
    if isinstance(index, range):
        parts = [select_streams(value, number, name, span) for number in index]
        return Streams(tuple(stream for part in parts for stream in part.items))
    if isinstance(index, int) and index in value.items:
        return value.items[index]
    bound = ", ".join(map(str, sorted(value.items)))
    raise problem(
        codes.USED_BEFORE,
        f"`{name}[{show(index)}]` is used before it is bound",
        span,
        hint=f"bound so far: {bound}" if bound else None,
    )


def _meant_function(name: str, close: str | None) -> str:
    if name == "range":
        return "a range is written `1..n`; both ends belong to it"
    return f"did you mean `{close}`?" if close else "the functions are " + ", ".join(sorted(FUNCTIONS))
