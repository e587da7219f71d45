"""Code text with its numbers taken out, so that code which differs in numbers alone can be one class."""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from archdsl.ops.base import Constructor

#: Names of the positional arguments of torch's own modules; those of runtime classes are read from their text.
_POSITIONAL = {
    "Conv": ("in_channels", "out_channels", "kernel_size", "stride"),
    "ConvTranspose": ("in_channels", "out_channels", "kernel_size", "stride"),
    "BatchNorm": ("channels",),
    "InstanceNorm": ("channels",),
    "GroupNorm": ("groups", "channels"),
    "LayerNorm": ("channels",),
    "RMSNorm": ("channels",),
    "Linear": ("in_features", "out_features"),
    "Embedding": ("num_embeddings", "embedding_dim"),
    "PReLU": ("channels",),
    "MultiheadAttention": ("channels", "heads"),
}

_CONV_DEFAULTS = {"stride": 1, "padding": 0, "output_padding": 0, "dilation": 1, "groups": 1}

_TOKEN = re.compile(
    r"""(?P<string>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
      | (?P<hole>\{\w+\})
      | (?P<number>(?<![\w.\])}])(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?(?!\w))
      | (?P<keyword>[A-Za-z_]\w*)=(?!=)
      | (?P<name>[A-Za-z_][\w.]*)
      | (?P<bracket>[()\[\],])""",
    re.VERBOSE,
)
_HOLE = re.compile(r"\{(\w+)\}")

Signatures = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Template:
    """Text around numbers.

    Parameters
    ----------
    parts
        The text before, between and behind the numbers.
    hints
        For each number what it is, as well as the text tells: ``stride``.
    """

    parts: tuple[str, ...]
    hints: tuple[str, ...]

    def fill(self, numbers: Sequence[str]) -> str:
        """The text with these numbers, or the names of what has them."""
        return "".join(part + number for part, number in zip(self.parts, [*numbers, ""], strict=True))


@dataclass(slots=True)
class _Bracket:
    """What encloses a number: whose argument it is, and which one; a group is one argument made of several values."""

    callee: str
    position: int = 0
    keyword: str = ""
    is_group: bool = False


class Splitter:
    """Takes the numbers out of texts.

    Parameters
    ----------
    signatures
        Names of the positional arguments of functions and classes beyond those of torch.
    """

    def __init__(self, signatures: Signatures) -> None:
        self._signatures = signatures
        self._known: dict[str, tuple[Template, tuple[str, ...]]] = {}

    def split(self, text: str) -> tuple[Template, tuple[str, ...]]:
        """The text around the numbers, and the numbers."""
        known = self._known.get(text)
        if known is None:
            known = self._known[text] = self._split(text)
        return known

    def _split(self, text: str) -> tuple[Template, tuple[str, ...]]:
        parts, hints, numbers, start = [], [], [], 0
        stack = [_Bracket("")]
        before = ""
        for token in _TOKEN.finditer(text):
            if token.lastgroup == "number":
                parts.append(text[start : token.start()])
                hints.append(self._hint(stack[-1]))
                numbers.append(token.group())
                start = token.end()
            elif token.lastgroup == "keyword":
                stack[-1].keyword = token.group("keyword")
            elif token.lastgroup == "bracket":
                _step(stack, token.group(), before)
            before = token.group() if token.lastgroup == "name" else ""
        return Template((*parts, text[start:]), tuple(hints)), tuple(numbers)

    def _hint(self, bracket: _Bracket) -> str:
        if bracket.keyword:
            return bracket.keyword
        last = bracket.callee.split(".")[-1]
        names = self._signatures.get(bracket.callee) or _POSITIONAL.get(re.sub(r"\dd$", "", last), ())
        if bracket.position < len(names):
            return names[bracket.position]
        return _snake_case(last) or "value"


