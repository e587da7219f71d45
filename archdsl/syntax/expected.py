"""What the parser expected, in words of the language rather than of its grammar."""

from __future__ import annotations

from archdsl.diagnostic import Diagnostic
from archdsl.syntax.failure import Failure

_STATEMENT = """
    LET NET TITLE PAPER NOTE VARIANT INPUT USE SET TIED EXIT TAP OUTPUT EXPECT REQUIRE TABLE
    BINDING NAME IN DIMS LPAR LBRACE _FOR _IF _NEWLINE _SEMICOLON BROKEN $END
"""
# A phrase is used if all terminals of the second column could stand here; it covers those of the third.
_PHRASES: tuple[tuple[str, str, str], ...] = (
    ("a statement", "LET NAME", _STATEMENT),
    ("a value", "NAME FLOAT", "NAME IN INT FLOAT STRING TRUE FALSE DIMS LSQB LPAR LBRACE MINUS NOT"),
    ("a shape such as `3x224x224`", "DIMS LSQB INT", "DIMS INT LSQB"),
    ("a step", "NAME DIMS LPAR", "NAME IN DIMS LPAR LBRACE _FOR _IF"),
    ("an integer", "INT", "INT"),
    ("a name", "NAME", "NAME IN"),
    ("an operator", "PLUS STAR", "PLUS MINUS STAR SLASH SLASHES PERCENT POWER COMPARISON AND OR _IF RANGE DOT LSQB"),
    ("`/2`", "SLASH", "SLASH STAR DOT"),
    ("`name=value`", "BINDING", "BINDING"),
    ("a string", "STRING", "STRING"),
    ("`->`", "ARROW", "ARROW"),
    ("`x 3`", "REPEAT", "REPEAT"),
    ("`{`", "LBRACE", "LBRACE"),
    ("`(`", "LPAR", "LPAR"),
    ("`,`", "COMMA", "COMMA"),
    ("`|`", "BAR", "BAR"),
    ("`)`", "RPAR", "RPAR"),
    ("`]`", "RSQB", "RSQB"),
    ("`}`", "RBRACE", "RBRACE"),
    ("`:`", "COLON", "COLON"),
    ("`=`", "EQUAL", "EQUAL"),
    ("`in`", "IN", "IN"),
    ("the end of the statement", "_NEWLINE", "_NEWLINE _SEMICOLON $END"),
)


def unexpected(failure: Failure) -> Diagnostic:
    """Say what could have stood where no particular mistake is known."""
    text, end = failure.found.text, failure.back(1).end
    hint = f"expected {_listed(_expectations(failure.expected))}"
    if not text:
        return failure.report("this statement ends too early", hint, at=(end, end))
    return failure.report(f"unexpected `{text if len(text) < 30 else text[:29] + '…'}`", hint)


def _expectations(expected: frozenset[str]) -> list[str]:
    """What could stand here, in words of the language."""
    phrases, open_terminals = [], set(expected)
    for phrase, needed, covered in _PHRASES:
        if open_terminals.issuperset(needed.split()):
            open_terminals.difference_update(covered.split())
            phrases.append(phrase)
    return phrases


def _listed(phrases: list[str]) -> str:
    return " or ".join(filter(None, [", ".join(phrases[:-1]), phrases[-1]])) if phrases else "nothing more"
