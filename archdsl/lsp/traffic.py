"""What goes through an element, over all of its copies: shapes, costs, receptive fields."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from archdsl.analysis.receptive import Length
from archdsl.graph.graph import Port
from archdsl.graph.values import Streams
from archdsl.lsp.document import Copies
from archdsl.ops.base import TensorType

Shapes = tuple[TensorType, ...]

#: What a place sees of an input, along each axis; None for the whole axis.
Sight = tuple[Length | None, ...]


@dataclass(frozen=True, slots=True)
class Way:
    """The shapes before and behind an element, and how many copies have them."""

    entering: Shapes
    leaving: Shapes
    count: int


@dataclass(frozen=True, slots=True)
class Cost:
    """Sums over all copies; ``macs`` are those of inference, for one image."""

    parameters: int
    macs: int


def ways(copies: Copies) -> tuple[Way, ...]:
    """The different shapes that an element has, in the order in which they come up."""
    counted = Counter((_shapes(passage.entering), _shapes(passage.leaving)) for passage in copies.passages)
    return tuple(Way(entering, leaving, count) for (entering, leaving), count in counted.items())


def outcomes(copies: Copies) -> tuple[Shapes, ...]:
    """The different shapes behind an element."""
    return tuple(dict.fromkeys(way.leaving for way in ways(copies)))


def cost(copies: Copies) -> Cost | None:
    """What the copies cost together; None where errors leave no network."""
    analysis = copies.knowledge.analysis
    if analysis is None:
        return None
    numbers = {number for passage in copies.passages for number in passage.nodes}
    rows = [analysis.cost.rows[number] for number in numbers if number < len(analysis.cost.rows)]
    macs = sum(row.macs or 0 for row in rows if row.is_inference)
    return Cost(sum(row.own_parameters for row in rows), macs)


def sights(copies: Copies) -> tuple[Sight, ...]:
    """What the places behind an element see of the first input they depend on: the least of all copies and the most."""
    found = (_sight(copies, passage.leaving.items[0].port) for passage in copies.passages if passage.leaving.items)
    seen = sorted(
        {sight for sight in found if sight}, key=lambda sight: [float("inf") if s is None else s for s in sight]
    )
    return (seen[0], seen[-1]) if len(seen) > 1 else tuple(seen)


def _sight(copies: Copies, port: Port) -> Sight:
    analysis = copies.knowledge.analysis
    if analysis is None or not 0 <= port.node < len(analysis.receptive.rows):
        return ()
    fields = analysis.receptive.rows[port.node]
    return tuple(axis.size for axis in next(iter(fields.values())).axes) if fields else ()


def _shapes(streams: Streams) -> Shapes:
    return tuple(stream.type for stream in streams.items if stream.type is not None)


def said(shapes: Shapes) -> str:
    """Shapes as people write them: ``64x56x56``; those of a list in parentheses."""
    texts = [str(shape) for shape in shapes]
    return texts[0] if len(texts) == 1 else f"({' | '.join(texts)})"
