"""What a diagram says in words: captions, shapes, figures, and the sentence that a screen reader speaks."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from archdsl.backends.diagram.blocks import Block
from archdsl.backends.diagram.figure import Box
from archdsl.graph.graph import Graph, Output
from archdsl.ops.base import Family, TensorType

_PREFIXES = ("", "K", "M", "G", "T", "P", "E")


def si(number: int) -> str:
    """A count with three digits and an SI prefix: ``25.6 M``."""
    value, prefix = float(number), 0
    while value >= 999.5 and prefix < len(_PREFIXES) - 1:
        value, prefix = value / 1000, prefix + 1
    if prefix == 0:
        return str(number)
    digits = 2 if value < 9.995 else 1 if value < 99.95 else 0
    return f"{value:.{digits}f} {_PREFIXES[prefix]}"


def shape_text(types: Iterable[TensorType]) -> str:
    """The shape that streams have in common, axes that differ as a range: ``96–256x56x56``."""
    shapes = [type.shape for type in types]
    if len({len(shape) for shape in shapes}) > 1:
        return " or ".join(sorted({"x".join(map(str, shape)) for shape in shapes}))
    axes = [sorted(set(axis)) for axis in zip(*shapes, strict=True)]
    return "x".join(str(axis[0]) if len(axis) == 1 else f"{axis[0]}–{axis[-1]}" for axis in axes) or "scalar"


def totals_text(parameters: int, macs: int) -> str:
    """Cost of a block in a few words; empty if it costs nothing."""
    parts = [f"{si(parameters)} params"] if parameters else []
    parts += [f"{si(macs)} MACs"] if macs else []
    return " · ".join(parts)


def common_caption(captions: Sequence[str]) -> str:
    """The caption of all copies; where their numbers differ, the words that they share."""
    words = [caption.split(" ") for caption in captions]
    shared = [group[0] for group in zip(*words, strict=False) if len(set(group)) == 1]
    return " ".join(shared) or captions[0]


def range_text(first: str, last: str, definition: str = "") -> str:
    """Names of the first and last copy as a range: ``bottleneck2–4``.

    The number is set apart from the name of a ``definition`` that ends in a digit itself: ``block17 1–20``.
    """
    if first == last:
        return first
    numbers = [name.removeprefix(definition) for name in (first, last) if name.startswith(definition)]
    if definition[-1:].isdigit() and len(numbers) == 2 and all(map(str.isdigit, numbers)):
        return f"{definition} {numbers[0]}–{numbers[1]}"
    stem = re.match(r"(.*?)\d*$", first)
    if stem and stem[1] and last.startswith(stem[1]) and last[len(stem[1]) :].isdigit():
        return f"{first}–{last[len(stem[1]) :]}"
    return f"{first} – {last}"


def roman(number: int) -> str:
    """A number as stages are numbered: ``II``."""
    letters = ((10, "X"), (9, "IX"), (5, "V"), (4, "IV"), (1, "I"))
    text = ""
    for value, letter in letters:
        text += letter * (number // value)
        number %= value
    return text


def spoken(text: str) -> str:
    """A caption or a shape as a person would say it: ``Conv 3 by 3 stride 2``."""
    text = re.sub(r"(?<=\d)x(?=\d)", " by ", text)
    text = re.sub(r"(?<!\S)/(\d+(?: by \d+)*)", r"stride \1", text)
    return text.replace("–", " to ").replace(" · ", ", ")


def sentence(*parts: str) -> str:
    """Parts that are not empty, with commas between."""
    return ", ".join(part for part in parts if part)


def block_titles(block: Block, last: str) -> tuple[str, str]:
    """The bold name of a block, of copies as a range; and what it is a call of, or how it was called."""
    scope, caption = block.scope, block.call.caption
    name = range_text(scope.name, last, scope.definition or "") if last else scope.name
    if scope.kind in ("exit", "tap"):
        return f"{scope.kind} {name}", caption if block.call is not scope else ""
    if scope.kind == "structure" and not last:
        return str(scope.definition), caption.removeprefix(str(scope.definition))
    if scope.definition is not None and re.fullmatch(re.escape(scope.definition) + r"[\d_]*", scope.name):
        return name, caption.removeprefix(scope.definition)
    return name, caption if caption != scope.name else ""


def output_terms(output: Output) -> str:
    """What sets an output apart from others."""
    terms = (
        f"weight {output.weight:g}" if output.weight != 1 else "",
        f"entropy < {output.entropy:g}" if output.entropy is not None else "",
        {"train": "training only", "eval": "evaluation only", None: ""}[output.only],
    )
    return " · ".join(term for term in terms if term)


def times_text(count: int) -> str:
    """How often something is repeated; empty for once."""
    return f"{count} times" if count > 1 else ""


def path_tail(path: str) -> str:
    """Last part of a path."""
    return path.rpartition(".")[2]


def plain_text(value: object) -> str:
    """A value as the language writes it."""
    if isinstance(value, bool):
        return str(value).lower()
    return f"[{', '.join(map(plain_text, value))}]" if isinstance(value, list | tuple) else str(value)


def paper_words(box: Box, graph: Graph) -> str:
    """A box as papers write it: ``3x3 conv, 64, /2``."""
    outputs = graph.nodes[box.nodes[-1]].outputs if box.nodes else ()
    if box.kind != "operator" or not outputs:
        return box.title
    if box.keyword == "input":
        return f"{box.title.lower()} {outputs[0]}"
    if box.family is Family.LINEAR:
        return f"{box.title.lower()} {outputs[0].channels}"
    window = re.match(r"(\w+) (\d+(?:x\d+)*)\b ?(.*)", box.title)
    if not window or box.family not in (Family.CONV, Family.POOL):
        return box.title
    channels = str(outputs[0].channels) if box.family is Family.CONV else ""
    return ", ".join(part for part in (f"{window[2]} {window[1].lower()}", channels, window[3]) if part)
