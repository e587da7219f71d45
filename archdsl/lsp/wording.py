"""Operators, definitions and other names in words, as Markdown."""

from __future__ import annotations

import re
from collections.abc import Sequence

from archdsl.graph.reference import ATTRIBUTE_WORDS, FUNCTION_WORDS
from archdsl.lsp.meaning import Builtin, Meaning, Named, Operator, OperatorArgument
from archdsl.ops.base import Op
from archdsl.ops.reference import Argument, arguments, documentation
from archdsl.syntax import prose, tree
from archdsl.syntax.forms import FORMS
from archdsl.syntax.names import Kind
from archdsl.syntax.words import RESERVED_WORDS, STATEMENT_WORDS, Word

_PAPER = re.compile(r"arXiv:(\d{4}\.\d{4,5}|[a-z.\-]+/\d{7})")
_DOI = re.compile(r"\bdoi:(10\.\d{4,9}/[^\s,;]+[^\s,;.])")

#: So many values of a name are told.
_MAX_VALUES = 8

_BUILTINS = {word.name: word for word in (*ATTRIBUTE_WORDS, *FUNCTION_WORDS)}
_KEYWORDS = {
    **{word.name: word for word in (*STATEMENT_WORDS, *RESERVED_WORDS)},
    **{sign: word for word in FORMS for sign in word.also if sign in {"x", "×", "..", "//"}},
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
    return _word(_BUILTINS[name]) if name in _BUILTINS else ""


def keyword(text: str) -> str:
    """What a word or a sign of the language is."""
    return _word(_KEYWORDS[text]) if text in _KEYWORDS else ""


def gist(name: str) -> str:
    """What a word, an attribute or a function is, in one line."""
    found = _KEYWORDS.get(name) or _BUILTINS.get(name)
    return found.summary if found is not None else ""


def _word(word: Word) -> str:
    return "\n\n".join([code(word.form), f"{word.summary}\n\n{linked(word.explanation)}", code(word.example)])


def head(named: Named) -> str:
    """A definition as it is called, or any other name as it is."""
    node = named.binding.node
    return prose.head(node) if isinstance(node, tree.Definition) else named.binding.name


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
    said = "" if binding.kind in {Kind.PARAMETER, Kind.LOOP} else linked(prose.remark(module.file, binding.node.span))
    return "\n\n".join(part for part in (title, said, f"*{place}*") if part)


def valued(values: Sequence[str]) -> str:
    """Values that a name has, the first few of them."""
    shown = ", ".join(f"`{value}`" for value in values[:_MAX_VALUES])
    return f"= {shown}" + (", …" if len(values) > _MAX_VALUES else "") if values else ""


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
