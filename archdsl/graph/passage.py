"""What elaboration tells those who watch it: streams that go through elements of the source, values that names get."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from archdsl.graph.values import Streams, Value
from archdsl.syntax import tree


@dataclass(frozen=True, slots=True)
class Passage:
    """Streams on their way through one element of a pipeline; each copy of the element has one.

    Parameters
    ----------
    entering, leaving
        The streams before and behind it.
    nodes
        Numbers of the nodes that it made.
    """

    element: tree.Element
    entering: Streams
    leaving: Streams
    nodes: range


@dataclass(frozen=True, slots=True)
class Valuation:
    """A value that a name gets; each copy of what makes the name has one."""

    maker: tree.Let | tree.Parameter | tree.For | tree.GroupFor
    value: Value


#: Is told of each value, and of each passage in the order in which they end. What it raises ends the elaboration.
Watch = Callable[[Passage | Valuation], None]
