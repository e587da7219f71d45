"""What a viewer knows of a network beyond its pictures: every operator with its figures and its lines, as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, get_args

from archdsl.analysis.receptive import Field, Length
from archdsl.backends.diagram.figure import COLD, Box, Figure, Frame, Junction, Link, Member
from archdsl.backends.diagram.heat import Heat, heated
from archdsl.backends.diagram.labels import plain_text
from archdsl.backends.diagram.openings import Opening
from archdsl.backends.diagram.subject import Subject
from archdsl.graph.graph import Graph, Node, Output, Scope
from archdsl.source import Source, Span


def viewer_model(subject: Subject, openings: Sequence[Opening]) -> dict[str, Any]:
    """The network and what its pictures show, as plain values.

    Figures are exact, for one element of the batch; memory is in bytes. ``at`` is a place in the source: number of the
    file, first and last line, counted from 1.
    """
    graph, analysis = subject.graph, subject.analysis
    table = _Table()
    nodes = [_node(subject, node, table) for node in graph.nodes]
    scopes = [_scope(scope, table) for scope in graph.scopes]
    return {
        "name": graph.name,
        "title": graph.title or graph.name,
        "papers": list(graph.papers),
        "notes": list(graph.notes),
        "arguments": {name: plain_text(value) for name, value in graph.arguments.items()},
        "totals": {
            "parameters": analysis.cost.parameters,
            "buffers": analysis.cost.buffers,
            "macs": analysis.cost.macs,
            "layers": analysis.cost.layers,
            "activations": analysis.memory.activations,
            "peak": analysis.memory.peak,
        },
        "operators": table.operators,
        "sources": [{"name": source.name, "lines": source.text.split("\n")} for source in table.sources],
        "nodes": nodes,
        "scopes": scopes,
        "outputs": [_output(output) for output in graph.outputs],
        "pictures": [_picture(subject, opening) for opening in openings],
    }


class _Table:
    """Operators and files, each once."""

    def __init__(self) -> None:
        self.operators: list[dict[str, Any]] = []
        self.sources: list[Source] = []
        self._numbers: dict[str, int] = {}
        self._files: dict[int, int] = {}

    def operator(self, node: Node) -> int:
        values = node.op.model_dump(mode="json", exclude_none=True)
        names = sorted(values, key=lambda name: name not in node.op.model_fields_set)  # what somebody chose comes first
        arguments = {name: plain_text(values[name]) for name in names}
        entry = {"keyword": node.op.keyword, "caption": node.op.caption(), "arguments": arguments}
        number = self._numbers.setdefault(repr(entry), len(self.operators))
        if number == len(self.operators):
            self.operators.append(entry)
        return number

    def place(self, span: Span) -> list[int]:
        number = self._files.setdefault(id(span.source), len(self.sources))
        if number == len(self.sources):
            self.sources.append(span.source)
        return [number, span.line, span.source.position(max(span.start, span.end - 1)).line]


def _node(subject: Subject, node: Node, table: _Table) -> dict[str, Any]:
    cost = subject.analysis.cost[node.id]
    return {
        "path": node.path,
        "operator": table.operator(node),
        "inputs": [[port.node, port.index] for port in node.inputs],
        "outputs": [str(stream) for stream in node.outputs],
        "scope": node.scope,
        "parameters": cost.parameters,
        "macs": cost.macs,
        "memory": subject.analysis.memory[node.id].output,
        "sees": list(_seen(subject, node)),
        "at": table.place(node.span),
    }


def _scope(scope: Scope, table: _Table) -> dict[str, Any]:
    return {
        "parent": scope.parent,
        "kind": scope.kind,
        "name": scope.name,
        "path": scope.path,
        "definition": scope.definition,
        "caption": scope.caption,
        "at": table.place(scope.span),
    }


def _output(output: Output) -> dict[str, Any]:
    return {"name": output.name, "port": [output.port.node, output.port.index], "kind": output.kind}


def _seen(subject: Subject, node: Node) -> Iterator[str]:
    """What the places of a node's output see of each input."""
    fields = subject.analysis.receptive[node.id]
    for source, field in fields.items():
        if field.axes:
            name = f" of {subject.graph.nodes[source].path}" if len(subject.graph.inputs) > 1 else ""
            yield f"{_field(field)}{name}"


