"""Binds names, and finds what the name of a step stands for."""

from __future__ import annotations

import re
from collections.abc import Callable

from archdsl import codes
from archdsl.diagnostic import Edit, Fix, Label, near
from archdsl.graph.scope import Context, Environment
from archdsl.graph.unknown import unknown_attribute
from archdsl.graph.values import UNKNOWN, Body, Closure, Namespace, Problem, Streams, Value, describe, problem
from archdsl.ops import catalogue, lookup, translate
from archdsl.source import Span
from archdsl.syntax import tree
from archdsl.syntax.words import STATEMENTS


class Names:
    """Binds and resolves names.

    Parameters
    ----------
    report
        Keeps a problem behind which resolution goes on with a guess.
    """

    def __init__(self, report: Callable[[Problem, Context], None]) -> None:
        self._report = report

    @classmethod
    def bind(cls, context: Context, name: str, value: Value, span: Span) -> None:
        """Bind a name, once."""
        environment = context.environment
        before = environment.bindings.get(name)
        if before is not None:
            labels = (Label(before.span, "first bound here"),) if before.span is not None else ()
            hint = "give it another name, or an index: `x[0] = …`"
            raise problem(codes.REBOUND, f"`{name}` is bound already", span, labels=labels, hint=hint)
        if lookup(name) is not None:
            raise problem(codes.SHADOWS, f"`{name}` is an operator", span, hint="give it another name")
        cls._check_shadowing(environment, name, span)
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

    @staticmethod
    def find(name: str, context: Context) -> Value:
        """What a name without errors stands for, as far as can be told without complaint; None if unknown."""
        if name == "in":
            return context.entry
        first, *rest = name.split(".")
        binding = context.environment.lookup(first)
        if binding is None:
            return None if rest else lookup(first)
        value = binding.value
        for part in rest:
            if isinstance(value, Namespace):
                member = value.members.bindings.get(part)
                value = None if member is None else member.value
            else:
                value = value.taps.get(part) if isinstance(value, Streams) else None
        return value

    def resolve(self, step: tree.Step, context: Context) -> Value:
        """What the name of a step stands for: an operator's class, a definition, streams, a body.

        Raises
        ------
        Problem
            Nothing of that name is known, and no near name can be guessed.
        """
        if step.name == "in":
            return context.entry
        first, *rest = step.name.split(".")
        binding = context.environment.lookup(first)
        if binding is None:
            op = None if rest else lookup(first)
            if op is not None:
                return op
            return self._guess(step, first, context)
        value = binding.value
        if value is UNKNOWN:
            raise Problem(None)
        for name in rest:
            value = self.member(value, name, step.name_span)
        return value

    @staticmethod
    def member(value: Value, name: str, span: Span) -> Value:
        """A member of a used file, or a tap of a stream."""
        if isinstance(value, Namespace):
            member = value.members.bindings.get(name)
            if member is not None:
                return member.value
            raise unknown_attribute(name, f"`{value.name}`", value.members.bindings, span)
        if isinstance(value, Streams):
            if value.is_broken:
                raise Problem(None)
            if name in value.taps:
                return value.taps[name]
            raise unknown_attribute(name, "the stream", value.taps, span)
        raise problem(codes.UNKNOWN_ATTRIBUTE, f"{describe(value)} has no `{name}`", span)

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
        in_two_words = _in_two_words(step)
        if in_two_words is not None:
            raise in_two_words
        close = near(name, callables)
        if "." not in step.name:  # operators have no members
            close = translate(name) or near(name, callables | set(catalogue()))
        span = Span(step.name_span.source, step.name_span.start, step.name_span.start + len(name))
        found = problem(
            codes.UNKNOWN_OP,
            f"no operator, definition or stream is called `{name}`",
            span,
            hint=f"did you mean `{close}`?" if close else _other_hint(name),
            fixes=(Fix(f"use `{close}`", (Edit(span, close),)),) if close else (),
        )
        if close is None:
            raise found
        self._report(found, context)
        try:
            return self.resolve(step.replace(name=step.name.replace(name, close, 1)), context)
        except Problem:
            raise Problem(None) from None


def _made_later(name: str, environment: Environment, span: Span) -> Span | None:
    for statement in environment.statements:
        if isinstance(statement, tree.Assign) and statement.name == name and statement.span.start > span.start:
            return statement.name_span
    return None


def _in_two_words(step: tree.Step) -> Problem | None:
    """The problem of an operator whose name and the value behind it mean one together: ``global avgpool``."""
    words = [argument for argument in step.arguments if argument.name is None and isinstance(argument.value, tree.Name)]
    meant = translate(step.name + words[0].span.text) if words else None
    if meant is None:
        return None
    span = Span(step.name_span.source, step.name_span.start, words[0].span.end)
    message = f"no operator, definition or stream is called `{step.name}`"
    fix = Fix(f"use `{meant}`", (Edit(span, meant),))
    return problem(codes.UNKNOWN_OP, message, span, hint=f"did you mean `{meant}`?", fixes=(fix,))


def _other_hint(name: str) -> str:
    if name == "batch":
        return "the batch is implied: no statement tells its size"
    if (size := re.fullmatch(r"([A-Za-z_]\w*?)x\1", name)) is not None:
        return f"a computed kernel is an argument: `conv(64, kernel={size[1]})`"
    statement = near(name, STATEMENTS)
    return f"did you mean the statement `{statement} …`?" if statement else "`archdsl ops` lists the operators"
