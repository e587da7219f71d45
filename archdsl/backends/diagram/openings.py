"""The pictures that a viewer changes between: one network, more and more of its blocks open."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import count

from archdsl.backends.diagram.figure import Figure
from archdsl.backends.diagram.layout import Layout
from archdsl.backends.diagram.legible import legible
from archdsl.backends.diagram.options import Options
from archdsl.backends.diagram.scene import Scene
from archdsl.backends.diagram.styles.graph import paint_graph
from archdsl.backends.diagram.subject import Subject

#: A picture with more boxes is made only for a reader who asks for it.
MAX_BOXES = 400
#: How many times as many boxes the next picture has at least.
STEP = 1.25


@dataclass(frozen=True, slots=True)
class Opening:
    """A picture in which some blocks are open."""

    figure: Figure
    layout: Layout
    scene: Scene

    @property
    def boxes(self) -> int:
        """Number of boxes."""
        return sum(1 for _ in self.figure.boxes())


def openings(subject: Subject, options: Options) -> tuple[Opening, ...]:
    """The picture that the options ask for, then that with everything open, then those with fewer and fewer closed."""
    asked = asked_opening(subject, options)
    levels = _levels(subject, options, asked.figure)
    *depths, last = _apart(levels, asked.boxes) if levels else [None]
    others = (asked_opening(subject, replace(options, depth=depth)) for depth in (last, *depths) if depth is not None)
    return (asked, *others)


def asked_opening(subject: Subject, options: Options) -> Opening:
    """The picture that the options ask for."""
    layout, figure = legible(subject, options)
    return Opening(figure, layout, paint_graph(figure, layout, legend=options.legend))


def _levels(subject: Subject, options: Options, asked: Figure) -> dict[int, int]:
    """Depths with a picture of their own, and how many boxes it has, up to where everything is open."""
    levels: dict[int, int] = {}
    before: Figure | None = None
    for depth in count():
        figure = subject.figure(replace(options, depth=depth), budget=None)
        boxes = sum(1 for _ in figure.boxes())
        if figure == before or boxes > MAX_BOXES:
            break
        if figure != asked:
            levels[depth] = boxes
        before = figure
    return levels


def _apart(levels: dict[int, int], asked: int) -> Iterator[int]:
    """The depths that differ enough from one another, and from what is asked for, to be worth a step; and the last."""
    shown = 0
    for depth, boxes in levels.items():
        is_near = boxes < shown * STEP or max(boxes, asked) < min(boxes, asked) * STEP
        if not is_near or depth == max(levels):
            yield depth
            shown = boxes
