"""What elaboration tells those who watch it: which streams go through which element of the source."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from archdsl.graph.values import Streams
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


#: Is told of each passage, in the order in which they end. What it raises ends the elaboration.
Watch = Callable[[Passage], None]
