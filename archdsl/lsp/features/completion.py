"""What can be written at a place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from archdsl.graph.expressions import STREAM_ATTRIBUTES
from archdsl.graph.functions import FUNCTIONS
from archdsl.graph.operators import vocabulary
from archdsl.lsp.cursor import Cursor, cursor
from archdsl.lsp.document import Document
from archdsl.lsp.lexis import Lexeme
from archdsl.lsp.meaning import Named, Operator, definitions, offers, parameters, taps, used_module
from archdsl.lsp.reading import called_at, meaning_before
from archdsl.lsp.wording import argument, builtin, described, gist, head, keyword
from archdsl.ops import catalogue
from archdsl.ops.base import Op
from archdsl.ops.reference import arguments, summary
from archdsl.source import Span
from archdsl.syntax import tree
from archdsl.syntax.names import Kind


class ItemKind(StrEnum):
    """What an item is; editors show a sign for it."""

    OPERATOR = "operator"
    DEFINITION = "definition"
    STREAM = "stream"
    VALUE = "value"
    PARAMETER = "parameter"
    FUNCTION = "function"
    ARGUMENT = "argument"
    CHOICE = "choice"
    ATTRIBUTE = "attribute"
    FILE = "file"
    KEYWORD = "keyword"


@dataclass(frozen=True, slots=True)
class Item:
    """Something to write.

    Parameters
    ----------
    insert
        What is written; a snippet has places to fill in: ``$1``, ``${2:64}``, at last ``$0``.
    documentation
        Markdown; None if it is to be asked for by ``documentation_of``.
    rank
        Those with less come first.
    """

    label: str
    kind: ItemKind
    insert: str
    span: Span
    detail: str = ""
    documentation: str | None = ""
    is_snippet: bool = False
    rank: int = 5


_STREAMS = frozenset({Kind.STEP, Kind.TAP, Kind.INPUT})
_KINDS = {
    Kind.DEFINITION: ItemKind.DEFINITION,
    Kind.PARAMETER: ItemKind.PARAMETER,
    Kind.STEP: ItemKind.STREAM,
    Kind.TAP: ItemKind.STREAM,
    Kind.INPUT: ItemKind.STREAM,
    Kind.FILE: ItemKind.FILE,
}

#: What the words write with which statements and structures begin.
_STATEMENTS = {
    "net": "net ${1:name}(${2:classes=1000})",
    "title": 'title "$1"',
    "paper": 'paper "$1"',
    "note": 'note "$1"',
    "variant": "variant ${1:name}($2)",
    "input": "input ${1:3x224x224}",
    "use": 'use "$1"',
    "let": "let ${1:name} = $0",
    "set": "set ${1:conv} $0",
    "tied": "tied ${1:name}($2): $0",
    "exit": "exit ${1:name} { $0 }",
    "tap": "tap ${1:name} { $0 }",
    "output": "output ${1:name} = $0",
    "expect": "expect ${1:512x7x7}",
    "require": 'require ${1:condition} "$2"',
    "table": "table ${1:name} { $0 }",
}
_STRUCTURES = {"if": "if ${1:condition} { $0 }", "for": "for ${1:i} in ${2:1..n} { $0 }"}
_OPTIONS = {
    "exit": {"weight": "weight of its loss in the joint loss", "entropy": "leave early below it", "only": "a mode"},
    "output": {"only": "the mode that it exists in: `train` or `eval`"},
    "input": {"only": "`train`: an input that only training has"},
    "tap": {},
}


def completion(document: Document, offset: int) -> tuple[Item, ...]:
    """Everything that can stand at a place; editors filter it by what has been written."""
    place = cursor(document.words, offset)
    span = Span(document.source, min(place.start, offset), offset)
    items = _Items(document, place, span)
    return tuple(sorted(items.all(), key=lambda item: (item.rank, item.label)))


def documentation_of(document: Document | None, label: str, kind: str) -> str:
    """The documentation of an item that ``completion`` left out to be quick."""
    if kind in {ItemKind.KEYWORD, ItemKind.STREAM} and keyword(label):
        return keyword(label)
    if kind in {ItemKind.FUNCTION, ItemKind.ATTRIBUTE}:
        return builtin(label)
    if kind == ItemKind.OPERATOR and label in catalogue():
        return described(Operator(catalogue()[label]))
    if document is None:
        return ""
    own = (Named(document.module, binding) for binding in document.names.bindings if binding.name == label)
    return next(
        (described(named) for named in (*own, *definitions(document.module)) if named.binding.name == label), ""
    )


class _Items:
    """Items for one place."""

    def __init__(self, document: Document, place: Cursor, span: Span) -> None:
        self._document = document
        self._place = place
        self._span = span

    def all(self) -> Iterator[Item]:
        match self._place.wanted:
            case "statement":
                yield from self._words(_STATEMENTS, rank=6)
                yield from self._elements()
            case "element":
                yield from self._elements()
            case "operator":
                yield from self._operators()
            case "argument":
                yield from self._arguments()
            case "value":
                yield from self._choices()
                yield from self._values()
            case "expression":
                yield from self._values()
            case "member":
                yield from self._members()
            case "path":
                yield from self._paths()
            case "nothing":
                return

    def _item(self, label: str, kind: ItemKind, **fields: object) -> Item:
        return Item(label, kind, **{"insert": label, "span": self._span, **fields})  # type: ignore[arg-type]

    def _words(self, words: Mapping[str, str], rank: int) -> Iterator[Item]:
        for word, insert in words.items():
            yield self._word(word, ItemKind.KEYWORD, insert=insert, is_snippet=True, rank=rank)

    def _word(self, word: str, kind: ItemKind, **fields: object) -> Item:
        """A word of the language, which says what it is."""
        return self._item(word, kind, detail=gist(word), documentation=None, **fields)

    # Pipelines ---------------------------------------------------------------------------------------------------

    def _elements(self) -> Iterator[Item]:
        yield from self._operators()
        yield from self._words(_STRUCTURES, rank=6)
        for named in self._callables():
            yield self._definition(named, rank=2 if named.module is self._document.module else 4)
        for binding in self._document.in_scope(self._span.start).values():
            if binding.kind in _STREAMS or binding.kind in {Kind.PARAMETER, Kind.VALUE, Kind.FILE}:
                rank = 1 if binding.kind in _STREAMS else 5
                kind = _KINDS.get(binding.kind, ItemKind.VALUE)
                yield self._item(binding.name, kind, detail=str(binding.kind), rank=rank)
        yield self._word("in", ItemKind.STREAM, rank=2)

    def _callables(self) -> Iterator[Named]:
        module = self._document.module
        inside = self._document.in_scope(self._span.start)
        yield from (Named(module, item) for item in inside.values() if item.kind is Kind.DEFINITION)
        yield from (named for named in definitions(module) if named.binding.name not in inside)

    def _operators(self) -> Iterator[Item]:
        bare = self._place.wanted == "operator"
        has_kernel = self._is_behind_kernel()
        for name, op in catalogue().items():
            insert = name if bare else _snippet(op)
            yield self._item(
                name,
                ItemKind.OPERATOR,
                insert=insert,
                detail=summary(op),
                documentation=None,
                is_snippet="$" in insert,
                rank=0 if has_kernel and "kernel" in op.model_fields else 3,
            )

    def _is_behind_kernel(self) -> bool:
        before = [word for word in self._document.words if word.end <= self._span.start]
        return bool(before) and self._place.wanted == "element" and before[-1].kind is Lexeme.NUMBER

    def _definition(self, named: Named, rank: int) -> Item:
        insert = _call(named)
        return self._item(
            named.binding.name,
            ItemKind.DEFINITION,
            insert=insert,
            detail=head(named),
            documentation=None,
            is_snippet="$" in insert,
            rank=rank,
        )

    # Arguments ---------------------------------------------------------------------------------------------------

    def _arguments(self) -> Iterator[Item]:
        called = called_at(self._document, self._place)
        if isinstance(called, Operator):
            yield from self._operator_arguments(called.op)
        elif isinstance(called, Named):
            yield from self._parameters(called)
        else:
            for name, detail in _OPTIONS.get(self._place.callee, {}).items():
                yield self._item(name, ItemKind.ARGUMENT, insert=f"{name}=", detail=detail, rank=1)
        if self._place.is_inside_call or not self._place.bare:
            yield from self._values()

    def _operator_arguments(self, op: type[Op]) -> Iterator[Item]:
        for item in arguments(op):
            if item.name not in self._place.given:
                default = "required" if item.default is None else f"default {item.default}"
                detail = f"{item.kind}; {default}"
                yield self._item(
                    item.name,
                    ItemKind.ARGUMENT,
                    insert=f"{item.name}=",
                    detail=detail,
                    documentation=item.description,
                    rank=0 if item.default is None else 1,
                )

    def _parameters(self, named: Named) -> Iterator[Item]:
        for parameter in parameters(named):
            name = parameter.binding.name
            if name not in self._place.given:
                detail = parameter.binding.node.span.text
                yield self._item(name, ItemKind.ARGUMENT, insert=f"{name}=", detail=detail, rank=1)

    def _choices(self) -> Iterator[Item]:
        """The words that an argument takes."""
        called = called_at(self._document, self._place)
        name = self._place.keyword
        if isinstance(called, Operator) and name in called.op.model_fields:
            found = argument(called.op, name)
            detail = found.description if found is not None else ""
            words = set(vocabulary(called.op, name))
            words |= {"true", "false"} if found is not None and "true or false" in found.kind else set()
            for word in sorted(words):
                yield self._item(word, ItemKind.CHOICE, documentation=detail, rank=0)
        elif name == "only":
            for word in ("train", "eval") if self._place.callee == "output" else ("train",):
                yield self._item(word, ItemKind.CHOICE, rank=0)

    # Expressions -------------------------------------------------------------------------------------------------

    def _values(self) -> Iterator[Item]:
        for binding in self._document.in_scope(self._span.start).values():
            kind = _KINDS.get(binding.kind, ItemKind.VALUE)
            yield self._item(binding.name, kind, detail=_line(binding.node.span.text), rank=2)
        for name in FUNCTIONS:
            yield self._word(name, ItemKind.FUNCTION, insert=f"{name}($1)", is_snippet=True, rank=4)
        yield self._word("in", ItemKind.STREAM, rank=3)
        for word in ("true", "false"):
            yield self._word(word, ItemKind.KEYWORD, rank=6)

    def _members(self) -> Iterator[Item]:
        if self._place.subject != "in":
            subject = meaning_before(self._document, self._place.subject, self._place.subject_place)
            if isinstance(subject, Named) and subject.binding.kind is Kind.FILE:
                yield from self._offers(subject)
                return
            for tap in taps(subject) if isinstance(subject, Named) else ():
                yield self._item(tap.binding.name, ItemKind.STREAM, detail="tap", rank=1)
        for name in STREAM_ATTRIBUTES:
            yield self._word(name, ItemKind.ATTRIBUTE, rank=2)

    def _offers(self, alias: Named) -> Iterator[Item]:
        used = used_module(alias)
        for named in offers(used) if used is not None else ():
            if named.binding.kind is Kind.DEFINITION:
                yield self._definition(named, rank=1)
            else:
                yield self._item(named.binding.name, _KINDS.get(named.binding.kind, ItemKind.VALUE), rank=2)

    # Files -------------------------------------------------------------------------------------------------------

    def _paths(self) -> Iterator[Item]:
        """Files that can be used here: those beside this one, then the others of the project."""
        project = self._document.module.files.project
        origin = project.path_of(self._document.source)
        if origin is None or project.root is None:
            return
        for path in self._document.module.files.shelf.paths(project.root):
            if path != origin:
                name = _relative(path, origin.parent)
                yield self._item(name, ItemKind.FILE, rank=1 if "/" not in name else 2)


def _relative(path: Path, folder: Path) -> str:
    """A path as ``use`` takes it."""
    up = 0
    while not path.is_relative_to(folder):
        folder, up = folder.parent, up + 1
    return "../" * up + path.relative_to(folder).as_posix()


def _snippet(op: type[Op]) -> str:
    """An operator with its value, if it needs one."""
    if op.positional is not None and (op.positional == "out" or op.model_fields[op.positional].is_required()):
        return f"{op.keyword} ${{1:{'64' if op.positional == 'out' else op.positional}}}"
    return op.keyword


def _call(named: Named) -> str:
    """A definition with places for the arguments that it needs."""
    node = named.binding.node
    if not isinstance(node, tree.Definition):
        return named.binding.name
    body = any(parameter.name == "body" for parameter in node.parameters)
    needed = [item.name for item in node.parameters if item.default is None and item.name != "body"]
    places = ", ".join(f"${{{number}:{name}}}" for number, name in enumerate(needed, 1))
    return node.name + (f"({places})" if places else "") + (" { $0 }" if body else "")


def _line(text: str) -> str:
    first, *rest = text.splitlines() or [""]
    return first + (" …" if rest else "")
