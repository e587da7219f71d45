"""``archdsl zoo``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from archdsl.cli.console import aligned, progress
from archdsl.project import ZooEntry, zoo

if TYPE_CHECKING:
    from archdsl.network import Network

_HEAD = ("name", "family", "input", "output", "parameters", "MACs")


@click.command("zoo")
@click.option("--names", "names_only", is_flag=True, help="Names alone, one a line; nothing is built.")
@click.option("--json", "as_json", is_flag=True, help="Write the list as JSON.")
def command(names_only: bool, as_json: bool) -> None:
    """List the networks of the package.

    \b
    Example:
      archdsl zoo
    """
    entries = list(zoo().values())
    if names_only:
        names = [entry.name for entry in entries]
        click.echo(json.dumps(names, indent=2) if as_json else "\n".join(names))
        return
    networks = [(entry, _network(entry)) for entry in progress(entries, "counting")]
    if as_json:
        click.echo(json.dumps([_record(entry, network) for entry, network in networks], indent=2))
        return
    click.echo(aligned([_HEAD, *(_row(entry, network) for entry, network in networks)], right=frozenset({4, 5})))


def _network(entry: ZooEntry) -> Network:
    from archdsl.reading import load

    return load(f"{entry.path}:{entry.variant}" if entry.variant else entry.path)


def _record(entry: ZooEntry, network: Network) -> dict[str, object]:
    graph, cost = network.graph, network.analysis.cost
    return {
        "name": entry.name,
        "family": entry.family,
        "title": graph.title,
        "papers": list(graph.papers),
        "inputs": {node.path: list(node.outputs[0].shape) for node in graph.inputs},
        "outputs": {name: list(type.shape) for name, type in graph.output_types().items()},
        "parameters": cost.parameters,
        "macs": cost.macs,
    }


def _row(entry: ZooEntry, network: Network) -> Sequence[str]:
    graph, cost = network.graph, network.analysis.cost
    inputs = " ".join(str(node.outputs[0]) for node in graph.inputs)
    outputs = " ".join(map(str, graph.output_types().values()))
    return entry.name, entry.family, inputs, outputs, f"{cost.parameters:,}", f"{cost.macs:,}"
