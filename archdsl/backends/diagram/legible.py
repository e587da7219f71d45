"""Style ``graph`` on a page: as many boxes as can still be read."""

from __future__ import annotations

from archdsl.backends.diagram.engine import run_engine
from archdsl.backends.diagram.figure import Figure
from archdsl.backends.diagram.layout import MIN_GAIN, Layout, lay_out, scale
from archdsl.backends.diagram.options import Options
from archdsl.backends.diagram.subject import Subject
from archdsl.backends.diagram.view import NODE_BUDGET

#: Numbers of boxes to aim at: the next lower one where a picture would have to shrink too much to fit on a page.
BUDGETS = (NODE_BUDGET, 30, 24, 20)
#: A picture that shrinks to less than this is too small to read.
MIN_SCALE = 0.6


def legible(subject: Subject, options: Options) -> tuple[Layout, Figure]:
    """The first figure that can be read on a page, or else the one that shrinks least.

    Raises
    ------
    DrawingError
        A block does not exist, or there is no engine that works.
    """
    is_fixed = options.depth is not None or options.detail == "full" or options.direction == "LR"
    best: tuple[Layout, Figure] | None = None
    for budget in BUDGETS[:1] if is_fixed else BUDGETS:
        figure = subject.figure(options, budget=budget)
        if best is not None and figure == best[1]:
            continue
        layout = place(figure, options)
        if best is None or scale(layout) > scale(best[0]) * MIN_GAIN:
            best = layout, figure
        if scale(best[0]) >= MIN_SCALE:
            break
    assert best is not None
    return best


def place(figure: Figure, options: Options) -> Layout:
    """Lay a figure out with the engine that is asked for.

    Raises
    ------
    DrawingError
        There is no engine that works.
    """

    def run(source: str, seconds: float) -> bytes:
        return run_engine(source, "-Tjson0", engine=options.engine, time_limit=seconds)

    return lay_out(figure, options.direction, run)
