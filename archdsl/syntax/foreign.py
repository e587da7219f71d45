"""Signs and words of other languages, and what stands for them here."""

from __future__ import annotations

import re

from archdsl.diagnostic import Diagnostic
from archdsl.syntax.failure import OPERAND, Failure

_OTHER_LANGUAGES = {
    "def": "a definition is written `name(a, b=1): …`",
    "fn": "a definition is written `name(a, b=1): …`",
    "func": "a definition is written `name(a, b=1): …`",
    "function": "a definition is written `name(a, b=1): …`",
    "class": "a definition is written `name(a, b=1): …`, and the network is named by `net`",
    "import": 'definitions of another file are read by `use "blocks.arch" as b`',
    "from": 'definitions of another file are read by `use "blocks.arch" as b`',
    "return": "the last stream of a block is its result",
    "const": "a value is named by `let n = 4`",
    "var": "a value is named by `let n = 4`",
    "while": "a repetition is written `for i in 1..n { … }` or `element x 3`",
}
_ARROW = re.compile(r"[-=−–—]+[ \t]*>|[→⟶➔➜⇒]|\|?>")
_QUOTED = re.compile(r"(['‘’‚“”„«»`])([^'‘’‚“”„«»`\"\n]*)(['‘’“”«»`])?")
_DIVISION = re.compile(rf"//[ \t]*(?:[0-9]+|\(|{OPERAND}[ \t]*(?:->|[|;){{]|$))")


def quotes(failure: Failure) -> Diagnostic | None:
    """``'text'``."""
    match = _QUOTED.match(failure.rest)
    if not match:
        return None
    end = failure.place + match.end()
    fix = failure.replace("use double quotes", failure.place, end, f'"{match.group(2)}"', safe=bool(match.group(3)))
    return failure.report("a string stands in double quotes", 'write `"…"`', fix, at=(failure.place, end))


def arrow(failure: Failure) -> Diagnostic | None:
    """``=>``, ``>`` and the arrows of typography."""
    start = failure.place
    if failure.found.text == ">" and failure.back(1).text == "=" and failure.back(1).end == start:
        start -= 1  # `conv =>` begins like `conv = …`
    elif "ARROW" not in failure.expected and (failure.is_in_value or "NAME" not in failure.expected):
        return None
    match = _ARROW.match(failure.source.text, start)
    if not match or match.group() == "->":
        return None
    at = (start, match.end())
    fix = failure.replace("write `->`", *at, "->")
    return failure.report(f"`{match.group()}` is not an arrow", "`->` leads from one step to the next", fix, at=at)


def character(failure: Failure) -> Diagnostic | None:
    """What cannot be seen, and letters that names do not have."""
    char = failure.found.text
    if len(char) != 1 or (char.isascii() and char.isprintable()):
        return None
    if not char.isprintable():
        fix = failure.replace("remove it", failure.place, failure.place + 1, " " if char.isspace() else "")
        return failure.report(f"the character U+{ord(char):04X} has no place here", "it cannot be seen; remove it", fix)
    if char.isalnum():
        return failure.report(f"`{char}` cannot be part of a name", "names are made of `a` to `z`, digits and `_`")
    return None


def define_sign(failure: Failure) -> Diagnostic | None:
    """``:=``."""
    text, start = failure.source.text, failure.place
    if failure.found.text == "=" and text[start - 1 : start] == ":":
        start -= 1
    elif failure.found.is_name and "BINDING" in failure.expected:
        match = re.compile(r"[ \t]*:=").match(text, failure.found.end)
        start = match.end() - 2 if match else start
    if text[start : start + 2] != ":=":
        return None
    at = (start, start + 2)
    return failure.report("`:=` binds nothing", "a name is bound by `=`", failure.replace("write `=`", *at, "="), at=at)


def logic(failure: Failure) -> Diagnostic | None:
    """``&&``, ``||`` and ``!``."""
    for sign, word in (("&&", "and"), ("||", "or"), ("&", "and"), ("!", "not ")):
        if failure.rest.startswith(sign) and (sign != "||" or "OR" in failure.expected):
            at = (failure.place, failure.place + len(sign))
            fix = failure.replace(f"write `{word.strip()}`", *at, word)
            return failure.report(f"`{sign}` is not an operator", f"write `{word.strip()}`", fix, at=at)
    return None


def comment(failure: Failure) -> Diagnostic | None:
    """``//``, ``/*`` and ``--``."""
    text, start = failure.source.text, failure.place
    if text[start - 1 : start + 1] == "//":
        start -= 1  # a stride was begun
    sign = text[start : start + 2]
    if sign not in {"//", "/*", "--"} or failure.is_in_value:
        return None
    named = [word for word in failure.step if word.start < start and not word.is_dims]
    if sign == "//" and len(named) > 1 and _DIVISION.match(text, start):
        return None
    fixes = () if sign == "/*" else (failure.replace("write `#`", start, start + 2, "#"),)
    message = f"`{sign}` does not start a comment"
    return failure.report(message, "a comment starts with `#`", *fixes, at=(start, start + 2))


def keyword(failure: Failure) -> Diagnostic | None:
    """``def``, ``import``, ``elif`` and their like."""
    for word in (failure.found, *failure.before[:1]):
        if word.text in {"elif", "elseif", "elsif"}:
            fix = failure.replace("write `else if`", word.start, word.end, "else if")
            message = f"`{word.text}` is not a word of the language"
            return failure.report(message, "write `} else if … {`", fix, at=(word.start, word.end))
    first = failure.before[0] if failure.before else failure.found
    if first.text not in _OTHER_LANGUAGES or failure.found.text in {"->", "="}:
        return None
    return failure.report(
        f"`{first.text}` is not a word of the language", _OTHER_LANGUAGES[first.text], at=(first.start, first.end)
    )
