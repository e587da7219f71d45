"""A network that is drawn, and the figures that can be made of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from archdsl.analysis.analyse import Analysis
from archdsl.backends.diagram.engine import DrawingError
from archdsl.backends.diagram.figure import Figure
from archdsl.backends.diagram.heat import heated
from archdsl.backends.diagram.options import Options
from archdsl.backends.diagram.sketch import sketch
from archdsl.backends.diagram.view import UnknownBlock, View
from archdsl.graph.graph import Graph


@dataclass(frozen=True, slots=True)
class Subject:
    """A graph with its analyses."""

    graph: Graph
    analysis: Analysis

    def figure(
        self,
        options: Options,
        *,
        budget: int | None,
        folds: bool = True,
        opened: frozenset[int] | None = None,
    ) -> Figure:
        """What a diagram with at most about ``budget`` boxes shows; with ``folds``, copies once.

        With ``opened``, the blocks of these scopes are open, and no others.

        Raises
        ------
        DrawingError
            A block that is to be open or closed does not exist.
        """
        view = View(options.depth, tuple(options.expand), tuple(options.collapse), budget, opened)
        try:
            plain = sketch(
                self.graph, self.analysis.cost, view, detail=options.detail, shapes=options.shapes, folds=folds
            )
        except UnknownBlock as error:
            raise DrawingError(str(error)) from None
        return plain if options.heat is None else heated(plain, options.heat, self.analysis)


def only(subjects: Sequence[Subject], style: str) -> Subject:
    """The one network of a style that draws one at a time.

    Raises
    ------
    DrawingError
        There are several.
    """
    if len(subjects) != 1:
        raise DrawingError(f"style {style!r} draws one network; 'paper' draws several side by side")
    return subjects[0]


def unfused(options: Options) -> Options:
    """The options with ``full`` detail understood as every copy of fused layers."""
    return replace(options, detail="default") if options.detail == "full" else options
