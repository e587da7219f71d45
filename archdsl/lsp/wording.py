"""Operators, definitions and other names in words, as Markdown."""

from __future__ import annotations

import re

from archdsl.lsp.meaning import Builtin, Meaning, Named, Operator, OperatorArgument
from archdsl.lsp.module import Module
from archdsl.ops.base import Op
from archdsl.ops.reference import Argument, arguments, documentation
from archdsl.source import Span
from archdsl.syntax import tree
from archdsl.syntax.names import Kind

_PAPER = re.compile(r"arXiv:(\d{4}\.\d{4,5}|[a-z.\-]+/\d{7})")
_DOI = re.compile(r"\bdoi:(10\.\d{4,9}/[^\s,;]+[^\s,;.])")

_ATTRIBUTES = {
    "channels": "Number of channels.",
    "height": "Size along the last axis but one.",
    "width": "Size along the last axis.",
    "shape": "All sizes, channels first.",
    "stride": "By how much the stream is coarser than what entered the definition.",
}
_FUNCTIONS = {
    "floor": "floor(value): the greatest integer that is not greater.",
    "ceil": "ceil(value): the least integer that is not less.",
    "round": "round(value): the nearest integer; of two, the even one.",
    "min": "min(values): the least of some values, or of a list.",
    "max": "max(values): the greatest of some values, or of a list.",
    "len": "len(list): how many items a list, a table or a list of streams has.",
    "sum": "sum(list): the sum of a list.",
    "sqrt": "sqrt(value): the square root.",
    "log2": "log2(value): the logarithm to base 2.",
    "divisible": "divisible(value, divisor): the nearest multiple that is not more than a tenth less.",
}


def code(text: str) -> str:
    """Text of a specification, to be shown as such."""
    return f"```arch\n{text}\n```"


def linked(text: str) -> str:
    """Text with links to the papers that it names."""
    text = _PAPER.sub(r"[arXiv:\1](https://arxiv.org/abs/\1)", text)
    return _DOI.sub(r"[doi:\1](https://doi.org/\1)", text)


def described(meaning: Meaning) -> str:
    """What there is to say about a name."""
    if isinstance(meaning, Operator):
        return _operator(meaning.op)
    if isinstance(meaning, OperatorArgument):
        found = argument(meaning.op, meaning.name)
        return _argument(meaning.op, found) if found is not None else ""
    if isinstance(meaning, Builtin):
        return builtin(meaning.name)
    return _named(meaning)


def builtin(name: str) -> str:
    """What an attribute of streams or a function is."""
    return _ATTRIBUTES.get(name) or _FUNCTIONS.get(name, "")


def argument(op: type[Op], name: str) -> Argument | None:
    """An argument of an operator by its name."""
    return next((item for item in arguments(op) if item.name == name), None)


def signature(op: type[Op]) -> tuple[str, ...]:
    """The arguments of an operator as they are written: the positional one, then keywords with their defaults."""
    parts = []
    for item in arguments(op):
        if item.name == op.positional:
            parts.append(item.name if item.default is None else f"{item.name}={item.default}")
        else:
            parts.append(f"{item.name}={'…' if item.default is None else item.default}")
    return tuple(parts)


def head(named: Named) -> str:
    """A definition as it is called: ``bottleneck(width, stride=1)``."""
    node = named.binding.node
    if not isinstance(node, tree.Definition):
        return named.binding.name
    text = named.module.source.text[node.name_span.start : node.body.span.start]
    return " ".join(text.rstrip().removesuffix(":").split())


def remark(module: Module, span: Span) -> str:
    """The comment right above a statement."""
    line, lines = span.line - 1, []
    above = {comment.span.line: comment for comment in module.file.comments if comment.own_line}
    while line in above:
        lines.append(above[line].text.lstrip("#").strip())
        line -= 1
    return "\n".join(reversed(lines))


def _operator(op: type[Op]) -> str:
    text = linked(_sections(documentation(op)))
    head = code(f"{op.keyword}({', '.join(signature(op))})")
    listed = [f"- `{item.name}` ({item.kind}): {item.description}" for item in arguments(op)]
    return "\n\n".join(part for part in (head, text, "\n".join(listed)) if part)


def _sections(text: str) -> str:
    """Headings underlined with dashes as bold lines: underlined, Markdown would make titles of them."""
    return re.sub(r"^(\w[\w ]*)\n-{3,}$", r"**\1**\n", text, flags=re.MULTILINE)


def _argument(op: type[Op], item: Argument) -> str:
    default = "required" if item.default is None else f"default `{item.default}`"
    return f"`{item.name}` of `{op.keyword}`: {item.kind}; {default}\n\n{item.description}".rstrip()


def _named(named: Named) -> str:
    binding, module = named.binding, named.module
    if binding.kind is Kind.DEFINITION:
        title = code(("tied " if getattr(binding.node, "tied", False) else "") + head(named))
    elif binding.kind is Kind.NETWORK:
        return code(f"net {_parameters(named)}") + "\n\n" + about(module.file)
    elif binding.kind is Kind.PARAMETER:
        owner = f" of `{binding.owner.name}`" if binding.owner is not None else ""
        title = f"parameter{owner}\n\n{code(binding.node.span.text)}"
    else:
        title = f"{binding.kind}\n\n{code(_shortened(binding.node.span.text))}"
    place = "standard library" if module.is_library else module.source.name
    said = "" if binding.kind in {Kind.PARAMETER, Kind.LOOP} else linked(remark(module, binding.node.span))
    return "\n\n".join(part for part in (title, said, f"*{place}*") if part)


def _parameters(named: Named) -> str:
    node = named.binding.node
    assert isinstance(node, tree.Net)
    return f"{node.name}({', '.join(parameter.span.text for parameter in node.parameters)})"


def about(file: tree.File) -> str:
    """Title, papers and notes of a network."""
    texts = [item for item in file.statements if isinstance(item, tree.Documentation)]
    return "\n\n".join(f"**{item.text}**" if item.kind == "title" else linked(item.text) for item in texts)


def _shortened(text: str) -> str:
    lines = text.splitlines()
    return "\n".join(lines[:12]) + ("\n…" if len(lines) > 12 else "")
