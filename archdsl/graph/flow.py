"""Evaluates pipelines: streams in, streams out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from archdsl import codes
from archdsl.graph.builder import MAX_NODES, Builder
from archdsl.graph.definitions import Definitions
from archdsl.graph.expressions import Expressions, select_streams
from archdsl.graph.findings import Findings, Fuel
from archdsl.graph.names import Names
from archdsl.graph.operators import Operators
from archdsl.graph.passage import Passage, Valuation, Watch
from archdsl.graph.scope import Context, Environment
from archdsl.graph.values import (
    BROKEN,
    Body,
    Closure,
    Indexed,
    Problem,
    Streams,
    Value,
    describe,
    problem,
)
from archdsl.syntax import tree


class RunBlock(Protocol):
    """Runs the statements of a block in a context of its own."""

    def __call__(self, statements: tuple[tree.Statement, ...], context: Context, /) -> None: ...


class Flow:
    """Evaluates pipelines.

    Attributes
    ----------
    run_block
        Runs statements; set by their evaluator, since blocks hold statements and statements hold pipelines.
    """

    run_block: RunBlock

    def __init__(self, builder: Builder, findings: Findings, watch: Watch | None = None) -> None:
        self._builder = builder
        self._findings = findings
        self._watch = watch
        self._fuel = Fuel()
        self.expressions = Expressions(builder)
        self.operators = Operators(builder, self.expressions, findings)
        self._definitions = Definitions(builder, self.expressions, self.pipeline, self.tell)
        self._names = Names(self.report)
        self._elements: dict[type, Callable[[Any, Context, Streams], Streams]] = {
            tree.Step: self._step,
            tree.Select: self._select,
            tree.Block: self.block,
            tree.Group: self._group,
            tree.GroupFor: self._group_for,
            tree.If: self._if,
            tree.For: self._for,
            tree.Repeat: self._repeat,
        }

    def report(self, found: Problem, context: Context) -> None:
        """Keep what a problem says, with the calls that led there."""
        self._findings.report(found, self._builder.calls(context.frame))

    def tell(self, maker: tree.Let | tree.Parameter | tree.For | tree.GroupFor, value: Value) -> None:
        """Tell who watches which value a name gets."""
        if self._watch is not None:
            self._watch(Valuation(maker, value))

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
        return self._pass(element, lambda: self._elements[type(element)](element, context, streams), context, streams)

    def _pass(self, element: tree.Element, run: Callable[[], Streams], context: Context, streams: Streams) -> Streams:
        """Let streams through an element; behind one that is wrong they are broken."""
        first = self._builder.nodes_so_far()
        try:
            leaving = run()
        except Problem as found:
            self.report(found, context)
            leaving = BROKEN
        if self._watch is not None:
            self._watch(Passage(element, streams, leaving, range(first, self._builder.nodes_so_far())))
        return leaving

    def _step(self, step: tree.Step, context: Context, streams: Streams) -> Streams:
        value = self._names.resolve(step, context)
        if isinstance(value, type):
            return self.operators.apply(value, step, context, streams)
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
        return self.block(body.block, inner, streams)

    def named(self, name: str, statement: tree.Assign, context: Context) -> Streams:
        """The streams of a named step; a step that is one call of a definition takes the call's place in paths."""
        elements = statement.pipeline.elements
        only = elements[0] if len(elements) == 1 else None
        if isinstance(only, tree.Select):
            return self.pipeline(statement.pipeline, context, context.trunk)
        value = self._names.find(only.name, context) if isinstance(only, tree.Step) else None
        if isinstance(value, Streams | Indexed | Body):  # an alias, or a body, whose place is where it is written
            return self.pipeline(statement.pipeline, context, context.trunk)
        if isinstance(only, tree.Step) and isinstance(value, Closure) and not (value.takes_body or value.tree.tied):
            self._fuel.burn(only.span)
            call, closure, trunk = only, value, context.trunk
            return self._pass(call, lambda: self._definitions.call(closure, call, context, trunk, name), context, trunk)
        name = context.frame.level.claim(name)
        level = context.frame.level.below(name)
        inner = context.inside(frame=self._builder.open(context.frame, "step", name, level, statement.span))
        return self.pipeline(statement.pipeline, inner, context.trunk)

    def _select(self, select: tree.Select, context: Context, streams: Streams) -> Streams:
        index = self.expressions.evaluate(select.index, context)
        first, *rest = select.name.split(".")
        value = context.entry if first == "in" else self._named_value(first, select, context)
        for name in rest:
            value = self._names.member(value, name, select.span)
        if not isinstance(value, Streams | Indexed):
            raise problem(codes.UNKNOWN_OP, f"`{select.name}` is {describe(value)}, not a list of streams", select.span)
        return select_streams(value, index, select.name, select.index.span)

    def _named_value(self, name: str, select: tree.Select, context: Context) -> Value:
        return self.expressions.evaluate(tree.Name(name, select.span), context)

    def block(self, block: tree.Block, context: Context, streams: Streams) -> Streams:
        """The streams behind a block that is fed with ``streams``."""
        inner = context.inside(environment=Environment(context.environment), trunk=streams)
        self.run_block(block.statements, inner)
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
            self.tell(group, value)
            if group.condition is None or self.expressions.truth(group.condition, inner):
                results.append(self.pipeline(group.pipeline, inner, streams))
        items = tuple(stream for result in results for stream in result.items)
        if items:
            return Streams(items)
        raise problem(codes.STREAM_COUNT, "the group is empty: no value passes", group.span)

    def _if(self, branch: tree.If, context: Context, streams: Streams) -> Streams:
        if self.expressions.truth(branch.test, context):
            return self.block(branch.then, context, streams)
        if isinstance(branch.otherwise, tree.If):
            return self._if(branch.otherwise, context, streams)
        return self.block(branch.otherwise, context, streams) if branch.otherwise is not None else streams

    def _for(self, loop: tree.For, context: Context, streams: Streams) -> Streams:
        for value in self.expressions.items(loop.iterable, context):
            self._fuel.burn(loop.span)
            inner = context.inside(environment=Environment(context.environment))
            self._names.bind(inner, loop.name, value, loop.span)
            self.tell(loop, value)
            streams = self.block(loop.body, inner, streams)
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
