"""Elaboration: a syntax tree becomes a graph, with shapes inferred on the way.

The tree is interpreted over shapes, so that ``in.channels`` is a number while the graph is being built. User input
never raises: everything that is wrong comes back as diagnostics.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePath
from typing import Any, Protocol

from archdsl import codes
from archdsl.collector import paused
from archdsl.diagnostic import Diagnostic, Label, LoadError, near
from archdsl.graph.builder import MAX_NODES, Builder, TooManyNodes
from archdsl.graph.exits import unfit_exits
from archdsl.graph.findings import Exhausted, Findings, TooManyFindings
from archdsl.graph.flow import Flow
from archdsl.graph.graph import Graph, Output
from archdsl.graph.inputs import Inputs
from archdsl.graph.names import Names
from archdsl.graph.passage import Watch
from archdsl.graph.placement import misplaced
from archdsl.graph.scope import Context, Environment, Level
from archdsl.graph.statements import Statements
from archdsl.graph.training import untimely
from archdsl.graph.unused import unused
from archdsl.graph.values import BROKEN, UNKNOWN, Closure, Lookup, Namespace, Problem, Streams, Value, problem
from archdsl.ops.base import Shape
from archdsl.source import Source, Span
from archdsl.syntax import tree
from archdsl.syntax.parse import parse


@dataclass(frozen=True, slots=True)
class Elaborated:
    """What elaboration found: the graph, if there are no errors, and every diagnostic."""

    graph: Graph | None
    diagnostics: tuple[Diagnostic, ...]


class Load(Protocol):
    """Reads the file that ``use`` names in ``source``; the one way out to the world."""

    def __call__(self, source: Source, path: str, /) -> Source:
        """The file's text.

        Raises
        ------
        LoadError
            It cannot be had.
        """


def load_nothing(_: Source, path: str, /) -> Source:
    """A ``Load`` for texts that stand alone."""
    raise LoadError(codes.UNREADABLE, f"`{path}` cannot be read from here", "a text without a file uses no other file")


@cache
def standard_library() -> tuple[tree.File, ...]:
    """The files of the standard library, parsed."""
    paths = sorted((Path(__file__).parents[1] / "std").glob("*.arch"))
    return tuple(parse(Source(f"std/{path.name}", path.read_text("utf-8"))).file for path in paths)


def elaborate(
    file: tree.File,
    *,
    variant: str | None = None,
    arguments: Mapping[str, Value] | None = None,
    inputs: tuple[Shape, ...] | Mapping[str, Shape] | None = None,
    load: Load = load_nothing,
    watch: Watch | None = None,
) -> Elaborated:
    """Build the graph that a file describes.

    Parameters
    ----------
    variant
        The variant to build; the file's defaults if None.
    arguments
        Values for parameters of the network, over those of the variant.
    inputs
        Shapes to use instead of those of the ``input`` statements, in order or by name.
    watch
        Is told which streams go through which element, and which values names get, also where there are errors
        elsewhere.
    """
    findings = Findings(file.source)
    elaboration = _Elaboration(file, findings, variant, dict(arguments or {}), inputs, load, watch)
    with _room(), paused():
        graph = elaboration.run()
        for diagnostic in (*misplaced(graph), *untimely(graph), *unfit_exits(graph)) if graph is not None else ():
            findings.add(diagnostic)
    diagnostics = findings.sorted()
    return Elaborated(None if findings.has_errors else graph, diagnostics)


@contextmanager
def _room() -> Iterator[None]:
    """Room for nested calls: a call of a definition takes about a dozen Python frames."""
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(max(limit, 10_000))
    try:
        yield
    finally:
        sys.setrecursionlimit(limit)


class _Elaboration:
    """One run over one file."""

    def __init__(
        self,
        file: tree.File,
        findings: Findings,
        variant: str | None,
        arguments: dict[str, Value],
        inputs: tuple[Shape, ...] | Mapping[str, Shape] | None,
        load: Load,
        watch: Watch | None,
    ) -> None:
        self._file = file
        self._findings = findings
        self._variant = variant
        self._arguments = arguments
        self._load = load
        start = Span(file.source, 0, 0)
        self._net = next((item for item in file.statements if isinstance(item, tree.Net)), None)
        span = self._net.span if self._net else start
        self._name = variant or (self._net.name if self._net else PurePath(file.source.name).stem)
        self._builder = Builder(self._name, span)
        self._flow = Flow(self._builder, findings, watch)
        self._statements = Statements(self._builder, self._flow)
        self._declared = Inputs(self._builder, self._flow, file, inputs)
        self._statements.rules[tree.Use] = self._statement_use
        self._statements.top_rules |= {
            tree.Net: self._statement_net,
            tree.Documentation: self._statement_documentation,
            tree.Variant: lambda statement, context: None,
            tree.Input: self._declared.declare,
        }
        self._documentation: dict[str, list[str]] = {"title": [], "paper": [], "note": []}
        self._values: dict[str, Value] = {}
        self._open_files = [file.source.name]
        self._modules: dict[str, Environment] = {}

    def run(self) -> Graph | None:
        """The graph, or None where errors left none."""
        prelude = Environment(is_prelude=True)
        for library in standard_library():
            self._findings.trust(library.source)
            self._define_all(library, prelude, self._builder.root.level)
        context = Context(Environment(prelude), {}, self._builder.root, Streams(()), Streams(()), {})
        try:
            self._statements.run(self._file.statements, context)
            self._finish(context)
        except TooManyFindings:
            return None
        except Exhausted as exhausted:
            self._add(exhausted.problem())
            return None
        except TooManyNodes as excess:
            message = f"the network has more than {MAX_NODES:,} operators"
            self._add(problem(codes.TOO_LARGE, message, excess.span, hint="make a count or a recursion smaller"))
            return None
        if not self._findings.has_errors:  # behind an error, what seems unused may only be misspelt
            for diagnostic in unused(self._file):
                self._findings.add(diagnostic)
        return self._graph()

    def _graph(self) -> Graph | None:
        if self._findings.has_errors:
            return None
        return self._builder.close(
            name=self._name,
            title=next(iter(self._documentation["title"]), None),
            papers=self._documentation["paper"],
            notes=self._documentation["note"],
            arguments=self._values,
        )

    def _add(self, found: Problem) -> None:
        if found.diagnostic is not None:
            self._findings.add(found.diagnostic)

    def _finish(self, context: Context) -> None:
        """Settle the outputs once the last statement has run."""
        end = len(self._file.source.text.rstrip())
        last = self._file.statements[-1].span if self._file.statements else Span(self._file.source, 0, end)
        if self._net is None and self._variant is not None:
            self._unknown_variant(Span(self._file.source, 0, 0))
        for name in self._arguments if self._net is None else ():
            self._add(problem(codes.UNKNOWN_PARAMETER, f"the network has no parameter `{name}`", last))
        if context.trunk.is_broken:
            return
        if not self._builder.nodes_so_far():
            if not self._findings.has_errors and not is_library(self._file):
                hint = "begin with `input 3x224x224`"
                self._add(problem(codes.NO_INPUT, "the network has no input", last, hint=hint))
            return
        for found in self._declared.unanswered(last):
            self._add(found)
        if not any(output.kind == "output" for output in self._builder.outputs):
            main = Output("out", BROKEN.items[0].port)
            try:
                self._statements.add_output(last, Streams(context.trunk.items), main)
            except Problem as found:
                self._add(found)

    # Statements that stand at the top of a file only -------------------------------------------------------------

    def _statement_net(self, statement: tree.Net, context: Context) -> None:
        if statement is not self._net:
            assert self._net is not None
            label = Label(self._net.span, "first here")
            raise problem(codes.REBOUND, "a file describes one network", statement.span, labels=(label,))
        chosen = self._chosen(statement, context)
        for parameter in statement.parameters:
            value: Value = UNKNOWN
            if parameter.name in chosen:
                value = chosen[parameter.name]
            elif parameter.default is not None:
                value = self._flow.expressions.evaluate(parameter.default, context)
            else:
                message = f"the network's parameter `{parameter.name}` has no value"
                hint = f"give it a default, or a value: `--set {parameter.name}=…`"
                self._flow.report(problem(codes.MISSING_ARGUMENT, message, parameter.span, hint=hint), context)
            Names.bind(context, parameter.name, value, parameter.span)
            self._flow.tell(parameter, value)
            self._values[parameter.name] = value

    def _chosen(self, net: tree.Net, context: Context) -> dict[str, Value]:
        """Values of parameters by the variant and, over them, by the caller."""
        names = [parameter.name for parameter in net.parameters]
        chosen: dict[str, Value] = {}
        for variant in (item for item in self._file.statements if isinstance(item, tree.Variant)):
            for argument in variant.arguments:
                if argument.name not in names:
                    name = argument.name or argument.span.text
                    self._flow.report(_unknown_parameter(name, names, argument.span, net), context)
                elif variant.name == self._variant:
                    chosen[argument.name] = self._flow.expressions.evaluate(argument.value, context)
        known = {item.name for item in self._file.statements if isinstance(item, tree.Variant)} | {net.name}
        if self._variant is not None and self._variant not in known:
            self._unknown_variant(net.name_span)
        for name in self._arguments:
            if name not in names:
                self._flow.report(_unknown_parameter(name, names, net.span, net), context)
        return chosen | {name: freeze(value) for name, value in self._arguments.items() if name in names}

    def _unknown_variant(self, span: Span) -> None:
        known = [item.name for item in self._file.statements if isinstance(item, tree.Variant)]
        close = near(self._variant or "", known)
        hint = f"did you mean `{close}`?" if close else "it has " + (", ".join(known) or "none")
        self._add(problem(codes.UNKNOWN_VARIANT, f"the file has no variant `{self._variant}`", span, hint=hint))

    def _statement_documentation(self, statement: tree.Documentation, context: Context) -> None:
        self._documentation[statement.kind].append(statement.text)

    # Other files -------------------------------------------------------------------------------------------------

    def _statement_use(self, statement: tree.Use, context: Context) -> None:
        try:
            members = self._module(statement, statement.span.source, context)
        except Problem:
            if statement.alias is not None:  # what the file would offer is not reported as unknown as well
                context.environment.bind(statement.alias, UNKNOWN, statement.span)
            raise
        if statement.alias is not None:
            Names.bind(context, statement.alias, Namespace(statement.alias, members), statement.span)
            return
        for name, binding in members.bindings.items():
            if isinstance(binding.value, Closure):
                Names.bind(context, name, binding.value, statement.span)

    def _module(self, statement: tree.Use, source: Source, context: Context) -> Environment:
        try:
            used = self._load(source, statement.path)
        except LoadError as error:
            raise problem(error.code, error.message, statement.path_span, hint=error.hint) from None
        if used.name in self._open_files:
            chain = " -> ".join([*self._open_files[self._open_files.index(used.name) :], used.name])
            raise problem(codes.USE_CYCLE, f"the file uses itself: {chain}", statement.path_span)
        if used.name not in self._modules:
            self._modules[used.name] = self._read(used, statement, context)
        return self._modules[used.name]

    def _read(self, used: Source, statement: tree.Use, context: Context) -> Environment:
        parsed = parse(used)
        for diagnostic in parsed.diagnostics:
            self._findings.add(diagnostic)
        prelude = next(outer for outer in context.environment.outwards() if outer.is_prelude)
        environment = Environment(prelude)
        self._open_files.append(used.name)
        self._define_all(parsed.file, environment, context.frame.level)
        self._open_files.pop()
        return environment

    def _define_all(self, file: tree.File, environment: Environment, level: Level) -> None:
        """Bind what a file offers to others: its definitions, and the values and files that they need."""
        context = Context(environment, {}, self._builder.root, Streams(()), Streams(()), {})
        rules: dict[type, Callable[[Any, Context], None]] = {
            tree.Net: self._defaults_of_net,
            tree.Let: self._statements.rules[tree.Let],
            tree.Set: self._statements.rules[tree.Set],
            tree.Links: self._statements.rules[tree.Links],
            tree.Use: self._statement_use,
        }
        for statement in file.statements:
            rule = rules.get(type(statement))
            try:
                if rule is not None:
                    rule(statement, context)
            except Problem as found:
                self._flow.report(found, context)
        defaults = context.defaults
        for statement in file.statements:
            if isinstance(statement, tree.Definition):
                closure = Closure(statement, environment, defaults, level)
                environment.bind(statement.name, closure, statement.name_span)

    def _defaults_of_net(self, statement: tree.Statement, context: Context) -> None:
        """A used file's network is built with its defaults, so its definitions see those."""
        assert isinstance(statement, tree.Net)
        for parameter in statement.parameters:
            value = UNKNOWN
            if parameter.default is not None:
                value = self._flow.expressions.evaluate(parameter.default, context)  # type: ignore[assignment]
            context.environment.bind(parameter.name, value, parameter.span)
            self._flow.tell(parameter, value)


def is_library(file: tree.File) -> bool:
    """Whether a file only offers definitions to others: it has neither an input nor a step."""
    steps = tree.Input | tree.Flow | tree.Assign | tree.OutputStatement | tree.Branch
    return not any(isinstance(statement, steps) for statement in file.statements)


def _unknown_parameter(name: str, names: list[str], span: Span, net: tree.Net) -> Problem:
    close = near(name, names)
    hint = f"did you mean `{close}`?" if close else "it has " + (", ".join(names) or "none")
    return problem(codes.UNKNOWN_PARAMETER, f"`{net.name}` has no parameter `{name}`", span, hint=hint)


def freeze(value: object) -> Value:
    """A Python value as a value of the language: lists become tuples, dictionaries tables."""
    if isinstance(value, list | tuple):
        return tuple(freeze(item) for item in value)
    if isinstance(value, dict):
        return Lookup({key: freeze(item) for key, item in value.items()})
    return value
