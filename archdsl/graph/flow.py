"""Evaluates pipelines and the statements of a block: streams in, streams out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from archdsl import codes
from archdsl.diagnostic import Edit, Fix, Label, near
from archdsl.graph.builder import MAX_NODES, Builder
from archdsl.graph.definitions import Definitions, merge_defaults
from archdsl.graph.expressions import Expressions, select_streams, unknown_attribute
from archdsl.graph.findings import Findings, Fuel
from archdsl.graph.graph import Output
from archdsl.graph.operators import Operators
from archdsl.graph.scope import Context, Environment
from archdsl.graph.values import (
    BROKEN,
    UNKNOWN,
    Body,
    Closure,
    Indexed,
    Namespace,
    Problem,
    Streams,
    Value,
    describe,
    problem,
)
from archdsl.ops import catalogue, lookup
from archdsl.source import Span
from archdsl.syntax import tree


class Flow:
    """Evaluates pipelines, blocks and the statements that may stand in any block."""

    def __init__(self, builder: Builder, findings: Findings) -> None:
        self._builder = builder
        self._findings = findings
        self._fuel = Fuel()
        self.expressions = Expressions(builder)
        self._operators = Operators(builder, self.expressions, findings)
        self._definitions = Definitions(builder, self.expressions, self.pipeline)
        self._elements: dict[type, Callable[[Any, Context, Streams], Streams]] = {
            tree.Step: self._step,
            tree.Select: self._select,
            tree.Block: self._block,
            tree.Group: self._group,
            tree.GroupFor: self._group_for,
            tree.If: self._if,
            tree.For: self._for,
            tree.Repeat: self._repeat,
        }
        self.rules: dict[type, Callable[[Any, Context], None]] = {
            tree.Let: self._let,
            tree.Set: self._set,
            tree.Definition: lambda statement, context: None,  # bound when the block is entered
            tree.Links: self._links,
            tree.Assign: self._assign,
            tree.Flow: self._flow,
            tree.Branch: self._branch,
            tree.OutputStatement: self._output,
            tree.Expect: self._expect,
            tree.Require: self._require,
            tree.Broken: self._broken,
        }

    # Blocks and statements ---------------------------------------------------------------------------------------

    def statements(self, statements: tuple[tree.Statement, ...], context: Context) -> None:
        """Run the statements of a block; its definitions are known from its start."""
        context.environment.statements = statements
        for statement in statements:
            if isinstance(statement, tree.Definition):
                self._guard(self._define, statement, context)
        for statement in statements:
            self._guard(self._statement, statement, context)

    def _guard(self, run: Callable[[Any, Context], None], statement: tree.Statement, context: Context) -> None:
        try:
            run(statement, context)
        except Problem as found:
            self.report(found, context)
            self._bind_broken(statement, context.environment)

    @staticmethod
    def _bind_broken(statement: tree.Statement, environment: Environment) -> None:
        """Bind the name of a wrong statement, so that its uses are not reported as unknown."""
        if isinstance(statement, tree.Let | tree.Links | tree.Assign) and environment.lookup(statement.name) is None:
            value = BROKEN if isinstance(statement, tree.Assign) and statement.index is None else UNKNOWN
            environment.bind(statement.name, value, statement.span)

    def _statement(self, statement: tree.Statement, context: Context) -> None:
        rule = self.rules.get(type(statement))
        if rule is None:
            word = statement.span.text.split()[0]
            raise problem(codes.SYNTAX, f"`{word}` stands at the top of a file, not inside a block", statement.span)
        rule(statement, context)

    def report(self, found: Problem, context: Context) -> None:
        """Keep what a problem says, with the calls that led there."""
        self._findings.report(found, self._builder.calls(context.frame))

    def bind(self, context: Context, name: str, value: Value, span: Span) -> None:
        """Bind a name, once."""
        environment = context.environment
        before = environment.bindings.get(name)
        if before is not None:
            labels = (Label(before.span, "first bound here"),) if before.span is not None else ()
            hint = "give it another name, or an index: `x[0] = …`"
            raise problem(codes.REBOUND, f"`{name}` is bound already", span, labels=labels, hint=hint)
        if lookup(name) is not None:
            raise problem(codes.SHADOWS, f"`{name}` is an operator", span, hint="give it another name")
        self._check_shadowing(environment, name, span)
        environment.bind(name, value, span)

    @staticmethod
    def _check_shadowing(environment: Environment, name: str, span: Span) -> None:
        for outer in environment.outwards():
            binding = outer.bindings.get(name)
            if binding is None or outer.is_prelude:
                continue
            if isinstance(binding.value, Closure):
                label = Label(binding.value.tree.name_span, "defined here")
                message = f"`{name}` is a definition already"
                raise problem(codes.SHADOWS, message, span, labels=(label,), hint="give it another name")
            return

    def _define(self, statement: tree.Definition, context: Context) -> None:
        closure = Closure(statement, context.environment, {}, context.frame.level)
        self.bind(context, statement.name, closure, statement.name_span)

    def _let(self, statement: tree.Let, context: Context) -> None:
        value = self.expressions.evaluate(statement.value, context)
        self.bind(context, statement.name, value, statement.name_span)

    def _set(self, statement: tree.Set, context: Context) -> None:
        op = lookup(statement.op)
        if op is None:
            close = near(statement.op, catalogue())
            hint = f"did you mean `{close}`?" if close else None
            raise problem(codes.UNKNOWN_OP, f"no operator is called `{statement.op}`", statement.op_span, hint=hint)
        given = self._operators.defaults(op, statement.arguments, context)
        added = {name: (argument.value, argument.span) for name, argument in given.items()}
        context.defaults = merge_defaults(context.defaults, {statement.op: added})

    def _links(self, statement: tree.Links, context: Context) -> None:
        widths = {len(row) for row in statement.rows}
        if len(widths) > 1:
            counts = ", ".join(str(len(row)) for row in statement.rows)
            message = f"the rows of table `{statement.name}` have different lengths: {counts}"
            raise problem(codes.BAD_VALUE, message, statement.span)
        self.bind(context, statement.name, statement.rows, statement.name_span)

    def _flow(self, statement: tree.Flow, context: Context) -> None:
        context.trunk = self.pipeline(statement.pipeline, context, context.trunk)

    def _assign(self, statement: tree.Assign, context: Context) -> None:
        name, number = statement.name, None
        if statement.index is not None:
            number = self.expressions.integer(statement.index, context, "the index of a name")
            name = f"{name}_{number}" if number >= 0 else f"{name}_m{-number}"
        taps: dict[str, Streams] = {}
        inner = context.inside(taps=taps)
        streams = self._named(name, statement, inner)
        context.trunk = streams
        if streams.items:
            streams = Streams(streams.items, taps)
        if number is None:
            self.bind(context, statement.name, streams, statement.name_span)
            return
        indexed = context.environment.indexed(statement.name)
        if indexed is None:
            indexed = Indexed()
            self.bind(context, statement.name, indexed, statement.name_span)
        indexed.items[number] = streams

    def _named(self, name: str, statement: tree.Assign, context: Context) -> Streams:
        """Run the pipeline of a named step; a step that is one call of a definition takes the call's place."""
        elements = statement.pipeline.elements
        only = elements[0] if len(elements) == 1 else None
        if isinstance(only, tree.Select):
            return self.pipeline(statement.pipeline, context, context.trunk)
        if isinstance(only, tree.Step):
            value = self._resolve(only, context, report=False)
            if isinstance(value, Streams | Indexed | Body):  # an alias, or a body, whose place is where it is written
                return self.pipeline(statement.pipeline, context, context.trunk)
            if isinstance(value, Closure) and not (value.takes_body or value.tree.tied):
                self._fuel.burn(only.span)
                return self._safely(lambda: self._definitions.call(value, only, context, context.trunk, name), context)
        name = context.frame.level.claim(name)
        level = context.frame.level.below(name)
        inner = context.inside(frame=self._builder.open(context.frame, "step", name, level, statement.span))
        return self.pipeline(statement.pipeline, inner, context.trunk)

    def _branch(self, statement: tree.Branch, context: Context) -> None:
        name = statement.name
        if statement.index is not None:
            name = f"{name}_{self.expressions.integer(statement.index, context, 'the index of a name')}"
        options = self._exit_options(statement, context)
        level = context.frame.level.below(context.frame.level.claim(name))
        frame = self._builder.open(context.frame, statement.kind, name, level, statement.span)
        streams = self._block(statement.body, context.inside(frame=frame, taps={}), context.trunk)
        if statement.kind == "tap":
            context.taps[name] = streams
            self.bind(context, name, streams, statement.name_span)
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
        return Output("", BROKEN.items[0].port, kind="exit", **options)

    def _exit_option(self, argument: tree.Argument, context: Context) -> Value:
        if argument.name == "only":
            if argument.value.span.text != "train":
                raise problem(codes.BAD_ARGUMENT, "`only` is `train` or left out", argument.value.span)
            return "train"
        value = self.expressions.evaluate(argument.value, context)
        if isinstance(value, int | float) and not isinstance(value, bool) and value >= 0:
            return float(value)
        raise problem(codes.BAD_ARGUMENT, f"`{argument.name}` is a number of at least 0", argument.value.span)

    def _output(self, statement: tree.OutputStatement, context: Context) -> None:
        level = context.frame.level.below(context.frame.level.claim(statement.name))
        frame = self._builder.open(context.frame, "step", statement.name, level, statement.span)
        streams = self.pipeline(statement.pipeline, context.inside(frame=frame), context.trunk)
        self.add_output(statement.name_span, streams, Output(statement.name, BROKEN.items[0].port))

    def add_output(self, span: Span, streams: Streams, output: Output) -> None:
        """Make streams an output; a list of streams becomes ``name_0``, ``name_1`` …"""
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
        expected = self.expressions.evaluate(statement.shape, context)
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
        if self.expressions.truth(statement.condition, context):
            return
        raise problem(codes.REQUIRED, statement.message or "the requirement does not hold", statement.condition.span)

    @staticmethod
    def _broken(statement: tree.Broken, context: Context) -> None:
        context.trunk = BROKEN

    # Pipelines and elements --------------------------------------------------------------------------------------

    def pipeline(self, pipeline: tree.Pipeline, context: Context, streams: Streams) -> Streams:
        """The streams behind a pipeline that is fed with ``streams``."""
        for position, element in enumerate(pipeline.elements):
            self._fuel.burn(element.span)
            if position and self._is_reference(element, context):
                message = f"what flows into `{element.span.text}` is lost: a stream's name starts a pipeline"
                hint = "merge the two: `( … | name ) -> concat`"
                self.report(problem(codes.STREAM_COUNT, message, element.span, hint=hint), context)
            streams = self._element(element, context, streams)
        return streams

    def _is_reference(self, element: tree.Element, context: Context) -> bool:
        if isinstance(element, tree.Select):
            return True
        if not isinstance(element, tree.Step):
            return False
        if element.name == "in":
            return True
        binding = context.environment.lookup(element.name)
        return binding is not None and isinstance(binding.value, Streams | Indexed)

    def _element(self, element: tree.Element, context: Context, streams: Streams) -> Streams:
        return self._safely(lambda: self._elements[type(element)](element, context, streams), context)

    def _safely(self, run: Callable[[], Streams], context: Context) -> Streams:
        try:
            return run()
        except Problem as found:
            self.report(found, context)
            return BROKEN

    def _step(self, step: tree.Step, context: Context, streams: Streams) -> Streams:
        value = self._resolve(step, context)
        if isinstance(value, type):
            return self._operators.apply(value, step, context, streams)
        if isinstance(value, Closure):
            return self._definitions.call(value, step, context, streams)
        self._check_bare(step, value)
        if isinstance(value, Streams):
            return Streams(value.items)
        if isinstance(value, Body):
            return self._run_body(value, context, streams)
        if isinstance(value, Indexed):
            hint = f"take one: `{step.name}[0]`, or a range: `{step.name}[1..3]`"
            raise problem(codes.MISSING_MERGE, f"`{step.name}` is a list of streams", step.span, hint=hint)
        message = f"`{step.name}` is {describe(value)}, not an operator, a definition or a stream"
        raise problem(codes.UNKNOWN_OP, message, step.name_span)

    @staticmethod
    def _check_bare(step: tree.Step, value: Value) -> None:
        if step.arguments or step.kernel is not None or step.stride is not None or step.body is not None:
            message = f"`{step.name}` is {describe(value)} and takes no arguments"
            raise problem(codes.EXTRA_ARGUMENT, message, step.span)

    def _run_body(self, body: Body, context: Context, streams: Streams) -> Streams:
        inner = context.inside(environment=body.environment, entry=body.entry, trunk=streams)
        return self._block(body.block, inner, streams)

    def _resolve(self, step: tree.Step, context: Context, *, report: bool = True) -> Value:
        """What the name of a step stands for: an operator's class, a definition, streams, a body."""
        if step.name == "in":
            return context.entry
        first, *rest = step.name.split(".")
        binding = context.environment.lookup(first)
        if binding is None:
            op = None if rest else lookup(first)
            if op is not None or not report:
                return op
            return self._guess(step, first, context)
        value = binding.value
        if value is UNKNOWN:
            raise Problem(None)
        for name in rest:
            if not report and not isinstance(value, Namespace | Streams):
                return None
            value = self._member(value, name, step)
        return value

    @staticmethod
    def _member(value: Value, name: str, step: tree.Step) -> Value:
        if isinstance(value, Namespace):
            member = value.members.bindings.get(name)
            if member is not None:
                return member.value
            raise unknown_attribute(name, f"`{value.name}`", value.members.bindings, step.name_span)
        if isinstance(value, Streams):
            if value.is_broken:
                raise Problem(None)
            if name in value.taps:
                return value.taps[name]
            raise unknown_attribute(name, "the stream", value.taps, step.name_span)
        raise problem(codes.UNKNOWN_ATTRIBUTE, f"{describe(value)} has no `{name}`", step.name_span)

    def _guess(self, step: tree.Step, name: str, context: Context) -> Value:
        """Report an unknown name, and go on with the one that was most likely meant."""
        callables = {
            known
            for environment in context.environment.outwards()
            for known, binding in environment.bindings.items()
            if isinstance(binding.value, Closure | Streams | Body | Namespace)
        }
        for environment in context.environment.outwards():
            later = _made_later(name, environment, step.span)
            if later is not None:
                label = Label(later, "it is made here")
                message = f"`{name}` is used before its step"
                later_hint = "move the use behind the step"
                raise problem(codes.USED_BEFORE, message, step.name_span, labels=(label,), hint=later_hint)
        close = near(name, callables | set(catalogue()))
        span = Span(step.name_span.source, step.name_span.start, step.name_span.start + len(name))
        found = problem(
            codes.UNKNOWN_OP,
            f"no operator, definition or stream is called `{name}`",
            span,
            hint=f"did you mean `{close}`?" if close else "`archdsl ops` lists the operators",
            fixes=(Fix(f"use `{close}`", (Edit(span, close),)),) if close else (),
        )
        if close is None:
            raise found
        self.report(found, context)
        try:
            return self._resolve(replace(step, name=step.name.replace(name, close, 1)), context)
        except Problem:
            raise Problem(None) from None

    def _select(self, select: tree.Select, context: Context, streams: Streams) -> Streams:
        index = self.expressions.evaluate(select.index, context)
        first, *rest = select.name.split(".")
        value = context.entry if first == "in" else self._named_value(first, select, context)
        for name in rest:
            value = self._member(value, name, tree.Step(None, select.name, (), None, None, select.span, select.span))
        if not isinstance(value, Streams | Indexed):
            raise problem(codes.UNKNOWN_OP, f"`{select.name}` is {describe(value)}, not a list of streams", select.span)
        return select_streams(value, index, select.name, select.index.span)

    def _named_value(self, name: str, select: tree.Select, context: Context) -> Value:
        return self.expressions.evaluate(tree.Name(name, select.span), context)

    def _block(self, block: tree.Block, context: Context, streams: Streams) -> Streams:
        inner = context.inside(environment=Environment(context.environment), trunk=streams)
        self.statements(block.statements, inner)
        return inner.trunk

    def _group(self, group: tree.Group, context: Context, streams: Streams) -> Streams:
        results = [self.pipeline(branch, context, streams) for branch in group.branches]
        return Streams(tuple(stream for result in results for stream in result.items))

    def _group_for(self, group: tree.GroupFor, context: Context, streams: Streams) -> Streams:
        results: list[Streams] = []
        for value in self.expressions.items(group.iterable, context):
            self._fuel.burn(group.span)
            inner = context.inside(environment=Environment(context.environment))
            inner.environment.bind(group.name, value, group.span)
            if group.condition is None or self.expressions.truth(group.condition, inner):
                results.append(self.pipeline(group.pipeline, inner, streams))
        items = tuple(stream for result in results for stream in result.items)
        if items:
            return Streams(items)
        raise problem(codes.STREAM_COUNT, "the group is empty: no value passes", group.span)

    def _if(self, branch: tree.If, context: Context, streams: Streams) -> Streams:
        if self.expressions.truth(branch.test, context):
            return self._block(branch.then, context, streams)
        if isinstance(branch.otherwise, tree.If):
            return self._if(branch.otherwise, context, streams)
        return self._block(branch.otherwise, context, streams) if branch.otherwise is not None else streams

    def _for(self, loop: tree.For, context: Context, streams: Streams) -> Streams:
        for value in self.expressions.items(loop.iterable, context):
            self._fuel.burn(loop.span)
            inner = context.inside(environment=Environment(context.environment))
            self.bind(inner, loop.name, value, loop.span)
            streams = self._block(loop.body, inner, streams)
        return streams

    def _repeat(self, repeat: tree.Repeat, context: Context, streams: Streams) -> Streams:
        count = self.expressions.integer(repeat.count, context, "a repeat count")
        if count < 0:
            raise problem(codes.BAD_VALUE, f"a repeat count cannot be {count}", repeat.count.span)
        if count > MAX_NODES:
            raise problem(codes.TOO_LARGE, f"{count:,} repetitions are too many", repeat.count.span)
        for _ in range(count):
            self._fuel.burn(repeat.span)
            streams = self._element(repeat.element, context, streams)
        return streams


def _made_later(name: str, environment: Environment, span: Span) -> Span | None:
    for statement in environment.statements:
        if isinstance(statement, tree.Assign) and statement.name == name and statement.span.start > span.start:
            return statement.name_span
    return None


