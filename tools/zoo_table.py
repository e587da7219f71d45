"""Writes the zoo's table, `specs/README.md`, and a small picture of every specification beside it.

    python tools/zoo_table.py
    python tools/zoo_table.py --check

What the table says is computed: sizes, counts and depth by the analysis, and the networks that ours equal from what the
tests compare (`tests/data/figures.csv`, `tests/test_peers.py`). A network that misses a figure is an error.
"""

from __future__ import annotations

import argparse
import ast
import csv
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import unified_diff
from html import escape
from itertools import groupby
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

import archdsl  # noqa: E402 - the checkout's own
from archdsl.project import ZooEntry, write  # noqa: E402

SPECS = ROOT / "specs"
TABLE = SPECS / "README.md"
FIGURES = ROOT / "tests" / "data" / "figures.csv"
PEERS = ROOT / "tests" / "test_peers.py"

#: The README's picture: the whole default view, which its own test keeps fresh.
LARGE_PICTURES = frozenset({SPECS / "resnet" / "resnet50.svg"})
#: Views that a small picture may have.
VIEWS: tuple[dict[str, Any], ...] = ({}, {"depth": 1}, {"depth": 0})
#: Bytes that a small picture should not exceed.
PICTURE_BYTES = 40 * 1024

INTRODUCTION = """\
# The zoo

{networks} networks in {files} files of {families} families. Every name below is a target: `archdsl summary resnet50`,
`archdsl.load("resnet50")`.

- **Parameters** and **MACs** (multiply-accumulates at inference, for one input of the size shown) are exact counts.
- **Depth** counts layers with weights on the longest path to an output.
- **Counts as in** a source: both equal, to the last digit, what was counted on the model of a library, or on a network
  laid out as the files or the paper say ([the figures](../tests/data/figures.csv)). The digits are the layout's: papers
  round them, or state none.
- **Results as of** a peer: with its weights carried over, the outputs are equal but for rounding
  ([the test](../tests/test_peers.py)).

An empty cell says that there is nothing yet to compare with. The name of a file's `net` stands for its default
parameters; they are what its picture shows, blocks folded. `python tools/zoo_table.py` writes this page and the
pictures.

{contents}
"""

HEAD = """\
| network | parameters | MACs | input | depth | counts as in | results as of |
| --- | ---: | ---: | --- | ---: | --- | --- |"""


@dataclass(frozen=True)
class Spec:
    """A file of the zoo and the networks that it declares."""

    path: Path
    entries: tuple[ZooEntry, ...]

    @property
    def family(self) -> str:
        return self.path.parent.name

    @property
    def name(self) -> str:
        """Path below the folder of specifications."""
        return self.path.relative_to(SPECS).as_posix()

    @property
    def picture(self) -> Path:
        return self.path.with_suffix(".svg")

    def default(self) -> archdsl.Network:
        """The network with its default parameters."""
        return archdsl.load(self.path)


@dataclass(frozen=True)
class Figure:
    """Parameters and MACs that were counted on a source."""

    parameters: int
    macs: int
    reference: str


@dataclass(frozen=True)
class Evidence:
    """What networks are compared with by the tests, by their names."""

    figures: Mapping[str, Sequence[Figure]]
    peers: Mapping[str, Sequence[str]]


def specs() -> list[Spec]:
    """The files of the zoo, family by family."""
    by_file = groupby(archdsl.zoo().values(), key=lambda entry: entry.path)
    return [Spec(path, tuple(entries)) for path, entries in by_file]


# Evidence ----------------------------------------------------------------------------------------------------------


def read_evidence() -> Evidence:
    """What the tests compare our networks with."""
    figures: dict[str, list[Figure]] = {}
    with FIGURES.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            figure = Figure(int(row["params"]), int(row["macs"]), row["reference"])
            figures.setdefault(row["target"], []).append(figure)
    peers: dict[str, list[str]] = {}
    for name, peer, arguments in _constant(PEERS, "PAIRS"):
        peers.setdefault(name, []).append(_call(peer, arguments))
    for name, peer, outputs in _constant(PEERS, "AUXILIARY"):
        peers.setdefault(name, []).append(f"{_call(peer, {})}, {len(outputs)} outputs in training")
    return Evidence(figures, peers)


def _constant(path: Path, name: str) -> Any:
    """A literal that a module binds to a name; the module is not imported, for that would import torch."""
    for statement in ast.parse(path.read_text("utf-8")).body:
        match statement:
            case ast.AnnAssign(target=ast.Name(id=bound), value=ast.expr() as value) if bound == name:
                return ast.literal_eval(value)
            case ast.Assign(targets=[ast.Name(id=bound)], value=value) if bound == name:
                return ast.literal_eval(value)
    raise LookupError(f"{path} binds no {name}")


def _call(peer: str, arguments: Mapping[str, Any]) -> str:
    """A peer's constructor with the arguments that change its structure."""
    said = ", ".join(f"{name}={value!r}" for name, value in arguments.items() if name != "init_weights")
    return peer.replace(":", " ") + (f"({said})" if said else "")


# The table ---------------------------------------------------------------------------------------------------------


