"""From Lark's tree to the syntax tree: one method for each rule of ``arch.lark``."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from archdsl.codes import TOO_DEEP
from archdsl.diagnostic import Diagnostic
from archdsl.source import Source, Span
from archdsl.syntax import tree
from archdsl.syntax.parts import (
    Call,
    Condition,
    Named,
    Stride,
    Subscript,
    Unfit,
    arguments_of,
    integer,
    of,
    parameters_of,
    real,
    unquoted,
)

if TYPE_CHECKING:
    from lark import Token
    from lark import Tree as Parsed

MAX_OPERATORS = 100
"""How deep operators, calls and brackets may nest in one expression; evaluating it recurses as deep."""

MAX_ELEMENTS = 128
"""How deep blocks, groups, repeats and ``if`` may nest; an ``else if`` nests in the ``if`` before it."""

_ELEMENTS = frozenset({"block", "group", "group_for", "repeat", "if"})
_OPERATORS = frozenset(
    {"binary", "unary", "conditional", "range", "index", "attribute", "function_call", "list", "comprehension", "table"}
)

_WORDS = frozenset(
    {
        *("NAME", "BINDING", "IN", "DIMS", "INT", "FLOAT", "STRING", "TRUE", "FALSE", "LINKS"),
        *("TITLE", "PAPER", "NOTE", "EXIT", "TAP", "BAR", "REPEAT"),
        *("PLUS", "MINUS", "STAR", "SLASH", "SLASHES", "PERCENT", "POWER", "COMPARISON", "AND", "OR", "NOT"),
    }
)
"""The tokens that a node is made of; the others only hold the text together."""


def build(source: Source, root: Parsed[Token]) -> tuple[tuple[tree.Statement, ...], list[Diagnostic]]:
    """The statements of a file, and what is wrong with those that fit the grammar but not the language."""
    builder = _Builder(source)
    statements = tuple(builder.statement(child) for child in root.children if not isinstance(child, str))
    return statements, builder.diagnostics


class _Builder:
    def __init__(self, source: Source) -> None:
        self.source = source
        self.diagnostics: list[Diagnostic] = []
        self.built: dict[int, Any] = {}
        self.spans: dict[int, Span] = {}

    # Walking ---------------------------------------------------------------------------------------------------------

    def statement(self, root: Parsed[Token]) -> tree.Statement:
        """Build one statement of the file, bottom up and without recursion, however deep it is."""
        order: list[Parsed[Token]] = []
        pending = [(root, 0, 0)]
        while pending:
            node, elements, operators = pending.pop()
            elements += node.data in _ELEMENTS
            operators += node.data in _OPERATORS
            if elements > MAX_ELEMENTS or operators > MAX_OPERATORS:
                return self._too_deep(root, node)
            order.append(node)
            pending.extend((child, elements, operators) for child in node.children if not isinstance(child, str))
        for node in reversed(order):
            self._build(node)
        statement: tree.Statement = self.built[id(root)]
        self.built.clear()
        self.spans.clear()
        return statement

    def _build(self, node: Parsed[Token]) -> None:
        """Build one node; those below it are there."""
        parts = node.children
        if not parts:  # the only rule that can be empty
            self.built[id(node)] = tree.Pipeline((), Span(self.source, 0, 0))
            return
        first, last = parts[0], parts[-1]
        start = first.start_pos if isinstance(first, str) else self.spans[id(first)].start
        end = last.end_pos if isinstance(last, str) else self.spans[id(last)].end
        assert start is not None
        assert end is not None
        span = self.spans[id(node)] = Span(self.source, start, end)
        children: list[Any] = []
        for part in parts:
            if not isinstance(part, str):
                children.append(self.built[id(part)])
            elif part.type in _WORDS:
                children.append(part)
        if tree.Broken in map(type, children) and node.data != "block":
            self.built[id(node)] = tree.Broken(span)
            return
        method: Callable[[list[Any], Span], object] = getattr(self, f"_{node.data}")
        try:
            self.built[id(node)] = method(children, span)
        except Unfit as unfit:
            self.diagnostics.append(unfit.diagnostic)
            self.built[id(node)] = tree.Broken(span)

    def _too_deep(self, root: Parsed[Token], node: Parsed[Token]) -> tree.Broken:
        hint = "give the inner parts names: a definition, or a `let`"
        diagnostic = Diagnostic(TOO_DEEP, "this nests too deeply", self._extent(node), hint=hint)
        self.diagnostics.append(diagnostic)
        return tree.Broken(self._extent(root))

    def _extent(self, node: Parsed[Token]) -> Span:
        """The span of a node that is not built."""
        first, last = node.children[0], node.children[-1]
        while not isinstance(first, str):
            first = first.children[0]
        while not isinstance(last, str):
            last = last.children[-1]
        return Span(self.source, self._span(first).start, self._span(last).end)

    def _span(self, token: Token) -> Span:
        assert token.start_pos is not None
        assert token.end_pos is not None
        return Span(self.source, token.start_pos, token.end_pos)

    def _named(self, token: Token) -> Named:
        """The name of a NAME, or of a BINDING such as ``stride=``."""
        text = token.rstrip("= \t")
        start = self._span(token).start
        return Named(text, Span(self.source, start, start + len(text)))

    # Statements ------------------------------------------------------------------------------------------------------

    def _net(self, children: list[Any], span: Span) -> tree.Net:
        name = self._named(children[0])
        return tree.Net(name.text, parameters_of(arguments_of(children[1:])), name.span, span)

    def _documentation(self, children: list[Any], span: Span) -> tree.Documentation:
        return tree.Documentation(children[0].value, unquoted(children[1]), span)

    def _variant(self, children: list[Any], span: Span) -> tree.Variant:
        name = self._named(children[0])
        return tree.Variant(name.text, arguments_of(children[1:]), name.span, span)

    def _input(self, children: list[Any], span: Span) -> tree.Input:
        name = None if isinstance(children[0], tree.Tree) else children[0].value
        shape, *arguments = children[name is not None :]
        return tree.Input(name, shape, tuple(arguments), span)

    def _use(self, children: list[Any], span: Span) -> tree.Use:
        path, *alias = children
        return tree.Use(unquoted(path), alias[0].value if alias else None, self._span(path), span)

    def _let(self, children: list[Any], span: Span) -> tree.Let:
        name = self._named(children[0])
        return tree.Let(name.text, children[1], name.span, span)

    def _set(self, children: list[Any], span: Span) -> tree.Set:
        op = self._named(children[0])
        return tree.Set(op.text, tuple(children[1:]), op.span, span)

    def _definition(self, children: list[Any], span: Span) -> tree.Definition:
        name, body = children[0], children[-1]
        if not name.text.isidentifier() or name.text == "in":
            raise Unfit(f"`{name.text}` cannot be the name of a definition", name.span, "a definition has a plain name")
        condition = of(children, Condition)
        return tree.Definition(
            name.text,
            parameters_of(arguments_of(children[1:-1])),
            condition.value if condition else None,
            body,
            False,
            name.span,
            span,
        )

    def _tied(self, children: list[Any], span: Span) -> tree.Definition:
        definition: tree.Definition = children[0]
        return definition.replace(tied=True, span=span)

    def _assign(self, children: list[Any], span: Span) -> tree.Assign:
        target, pipeline = children
        if not isinstance(target, tree.Select):
            name = self._named(target)
            return tree.Assign(name.text, None, pipeline, name.span, span)
        name_span = Span(self.source, target.span.start, target.span.start + len(target.name))
        if not target.name.isidentifier() or target.name == "in":
            raise Unfit(
                f"`{target.name}` cannot be bound here", name_span, "only a plain name can be bound: `x[i] = …`"
            )
        return tree.Assign(target.name, target.index, pipeline, name_span, span)

    def _flow(self, children: list[Any], span: Span) -> tree.Flow:
        return tree.Flow(children[0], span)

    def _branch(self, children: list[Any], span: Span) -> tree.Branch:
        kind, name_token, *_, body = children
        name, index = self._named(name_token), of(children, Subscript)
        arguments = tuple(child for child in children if isinstance(child, tree.Argument))
        return tree.Branch(kind.value, name.text, index.value if index else None, arguments, body, name.span, span)

    def _output(self, children: list[Any], span: Span) -> tree.OutputStatement:
        name = self._named(children[0])
        arguments = tuple(child for child in children if isinstance(child, tree.Argument))
        return tree.OutputStatement(name.text, arguments, children[-1], name.span, span)

    def _expect(self, children: list[Any], span: Span) -> tree.Expect:
        return tree.Expect(children[0], span)

    def _require(self, children: list[Any], span: Span) -> tree.Require:
        condition, *message = children
        return tree.Require(condition, unquoted(message[0]) if message else None, span)

    def _links(self, children: list[Any], span: Span) -> tree.Links:
        name = self._named(children[0])
        tokens = [child for child in children[1:] if child.type == "LINKS"]
        rows = tuple(tuple(cell != "." for cell in token if not cell.isspace()) for token in tokens)
        for token, row in zip(tokens, rows, strict=True):
            if len(row) != len(rows[0]):
                message = f"the first row has {len(rows[0])} marks, this one {len(row)}"
                raise Unfit(message, self._span(token), "every row of a table has one mark for each column")
        return tree.Links(name.text, rows, name.span, span)

    def _broken(self, children: list[Any], span: Span) -> tree.Broken:
        return tree.Broken(span)

    def _condition(self, children: list[Any], span: Span) -> Condition:
        return Condition(children[0])

    def _subscript(self, children: list[Any], span: Span) -> Subscript:
        return Subscript(children[0])

    # Pipelines -------------------------------------------------------------------------------------------------------

    def _pipeline(self, children: list[Any], span: Span) -> tree.Pipeline:
        return tree.Pipeline(tuple(children), span)

    def _optional_pipeline(self, children: list[Any], span: Span) -> tree.Pipeline:
        pipeline: tree.Pipeline = children[0]
        return pipeline

    def _step(self, children: list[Any], span: Span) -> tree.Step:
        kernel = children.pop(0) if isinstance(children[0], str) else None
        name, *rest = children
        stride = [child for child in rest if isinstance(child, Stride)]
        if len(stride) > 1:
            raise Unfit("a step has one stride", stride[1].value.span, "remove one of the two")
        return tree.Step(
            self._dims([kernel], self._span(kernel)) if kernel is not None else None,
            name.text,
            arguments_of(rest),
            stride[0].value if stride else None,
            of(rest, tree.Block),
            name.span,
            span,
        )

    def _name(self, children: list[Any], span: Span) -> Named:
        return Named(".".join(children), span)

    def _call(self, children: list[Any], span: Span) -> Call:
        return Call(tuple(children))

    def _argument(self, children: list[Any], span: Span) -> tree.Argument:
        return tree.Argument(None, children[0], None, span)

    def _keyword(self, children: list[Any], span: Span) -> tree.Argument:
        name = self._named(children[0])
        return tree.Argument(name.text, children[1], name.span, span)

    def _stride(self, children: list[Any], span: Span) -> Stride:
        return Stride(children[-1])

    def _select(self, children: list[Any], span: Span) -> tree.Select:
        return tree.Select(children[0].text, children[1], span)

    def _block(self, children: list[Any], span: Span) -> tree.Block:
        return tree.Block(tuple(children), span)

    def _group(self, children: list[Any], span: Span) -> tree.Group:
        branches: list[tree.Pipeline] = []
        end = span.start + 1
        for child in children:
            if not isinstance(child, tree.Pipeline):
                end = self._span(child).end
            else:
                branches.append(child if child.elements else tree.Pipeline((), Span(self.source, end, end)))
        return tree.Group(tuple(branches), span)

    def _group_for(self, children: list[Any], span: Span) -> tree.GroupFor:
        pipeline, name, _, iterable, *condition = children
        return tree.GroupFor(pipeline, name.value, iterable, condition[0].value if condition else None, span)

    def _if(self, children: list[Any], span: Span) -> tree.If:
        test, then, *otherwise = children
        return tree.If(test, then, otherwise[0] if otherwise else None, span)

    def _for(self, children: list[Any], span: Span) -> tree.For:
        name, _, iterable, body = children
        return tree.For(name.value, iterable, body, span)

    def _repeat(self, children: list[Any], span: Span) -> tree.Repeat:
        element, _, count = children
        return tree.Repeat(element, count, span)

    # Expressions -----------------------------------------------------------------------------------------------------

    def _number(self, children: list[Any], span: Span) -> tree.Number:
        token = children[0]
        return tree.Number(integer(token, span) if token.type == "INT" else real(token, span), span)

    def _atom(self, children: list[Any], span: Span) -> tree.Expression:
        inner: tree.Expression = children[0]
        return inner

    def _dims(self, children: list[Any], span: Span) -> tree.Dims:
        return tree.Dims(tuple(integer(part, span) for part in children[0].split("x")), span)

    def _string(self, children: list[Any], span: Span) -> tree.String:
        return tree.String(unquoted(children[0]), span)

    def _boolean(self, children: list[Any], span: Span) -> tree.Boolean:
        return tree.Boolean(children[0] == "true", span)

    def _reference(self, children: list[Any], span: Span) -> tree.Name:
        return tree.Name(children[0].value, span)

    def _function_call(self, children: list[Any], span: Span) -> tree.FunctionCall:
        return tree.FunctionCall(children[0].value, tuple(children[1:]), span)

    def _list(self, children: list[Any], span: Span) -> tree.List:
        return tree.List(tuple(children), span)

    def _comprehension(self, children: list[Any], span: Span) -> tree.Comprehension:
        item, name, _, iterable, *condition = children
        return tree.Comprehension(item, name.value, iterable, condition[0].value if condition else None, span)

    def _table(self, children: list[Any], span: Span) -> tree.Table:
        return tree.Table(tuple(children), span)

    def _entry(self, children: list[Any], span: Span) -> tuple[tree.Expression, tree.Expression]:
        key, value = children
        return key, value

    def _index(self, children: list[Any], span: Span) -> tree.Index:
        return tree.Index(children[0], children[1], span)

    def _attribute(self, children: list[Any], span: Span) -> tree.Attribute:
        return tree.Attribute(children[0], children[1].value, span)

    def _unary(self, children: list[Any], span: Span) -> tree.Unary:
        return tree.Unary(children[0].value, children[1], span)

    def _binary(self, children: list[Any], span: Span) -> tree.Binary:
        left, operator, right = children
        return tree.Binary(operator.value, left, right, span)

    def _conditional(self, children: list[Any], span: Span) -> tree.Conditional:
        value, test, otherwise = children
        return tree.Conditional(test, value, otherwise, span)

    def _range(self, children: list[Any], span: Span) -> tree.Range:
        return tree.Range(children[0], children[1], span)
