"""What people get wrong, and how to say so: one function for each mistake.

A function looks at a ``Failure`` and returns a diagnostic if it knows the mistake. The first that does is heard; what
none of them knows is told in terms of what could have stood there.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from archdsl.codes import REPEAT_COUNT, UNCLOSED
from archdsl.diagnostic import Diagnostic, Edit, Fix
from archdsl.syntax import beginnings, foreign
from archdsl.syntax.expected import unexpected
from archdsl.syntax.failure import CLOSERS, OPERAND, Failure
from archdsl.syntax.scan import blank_end, stands_further_in
from archdsl.syntax.words import RESERVED

Mistake = Callable[[Failure], Diagnostic | None]

_COUNT = re.compile(rf"{OPERAND}(?:[ \t]*(?:\+|-(?!>)|\*|//|%)[ \t]*{OPERAND})*")
_SPACED_DIMS = re.compile(r"[0-9]+(?:[ \t]*[xX×*][ \t]*[0-9]+)+")
_MERGES = {"+": "add", "-": "sub"}
_VALUES = re.compile(rf"(?:[ \t]+(?:{OPERAND}|\"[^\"\n]*\")(?![\w=(]|[ \t]*=))+")
_PAIR = re.compile(r"([A-Za-z_]\w*)[ \t]+([0-9][0-9.]*|true|false|\"[^\"\n]*\")(?!\w)")


def explain(failure: Failure) -> Diagnostic:
    """Tell a person what is wrong where the parser gave up."""
    for mistake in _MISTAKES:
        if diagnostic := mistake(failure):
            return diagnostic
    return unexpected(failure)


# Brackets and strings ------------------------------------------------------------------------------------------------


def _open_string(failure: Failure) -> Diagnostic | None:
    found = failure.found
    if found.text[:1] != '"' or re.fullmatch(r'"(?:[^"\\]|\\.)*"', found.text):
        return None
    end = found.start + len(found.text.rstrip())
    fix = failure.replace("close the string", end, end, '"', safe=False)
    return failure.report("this string is not closed", 'a string ends with `"`, on its line', fix, code=UNCLOSED)


def _wrong_closer(failure: Failure) -> Diagnostic | None:
    found, opener = failure.found, failure.opener
    if found.text not in CLOSERS.values():
        return None
    if opener is None or (opener.text == "{" and found.text != "}"):
        labels = (failure.label(opener, "the innermost bracket that is open"),) if opener else ()
        fix = failure.replace("remove it", found.start, found.end, "", safe=False)
        return failure.report(f"`{found.text}` closes nothing", "remove it, or add its opener", fix, labels=labels)
    closer = CLOSERS[opener.text]
    if closer == found.text:
        return None
    labels = (failure.label(found, f"here `{found.text}` comes before its `{closer}`"),)
    start = found.end if found.text != "}" else found.start
    fix = failure.replace(f"put `{closer}` here", found.start, start, closer, safe=False)
    hint = f"close it with `{closer}`"
    return failure.report(
        f"`{opener.text}` is never closed", hint, fix, at=(opener.start, opener.end), labels=labels, code=UNCLOSED
    )


def _left_open(failure: Failure) -> Diagnostic | None:
    found, opener = failure.found, failure.opener
    if opener is None or found.text not in ("", ";") or (opener.text == "{" and not failure.is_at_end):
        return None
    closer = CLOSERS[opener.text]
    if not failure.is_at_end and stands_further_in(failure.source.text, failure.start, failure.place):
        hint = "in brackets a line goes on only after `,`, `|`, `->` or an operator"
        return failure.report("this line does not go on", hint, labels=(failure.label(opener, "still open here"),))
    if failure.is_at_end:
        place, hint = "the file ends here", f"add the `{closer}` that belongs to it"
    else:
        place = "its statement ends here"
        hint = f"add `{closer}`; a line goes on only after `,`, `|`, `->` or an opener, and before a closer"
    labels = (failure.label(found, place),)
    message = f"`{opener.text}` is never closed"
    return failure.report(message, hint, at=(opener.start, opener.end), labels=labels, code=UNCLOSED)


# Steps ---------------------------------------------------------------------------------------------------------------


def _repeat_count(failure: Failure) -> Diagnostic | None:
    found, last = failure.found, failure.back(1)
    is_fraction = found.text == "." and last.is_number and failure.back(2).text in {"x", "×"}
    if is_fraction or failure.expected == {"INT", "LPAR"}:
        at = (last.start if is_fraction else found.start, found.end)
        hint = "`element x 3` or `element x (n - 1)`"
        return failure.report("a repeat count is a whole number", hint, at=at, code=REPEAT_COUNT)
    start = found.start
    if found.text in {"x", "×"} and len(failure.step) > 0:
        start = blank_end(failure.source.text, found.end)
    elif last.text not in {"x", "×"} or len(failure.step) < 2:
        return None
    match = _COUNT.match(failure.source.text, start)
    if not match or match.group()[0].isdigit():
        return None
    count = match.group()
    return failure.report(
        f"a repeat count that is not a plain integer stands in parentheses: `x ({count})`",
        f"`x {count}` reads as two names",
        failure.replace("put the count in parentheses", *match.span(), f"({count})"),
        at=match.span(),
        code=REPEAT_COUNT,
    )


def _spaced_dims(failure: Failure) -> Diagnostic | None:
    is_shape = failure.back(1).is_number and failure.back(2).text in {"input", "expect", ":"}
    if not is_shape and not (failure.found.is_number and "DIMS" in failure.expected):
        return None
    start = failure.back(1).start if is_shape else failure.place
    match = _SPACED_DIMS.match(failure.source.text, start)
    what = "shape" if is_shape else "kernel"
    if match:
        dims = re.sub(r"[ \tXx×*]+", "x", match.group())
        fix = failure.replace(f"write `{dims}`", *match.span(), dims)
        message = f"a {what} is one word: `{dims}`"
        return failure.report(message, "numbers joined by `x`, without spaces", fix, at=match.span())
    if "INT" in failure.expected or is_shape:
        return None
    size = failure.found.text
    hint = f"a kernel has a size for each axis: `{size}x{size} conv 64`; a value follows the name: `conv {size}`"
    return failure.report(f"a step does not begin with the number `{size}`", hint)


def _kernel_behind(failure: Failure) -> Diagnostic | None:
    found, name = failure.found, failure.step[0] if failure.step else failure.found
    kernel = found if found.is_dims else failure.back(1)
    if not kernel.is_dims or not name.is_name or not found.is_value or "ARROW" not in failure.expected:
        return None
    gap = failure.source.text[kernel.end : kernel.end + 1] == " "
    edits = (
        Edit(failure.span(name.start, name.start), f"{kernel.text} "),
        Edit(failure.span(kernel.start, kernel.end + gap), ""),
    )
    fix = Fix("move the kernel to the front", edits, safe=True)
    hint = f"write `{kernel.text} {name.text} …`"
    return failure.report("a kernel stands before the name", hint, fix, at=(kernel.start, kernel.end))


def _computed_kernel(failure: Failure) -> Diagnostic | None:
    """``kxk conv n``."""
    kernel = failure.step[0] if failure.step else failure.found
    size = re.fullmatch(r"([A-Za-z_]\w*?)x\1", kernel.text)
    if size is None or "ARROW" not in failure.expected:
        return None
    hint = f"write `conv(…, kernel={size[1]})`"
    return failure.report("a computed kernel is an argument", hint, at=(kernel.start, kernel.end))


def _called_again(failure: Failure) -> Diagnostic | None:
    """``unit(64)(x)``."""
    found = failure.found
    if found.text != "(" or failure.back(1).text != ")" or "ARROW" not in failure.expected:
        return None
    return failure.report("what enters a step stands before it", "write `stream -> unit(64)`")


def _bar(failure: Failure) -> Diagnostic | None:
    found = failure.found
    if found.text == "|" and "ARROW" in failure.expected:
        return failure.report("`|` stands only in a group", "branches stand in parentheses: `( a | b ) -> add`")
    if found.text in {"->", "|"} and "LET" in failure.expected:
        return failure.report(f"nothing stands before this `{found.text}`", "a statement begins with a step or a name")
    return None


def _comma(failure: Failure) -> Diagnostic | None:
    found = failure.found
    if found.text != "," or failure.is_in_value:
        return None
    if failure.before and failure.before[0].text in {"input", "expect"}:
        return failure.report(
            "a shape has no commas here", "write `3x224x224`, or a list in brackets: `[3, size, size]`"
        )
    if failure.before and failure.before[0].text in {"let", "require"}:
        return failure.report("this value ends before the comma", "a list stands in brackets: `[1, 2]`")
    fix = failure.replace("remove the comma", found.start, found.end, "")
    hint = "write `conv 64 /2 groups=4`, or `conv(64, groups=4)`"
    return failure.report("commas separate arguments only in parentheses", hint, fix)


def _missing_equals(failure: Failure) -> Diagnostic | None:
    in_set = bool(failure.before) and failure.before[0].text == "set"
    name = failure.found if failure.found.is_name else failure.back(1)
    match = _PAIR.match(failure.source.text, name.start) if name.is_name else None
    if not match or not (in_set or "ARROW" in failure.expected):
        return None
    if not in_set and (name in failure.step[:1] or failure.back(1).text in {")", "}"}):
        return None
    is_stride = match.group(1) == "stride" and not in_set
    joined = f"/{match.group(2)}" if is_stride else f"{match.group(1)}={match.group(2)}"
    fix = failure.replace(f"write `{joined}`", *match.span(), joined, safe=in_set)
    hint = f"an argument is written `{joined}`" + ("" if in_set else "; the next step follows after `->`")
    return failure.report(f"`{match.group()}` does not belong here", hint, fix, at=match.span())


def _arithmetic(failure: Failure) -> Diagnostic | None:
    """A sum or a division outside parentheses."""
    found, before = failure.found, failure.back(1)
    sign, start = found.text, found.start
    if sign == before.text == "/" and before.end == start:
        sign, start = "//", before.start
    elif sign not in {"+", "-", "%", "//", "**"} or "ARROW" not in failure.expected:
        return None
    hint = f"put it in parentheses: `conv(a {sign} b)`, `groups=(a {sign} b)`"
    if sign in _MERGES and (before.text == ")" or len(failure.step) == 1):
        hint += f"; streams meet in `( a | b ) -> {_MERGES[sign]}`"
    share = before.text if sign == "%" and before.text.isdigit() and not failure.rest[1:].strip(" \t)};") else None
    if share is not None:
        part = f"{int(share) / 100:g}"
        fix = failure.replace(f"write `{part}`", before.start, found.end, part)
        return failure.report("a share is a number from 0 to 1", f"write `{part}`", fix, at=(before.start, found.end))
    return failure.report("outside parentheses a value is a product at most", hint, at=(start, start + len(sign)))


def _short_float(failure: Failure) -> Diagnostic | None:
    found, point, whole = failure.found, failure.back(1), failure.back(2)
    if failure.rest[:1] == "." and failure.rest[1:2].isdigit():
        end = failure.place + 1
        fix = failure.replace("write the 0", failure.place, failure.place, "0")
        return failure.report("a number starts with a digit", "write `0.5`", fix, at=(failure.place, end))
    if point.text != ".":
        return None
    if whole.is_number and whole.end == point.start:
        fix = failure.replace("write the 0", point.end, point.end, "0")
        return failure.report("a number ends with a digit", f"write `{whole.text}.0`", fix, at=(whole.start, point.end))
    if found.is_number and whole.end == point.start:
        return failure.report("a name follows a dot", f"one stream of a list is taken by `{whole.text}[{found.text}]`")
    if found.is_number and found.start == point.end:
        fix = failure.replace("write the 0", point.start, point.start, "0")
        return failure.report(
            "a number starts with a digit", f"write `0.{found.text}`", fix, at=(point.start, found.end)
        )
    return None


def _chained_comparison(failure: Failure) -> Diagnostic | None:
    if failure.found.text not in {"<", ">", "<=", ">=", "==", "!="} or "AND" not in failure.expected:
        return None
    return failure.report("comparisons do not chain", "write `a < b and b < c`")


# Statements ----------------------------------------------------------------------------------------------------------


def _single_equals(failure: Failure) -> Diagnostic | None:
    found = failure.found
    if found.text != "=":
        return None
    if failure.is_in_value and failure.back(2).text in {"(", ","} and "COMMA" in failure.expected:
        name = failure.back(1)
        message = f"a function takes no argument by name, such as `{name.text}=`"
        return failure.report(message, "give its values in order", at=(name.start, found.end))
    opener = failure.opener
    if opener and opener.text == "[" and "]" not in failure.rest:
        labels = (failure.label(found, "here it is still open"),)
        return failure.report(
            "`[` is never closed", "add `]`", at=(opener.start, opener.end), labels=labels, code=UNCLOSED
        )
    if "COMPARISON" in failure.expected:
        fix = failure.replace("write `==`", found.start, found.end, "==")
        return failure.report("`=` does not compare", "`==` compares, `=` binds a name", fix)
    if failure.back(1).text == ")" and "COLON" in failure.expected:
        fix = failure.replace("write `:`", failure.back(1).end, found.end, ":")
        return failure.report("a definition is written with `:`", "`name(a, b=1): …`", fix)
    arrow, name = failure.back(2), failure.back(1)
    if arrow.text in {"->", "|"} and "\n" in failure.source.text[arrow.end : name.start]:
        hint = f"remove the `{arrow.text}`, or put a step after it"
        labels = (failure.label(name, "here a new statement seems to begin"),)
        return failure.report(f"this `{arrow.text}` leads nowhere", hint, at=(arrow.start, arrow.end), labels=labels)
    if name.text in RESERVED:
        return failure.report(f"`{name.text}` cannot be bound", "it is a word of the language; take another name")
    return None


def _second_value(failure: Failure) -> Diagnostic | None:
    if not failure.found.is_value or "ARROW" not in failure.expected:
        return None
    if "BINDING" in failure.expected:
        word = failure.found.text
        hint = "its one value follows the name, further arguments are `name=value`, and `->` leads to the next step"
        if failure.found.is_name:
            hint = f"an argument is written `{word}=…`, a further step `-> {word}`"
        return failure.report(f"`{word}` does not belong to this step", _several(failure) or hint)
    hint = "`->` leads to the next step; a statement begins on a new line or after `;`"
    return failure.report(f"`{failure.found.text}` follows without `->`", hint)


def _several(failure: Failure) -> str | None:
    """How several values are given to what takes them, if that is what the step seems to want."""
    name = next((word for word in failure.step if not word.is_number), None)
    values = _VALUES.match(failure.source.text, name.end) if name is not None and name.is_name else None
    if name is None or values is None or values.end() < failure.found.end or failure.found.is_name:
        return None
    return f"several values stand in parentheses: `{name.text}({', '.join(values.group().split())})`"


_MISTAKES: tuple[Mistake, ...] = (
    _open_string,
    foreign.quotes,
    foreign.arrow,
    foreign.character,
    _wrong_closer,
    _left_open,
    beginnings.late_else,
    beginnings.unbound,
    beginnings.no_condition,
    beginnings.bare_text,
    beginnings.table_mark,
    beginnings.misspelled_statement,
    beginnings.input_name,
    beginnings.body_in_braces,
    beginnings.list_of_steps,
    _repeat_count,
    _spaced_dims,
    _kernel_behind,
    _computed_kernel,
    _called_again,
    _comma,
    foreign.define_sign,
    _single_equals,
    foreign.logic,
    foreign.comment,
    foreign.keyword,
    _bar,
    _short_float,
    _arithmetic,
    _chained_comparison,
    beginnings.reserved_name,
    _missing_equals,
    _second_value,
)
