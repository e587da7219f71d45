"""Finds every name of a file in one walk over its tree."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from archdsl.source import Span
from archdsl.syntax import tree
from archdsl.syntax.names import Binding, Kind, Maker, Mention, NameTable, Occurrence, Scope

_NAME = re.compile(r"[A-Za-z_]\w*")
_LOOP = re.compile(r"\bfor[ \t]+([A-Za-z_]\w*)")
_INPUT = re.compile(r"input[ \t]+([A-Za-z_]\w*)")
_ALIAS = re.compile(r"\bas[ \t]+([A-Za-z_]\w*)")


def name_table(file: tree.File) -> NameTable:
    """Find every name of a file."""
    return _Walk(file).table()


class _Walk:
    """One pass over a tree, without recursion: what a node binds and mentions, and in which scope its parts stand."""

    def __init__(self, file: tree.File) -> None:
        self._file = file
        self._scopes = [Scope(0, len(file.source.text))]
        self._found: list[tuple[Occurrence, Scope]] = []
        self._uses: list[tree.Use] = []
        self._pending: list[tuple[object, Scope]] = [(file.statements, self._scopes[0])]
        self._network = next((item for item in file.statements if isinstance(item, tree.Net)), None)
        self._owners: dict[int, Binding] = {}
        self._rules: dict[type, Callable[[Any, Scope], None]] = {
            tree.Block: self._block,
            tree.Definition: self._definition,
            tree.Net: self._net,
            tree.Variant: self._variant,
            tree.Input: self._input,
            tree.Use: self._use,
            tree.Let: self._let,
            tree.Set: self._set,
            tree.Assign: self._assign,
            tree.Branch: self._branch,
            tree.OutputStatement: self._output,
            tree.Links: self._links,
            tree.Step: self._step,
            tree.Select: self._select,
            tree.GroupFor: self._group_for,
            tree.For: self._for,
            tree.Comprehension: self._comprehension,
            tree.Name: self._name,
            tree.Attribute: self._attribute,
            tree.FunctionCall: self._function,
        }

    def table(self) -> NameTable:
        while self._pending:
            node, scope = self._pending.pop()
            if isinstance(node, tuple):
                self._push(scope, *node)
            elif isinstance(node, tree.Tree):
                rule = self._rules.get(type(node))
                if rule is not None:
                    rule(node, scope)
                else:
                    self._pending.extend((child, scope) for child in node.children())
        return NameTable(tuple(self._resolved()), tuple(self._scopes), tuple(self._uses))

    def _resolved(self) -> Iterator[Occurrence]:
        """What was found, in order of place, each mention with its binding."""
        done: dict[int, Mention] = {}
        for item, scope in sorted(self._found, key=lambda found: found[0].span.start):
            if isinstance(item, Binding):
                yield item
                continue
            subject, binding = item.subject, item.binding
            if isinstance(subject, Mention):
                subject = done[id(subject)]
            if item.role in {"value", "step"}:
                binding = scope.find(item.name, item.span.start)
            elif item.role == "keyword" and isinstance(item.node, tree.Variant):
                subject = self._owners.get(id(self._network))
            done[id(item)] = Mention(item.name, item.span, item.role, item.node, subject, binding)
            yield done[id(item)]

    # What rules are made of ------------------------------------------------------------------------------------------

    def _push(self, scope: Scope, *parts: object) -> None:
        self._pending.extend((part, scope) for part in reversed(parts))

    def _open(self, scope: Scope, span: Span, *, is_definition: bool = False) -> Scope:
        inner = Scope(span.start, span.end, scope, is_definition)
        self._scopes.append(inner)
        return inner

    def _declare(self, kind: Kind, name: str, span: Span, node: Maker, scope: Scope, **fields: Any) -> Binding:
        """A name that is made, but not to be mentioned."""
        place = Span(span.source, span.start, span.start + len(name))
        binding = Binding(name, kind, place, node, **{"visible": place.start, **fields})
        self._found.append((binding, scope))
        return binding

    def _bind(self, kind: Kind, name: str, span: Span, node: Maker, scope: Scope, **fields: Any) -> Binding:
        binding = self._declare(kind, name, span, node, scope, **fields)
        scope.bindings.setdefault(name, binding)
        return binding

    def _mention(self, name: str, span: Span, role: str, node: tree.Tree, scope: Scope, **fields: Any) -> Mention:
        place = Span(span.source, span.start, span.start + len(name))
        mention = Mention(name, place, role, node, **fields)  # type: ignore[arg-type]
        self._found.append((mention, scope))
        return mention

    def _dotted(self, span: Span, role: str, node: tree.Tree, scope: Scope) -> Mention | None:
        """The parts of ``blocks.stage``; none for ``in``, which is no name."""
        last: Mention | None = None
        for number, part in enumerate(_NAME.finditer(span.text)):
            place = Span(span.source, span.start + part.start(), span.start + part.end())
            if number == 0 and part[0] == "in":
                continue
            if number == 0:
                last = self._mention(part[0], place, role, node, scope)
            else:
                last = self._mention(part[0], place, "member", node, scope, subject=last)
        return last

    def _arguments(
        self, arguments: Iterable[tree.Argument], node: tree.Tree, scope: Scope, subject: Occurrence | None
    ) -> None:
        for argument in arguments:
            if argument.name is not None:
                span = argument.name_span or argument.span
                self._mention(argument.name, span, "keyword", node, scope, subject=subject)
        self._push(scope, *(argument.value for argument in arguments))

    def _find(self, pattern: re.Pattern[str], start: int, end: int) -> Span | None:
        """Where a name stands that the tree has no place for."""
        found = list(pattern.finditer(self._file.source.text, start, end))
        return Span(self._file.source, found[-1].start(1), found[-1].end(1)) if found else None

    # One method for each kind of node that has to do with names ----------------------------------------------------

    def _block(self, node: tree.Block, scope: Scope) -> None:
        self._push(self._open(scope, node.span), *node.statements)

    def _definition(self, node: tree.Definition, scope: Scope) -> None:
        owner = self._bind(Kind.DEFINITION, node.name, node.name_span, node, scope, visible=0)
        head = Span(node.span.source, node.name_span.end, node.span.end)
        inner = self._open(scope, head, is_definition=True)
        for parameter in node.parameters:
            self._parameter(parameter, inner, owner)
        self._push(inner, node.condition, node.body)

    def _parameter(self, node: tree.Parameter, scope: Scope, owner: Binding) -> None:
        self._bind(Kind.PARAMETER, node.name, node.span, node, scope, visible=node.span.end, owner=owner)
        if node.default is not None:
            self._push(scope, node.default)

    def _net(self, node: tree.Net, scope: Scope) -> None:
        owner = self._owners[id(node)] = self._declare(Kind.NETWORK, node.name, node.name_span, node, scope)
        for parameter in node.parameters:
            self._parameter(parameter, scope, owner)

    def _variant(self, node: tree.Variant, scope: Scope) -> None:
        self._declare(Kind.VARIANT, node.name, node.name_span, node, scope)
        self._arguments(node.arguments, node, scope, None)

    def _input(self, node: tree.Input, scope: Scope) -> None:
        place = self._find(_INPUT, node.span.start, node.shape.span.start)
        if node.name is not None and place is not None:
            self._bind(Kind.INPUT, node.name, place, node, scope, visible=node.span.end)
        self._push(scope, node.shape, *(argument.value for argument in node.arguments if argument.name != "only"))

    def _use(self, node: tree.Use, scope: Scope) -> None:
        place = self._find(_ALIAS, node.path_span.end, node.span.end)
        if node.alias is not None and place is not None:
            self._bind(Kind.FILE, node.alias, place, node, scope, visible=node.span.end)
        elif scope is self._scopes[0]:
            self._uses.append(node)

    def _let(self, node: tree.Let, scope: Scope) -> None:
        self._bind(Kind.VALUE, node.name, node.name_span, node, scope, visible=node.span.end)
        self._push(scope, node.value)

    def _set(self, node: tree.Set, scope: Scope) -> None:
        op = self._mention(node.op, node.op_span, "op", node, scope)
        self._arguments(node.arguments, node, scope, op)

    def _assign(self, node: tree.Assign, scope: Scope) -> None:
        before = scope.find(node.name, node.span.start) if node.index is not None else None
        if before is not None and isinstance(before.node, tree.Assign) and before.node.index is not None:
            self._mention(node.name, node.name_span, "again", node, scope, binding=before)
        else:
            self._bind(Kind.STEP, node.name, node.name_span, node, scope, visible=node.span.end)
        self._push(scope, node.index, node.pipeline)

    def _branch(self, node: tree.Branch, scope: Scope) -> None:
        if node.kind == "tap":
            self._bind(Kind.TAP, node.name, node.name_span, node, scope, visible=node.span.end)
        else:
            self._declare(Kind.EXIT, node.name, node.name_span, node, scope)
        options = (argument.value for argument in node.arguments if argument.name != "only")
        self._push(scope, node.index, *options, node.body)

    def _output(self, node: tree.OutputStatement, scope: Scope) -> None:
        self._declare(Kind.OUTPUT, node.name, node.name_span, node, scope)
        self._push(scope, node.pipeline)

    def _links(self, node: tree.Links, scope: Scope) -> None:
        self._bind(Kind.TABLE, node.name, node.name_span, node, scope, visible=node.span.end)

    def _step(self, node: tree.Step, scope: Scope) -> None:
        subject = self._dotted(node.name_span, "step", node, scope)
        self._push(scope, node.stride, node.body)
        self._arguments(node.arguments, node, scope, subject)

    def _select(self, node: tree.Select, scope: Scope) -> None:
        head = Span(node.span.source, node.span.start, min(node.index.span.start, node.span.start + len(node.name)))
        self._dotted(head, "step", node, scope)
        self._push(scope, node.index)

    def _loop(self, node: tree.For | tree.GroupFor | tree.Comprehension, scope: Scope, start: int) -> Scope:
        inner = self._open(scope, node.span)
        place = self._find(_LOOP, start, node.iterable.span.start)
        if place is not None:
            self._bind(Kind.LOOP, node.name, place, node, inner, visible=0)
        return inner

    def _for(self, node: tree.For, scope: Scope) -> None:
        inner = self._loop(node, scope, node.span.start)
        self._push(scope, node.iterable)
        self._push(inner, node.body)

    def _group_for(self, node: tree.GroupFor, scope: Scope) -> None:
        inner = self._loop(node, scope, node.pipeline.span.end)
        self._push(scope, node.iterable)
        self._push(inner, node.pipeline, node.condition)

    def _comprehension(self, node: tree.Comprehension, scope: Scope) -> None:
        inner = self._loop(node, scope, node.item.span.end)
        self._push(scope, node.iterable)
        self._push(inner, node.item, node.condition)

    def _name(self, node: tree.Name, scope: Scope) -> None:
        if node.name != "in":
            self._mention(node.name, node.span, "value", node, scope)

    def _attribute(self, node: tree.Attribute, scope: Scope) -> None:
        """A chain of attributes: each is a member of the one before."""
        chain, base = [node], node.value
        while isinstance(base, tree.Attribute):
            chain.append(base)
            base = base.value
        subject = None
        if isinstance(base, tree.Name):
            subject = self._mention(base.name, base.span, "value", base, scope) if base.name != "in" else None
        else:
            self._push(scope, base)
        for item in reversed(chain):
            end = item.span.end
            place = Span(item.span.source, end - len(item.name), end)
            subject = self._mention(item.name, place, "member", item, scope, subject=subject)

    def _function(self, node: tree.FunctionCall, scope: Scope) -> None:
        self._mention(node.function, node.span, "function", node, scope)
        self._push(scope, *node.arguments)