def _step(stack: list[_Bracket], bracket: str, before: str) -> None:
    """Follow the brackets; one that calls nothing belongs to the argument that it is part of."""
    inner = stack[-1]
    if bracket in "([":
        group = _Bracket(inner.callee, inner.position, inner.keyword, is_group=True)
        stack.append(_Bracket(before) if before else group)
    elif bracket in ")]" and len(stack) > 1:
        stack.pop()
    elif bracket == "," and not inner.is_group:
        inner.position += 1
        inner.keyword = ""


def _snake_case(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower().rstrip("_")


def construction(constructor: Constructor) -> str:
    """The call that makes a module, a convolution with its defaults, so that calls which differ there are alike."""
    keywords = dict(constructor.keywords)
    if constructor.name.startswith("nn.Conv"):
        order = ("kernel_size", *_CONV_DEFAULTS)
        keywords = {name: keywords.get(name, _CONV_DEFAULTS.get(name)) for name in order if name != "output_padding"}
        keywords |= dict(constructor.keywords)
    arguments = [literal(value) for value in constructor.positional]
    arguments += [f"{name}={literal(value)}" for name, value in keywords.items()]
    return f"{constructor.name}({', '.join(arguments)})"


def without_defaults(text: str) -> str:
    """The call that makes a module without arguments that go without saying: ``nn.Conv2d(3, 64, kernel_size=7)``."""
    if not text.startswith("nn.Conv"):
        return text
    for name, value in _CONV_DEFAULTS.items():
        text = re.sub(rf", {name}={value}(?=[,)])", "", text)
    return text


def literal(value: Any) -> str:
    """A value as Python writes it, strings in double quotes."""
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, float) and not math.isfinite(value):
        return "math.nan" if math.isnan(value) else "math.inf" if value > 0 else "-math.inf"
    if isinstance(value, tuple | list):
        left, right = "()" if isinstance(value, tuple) else "[]"
        lone = "," if isinstance(value, tuple) and len(value) == 1 else ""
        return f"{left}{', '.join(map(literal, value))}{lone}{right}"
    return repr(value)


def _quoted(text: str) -> str:
    written = repr(text)
    if written[0] == '"' or '"' in text:
        return written
    return f'"{written[1:-1]}"'


@lru_cache(maxsize=4096)
def holes(text: str) -> tuple[str, ...]:
    """Names of the placeholders in a text, in order, each as often as it occurs."""
    return tuple(_HOLE.findall(text))


@lru_cache(maxsize=4096)
def is_atom(text: str) -> bool:
    """Whether an expression (with placeholders) may stand anywhere without parentheses."""
    body = ast.parse(_HOLE.sub("x", text), mode="eval").body
    return isinstance(body, ast.Call | ast.Name | ast.Attribute | ast.Subscript)


@lru_cache(maxsize=4096)
def is_argument(text: str, hole: str) -> bool:
    """Whether a placeholder is an argument by itself, so that any expression may take its place."""
    return re.search(rf"[(,] ?\{{{hole}\}}[,)]", text) is not None


@lru_cache(maxsize=4096)
def comes_first(text: str, hole: str) -> bool:
    """Whether nothing is computed before a placeholder is: what is already computed would be kept meanwhile."""
    tree = ast.parse(_HOLE.sub(r"hole_\1", text), mode="eval")
    place = next(node for node in ast.walk(tree) if isinstance(node, ast.Name) and node.id == f"hole_{hole}")
    computed = (node for node in ast.walk(tree) if isinstance(node, ast.Call | ast.BinOp))
    return not any(_end(node) <= (place.lineno, place.col_offset) for node in computed)


def _end(node: ast.expr) -> tuple[int, int]:
    assert node.end_lineno is not None
    assert node.end_col_offset is not None
    return node.end_lineno, node.end_col_offset


def signature(node: ast.FunctionDef | ast.ClassDef) -> tuple[str, ...]:
    """Names of the positional arguments of a function, or of a class's constructor."""
    if isinstance(node, ast.FunctionDef):
        return tuple(argument.arg for argument in node.args.args)
    for member in node.body:
        if isinstance(member, ast.FunctionDef) and member.name == "__init__":
            return tuple(argument.arg for argument in member.args.args[1:])
    return ()
