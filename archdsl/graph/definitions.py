"""Calls definitions: binds arguments, checks contracts, stops endless recursion, opens a scope."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Set as AbstractSet
from dataclasses import replace

from archdsl import codes
from archdsl.diagnostic import Edit, Fix, Label, near
from archdsl.graph.builder import Builder
from archdsl.graph.expressions import Expressions
from archdsl.graph.scope import CallKey, Context, Defaults, Environment, Frame
from archdsl.graph.values import Body, Closure, Indexed, Lookup, Namespace, Streams, Value, problem, show
from archdsl.source import Span
from archdsl.syntax import tree

#: Calls within calls; the deepest documented network needs a dozen.
MAX_DEPTH = 120

#: Evaluates a pipeline in a context, fed with streams.
Run = Callable[[tree.Pipeline, Context, Streams], Streams]
#: Is told which value a parameter gets.
Tell = Callable[[tree.Parameter, Value], None]


def merge_defaults(below: Defaults, above: Defaults) -> Defaults:
    """Defaults of operators, where those of ``above`` win."""
    if not below:
        return above
    merged = dict(below)
    for op, arguments in above.items():
        merged[op] = {**merged.get(op, {}), **arguments}
    return merged


#: Arguments that are written around a name: `3x3 unit /2`.
_PREFIXES = ("kernel", "stride")


class Definitions:
    """Calls definitions."""

    def __init__(self, builder: Builder, expressions: Expressions, run: Run, tell: Tell) -> None:
        self._builder = builder
        self._expressions = expressions
        self._run = run
        self._tell = tell

    def call(
        self, closure: Closure, step: tree.Step, context: Context, streams: Streams, name: str | None = None
    ) -> Streams:
        """The streams behind a call.

        Parameters
        ----------
        name
            What the call is called in paths; its definition's name and ordinal, if None.

        Raises
        ------
        Problem
            The arguments are wrong, the contract is broken, or the recursion does not end.
        """
        inner = Context(
            environment=Environment(closure.environment),
            defaults=merge_defaults(closure.defaults, context.defaults),
            frame=context.frame,
            entry=streams,
            trunk=streams,
            taps=context.taps,
        )
        given = self._bind(closure, step, context, inner)
        self._check_contract(closure, step, inner)
        inner.frame = self._open(closure, step, context.frame, inner, name, given)
        return self._run(closure.tree.body, inner, streams)

    # Arguments ---------------------------------------------------------------------------------------------------

    def _bind(self, closure: Closure, step: tree.Step, context: Context, inner: Context) -> AbstractSet[str]:
        """Bind the parameters; returns the names of those that were given."""
        given = self._given(closure, step, context)
        for parameter in closure.tree.parameters:
            if parameter.name in given:
                value, span = given[parameter.name]
            else:
                value, span = self._default(closure, parameter, step, context, inner), parameter.span
            inner.environment.bind(parameter.name, value, span)
            self._tell(parameter, value)
        return given.keys()

    def _given(self, closure: Closure, step: tree.Step, context: Context) -> dict[str, tuple[Value, Span]]:
        definition = closure.tree
        given: dict[str, tuple[Value, Span]] = {}
        if step.body is not None:
            self._check_parameter(definition, "body", step.body.span)
            given["body"] = Body(step.body, context.environment, context.entry), step.body.span
        if step.kernel is not None:
            self._check_parameter(definition, "kernel", step.kernel.span)
            given["kernel"] = step.kernel.values, step.kernel.span
        if step.stride is not None:
            self._check_parameter(definition, "stride", step.stride.span)
            given["stride"] = self._expressions.evaluate(step.stride, context), step.stride.span
        free = [parameter.name for parameter in definition.parameters if parameter.name not in given]
        for argument in step.arguments:
            if argument.name is None:
                name = self._next(definition, free, argument)
            else:
                name = argument.name
                self._check_parameter(definition, name, argument.name_span or argument.span)
            if name in given:
                label = Label(given[name][1], "first here")
                message = f"`{name}` of `{definition.name}` is given twice"
                raise problem(codes.EXTRA_ARGUMENT, message, argument.span, labels=(label,))
            if name in free:
                free.remove(name)
            given[name] = self._expressions.evaluate(argument.value, context), argument.value.span
        return given

    @staticmethod
    def _next(definition: tree.Definition, free: list[str], argument: tree.Argument) -> str:
        if free:
            return free[0]
        count = len(definition.parameters)
        raise problem(
            codes.EXTRA_ARGUMENT,
            f"`{definition.name}` takes {count or 'no'} argument{'' if count == 1 else 's'}, and here is one more",
            argument.span,
            labels=(Label(definition.name_span, "defined here"),),
        )

    @staticmethod
    def _check_parameter(definition: tree.Definition, name: str, span: Span) -> None:
        names = [parameter.name for parameter in definition.parameters]
        if name in names:
            return
        close = None if name in _PREFIXES else near(name, names)
        hint = f"did you mean `{close}`?" if close else "it has " + (", ".join(names) or "none")
        if name in _PREFIXES:
            head = f"{definition.name}({', '.join([*names, name])})"
            hint = f"it has one if `{name}` is among its parameters, as in `{head}: …`"
        edit = Edit(Span(span.source, span.start, span.start + len(name)), close or "")
        raise problem(
            codes.UNKNOWN_KEYWORD,
            f"`{definition.name}` has no argument `{name}`",
            span,
            hint=hint,
            labels=(Label(definition.name_span, "defined here"),),
            fixes=(Fix(f"use `{close}`", (edit,)),) if close else (),
        )

    def _default(
        self, closure: Closure, parameter: tree.Parameter, step: tree.Step, context: Context, inner: Context
    ) -> Value:
        """The default of a parameter; a name that means nothing at the definition is looked up at the call."""
        default = parameter.default
        if default is None and parameter.name == "body":
            raise _missing_body(closure, step, None)
        if default is None:
            raise problem(
                codes.MISSING_ARGUMENT,
                f"`{closure.tree.name}` needs `{parameter.name}`",
                step.span,
                labels=(Label(parameter.span, "without a default here"),),
                hint=f"add `{parameter.name}=…`",
            )
        if isinstance(default, tree.Name) and default.name != "in" and inner.environment.lookup(default.name) is None:
            binding = context.environment.lookup(default.name)
            if binding is None and parameter.name == "body":
                raise _missing_body(closure, step, default.name)
            if binding is not None:
                return binding.value
        return self._expressions.evaluate(default, inner)

    def _is_default(self, parameter: tree.Parameter, value: Value, inner: Context) -> bool:
        """Whether a value is what a parameter would have had anyway, as far as the definition alone tells."""
        default = parameter.default
        if default is None or names_in(default):
            return False
        usual = self._expressions.evaluate(default, inner)
        return type(usual) is type(value) and usual == value

    def _check_contract(self, closure: Closure, step: tree.Step, inner: Context) -> None:
        condition = closure.tree.condition
        if condition is None or self._expressions.truth(condition, inner):
            return
        named = ((name, _value(inner, name)) for name in names_in(condition))
        values = ", ".join(f"{name} = {show(value)}" for name, value in named if value is not None)
        raise problem(
            codes.CONTRACT,
            f"this call of `{closure.tree.name}` breaks its contract",
            step.span,
            labels=(Label(condition.span, f"does not hold for {values}" if values else "does not hold"),),
        )

    # Scopes ------------------------------------------------------------------------------------------------------

    def _open(
        self, closure: Closure, step: tree.Step, frame: Frame, inner: Context, name: str | None, given: AbstractSet[str]
    ) -> Frame:
        definition = closure.tree
        values = {parameter.name: _value(inner, parameter.name) for parameter in definition.parameters}
        shown = [
            f"{parameter.name}={show(value)}"
            for parameter in definition.parameters
            if parameter.name in given
            and not isinstance(value := values[parameter.name], Body | Closure | Streams | Indexed | type)
            and not self._is_default(parameter, value, inner)
        ]
        caption = f"{definition.name}({', '.join(shown)})" if shown else definition.name
        key = self._key(closure, inner, values)
        self._check_recursion(closure, step, frame, key)
        kind: str = "call"
        if definition.tied:
            name = "_".join([definition.name, *(show(value) for value in values.values())])
            level = closure.level.below(name)
        elif closure.takes_body:
            kind, level = "structure", frame.level
            # The mark keeps the count apart from that of paths: a structural call takes no name in its level.
            name = name or level.ordinal(f"{definition.name}~").replace("~", "")
        else:
            name = frame.level.claim(name) if name else frame.level.ordinal(definition.name)
            level = frame.level.below(name)
        opened = self._builder.open(
            frame,
            kind,  # type: ignore[arg-type]
            name,
            level,
            step.span,
            definition=definition.name,
            caption=caption,
        )
        return replace(opened, depth=frame.depth + 1, key=key)

    @staticmethod
    def _key(closure: Closure, inner: Context, values: dict[str, Value]) -> CallKey:
        arguments = tuple(
            (name, id(value) if isinstance(value, Body | Closure | Lookup | Namespace | Indexed) else _frozen(value))
            for name, value in values.items()
        )
        shapes = tuple(stream.type for stream in inner.entry.items)
        return CallKey(id(closure.tree), arguments, shapes)

    @staticmethod
    def _check_recursion(closure: Closure, step: tree.Step, frame: Frame, key: CallKey) -> None:
        name = closure.tree.name
        if any(caller.key == key for caller in frame.callers()):
            raise problem(
                codes.ENDLESS_RECURSION,
                f"`{name}` calls itself with the same arguments, so it never ends",
                step.span,
                labels=(Label(closure.tree.name_span, "defined here"),),
                hint="make an argument smaller in the call, and stop with `if`",
            )
        if frame.depth >= MAX_DEPTH:
            raise problem(
                codes.ENDLESS_RECURSION,
                f"calls are nested {MAX_DEPTH} deep at `{name}`: no argument decreases to an end",
                step.span,
                labels=(Label(closure.tree.name_span, "defined here"),),
                hint="make an argument smaller in the call, and stop with `if`",
            )


def _missing_body(closure: Closure, step: tree.Step, default: str | None) -> Exception:
    name = closure.tree.name
    also = f", or define `{default}: …` before it" if default else ""
    return problem(codes.MISSING_BODY, f"`{name}` needs a body", step.span, hint=f"write `{name} {{ … }}`{also}")


def _value(context: Context, name: str) -> Value:
    binding = context.environment.lookup(name)
    return None if binding is None else binding.value


def _frozen(value: Value) -> object:
    """A value as part of a key: streams by their ports."""
    if isinstance(value, Streams):
        return tuple((stream.port, stream.type) for stream in value.items)
    return type(value), value


def names_in(node: object) -> list[str]:
    """Names that an expression mentions, in order, each once."""
    return list(dict.fromkeys(item.name for item in tree.walk(node) if isinstance(item, tree.Name)))