def _field(field: Field) -> str:
    if field.is_whole:
        return "all"
    sizes = "x".join("all" if axis.size is None else _length(axis.size) for axis in field.axes)
    strides = [_length(axis.stride) for axis in field.axes]
    stride = strides[0] if len(set(strides)) == 1 else "x".join(strides)
    return f"{sizes}, stride {stride}" if any(axis.stride for axis in field.axes) else sizes


def _length(value: Length) -> str:
    return f"{float(value):.3f}".rstrip("0").rstrip(".")


# Pictures


def _picture(subject: Subject, opening: Opening) -> dict[str, Any]:
    """Boxes and frames in the order in which the picture draws them, and how they hang together."""
    figure = opening.figure
    placed = list(_placed(figure.members, None))
    shown = [member for member, _ in placed]
    places = {member.key: place for place, member in enumerate(shown)}
    routes = [route.link for route in opening.layout.routes]
    return {
        "boxes": opening.boxes,
        "elements": [
            {**_element(subject.graph, member), "around": None if around is None else places[around]}
            for member, around in placed
        ],
        "links": [[places[tail], places[head], kind] for tail, head, kind in _streams(figure, places)],
        "routes": [[places.get(link.tail, -1), places.get(link.head, -1)] for link in routes],
        "heats": {heat: found for heat in get_args(Heat) if (found := _heat(subject, figure, heat, shown))},
    }


def _placed(members: Iterable[Member], around: str | None) -> Iterator[tuple[Box | Frame, str | None]]:
    """Boxes and frames, each with the key of the frame around it."""
    for member in members:
        if isinstance(member, Junction):
            continue
        yield member, around
        if isinstance(member, Frame):
            yield from _placed(member.members, member.key)


def _element(graph: Graph, member: Box | Frame) -> dict[str, Any]:
    """What a box or frame is, and which nodes or scopes it stands for: a copy each."""
    entry: dict[str, Any] = {"path": member.path, "kind": member.kind, "count": member.count}
    if isinstance(member, Frame):
        entry |= {"frame": True, "title": member.name, "caption": member.caption}
    else:
        entry |= {"title": member.title, "details": len(member.details)}
    if isinstance(member, Box) and member.kind == "operator":
        length = 1 + len(member.before) + len(member.after)
        chains = [member.nodes[start : start + length] for start in range(0, len(member.nodes), length)]
        return {**entry, "main": len(member.before), "copies": chains}
    if member.key.startswith("s"):
        return {**entry, "scopes": _copies(graph, int(member.key[1:]), member.nodes)}
    if member.nodes:
        return {**entry, "copies": [member.nodes]}
    return {**entry, "output": int(member.key[1:])}


def _copies(graph: Graph, scope: int, nodes: Iterable[int]) -> list[int]:
    """The scopes of all copies of a block, which are as deep as the one that is drawn."""
    depth = len(_lineage(graph, scope)) - 1
    found = dict.fromkeys(_lineage(graph, graph.nodes[node].scope)[depth] for node in nodes)
    return list(found)


def _lineage(graph: Graph, scope: int) -> list[int]:
    """A scope and those around it, outermost first."""
    line: list[int] = []
    place: int | None = scope
    while place is not None:
        line.append(place)
        place = graph.scopes[place].parent
    return line[::-1]


def _streams(figure: Figure, places: dict[str, int]) -> Iterator[tuple[str, str, str]]:
    """Streams from box to box, through junctions."""
    behind: dict[str, list[Link]] = {}
    for link in figure.links:
        behind.setdefault(link.tail, []).append(link)
    for link in figure.links:
        if link.tail in places and link.kind != "tied":
            ends = [link] if link.head in places else behind.get(link.head, ())
            yield from ((link.tail, end.head, end.kind) for end in ends)


def _heat(subject: Subject, figure: Figure, heat: Heat, shown: Sequence[Box | Frame]) -> dict[str, Any] | None:
    """A heat map of a picture: level and number of each element, and the scale; None if there is nothing to show."""
    warm = heated(figure, heat, subject.analysis)
    if not warm.heat:
        return None
    boxes = {box.key: box for box in warm.boxes()}
    levels = [_level(boxes.get(member.key)) for member in shown]
    texts = [boxes[member.key].details[-1] if level > COLD else "" for member, level in zip(shown, levels, strict=True)]
    return {"levels": levels, "texts": texts, "scale": [list(sample) for sample in warm.heat]}


def _level(box: Box | None) -> int:
    return COLD if box is None or box.heat is None else box.heat
