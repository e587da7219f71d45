"""What can be looked up by its name: codes, the words of the language, structures, operators."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import cache
from textwrap import indent

from archdsl.codes import Code
from archdsl.diagnostic import near
from archdsl.graph.elaborate import standard_library
from archdsl.graph.reference import ATTRIBUTE_WORDS, FUNCTION_WORDS
from archdsl.lint.engine import catalogue
from archdsl.ops import catalogue as operators
from archdsl.ops import translate
from archdsl.ops.base import Op
from archdsl.ops.reference import descriptions
from archdsl.ops.reference import explain as explain_operator
from archdsl.ops.reference import record as operator_record
from archdsl.render import explain as explain_code
from archdsl.syntax import tree
from archdsl.syntax.forms import FORMS
from archdsl.syntax.prose import head, remark
from archdsl.syntax.words import RESERVED_WORDS, STATEMENT_WORDS, Word

#: Every word that has a documentation, by what it is.
WORDS: Mapping[str, tuple[Word, ...]] = {
    "statement": STATEMENT_WORDS,
    "reserved word": RESERVED_WORDS,
    "form": FORMS,
    "function": FUNCTION_WORDS,
    "attribute of streams": ATTRIBUTE_WORDS,
}


@dataclass(frozen=True, slots=True)
class Structure:
    """A definition of the standard library: as it is called, what is written about it, and its text."""

    name: str
    head: str
    parameters: tuple[str, ...]
    remark: str
    text: str
    file: str


Entry = Code | Word | Structure | type[Op]


@cache
def structures() -> Mapping[str, Structure]:
    """The definitions of the standard library by name."""
    return {structure.name: structure for file in standard_library() for structure in _structures(file)}


def entries(name: str) -> tuple[Entry, ...]:
    """Everything of a name, words before operators; nothing if there is none."""
    return tuple(_entries(name))


def explain(name: str) -> str:
    """What a code, a word of the language, a structure or an operator is, with an example.

    Raises
    ------
    ValueError
        There is nothing of this name.
    """
    found = entries(name)
    if not found:
        raise ValueError(_unknown(name))
    return "\n".join(map(_explained, found))


def record(entry: Entry) -> dict[str, object]:
    """An entry as data: what kind of thing it is, and all that is known of it."""
    if isinstance(entry, type):
        return {"kind": "operator", **operator_record(entry)}
    return {"kind": kind(entry), **asdict(entry)}


def kind(entry: Code | Word | Structure) -> str:
    """What an entry is, in a person's words."""
    if isinstance(entry, Code):
        return "code"
    if isinstance(entry, Structure):
        return "structure"
    return next(kind for kind, words in WORDS.items() if entry in words)


def _structures(file: tree.File) -> Iterator[Structure]:
    said = ""
    for node in file.statements:
        if isinstance(node, tree.Definition):
            said = remark(file, node.span) or said  # that of the part which comes first is about the whole
            parameters = tuple(parameter.name for parameter in node.parameters)
            yield Structure(node.name, head(node), parameters, said, node.span.text, file.source.name)


def _entries(name: str) -> Iterator[Entry]:
    code = catalogue().get(name.upper())
    if code is not None:
        yield code
    sought = name.strip("` ").lower() or name
    everything = [word for words in WORDS.values() for word in words]
    by_name = [word for word in everything if word.name == sought]
    yield from by_name or [word for word in everything if sought in word.also]
    structure = structures().get(name)
    if structure is not None:
        yield structure
    operator = operators().get(name) or operators().get(translate(name) or "")
    if operator is not None and not (by_name and name not in operators()):
        yield operator


def _unknown(name: str) -> str:
    having = [keyword for keyword, operator in operators().items() if name in descriptions(operator)]
    having += [structure.name for structure in structures().values() if name in structure.parameters]
    if having:
        shown = ", ".join(sorted(having, key=len)[:5]) + (" …" if len(having) > 5 else "")
        return f"{name!r} is an argument of {shown}; `archdsl explain` any of these"
    if re.fullmatch(r"[A-Za-z]\d+\w*", name):
        meant, what = near(name.upper(), catalogue()), "no diagnostic has the code"
    else:
        words = (word.name for group in WORDS.values() for word in group)
        meant, what = near(name, [*words, *structures(), *operators()]), "there is nothing called"
    return f"{what} {name!r}; " + (f"did you mean {meant}?" if meant else "`archdsl explain` lists what there is")


def _explained(entry: Entry) -> str:
    if isinstance(entry, Code):
        return explain_code(entry.id, catalogue())
    if isinstance(entry, Word):
        parts = [f"{entry.name}: {entry.summary}", _indented(entry.form), entry.explanation]
        return "\n\n".join([*parts, f"Example:\n\n{_indented(entry.example)}"]) + "\n"
    if isinstance(entry, Structure):
        parts = [f"{entry.name}: a definition of the standard library", _indented(entry.head), entry.remark]
        written = f"It is written in the language itself ({entry.file}):\n\n{_indented(entry.text)}"
        return "\n\n".join(part for part in [*parts, written] if part) + "\n"
    return explain_operator(entry) + "\n"


def _indented(text: str) -> str:
    return indent(text, " " * 4)
