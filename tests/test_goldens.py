"""What is made of the zoo stays as it is to the last byte: summaries, what pictures show, generated source.

`pytest tests/test_goldens.py --accept` takes what is made now as right; read the difference before you commit it.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

import archdsl
from archdsl.project import write
from tools.zoo_table import Spec, specs

GOLDENS = Path(__file__).parent / "data" / "goldens"
HOW = "if this is meant: pytest tests/test_goldens.py --accept"

SPECS = specs()

#: Files whose source is kept whole; between them they have residuals, dense blocks, branches, exits and recursion.
WHOLE = ("b_alexnet", "densenet_cifar", "fractalnet", "googlenet", "resnet_cifar", "unet")


def golden(spec: Spec, suffix: str) -> Path:
    return GOLDENS / spec.family / f"{spec.path.stem}{suffix}"


def compare(path: Path, text: str, accept: bool) -> None:
    if accept:
        write(path, text)
    assert path.is_file(), HOW
    assert text == path.read_bytes().decode(), HOW


def outline(network: archdsl.Network) -> Iterator[str]:
    """What the picture shows, a line for each box and frame, without places: key, path, labels, copies, links."""
    picture = json.loads(network.draw(format="json"))
    links = defaultdict(list)
    for link in picture["links"]:
        links[link["tail"]].append(link["head"] + ("" if link["kind"] == "flow" else f" ({link['kind']})"))
    yield f"{picture['title']} | {picture['subtitle']}"
    for member in picture["members"]:
        yield from lines(member, links, 1)


def lines(member: Mapping[str, Any], links: Mapping[str, list[str]], depth: int) -> Iterator[str]:
    heads = links.get(member["key"], [])
    words = [member["key"], *labels(member), *(["->", ", ".join(heads)] if heads else [])]
    yield "  " * depth + " ".join(words)
    for inner in member.get("members", ()):
        yield from lines(inner, links, depth + 1)


def labels(member: Mapping[str, Any]) -> Iterator[str]:
    """What is written on a box or frame, and which sort it is."""
    if member["kind"] == "junction":
        yield "junction"
        return
    yield f"{member['path']} [{member['kind']}]"
    if "members" in member:
        texts = [member["name"], member["caption"], member["note"]]
    else:
        before, after = ([band["text"] for band in member[side]] for side in ("before", "after"))
        texts = [*(f"{text} +" for text in before), member["title"], *(f"+ {text}" for text in after)]
        texts += member["details"]
    yield " | ".join(text for text in texts if text)
    if member["count"] > 1:
        yield f"×{member['count']}{' side by side' if member['is_parallel'] else ''}"


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.path.stem)
def test_a_network_is_as_before(spec: Spec, accept: bool) -> None:
    network = spec.default()
    source = network.source().text
    digest = hashlib.sha256(source.encode()).hexdigest()
    parts = (network.summary(depth=1).rstrip("\n"), "\n".join(outline(network)))
    text = "\n\n".join((*parts, f"source: {source.count(chr(10))} lines, SHA-256 {digest}")) + "\n"
    compare(golden(spec, ".txt"), text, accept)


@pytest.mark.parametrize("stem", WHOLE)
def test_source_is_as_before(stem: str, accept: bool) -> None:
    (spec,) = (spec for spec in SPECS if spec.path.stem == stem)
    compare(golden(spec, ".py"), spec.default().source().text, accept)


def test_every_golden_belongs_to_a_file() -> None:
    known = {golden(spec, ".txt") for spec in SPECS}
    known |= {golden(spec, ".py") for spec in SPECS if spec.path.stem in WHOLE}
    assert {path for path in GOLDENS.rglob("*") if path.is_file()} <= known
