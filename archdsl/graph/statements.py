"""Runs the statements that may stand in any block."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from archdsl import codes
from archdsl.diagnostic import Edit, Fix, Label, near
from archdsl.graph.builder import Builder
from archdsl.graph.definitions import merge_defaults
from archdsl.graph.flow import Flow
from archdsl.graph.graph import Output
from archdsl.graph.names import Names
from archdsl.graph.options import mode_of, only_in
from archdsl.graph.scope import Context, Environment
from archdsl.graph.unknown import declared_name
from archdsl.graph.values import BROKEN, UNKNOWN, Closure, Indexed, Problem, Streams, Value, problem
from archdsl.ops import catalogue, lookup
from archdsl.source import Span
from archdsl.syntax import tree

#: Stands for the stream of an output until that is known.
_NOWHERE = BROKEN.items[0].port


class Statements:
    """Runs statements.

    Attributes
    ----------
    rules
        What to do for each kind of statement, wherever it stands.
    top_rules
        What to do for those that stand at the top of a file alone: they are for its evaluator to know.
    """

    def __init__(self, builder: Builder, flow: Flow) -> None:
        self._builder = builder
        self._flow = flow
        self._names = Names(flow.report)
        flow.run_block = self.run
        self.rules: dict[type, Callable[[Any, Context], None]] = {
            tree.Let: self._let,
            tree.Set: self._set,
            tree.Definition: _pass,  # bound when the block is entered
            tree.Links: self._links,
            tree.Assign: self._assign,
            tree.Flow: self._step,
            tree.Branch: self._branch,
            tree.OutputStatement: self._output,
            tree.Expect: self._expect,
            tree.Require: self._require,
            tree.Broken: self._broken,
        }
        self.top_rules: dict[type, Callable[[Any, Context], None]] = {}

    def run(self, statements: tuple[tree.Statement, ...], context: Context) -> None:
        """Run the statements of a block; its definitions are known from its start."""
        context.environment.statements = statements
        for statement in statements:
            if isinstance(statement, tree.Definition):
                self._guard(self._define, statement, context)
            elif isinstance(statement, tree.Broken):
                self._bind_broken(statement, context.environment)
        for statement in statements:
            self._guard(self._statement, statement, context)

    def _guard(self, run: Callable[[Any, Context], None], statement: tree.Statement, context: Context) -> None:
        try:
            run(statement, context)
        except Problem as found:
            self._flow.report(found, context)
            self._bind_broken(statement, context.environment)

    @staticmethod
    def _bind_broken(statement: tree.Statement, environment: Environment) -> None:
        """Bind the name of a wrong statement, so that its uses are not reported as unknown."""
        if isinstance(statement, tree.Broken):
            name = declared_name(statement)
            if name is not None and environment.lookup(name) is None and lookup(name) is None:
                environment.bind(name, UNKNOWN, statement.span)
            return
        if isinstance(statement, tree.Let | tree.Links | tree.Assign) and environment.lookup(statement.name) is None:
            value = BROKEN if isinstance(statement, tree.Assign) and statement.index is None else UNKNOWN
            environment.bind(statement.name, value, statement.span)

    def _statement(self, statement: tree.Statement, context: Context) -> None:
        rule = self.rules.get(type(statement)) or (self.top_rules.get(type(statement)) if context.is_top else None)
        if rule is None:
            word = statement.span.text.split()[0]
            raise problem(codes.SYNTAX, f"`{word}` stands at the top of a file, not inside a block", statement.span)
        rule(statement, context)

    def _define(self, statement: tree.Definition, context: Context) -> None:
        closure = Closure(statement, context.environment, {}, context.frame.level)
        self._names.bind(context, statement.name, closure, statement.name_span)

    def _let(self, statement: tree.Let, context: Context) -> None:
        value = self._flow.expressions.evaluate(statement.value, context)
        self._names.bind(context, statement.name, value, statement.name_span)
        self._flow.tell(statement, value)

    def _set(self, statement: tree.Set, context: Context) -> None:
        op = lookup(statement.op)
        if op is None:
            close = near(statement.op, catalogue())
            hint = f"did you mean `{close}`?" if close else None
            raise problem(codes.UNKNOWN_OP, f"no operator is called `{statement.op}`", statement.op_span, hint=hint)
        given = self._flow.operators.defaults(op, statement.arguments, context)
        added = {name: (argument.value, argument.span) for name, argument in given.items()}
        context.defaults = merge_defaults(context.defaults, {statement.op: added})

    def _links(self, statement: tree.Links, context: Context) -> None:
        widths = {len(row) for row in statement.rows}
        if len(widths) > 1:
            counts = ", ".join(str(len(row)) for row in statement.rows)
            message = f"the rows of table `{statement.name}` have different lengths: {counts}"
            raise problem(codes.BAD_VALUE, message, statement.span)
        self._names.bind(context, statement.name, statement.rows, statement.name_span)

    def _step(self, statement: tree.Flow, context: Context) -> None:
        context.trunk = self._flow.pipeline(statement.pipeline, context, context.trunk)

    def _assign(self, statement: tree.Assign, context: Context) -> None:
        name, number = statement.name, None
        if statement.index is not None:
            number = self._flow.expressions.integer(statement.index, context, "the index of a name")
            name = f"{name}_{number}" if number >= 0 else f"{name}_m{-number}"
        taps: dict[str, Streams] = {}
        inner = context.inside(taps=taps)
        streams = self._flow.named(name, statement, inner)
        context.trunk = streams
        if streams.items:
            streams = Streams(streams.items, taps)
        if number is None:
            self._names.bind(context, statement.name, streams, statement.name_span)
            return
        indexed = context.environment.indexed(statement.name)
        if indexed is None:
            indexed = Indexed()
            self._names.bind(context, statement.name, indexed, statement.name_span)
        indexed.items[number] = streams

    def _branch(self, statement: tree.Branch, context: Context) -> None:
        name = statement.name
        if statement.index is not None:
            name = f"{name}_{self._flow.expressions.integer(statement.index, context, 'the index of a name')}"
        options = self._exit_options(statement, context)
        level = context.frame.level.below(context.frame.level.claim(name))
        frame = self._builder.open(context.frame, statement.kind, name, level, statement.span)
        streams = self._flow.block(statement.body, context.inside(frame=frame, taps={}), context.trunk)
        if statement.kind == "tap":
            context.taps[name] = streams
            self._names.bind(context, name, streams, statement.name_span)
            return
        self.add_output(statement.name_span, streams, replace(options, name=name))

    def _exit_options(self, statement: tree.Branch, context: Context) -> Output:
        options: dict[str, Any] = {}
        for argument in statement.arguments:
            if statement.kind == "tap" or argument.name not in ("weight", "entropy", "only"):
                known = "weight, entropy and only" if statement.kind == "exit" else "no arguments"
                message = f"`{statement.kind}` has no argument `{argument.name or argument.span.text}`"
                raise problem(codes.UNKNOWN_KEYWORD, message, argument.span, hint=f"it has {known}")
            options[argument.name] = self._exit_option(argument, context)
        return Output("", _NOWHERE, kind="exit", **options)

    def _exit_option(self, argument: tree.Argument, context: Context) -> Value:
        if argument.name == "only":
            return mode_of(argument, ("train",))
        value = self._flow.expressions.evaluate(argument.value, context)
        if isinstance(value, int | float) and not isinstance(value, bool) and value >= 0:
            return float(value)
        raise problem(codes.BAD_ARGUMENT, f"`{argument.name}` is a number of at least 0", argument.value.span)

    def _output(self, statement: tree.OutputStatement, context: Context) -> None:
        level = context.frame.level.below(context.frame.level.claim(statement.name))
        frame = self._builder.open(context.frame, "step", statement.name, level, statement.span)
        streams = self._flow.pipeline(statement.pipeline, context.inside(frame=frame), context.trunk)
        only = only_in(statement.arguments, "output", ("train", "eval"))
        self.add_output(statement.name_span, streams, Output(statement.name, _NOWHERE, only=only))

    def add_output(self, span: Span, streams: Streams, output: Output) -> None:
        """Make streams an output; those of a list are numbered from ``name_0``."""
        if streams.is_broken:
            return
        single = len(streams.items) == 1
        for index, stream in enumerate(streams.items):
            name = output.name if single else f"{output.name}_{index}"
            if any(name == other.name for other in self._builder.outputs):
                code = codes.UNINDEXED_EXIT if output.kind == "exit" else codes.REBOUND
                hint = f"in a repeated body, give it an index: `exit {name}[i]`" if output.kind == "exit" else None
                raise problem(code, f"there is an output `{name}` already", span, hint=hint)
            self._builder.outputs.append(replace(output, name=name, port=stream.port))

    def _expect(self, statement: tree.Expect, context: Context) -> None:
        expected = self._flow.expressions.evaluate(statement.shape, context)
        wanted = (expected,) if isinstance(expected, int) else expected
        if context.trunk.is_broken:
            return
        if len(context.trunk.items) != 1:
            message = f"`expect` needs one stream, but there are {len(context.trunk.items)}"
            raise problem(codes.EXPECTED, message, statement.span)
        stream = context.trunk.items[0]
        assert stream.type is not None
        if stream.type.shape == wanted:
            return
        label = Label(self._builder.span_of(stream.port), f"{stream.type} comes from here")
        text = statement.shape.span.text
        message = f"the stream is {stream.type}, not {text}"
        edit = Edit(statement.shape.span, str(stream.type))
        fix = Fix(f"expect {stream.type}", (edit,))
        raise problem(codes.EXPECTED, message, statement.shape.span, labels=(label,), fixes=(fix,))

    def _require(self, statement: tree.Require, context: Context) -> None:
        if self._flow.expressions.truth(statement.condition, context):
            return
        raise problem(codes.REQUIRED, statement.message or "the requirement does not hold", statement.condition.span)

    @staticmethod
    def _broken(_: tree.Broken, context: Context) -> None:
        context.trunk = BROKEN


def _pass(_: tree.Statement, __: Context) -> None:
    """Do nothing."""
