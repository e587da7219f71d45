"""Keeps the words that editors colour in step with the language.

Statements and reserved words come from the grammar, operators from the catalogue, structures from the standard
library, functions from the expressions.

    tools/editors.py            write them into the grammars of VS Code and Vim
    tools/editors.py --check    write nothing; name the files that are stale, and fail if there are some
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from pathlib import Path
from textwrap import wrap

from archdsl.graph.functions import FUNCTIONS
from archdsl.highlight import structures
from archdsl.ops import catalogue

ROOT = Path(__file__).parents[1]
GRAMMAR = ROOT / "archdsl" / "syntax" / "arch.lark"
TEXTMATE = ROOT / "tools" / "vscode" / "syntaxes" / "arch.tmLanguage.json"
VIM = ROOT / "tools" / "vim" / "syntax" / "arch.vim"

_STATEMENT = re.compile(r'"([a-z]+)"')
_RESERVED = re.compile(r"^_?[A-Z]+\.\d+: /([a-z]+)\\b/", re.MULTILINE)
_LIST = re.compile(r"\(\?#(\w+)\)\(\?:[^()]*\)")
_BLOCK = re.compile(r'(?<=^" vocabulary \{\{\{\n).*?(?=^" \}\}\}$)', re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Vocabulary:
    """The words of the language by what they are."""

    statements: tuple[str, ...]
    reserved: tuple[str, ...]
    operators: tuple[str, ...]
    structures: tuple[str, ...]
    functions: tuple[str, ...]


def vocabulary() -> Vocabulary:
    """Every word that has a meaning without being defined in a file."""
    grammar = "\n".join(line.partition("//")[0] for line in GRAMMAR.read_text("utf-8").splitlines())
    statements = tuple(sorted(set(_STATEMENT.findall(grammar))))
    return Vocabulary(
        statements=statements,
        reserved=tuple(sorted(_RESERVED.findall(grammar))),
        operators=tuple(sorted(set(catalogue()).difference(statements))),
        structures=structures(),
        functions=tuple(sorted(FUNCTIONS)),
    )


def textmate(text: str, words: Vocabulary) -> str:
    """The grammar of VS Code with its lists of words anew: those behind ``(?#name)``."""
    return _LIST.sub(lambda match: f"(?#{match[1]})(?:{'|'.join(getattr(words, match[1]))})", text)


def vim(text: str, words: Vocabulary) -> str:
    """The syntax file of Vim with its block of words anew."""
    lists = (_list(field.name, getattr(words, field.name)) for field in fields(words))
    return _BLOCK.sub(lambda _: "".join(lists), text)


def _list(name: str, words: Iterable[str]) -> str:
    margin = "      \\ "
    lines = wrap(", ".join(f"'{word}'" for word in words), 110, initial_indent=margin, subsequent_indent=margin)
    return "\n".join([f"let s:{name} = [", *lines, "      \\ ]"]) + "\n"


FILES: dict[Path, Callable[[str, Vocabulary], str]] = {TEXTMATE: textmate, VIM: vim}


def main() -> int:
    """Write or check the lists, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; fail if a file is stale")
    arguments = parser.parse_args()
    words = vocabulary()
    stale = [path for path, renewed in FILES.items() if (text := path.read_text("utf-8")) != renewed(text, words)]
    for path in stale:
        if not arguments.check:
            path.write_text(FILES[path](path.read_text("utf-8"), words), "utf-8")
        print(f"{'stale' if arguments.check else 'wrote'} {path.relative_to(ROOT)}")
    return int(arguments.check and bool(stale))


if __name__ == "__main__":
    sys.exit(main())
