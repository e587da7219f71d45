"""Applies operators: collects and validates arguments, infers shapes, adds nodes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, get_args, get_origin

from archdsl import codes
from archdsl.codes import Code
from archdsl.diagnostic import Edit, Fix, Label, near
from archdsl.graph.builder import Builder
from archdsl.graph.expressions import Expressions
from archdsl.graph.findings import Findings
from archdsl.graph.graph import Port
from archdsl.graph.names import Names
from archdsl.graph.scope import Context
from archdsl.graph.values import (
    BROKEN,
    UNKNOWN,
    Indexed,
    Lookup,
    Problem,
    Stream,
    Streams,
    Value,
    describe,
    problem,
    show,
)
from archdsl.ops.base import SCALAR, ArgumentError, Op, ShapeError, TensorType
from archdsl.source import Span
from archdsl.syntax import tree

_SHAPE_CODES: dict[str, Code] = {
    "shape": codes.BAD_SHAPE,
    "rank": codes.BAD_SHAPE,
    "merge": codes.MERGE_MISMATCH,
    "groups": codes.GROUPS,
    "kernel": codes.KERNEL_TOO_LARGE,
    "empty": codes.EMPTY_SIZE,
    "count": codes.STREAM_COUNT,
}


@dataclass(frozen=True, slots=True)
class Given:
    """An argument as it was given: its value and where it stands."""

    value: Value
    span: Span


def _words(annotation: Any) -> Iterable[str]:
    if get_origin(annotation) is Literal:
        return (word for word in get_args(annotation) if isinstance(word, str))
    return (word for part in get_args(annotation) for word in _words(part))


@cache
def vocabulary(op: type[Op], field: str) -> frozenset[str]:
    """The bare words that an argument takes: ``same`` and ``valid`` for ``pad``."""
    return frozenset(_words(op.model_fields[field].annotation))


def _plain(value: Value) -> Value:
    """A value as an operator takes it: lists and ranges as tuples."""
    if isinstance(value, range | tuple | list):
        return tuple(_plain(item) for item in value)
    return value


class Operators:
    """Applies operators to streams."""

    def __init__(self, builder: Builder, expressions: Expressions, findings: Findings) -> None:
        self._builder = builder
        self._expressions = expressions
        self._findings = findings
        self._made: dict[object, Op] = {}

    def apply(self, op: type[Op], step: tree.Step, context: Context, streams: Streams) -> Streams:
        """The streams behind a step that is an operator.

        Raises
        ------
        Problem
            The arguments are wrong, or the streams do not fit.
        """
        given = self._given(op, step, context)
        extra = self._take_streams(op, given)
        made = self._make(op, given, step)
        taken = streams.items + extra
        if any(stream.type is None for stream in taken):
            return BROKEN
        self._check_count(made, len(streams.items), step)
        if made.is_identity or (made.arity is None and len(taken) == 1):
            return Streams(streams.items)
        outputs = self._infer(made, step, context, taken)
        if outputs is None:
            return BROKEN
        inputs = tuple(stream.port for stream in taken)
        name = context.frame.level.ordinal(op.keyword)
        self._check_tied(made, inputs, context.frame.level.join(name), step)
        return self._builder.add(context.frame, made, inputs, outputs, step.span, name)

    def defaults(self, op: type[Op], arguments: Sequence[tree.Argument], context: Context) -> dict[str, Given]:
        """The arguments of a ``set`` statement."""
        given: dict[str, Given] = {}
        for argument in arguments:
            if argument.name is None:
                raise problem(codes.EXTRA_ARGUMENT, "`set` takes keyword=value pairs", argument.span)
            self._check_field(op, argument.name, argument.name_span or argument.span)
            given[argument.name] = self._evaluate(op, argument.name, argument, context)
        return given

    # Arguments ---------------------------------------------------------------------------------------------------

    def _given(self, op: type[Op], step: tree.Step, context: Context) -> dict[str, Given]:
        if step.body is not None:
            raise problem(
                codes.EXTRA_ARGUMENT,
                f"`{op.keyword}` is an operator and takes no body",
                step.body.span,
                hint="use `->` to go on behind it",
            )
        if step.arguments:
            self._refuse_streams(op, step, context)
        given = {name: Given(value, span) for name, (value, span) in context.defaults.get(op.keyword, {}).items()}
        explicit: dict[str, Given] = {}
        if step.kernel is not None:
            self._check_prefix(op, "kernel", step.kernel.span)
            explicit["kernel"] = Given(step.kernel.values, step.kernel.span)
        if step.stride is not None:
            self._check_prefix(op, "stride", step.stride.span)
            explicit["stride"] = Given(self._expressions.evaluate(step.stride, context), step.stride.span)
        for argument in step.arguments:
            field = argument.name or self._positional(op, argument, explicit)
            self._check_field(op, field, argument.name_span or argument.span)
            if field in explicit:
                raise problem(
                    codes.EXTRA_ARGUMENT,
                    f"`{field}` of `{op.keyword}` is given twice",
                    argument.span,
                    labels=(Label(explicit[field].span, "first here"),),
                )
            explicit[field] = self._evaluate(op, field, argument, context)
        return given | explicit

    @staticmethod
    def _refuse_streams(op: type[Op], step: tree.Step, context: Context) -> None:
        """Tell those who call operators like functions, ``relu(x)``, where streams stand."""
        bare = [item for item in step.arguments if item.name is None and isinstance(item.value, tree.Name)]
        streams = [item for item in bare if isinstance(Names.find(item.span.text, context), Streams)]
        if not streams or op.positional in op.stream_arguments:
            return
        entering = " | ".join(item.span.text for item in streams)
        hint = f"what enters stands before: `{entering if len(streams) == 1 else f'({entering})'} -> {op.keyword}`"
        raise problem(codes.EXTRA_ARGUMENT, f"a stream is no argument of `{op.keyword}`", streams[0].span, hint=hint)

    @staticmethod
    def _positional(op: type[Op], argument: tree.Argument, explicit: dict[str, Given]) -> str:
        if op.positional is None:
            names = ", ".join(op.model_fields)
            hint = f"its arguments are {names}" if names else "it has no arguments"
            if "kernel" in op.model_fields and "kernel" not in explicit:
                hint = f"its kernel stands before the name: `3x3 {op.keyword}`"
            raise problem(codes.EXTRA_ARGUMENT, f"`{op.keyword}` takes no bare value", argument.span, hint=hint)
        if op.positional in explicit:
            hint = "further arguments have names: " + ", ".join(f"`{name}=`" for name in op.model_fields)
            if "kernel" in op.model_fields and "kernel" not in explicit:
                hint = f"its kernel stands before the name, `3x3 {op.keyword}`, or has its name: `kernel=…`"
            raise problem(codes.EXTRA_ARGUMENT, f"`{op.keyword}` takes one bare value", argument.span, hint=hint)
        return op.positional

    @staticmethod
    def _check_prefix(op: type[Op], field: str, span: Span) -> None:
        if field not in op.model_fields:
            raise problem(codes.UNKNOWN_KEYWORD, f"`{op.keyword}` has no {field}", span, hint=f"leave the {field} out")

    @staticmethod
    def _check_field(op: type[Op], field: str, span: Span) -> None:
        if field in op.model_fields:
            return
        close = near(field, op.model_fields)
        known = ", ".join(op.model_fields)
        edit = Edit(Span(span.source, span.start, span.start + len(field)), close or "")
        raise problem(
            codes.UNKNOWN_KEYWORD,
            f"`{op.keyword}` has no argument `{field}`",
            span,
            hint=f"did you mean `{close}`?" if close else f"it has {known}" if known else "it has no arguments",
            fixes=(Fix(f"use `{close}`", (edit,)),) if close else (),
        )

    def _evaluate(self, op: type[Op], field: str, argument: tree.Argument, context: Context) -> Given:
        node = argument.value
        words = vocabulary(op, field)
        if isinstance(node, tree.Name) and node.name in words:
            return Given(node.name, node.span)
        if isinstance(node, tree.Name) and words and context.environment.lookup(node.name) is None:
            raise problem(
                codes.BAD_ARGUMENT,
                f"`{field}` of `{op.keyword}` cannot be {node.name}",
                node.span,
                hint=_choose(near(node.name, words), words),
            )
        value = self._expressions.evaluate(node, context)
        if value is UNKNOWN:
            raise Problem(None)
        return Given(value, node.span)

    @staticmethod
    def _take_streams(op: type[Op], given: dict[str, Given]) -> tuple[Stream, ...]:
        """Streams given as arguments; in ``given`` they become True."""
        taken: tuple[Stream, ...] = ()
        for field in op.stream_arguments:
            argument = given.get(field)
            if argument is None:
                continue
            if not isinstance(argument.value, Streams) or len(argument.value.items) != 1:
                raise problem(
                    codes.BAD_ARGUMENT,
                    f"`{field}` of `{op.keyword}` needs one stream, not {describe(argument.value)}",
                    argument.span,
                )
            taken += argument.value.items
            given[field] = Given(True, argument.span)
        return taken

    def _make(self, op: type[Op], given: dict[str, Given], step: tree.Step) -> Op:
        values = {name: _plain(argument.value) for name, argument in given.items()}
        for name, argument in given.items():
            if isinstance(argument.value, Streams) and argument.value.is_broken:
                raise Problem(None)
            if isinstance(argument.value, Streams | Indexed | Lookup):
                raise self._bad_value(op, name, argument, "it should be a number, a word or a list")
        # True, 1 and 1.0 are equal as keys, but not as arguments.
        key = (op, tuple((name, type(value), value) for name, value in values.items()))
        try:
            made = self._made.get(key)
        except TypeError:
            return self._validated(op, values, given, step)
        if made is None:
            made = self._made[key] = self._validated(op, values, given, step)
        return made

    def _validated(self, op: type[Op], values: dict[str, Value], given: dict[str, Given], step: tree.Step) -> Op:
        try:
            return op.make(**values)
        except ArgumentError as error:
            if error.is_missing:
                raise _missing(op, error.field, step) from None
            if error.field in given:
                raise self._bad_value(op, error.field, given[error.field], error.reason) from None
            message = f"the arguments of `{op.keyword}` do not fit together"
            raise problem(codes.BAD_ARGUMENT, message, step.span, hint=error.reason) from None

    @staticmethod
    def _bad_value(op: type[Op], field: str, argument: Given, hint: str) -> Problem:
        message = f"`{field}` of `{op.keyword}` cannot be {show(argument.value)}"
        return problem(codes.BAD_ARGUMENT, message, argument.span, hint=hint)

    # Streams -----------------------------------------------------------------------------------------------------

    @staticmethod
    def _check_count(op: Op, count: int, step: tree.Step) -> None:
        if op.takes(count):
            return
        if count == 0:
            message = f"nothing flows into `{op.keyword}`: the network has no input yet"
            raise problem(codes.NO_INPUT, message, step.span, hint="begin with `input 3x224x224`")
        if op.arity == 1:
            raise problem(
                codes.MISSING_MERGE,
                f"`{op.keyword}` takes one stream, but {count} flow into it",
                step.span,
                hint=f"merge them first: `-> concat -> {op.keyword}`, `-> add -> {op.keyword}`",
            )
        raise problem(
            codes.STREAM_COUNT,
            f"`{op.keyword}` takes {op.arity} streams, but {count} {'flows' if count == 1 else 'flow'} into it",
            step.span,
        )

    def _check_tied(self, op: Op, inputs: tuple[Port, ...], path: str, step: tree.Step) -> None:
        """Weights that are used again must be of the shape that they were made with."""
        before = self._builder.at(path)
        if before is None:
            return
        first_op, first_inputs, span = before
        first = first_op.weights(*map(self._builder.type_of, first_inputs))
        if type(first_op) is type(op) and first == op.weights(*map(self._builder.type_of, inputs)):
            return
        types = ", ".join(str(self._builder.type_of(port)) for port in inputs)
        message = f"`{op.keyword}` on {types} needs other weights than those that it is tied to"
        raise problem(codes.TIED, message, step.span, labels=(Label(span, "the weights are made here"),))

    def _infer(
        self, op: Op, step: tree.Step, context: Context, taken: tuple[Stream, ...]
    ) -> tuple[TensorType, ...] | None:
        types = tuple(stream.type for stream in taken if stream.type is not None)
        try:
            if SCALAR in types and not op.takes_scalars:
                raise _scalar_refused(op, types)
            return self._builder.infer(op, types)
        except ShapeError as error:
            labels = tuple(
                Label(self._builder.span_of(taken[index].port), f"{types[index]} comes from here")
                for index in (error.inputs or range(len(taken)))[:4]
            )
            found = problem(_SHAPE_CODES[error.kind], error.message, step.span, hint=error.hint, labels=labels)
            self._findings.report(found, self._builder.calls(context.frame))
            return error.recovery


def _scalar_refused(op: Op, types: Sequence[TensorType]) -> ShapeError:
    return ShapeError(
        f"`{op.keyword}` works on each element of the batch, but a loss is one number for all of them",
        hint="make it an output, or sum it with another loss by `add`",
        kind="rank",
        inputs=[index for index, stream in enumerate(types) if stream == SCALAR],
    )


def _choose(close: str | None, words: Iterable[str]) -> str:
    return f"did you mean `{close}`?" if close else "it is one of " + ", ".join(sorted(words))


def _missing(op: type[Op], field: str, step: tree.Step) -> Problem:
    if field == "out":
        after = step.name_span.end
        edit = Edit(Span(step.span.source, after, after), " 64")
        return problem(
            codes.MISSING_WIDTH,
            f"`{op.keyword}` has no number of output channels",
            step.span,
            hint=f"write it behind the name, `{step.name} 64`, or give all of them one by `set {op.keyword} out=64`",
            fixes=(Fix("give it 64 channels", (edit,)),),
        )
    if field == "kernel":
        hint = f"write it before the name: `3x3 {op.keyword}`"
    elif field == op.positional:
        hint = f"write it behind the name: `{step.name} …`"
    else:
        hint = f"add `{field}=…`"
    return problem(codes.MISSING_ARGUMENT, f"`{op.keyword}` needs `{field}`", step.span, hint=hint)
