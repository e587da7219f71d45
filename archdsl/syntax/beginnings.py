"""Mistakes at the beginning of statements."""

from __future__ import annotations

import re
from difflib import get_close_matches

from archdsl.diagnostic import Diagnostic
from archdsl.syntax.failure import Failure
from archdsl.syntax.words import RESERVED, STATEMENTS

#: What other languages call a statement.
_OTHERWISE = {"network": "net", "model": "net", "name": "net", "include": "use", "param": "let"}
_INPUT = re.compile(r"[ \t]*(?P<name>[A-Za-z_]\w*)?[ \t]*:?[ \t]*(?P<shape>[0-9]+(?:x[0-9]+)+|\[[^\]\n]*\])(?!\w)")


def input_name(failure: Failure) -> Diagnostic | None:
    """``input: 3x8x8`` and ``input image 3x8x8``."""
    statement = failure.before[0] if failure.before else failure.found
    match = _INPUT.match(failure.source.text, statement.end) if statement.text == "input" else None
    if match is None or len(failure.before) > 2:
        return None
    name, shape = match["name"], match["shape"]
    meant = f"input {name}: {shape}" if name else f"input {shape}"
    fix = failure.replace(f"write `{meant}`", statement.start, match.end(), meant)
    message = "`:` stands between the name of an input and its shape" if name else "an input without a name has no `:`"
    return failure.report(message, f"write `{meant}`", fix)


def body_in_braces(failure: Failure) -> Diagnostic | None:
    """``for i in 1..n:`` and ``if a > 1:``."""
    if failure.found.text != ":" or "LBRACE" not in failure.expected:
        return None
    word = next((word for word in reversed(failure.before) if word.text in {"for", "if", "else"}), None)
    if word is None:
        return None
    return failure.report(f"the body of `{word.text}` stands in braces", f"write `{word.text} … {{ … }}`")


def list_of_steps(failure: Failure) -> Diagnostic | None:
    """``[conv(8), relu]``."""
    is_first = failure.found.text == "[" and "LET" in failure.expected
    if not is_first:
        return None
    hint = "`a -> b` are steps in series, `( a | b ) -> add` branches; brackets hold lists of values"
    return failure.report("a statement does not begin with `[`", hint)


def late_else(failure: Failure) -> Diagnostic | None:
    """``}`` and ``else`` on different lines."""
    if failure.found.text != "else" or failure.before:
        return None
    before = failure.source.text[: failure.place].rstrip()
    if not before.endswith("}"):
        return failure.report("`else` without an `if`", "write `if condition { … } else { … }`")
    fix = failure.replace("join the lines", len(before), failure.place, " ")
    return failure.report("`else` stands on the line of the `}` before it", "write `} else {`", fix)


def unbound(failure: Failure) -> Diagnostic | None:
    """``let`` or ``output`` without a name, or without ``=``."""
    statement, found = failure.before[0] if failure.before else failure.found, failure.found
    if statement.text not in {"let", "output"}:
        return None
    message, hint = f"`{statement.text}` needs a name", f"write `{statement.text} name = …`"
    if len(failure.before) == 2 and failure.back(1).text == "=":  # `let = 4` begins like the name of a stream
        return failure.report(message, hint, at=(statement.start, failure.back(1).end))
    if len(failure.before) == 2 and statement.text == "output" and failure.expected == {"BINDING"}:
        found = failure.back(1)  # what follows could be `only=`, but is not
    elif len(failure.before) > 1:
        return None
    if not found.is_name:
        return None
    following = failure.source.text[found.end :].partition("\n")[0].lstrip(" \t")
    if following[:2] == ":=" or found.text in RESERVED:
        return None
    at = found.start, found.end
    if not following or following[0] in ";=(" or following.startswith("->"):
        return failure.report(message, hint, at=at)
    fix = failure.replace("add `=`", found.end, found.end, " =")
    return failure.report(f"`=` is missing after `{found.text}`", hint, fix, at=at)


def no_condition(failure: Failure) -> Diagnostic | None:
    """``if { … }``."""
    for index, word in enumerate(failure.before[:-1]):
        if word.text == "if" and failure.before[index + 1].text == "{" and "COLON" in failure.expected:
            return failure.report("`if` needs a condition", "write `if a > 1 { … }`", at=(word.start, word.end))
    return None


def bare_text(failure: Failure) -> Diagnostic | None:
    """A path or a title without quotes."""
    if failure.expected != {"STRING"} or not failure.found.text:
        return None
    text = re.split(r"[;#]| as ", failure.rest)[0].rstrip()
    at = (failure.place, failure.place + len(text))
    fix = failure.replace("put it in quotes", *at, f'"{text}"', safe=False)
    statement = failure.before[0].text
    return failure.report(f"`{statement}` takes a string in double quotes", f'write `{statement} "…"`', fix, at=at)


def reserved_name(failure: Failure) -> Diagnostic | None:
    """A word of the language for a name."""
    found = failure.found
    if found.text not in RESERVED or not failure.expected & {"NAME", "BINDING"}:
        return None
    return failure.report(f"`{found.text}` is a word of the language and cannot be a name", "take another name")


def misspelled_statement(failure: Failure) -> Diagnostic | None:
    """``inputt 3x8x8``, or what other languages call it."""
    first = failure.before[0] if failure.before else failure.found
    second = failure.before[1] if len(failure.before) > 1 else failure.found
    if not first.is_name or first.text in STATEMENTS or not second.is_value:
        return None
    candidates = [keyword for keyword in STATEMENTS if keyword[0] == first.text[0]]
    near = get_close_matches(first.text, candidates, n=1, cutoff=0.75)
    meant = _OTHERWISE.get(first.text) or (near[0] if near else None)
    if meant is None:
        return None
    fix = failure.replace(f"write `{meant}`", first.start, first.end, meant, safe=False)
    message = f"`{first.text}` does not begin a statement"
    return failure.report(message, f"did you mean `{meant}`?", fix, at=(first.start, first.end))


def table_mark(failure: Failure) -> Diagnostic | None:
    """A sign that tables do not have."""
    if "LINKS" not in failure.expected and not (failure.before and failure.before[0].text == "table"):
        return None
    if len(failure.before) < 3:
        return None
    return failure.report(
        f"a table has no `{failure.found.text}`", "each row is made of `X` and `.`, one for each column"
    )
