"""Breaks statements that are too long for a line, at brackets, as ``ruff format`` does."""

from __future__ import annotations

from collections.abc import Iterator

INDENT = "    "
WIDTH = 120

_CLOSERS = {")": "(", "]": "[", "}": "{"}


def lay_out(text: str, comment: str = "") -> list[str]:
    """Lines of one statement.

    Parameters
    ----------
    text
        The statement on one line, indented.
    comment
        What stands behind it; left out where there is no room.
    """
    behind = f"  # {comment}" if comment else ""
    if len(text) + len(behind) <= WIDTH:
        return [text + behind]
    if len(text) <= WIDTH:
        return [text]
    lines = list(_broken(text))
    if len(lines[-1]) + len(behind) <= WIDTH:
        lines[-1] += behind
    return lines


def _broken(text: str) -> Iterator[str]:
    """The text with the contents of its last outer bracket on lines of their own."""
    bounds = _last_bracket(text)
    if len(text) <= WIDTH or bounds is None:
        yield text
        return
    start, stop = bounds
    indent = text[: len(text) - len(text.lstrip())]
    yield text[: start + 1]
    content = text[start + 1 : stop].strip().removesuffix(",")
    parts = _split(content)
    one_line = f"{indent}{INDENT}{content}"
    if len(one_line) <= WIDTH and text[start + 1 : stop].strip() == content:
        yield one_line
    elif len(parts) == 1 and text[start] == "(" and not text[start + 1 : stop].strip().endswith(","):
        yield from _broken(one_line)
    else:
        for part in parts:
            yield from _broken(f"{indent}{INDENT}{part},")
    yield indent + text[stop:]


def _last_bracket(text: str) -> tuple[int, int] | None:
    """Positions of the last outermost bracket with something in it, and of its partner."""
    stack: list[int] = []
    found = None
    for position, char in _code(text):
        if char in "([{":
            stack.append(position)
        elif char in _CLOSERS and stack:
            start = stack.pop()
            if not stack and text[start + 1 : position].strip():
                found = start, position
    return found


def _split(text: str) -> list[str]:
    """Parts between the commas that stand in no bracket."""
    parts, depth, start = [], 0, 0
    for position, char in _code(text):
        if char in "([{":
            depth += 1
        elif char in _CLOSERS:
            depth -= 1
        elif char == "," and depth == 0:
            parts.append(text[start:position].strip())
            start = position + 1
    parts.append(text[start:].strip())
    return [part for part in parts if part]


def _code(text: str) -> Iterator[tuple[int, str]]:
    """Characters outside string literals, with their positions."""
    quote, escaped = "", False
    for position, char in enumerate(text):
        if quote:
            if char == quote and not escaped:
                quote = ""
            escaped = char == "\\" and not escaped
        elif char in "\"'":
            quote = char
        else:
            yield position, char