def table(files: Iterable[Spec], evidence: Evidence) -> str:
    """The whole page."""
    known, sections = [], []
    for spec in files:
        known.append(spec)
        heading = f"## {spec.family}\n\n" if len(known) == 1 or known[-2].family != spec.family else ""
        sections.append(heading + section(spec, evidence))
    families = list(dict.fromkeys(spec.family for spec in known))
    introduction = INTRODUCTION.format(
        networks=sum(len(spec.entries) for spec in known),
        files=len(known),
        families=len(families),
        contents=" ·\n".join(f"[{family}](#{family})" for family in families),
    )
    return "\n".join((introduction, *sections))


def section(spec: Spec, evidence: Evidence) -> str:
    """What the page says of one file."""
    networks = [(entry.name, _load(entry)) for entry in spec.entries]
    graphs = [network.graph for _, network in networks]
    title = graphs[0].title or graphs[0].name
    picture = spec.picture.relative_to(SPECS).as_posix()
    papers = dict.fromkeys(paper for graph in graphs for paper in graph.papers)
    notes = dict.fromkeys(note for graph in graphs for note in graph.notes)
    parts = (
        f"### {_plain(title)}: [{spec.name}]({spec.name})",
        f'<a href="{picture}"><img src="{picture}" width="200" alt="{escape(title)}"></a>',
        *(_plain(paper) for paper in papers),
        *(f"> {_plain(note)}" for note in notes),
        "\n".join((HEAD, *(_row(name, network, evidence) for name, network in networks))),
    )
    return "\n\n".join(parts) + "\n"


def _load(entry: ZooEntry) -> archdsl.Network:
    return archdsl.load(f"{entry.path}:{entry.variant}" if entry.variant else entry.path)


def _row(name: str, network: archdsl.Network, evidence: Evidence) -> str:
    cost = network.analysis.cost
    cells = (
        f"`{name}`",
        f"{cost.parameters:,}",
        f"{cost.macs:,}",
        ", ".join(str(node.outputs[0]) for node in network.graph.inputs),
        str(network.analysis.depth.depth),
        _lines(_source(name, network, figure) for figure in evidence.figures.get(name, ())),
        _lines(evidence.peers.get(name, ())),
    )
    return f"| {' | '.join(cells)} |"


def _source(name: str, network: archdsl.Network, figure: Figure) -> str:
    """Where a figure is from, which must be the network's own."""
    cost = network.analysis.cost
    if (figure.parameters, figure.macs) == (cost.parameters, cost.macs):
        return figure.reference
    if (figure.parameters, figure.macs) == (cost.parameters, cost.train_macs):
        return f"{figure.reference} (MACs of training: {figure.macs:,})"
    regions = int(found[1]) if (found := re.search(r"; (\d+) regions?$", figure.reference)) else 1
    if (figure.parameters, figure.macs) == (cost.parameters, cost.macs + (regions - 1) * cost.region_macs):
        return f"{figure.reference} (MACs with these: {figure.macs:,})"
    raise ValueError(
        f"{name} has {cost.parameters:,} parameters and {cost.macs:,} MACs, "
        f"not {figure.parameters:,} and {figure.macs:,} as in {figure.reference}"
    )


def _lines(texts: Iterable[str]) -> str:
    return "<br>".join(map(_plain, dict.fromkeys(texts)))


def _plain(text: str) -> str:
    """Text in which Markdown sees no marks."""
    marks = str.maketrans({mark: f"\\{mark}" for mark in "\\`*_[]|"})
    return escape(text, quote=False).translate(marks)


# Pictures ----------------------------------------------------------------------------------------------------------


def picture(spec: Spec) -> bytes:
    """The richest view of a file's network that is small enough, or else the smallest."""
    network = spec.default()
    views = sorted((network.draw(**view) for view in VIEWS), key=len)
    small = [view for view in views if len(view) <= PICTURE_BYTES]
    return small[-1] if small else views[0]


def orphans(files: Iterable[Spec]) -> list[Path]:
    """Pictures in the folder of specifications that belong to no file."""
    known = {spec.picture for spec in files} | LARGE_PICTURES
    return sorted(path for path in SPECS.rglob("*.svg") if path not in known)


# The command -------------------------------------------------------------------------------------------------------


def made() -> Iterator[tuple[Path, bytes]]:
    """Everything that is written, with a bar on a terminal."""
    files, evidence = specs(), read_evidence()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        for spec in progress.track(files, description="drawing"):
            yield spec.picture, picture(spec)
        yield TABLE, table(progress.track(files, description="counting"), evidence).encode()


def difference(path: Path, content: bytes) -> list[str]:
    """How a file differs from what it should hold, line by line for the table."""
    old = path.read_bytes() if path.exists() else b""
    if old == content:
        return []
    name = path.relative_to(ROOT).as_posix()
    if path != TABLE:
        return [f"{name} is {'stale' if old else 'missing'}"]
    return list(unified_diff(old.decode().splitlines(), content.decode().splitlines(), name, "made", "", "", 0, ""))


def main() -> int:
    """Write what is stale, or say it; 1 if there is something left for a person to do."""
    parser = argparse.ArgumentParser(description="Write specs/README.md and the pictures in it.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 if something is stale")
    is_check = parser.parse_args().check
    findings = []
    for path, content in made():
        stale = difference(path, content)
        if stale and is_check:
            findings += stale
        elif stale:
            write(path, content)
            print(f"wrote {path.relative_to(ROOT)}")
    findings += [f"{path.relative_to(ROOT)} belongs to no specification: remove it" for path in orphans(specs())]
    print("\n".join(findings), end="\n" if findings else "")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
