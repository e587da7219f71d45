"""What elaboration found out about a text, and how it is read at the places of a text that has changed since."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from archdsl.analysis import Analysis, analyse
from archdsl.collector import paused
from archdsl.diagnostic import Diagnostic
from archdsl.graph.elaborate import elaborate
from archdsl.graph.graph import Graph
from archdsl.graph.passage import Passage, Valuation
from archdsl.graph.values import show
from archdsl.project import Project
from archdsl.render import in_order
from archdsl.source import Source, Span
from archdsl.syntax.parse import Parsed

#: So many different values of a name are kept, each of so many characters.
_MAX_VALUES, _MAX_LENGTH = 9, 200

#: Kinds of values that people can read.
_SHOWN = (int, float, str, tuple, range)


class Superseded(Exception):
    """The text has changed, so that nobody waits for the result."""


class Extent(NamedTuple):
    """The place of an element in its text."""

    start: int
    end: int


@dataclass(frozen=True, eq=False)
class Knowledge:
    """What was found out about a text.

    Parameters
    ----------
    sources
        The texts that took part, by name.
    passages
        For the name of each text, the passages through each of its elements.
    values
        For the name of each text, the different values that the name got which stands at a place, as people write
        them; the first few.
    graph, analysis
        None if there are errors.
    diagnostics
        What is wrong with the text as it stands.
    """

    source: Source
    sources: Mapping[str, Source]
    passages: Mapping[str, Mapping[Extent, Sequence[Passage]]]
    values: Mapping[str, Mapping[Extent, Sequence[str]]]
    graph: Graph | None
    analysis: Analysis | None
    diagnostics: tuple[Diagnostic, ...] = ()


@paused()
def study(parsed: Parsed, project: Project, is_stale: Callable[[], bool]) -> Knowledge:
    """Elaborate a text with its defaults.

    Raises
    ------
    Superseded
        ``is_stale`` said so on the way.
    """
    file = parsed.file
    sources = {file.source.name: file.source}
    passages: dict[str, dict[Extent, list[Passage]]] = {}
    values: dict[str, dict[Extent, list[str]]] = {}

    def require_current() -> None:
        if is_stale():
            raise Superseded

    def watch(told: Passage | Valuation) -> None:
        require_current()
        if isinstance(told, Valuation):
            _keep(told, values)
            return
        span = told.element.span
        sources.setdefault(span.source.name, span.source)
        passages.setdefault(span.source.name, {}).setdefault(Extent(span.start, span.end), []).append(told)

    require_current()
    elaborated = elaborate(file, load=project.use, watch=watch)
    graph = elaborated.graph if not parsed.diagnostics else None
    analysis = analyse(graph) if graph is not None and graph.nodes else None
    if analysis is not None:  # here nobody waits
        require_current()
        _ = analysis.cost
        require_current()
        _ = analysis.receptive
    diagnostics = in_order(dict.fromkeys((*parsed.diagnostics, *elaborated.diagnostics)))
    return Knowledge(file.source, sources, passages, values, graph, analysis, diagnostics)


def _keep(told: Valuation, values: dict[str, dict[Extent, list[str]]]) -> None:
    """Add a value to those that its name has got, if people can read it."""
    span = told.maker.span
    known = values.setdefault(span.source.name, {}).setdefault(Extent(span.start, span.end), [])
    if len(known) < _MAX_VALUES and isinstance(told.value, _SHOWN):
        text = show(told.value)
        text = text if len(text) <= _MAX_LENGTH else f"{text[:_MAX_LENGTH]}…"
        if text not in known:
            known.append(text)


class Shift:
    """Takes places in a text to where they were in an earlier one, but for those from the first change to the last.

    Attributes
    ----------
    first
        Where the first change is, in both texts.
    """

    def __init__(self, before: str, after: str) -> None:
        self.first = common(before, after)
        longest = min(len(before), len(after)) - self.first
        end = common(before[::-1], after[::-1]) if longest else 0
        self._kept = len(after) - min(end, longest)
        self._moved = len(after) - len(before)

    def back(self, start: int, end: int) -> Extent | None:
        """Where something was; None if it has changed."""
        if end <= self.first:
            return Extent(start, end)
        if start >= self._kept:
            return Extent(start - self._moved, end - self._moved)
        return None

    def forth(self, span: Span) -> Extent | None:
        """Where something of the earlier text is now; None if it has changed."""
        if span.end <= self.first:
            return Extent(span.start, span.end)
        if span.start + self._moved >= self._kept:
            return Extent(span.start + self._moved, span.end + self._moved)
        return None


def common(one: str, other: str) -> int:
    """How many characters two texts begin with alike."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low
