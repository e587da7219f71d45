"""Turns a text into what the page shows of it; nothing of it is kept but the last results."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from threading import Lock
from typing import Any

from archdsl.analysis.analyse import analyse
from archdsl.backends.diagram.draw import draw
from archdsl.backends.diagram.engine import DrawingError
from archdsl.backends.diagram.figure import Figure
from archdsl.backends.diagram.options import Options, Style
from archdsl.backends.diagram.subject import Subject
from archdsl.diagnostic import Diagnostic, LoadError
from archdsl.graph.elaborate import elaborate
from archdsl.graph.graph import Graph
from archdsl.graph.passage import Watch
from archdsl.lint.engine import lint
from archdsl.lint.rule import Subject as Linted
from archdsl.preview.picture import pictures
from archdsl.preview.record import places, records, summary
from archdsl.project import Project, Target, root_of, write
from archdsl.reading import survey, without_ignored
from archdsl.render import in_order
from archdsl.syntax import tree
from archdsl.syntax.parse import parse

#: How many texts are remembered with what was found out about them.
_REMEMBERED = 4


class Superseded(Exception):
    """Nobody waits for the result any more."""


class Conflict(Exception):
    """The file is not what the text was made from."""


class Unavailable(Exception):
    """What is asked for cannot be made of this text."""


@dataclass(frozen=True, slots=True)
class Stored:
    """The file as it is on the disk; ``digest`` is empty, and ``trouble`` says why, if it cannot be read."""

    text: str
    digest: str
    trouble: str | None = None


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody wants to see.

    Parameters
    ----------
    variant
        Which one of the file's networks; the empty name is the file's own.
    is_whole
        Whether to review all of its networks, and to draw pictures with more and with fewer open blocks too.
    is_opened
        Whether to draw those pictures in any case: somebody looks at one of them.
    """

    text: str
    variant: str = ""
    style: Style = "graph"
    is_whole: bool = False
    is_opened: bool = False


@dataclass(frozen=True)
class _Draft:
    """A text, and what was found out about one of its networks; ``graph`` is None if there are errors."""

    target: Target
    variants: tuple[str, ...]
    variant: str
    graph: Graph | None
    diagnostics: tuple[Diagnostic, ...]


class Desk:
    """One file, on which people work.

    Parameters
    ----------
    follow
        Is told which files take part.
    """

    def __init__(self, path: Path, follow: Callable[[frozenset[Path]], None]) -> None:
        self.path = path.resolve()
        self._root = root_of(self.path)
        self._follow = follow
        self._known: OrderedDict[tuple[str, str, int], _Draft] = OrderedDict()
        self._work = Lock()
        self._writing = Lock()

    def stored(self) -> Stored:
        """Read the file."""
        try:
            text = Project(self._root).read(self.path).text
        except LoadError as error:
            return Stored("", "", str(error))
        return Stored(text, _digest(text))

    def save(self, text: str, digest: str) -> Stored:
        """Write the file, whole or not at all, with the line ends that it has.

        Raises
        ------
        Conflict
            The file does not have this digest: somebody else has written it.
        OSError
            It cannot be written.
        """
        with self._writing:
            if self.stored().digest != digest:
                raise Conflict
            has_returns = self.path.exists() and b"\r\n" in self.path.read_bytes()
            write(self.path, text.replace("\n", "\r\n") if has_returns else text)
        return self.stored()

    def show(self, wish: Wish, edition: int, is_stale: Callable[[], bool]) -> dict[str, Any]:
        """What the page shows: findings always; picture, places and figures if there are no errors.

        Parameters
        ----------
        edition
            Number of changes on the disk: what was found out before the last one is not trusted.

        Raises
        ------
        Superseded
            ``is_stale`` said so.
        """
        with self._work:
            if is_stale():
                raise Superseded
            draft = self._draft(wish, edition, is_stale)
            found = self._review(draft, is_stale) if wish.is_whole else draft.diagnostics
            answer = {
                "variants": draft.variants,
                "variant": draft.variant,
                "diagnostics": records(found, draft.target.source, draft.diagnostics),
                "network": None,
                "trouble": None,
            }
            graph = draft.graph
            if graph is None:
                return answer
            subject = _Watched(graph, analyse(graph), is_stale)
            try:
                shown = pictures(subject, wish.style, is_whole=wish.is_whole or wish.is_opened)
            except DrawingError as error:
                return {**answer, "trouble": str(error)}
            shown["model"]["places"] = places(graph, draft.target.source)
            return {**answer, "network": {**shown, "summary": summary(graph, subject.analysis)}}

    def made(self, wish: Wish, edition: int, format: str, **options: Any) -> bytes:
        """A file to download: a picture in a format, or ``py``.

        Raises
        ------
        Unavailable
            The text has errors.
        DrawingError
            The style has no such format.
        """
        with self._work:
            graph = self._draft(wish, edition, lambda: False).graph
            if graph is None:
                raise Unavailable("the text has errors")
            if format == "py":
                from archdsl.backends.python.module import write as write_module

                return write_module(graph).text.encode()
            return draw(graph, format=format, style=wish.style, **options)

    def _draft(self, wish: Wish, edition: int, is_stale: Callable[[], bool]) -> _Draft:
        key = wish.text, wish.variant, edition
        if key not in self._known:
            self._known[key] = self._drafted(wish, is_stale)
            if len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
        self._known.move_to_end(key)
        return self._known[key]

    def _drafted(self, wish: Wish, is_stale: Callable[[], bool]) -> _Draft:
        """Build the one network that is to be shown."""
        project = Project(self._root, {self.path: wish.text})
        source = project.read(self.path)
        parsed = parse(source)
        variants = tuple(item.name for item in parsed.file.statements if isinstance(item, tree.Variant))
        variant = wish.variant if wish.variant in variants else ""
        built = elaborate(parsed.file, variant=variant or None, load=project.use, watch=_watch(is_stale))
        self._follow(project.wanted)
        is_legible = not any(found.is_error for found in parsed.diagnostics)  # else it is not what was meant
        graph = built.graph if is_legible and built.graph is not None and built.graph.outputs else None
        found = without_ignored(in_order(dict.fromkeys((*parsed.diagnostics, *built.diagnostics))))
        return _Draft(Target(source, None, project), variants, variant, graph, found)

    def _review(self, draft: _Draft, is_stale: Callable[[], bool]) -> tuple[Diagnostic, ...]:
        """What is wrong with any of the networks, and what might be better."""
        found = survey(draft.target, {}, watch=_watch(is_stale))
        self._follow(draft.target.project.wanted)
        return lint(Linted(found.file, found.graphs), found.diagnostics)


@dataclass(frozen=True)
class _Watched(Subject):
    """A network that is drawn for as long as somebody waits."""

    is_stale: Callable[[], bool]

    def figure(
        self, options: Options, *, budget: int | None, folds: bool = True, opened: frozenset[int] | None = None
    ) -> Figure:
        if self.is_stale():
            raise Superseded
        return super().figure(options, budget=budget, folds=folds, opened=opened)


def _watch(is_stale: Callable[[], bool]) -> Watch:
    """Ends an elaboration for which nobody waits."""

    def watch(_: object) -> None:
        if is_stale():
            raise Superseded

    return watch


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()
