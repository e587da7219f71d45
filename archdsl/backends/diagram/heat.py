"""Heat maps: boxes coloured by a figure, which each box also states.

The ramp is cividis, which reads alike with and without deficiencies of colour vision (Nuñez, Anderton, Renslow:
Optimizing colormaps with consideration for color vision deficiency, PLOS ONE 13(7), 2018).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from archdsl.analysis.analyse import Analysis
from archdsl.analysis.receptive import Fields
from archdsl.backends.diagram.boxes import box_size
from archdsl.backends.diagram.figure import COLD, Box, Figure, Frame, Junction, Member
from archdsl.backends.diagram.labels import si
from archdsl.backends.diagram.theme import HEAT_LEVELS

#: What boxes can be coloured by; see ``Analysis``.
Heat = Literal["params", "macs", "memory", "receptive"]

#: Levels that the legend shows.
_SHOWN = (0, HEAT_LEVELS // 4, HEAT_LEVELS // 2, 3 * HEAT_LEVELS // 4, HEAT_LEVELS)


@dataclass(frozen=True, slots=True)
class _Reading:
    """A box's figure as a number, and in words; copies that are folded count all."""

    value: float
    text: str


def heated(figure: Figure, heat: Heat, analysis: Analysis) -> Figure:
    """The figure with a heat level and its number in each box that has one, and the legend's samples."""
    read = _reader(heat, analysis)
    readings = {box.key: read(box.nodes) for box in figure.boxes() if box.kind != "output"}
    most = max((reading.value for reading in readings.values() if reading), default=0.0)
    if not most:
        return figure

    def level(value: float) -> int:
        return round(value / most * HEAT_LEVELS)

    def warmed(member: Member) -> Member:
        if isinstance(member, Junction):
            return member
        if isinstance(member, Frame):
            return replace(member, members=tuple(map(warmed, member.members)))
        reading = readings.get(member.key)
        return replace(member, heat=COLD) if reading is None else _warmed(member, reading, level(reading.value))

    number = _size_text if heat == "receptive" else _TEXTS[heat]
    samples = tuple((number(most * sample / HEAT_LEVELS), sample) for sample in _SHOWN)
    return replace(figure, members=tuple(map(warmed, figure.members)), heat=samples)


def _warmed(box: Box, reading: _Reading, level: int) -> Box:
    if box.details[-1:] == (box.totals,):  # the figure asked for stands in their place
        box = replace(box, details=box.details[:-1], totals="")
    spoken = f"{box.spoken}, {reading.text}"
    box = replace(box, details=(*box.details, reading.text), heat=level, spoken=spoken)
    width, height = box_size(box)
    return replace(box, width=width, height=height)


def _reader(heat: Heat, analysis: Analysis) -> Callable[[tuple[int, ...]], _Reading | None]:
    """What a box's nodes come to; None for a box that the figure says nothing of."""
    if heat == "receptive":
        return lambda nodes: _field(nodes, analysis)

    def read(nodes: tuple[int, ...]) -> _Reading | None:
        total = sum(_figure(node, heat, analysis) for node in nodes)
        return _Reading(total, _TEXTS[heat](total)) if total else None

    return read


def _figure(node: int, heat: Heat, analysis: Analysis) -> int:
    if heat == "memory":
        return analysis.memory[node].output
    row = analysis.cost[node]
    return row.parameters if heat == "params" else row.macs or 0


def _field(nodes: tuple[int, ...], analysis: Analysis) -> _Reading | None:
    """The receptive field of the last node, on the input of which it sees most."""
    fields: Fields = analysis.receptive[nodes[-1]]
    sides = [
        max(float(size if axis.size is None else axis.size) for axis, size in zip(field.axes, shape, strict=True))
        for node, field in fields.items()
        if (shape := analysis.graph.nodes[node].outputs[0].spatial)
    ]
    whole = any(field.axes and field.is_whole for field in fields.values())
    if not sides:
        return None
    return _Reading(max(sides), "sees all of the input" if whole else f"sees {_size_text(max(sides))}")


def _size_text(value: float) -> str:
    return f"{value:.0f} px"


_TEXTS: dict[Heat, Callable[[float], str]] = {
    "params": lambda value: f"{si(round(value))} params",
    "macs": lambda value: f"{si(round(value))} MACs",
    "memory": lambda value: f"{si(round(value))}B",
}
