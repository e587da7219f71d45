"""Writes networks that samples may leave early: segments between the exits, ``infer`` over them, and joint losses.

The pieces of ``forward`` between two exits become methods, over which both ``forward`` and ``infer`` are written: the
one runs them all, the other one runs each on those samples that no exit has let go.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from archdsl.backends.python.classes import UnitClass
from archdsl.backends.python.names import Registry, variable
from archdsl.backends.python.units import CallItem, Item, OpItem, Unit, Use
from archdsl.backends.python.writer import Writer
from archdsl.graph.exits import Stage, early_exits, stages
from archdsl.graph.graph import Graph, Output, Port
from archdsl.graph.reach import EVALUATION, modes

#: The module that holds what ``infer`` calls.
RUNTIME = "early_exit"

_INFER = '''\
"""Classify each sample at the first exit whose softmax has an entropy below its threshold.

Samples that an exit lets go take no part in the layers behind it; the order of the batch is kept.
How many are left depends on the scores, so neither ``torch.export`` nor one graph of ``torch.compile``
can hold this method: ``forward`` is for them, which yields every exit.

Raises
------
RuntimeError
    The network is in training, where the samples of a batch depend on each other.
"""'''


@dataclass(frozen=True, slots=True)
class Segment:
    """What runs between two exits.

    Parameters
    ----------
    output
        The exit that it leads to.
    method
        Its name.
    cls
        Its code, as that of a class with one instance.
    """

    output: Output
    method: str
    cls: UnitClass

    @property
    def unit(self) -> Unit:
        return self.cls.model


def segments(graph: Graph, root: UnitClass) -> tuple[Segment, ...]:
    """The segments of the network, in the order in which they run; none if there are no early exits.

    Parameters
    ----------
    root
        The network as a class that has its code.
    """
    return tuple(_segment(graph, root, stage) for stage in stages(graph))


def _segment(graph: Graph, root: UnitClass, stage: Stage) -> Segment:
    chosen = set(stage.nodes)
    indices = [index for index, item in enumerate(root.model.items) if item.use and _first_node(item) in chosen]
    items = tuple(root.model.items[index] for index in indices)
    made = dict.fromkeys(port for item in items for port in item.outputs)
    taken = dict.fromkeys(port for item in items for port in item.inputs if port not in made)
    outside = [item for item in root.model.runs() if _first_node(item) not in chosen]
    wanted = {port for item in outside for port in item.inputs} | {output.port for output in graph.outputs}
    own = [port for port in (stage.output.port,) if port in made]
    leaving = tuple(dict.fromkeys((*own, *(port for port in made if port in wanted))))
    uses = modes(graph)
    unit = replace(
        root.model,
        items=items,
        inputs=tuple(taken),
        outputs=leaving,
        optional=frozenset(port for port in (*taken, *leaving) if uses[port.node] != Use.ALWAYS),
    )
    cls = UnitClass([unit], calls=[root.calls[index] for index in indices], shapes=root.shapes)
    return Segment(stage.output, f"_until_{stage.output.name}", cls)


def _first_node(item: Item) -> int:
    return item.node.id if isinstance(item, OpItem) else item.unit.first


def over_segments(root: UnitClass, parts: Sequence[Segment]) -> UnitClass:
    """The network as a class whose ``forward`` runs segments, and between them what belongs to none."""
    inside = {_first_node(item) for part in parts for item in part.unit.items}
    places: dict[Port, int] = {port: index for index, part in enumerate(parts) for port in part.unit.outputs}
    rest: list[tuple[int, Item, str]] = []
    for item, call in zip(root.model.items, root.calls, strict=True):
        if _first_node(item) in inside:
            continue
        place = max((places.get(port, -1) for port in item.inputs), default=-1)
        places.update(dict.fromkeys(item.outputs, place))
        rest.append((place, item, call))
    steps: list[tuple[int, Item, str]] = [
        (index, CallItem(part.unit, "", Use.ALWAYS), f"self.{part.method}({{inputs}})")
        for index, part in enumerate(parts)
        if part.unit.items
    ]
    # A segment comes before what takes its streams: sorting keeps the order of equals.
    ordered = sorted([*steps, *rest], key=lambda step: step[0])
    unit = replace(root.model, items=tuple(item for _, item, _ in ordered))
    return UnitClass([unit], name=root.name, calls=[call for _, _, call in ordered], shapes=root.shapes)


def write_segment_description(writer: Writer, part: Segment) -> None:
    """Write what the method does."""
    rest = ", and the streams that go on" if len(part.unit.outputs) > 1 else ""
    writer.line(f'"""What runs on the way to ``{part.output.name}``: its scores{rest}."""')


# Inference -------------------------------------------------------------------------------------------------------


def write_inference_type(writer: Writer, name: str, root: str, parts: Sequence[Segment], shape: str) -> None:
    """Write the named tuple that ``infer`` returns."""
    writer.line(f"class {name}(NamedTuple):")
    with writer.indented():
        writer.line(f'"""What ``{root}.infer`` yields: for each sample its scores, and the exit that it left at."""')
        writer.line()
        writer.line("scores: Tensor", comment=shape)
        meanings = (f"{index}: {part.output.name}" for index, part in enumerate(parts))
        writer.line("exits: Tensor", comment=", ".join(meanings))


def write_thresholds_field(writer: Writer, graph: Graph, name: str) -> None:
    """Write the declaration of the buffer that holds the thresholds."""
    exits = ", ".join(f"``{output.name}``" for output in early_exits(graph))
    writer.line(f"{name}: Tensor")
    writer.line(f'"""For {exits}: a sample leaves if the entropy of its softmax, in nats, is below this."""')


def write_thresholds(writer: Writer, graph: Graph, name: str) -> None:
    """Write the statement that gives the thresholds their values."""
    values = ", ".join(repr(output.entropy) for output in early_exits(graph))
    writer.line(f"self.{name}.copy_(torch.tensor([{values}]))")


class Inference:
    """Writes ``infer``.

    Parameters
    ----------
    inputs
        Names of the arguments.
    result
        Name of the named tuple that is returned.
    thresholds
        Name of the buffer with the thresholds.
    """

    def __init__(
        self,
        graph: Graph,
        writer: Writer,
        parts: Sequence[Segment],
        inputs: Mapping[Port, str],
        result: str,
        thresholds: str,
    ) -> None:
        self._writer = writer
        self._parts = parts
        self._names = dict(inputs)
        self._arguments = tuple(inputs.values())
        self._result = result
        self._thresholds = thresholds
        registry = Registry([*self._arguments, "x", "y", "z"])
        self._scores, self._exits, self._rows, self._staying = map(
            registry.claim, ("scores", "exits", "rows", "staying")
        )
        self._registry = registry
        uses = modes(graph)
        ports = {port for part in parts for port in (*part.unit.inputs, *part.unit.outputs)}
        #: Streams that evaluation has no value for.
        self._absent = {port for port in ports if not uses[port.node] & EVALUATION}

    def write(self) -> None:
        """Write the method."""
        line = self._writer.line
        arguments = ", ".join(f"{name}: Tensor" for name in self._arguments)
        line(f"def infer(self, {arguments}) -> {self._result}:")
        with self._writer.indented():
            for text in _INFER.splitlines():
                line(text)
            line("if self.training:")
            with self._writer.indented():
                line('raise RuntimeError("`infer` is for evaluation: call `eval()` first")')
            for index in range(len(self._parts)):
                self._stage(index)

    def _stage(self, index: int) -> None:
        line, part = self._writer.line, self._parts[index]
        self._call(index)
        own = self._names[part.output.port]
        scores, exits, rows = self._scores, self._exits, self._rows
        if index + 1 == len(self._parts):
            line(f"{scores}, {exits} = {scores}.index_copy(0, {rows}, {own}), {exits}.index_fill(0, {rows}, {index})")
            line(f"return {self._result}({scores}, {exits})")
            return
        if index == 0:
            line(f"{scores}, {exits} = {own}, torch.zeros(len({own}), dtype=torch.long, device={own}.device)")
        else:
            line(f"{scores}, {exits} = {scores}.index_copy(0, {rows}, {own}), {exits}.index_fill(0, {rows}, {index})")
        staying = rows if index == 0 else self._staying
        line(f"{staying} = undecided({own}, self.{self._thresholds}[{index}])")
        line(f"if len({staying}) == 0:")
        with self._writer.indented():
            line(f"return {self._result}({scores}, {exits})")
        kept = dict.fromkeys(name for port, name in self._names.items() if self._is_wanted(port, index + 1))
        kept = kept if index == 0 else {rows: None} | kept
        if kept:
            line(f"{', '.join(kept)} = {', '.join(f'{name}[{staying}]' for name in kept)}")

    def _call(self, index: int) -> None:
        """Run a segment, whose streams take the variables of those that nobody needs any more."""
        part = self._parts[index]
        if not part.unit.items:
            return
        arguments = ", ".join("None" if port in self._absent else self._names[port] for port in part.unit.inputs)
        kept = {part.output.port, *(port for port in self._names if self._is_wanted(port, index + 1))}
        self._names = {port: name for port, name in self._names.items() if port in kept}
        targets = [self._target(port, index) for port in part.unit.outputs]
        self._writer.line(f"{', '.join(targets)} = self.{part.method}({arguments})", comment=self._shapes(part))

    def _shapes(self, part: Segment) -> str:
        shapes = [part.cls.shapes.get(port, "") for port in part.unit.outputs]
        return ", ".join(shapes) if all(shapes) else ""

    def _target(self, port: Port, index: int) -> str:
        output = self._parts[index].output
        if port == output.port:
            name = self._registry.claim(variable(output.name) or f"{output.name}_scores")
        elif port in self._absent or not self._is_wanted(port, index + 1):
            return "_"
        else:
            name = next(name for name in _letters() if name not in self._names.values())
        self._names[port] = name
        return name

    def _is_wanted(self, port: Port, start: int) -> bool:
        """Whether a segment from ``start`` on takes a stream, or has it as its scores without computing it."""
        return any(
            port in part.unit.inputs or (port == part.output.port and port not in part.unit.outputs)
            for part in self._parts[start:]
        )


def _letters() -> Iterator[str]:
    yield from "xyz"
    number = 1
    while True:
        yield f"x{number}"
        number += 1


# Loss ------------------------------------------------------------------------------------------------------------


def has_joint_loss(graph: Graph, training: Sequence[Output]) -> bool:
    """Whether one target fits all outputs of training: there are exits, and all outputs are alike."""
    exits = [output for output in training if output.kind == "exit"]
    types = {graph.type_of(output.port) for output in training}
    return bool(exits) and len(training) > 1 and len(types) == 1 and next(iter(types)).batch == "image"


def write_joint_loss(writer: Writer, type_name: str, fields: Iterable[tuple[str, float]]) -> None:
    """Write the method that sums up the losses of all outputs.

    Parameters
    ----------
    fields
        Name and weight of each output of training.
    """
    terms = [f"{_factor(weight)}F.cross_entropy(outputs.{field}, target)" for field, weight in fields]
    writer.line("@staticmethod")
    writer.line(f"def joint_loss(outputs: {type_name}, target: Tensor) -> Tensor:")
    with writer.indented():
        writer.line('"""Sum of the cross entropies of all outputs of training, each times its weight.')
        writer.line()
        writer.line("``target`` holds a class for each sample, or its probabilities, as for ``F.cross_entropy``.")
        writer.line('"""')
        writer.line(f"loss = {terms[0]}")
        for term in terms[1:-1]:
            writer.line(f"loss = loss + {term}")
        writer.line(f"return loss + {terms[-1]}")


def _factor(weight: float) -> str:
    return "" if weight == 1 else f"{weight!r} * "
