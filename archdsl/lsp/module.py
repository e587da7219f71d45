"""A file as names see it: its text with what follows from that alone, and the files that it uses."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache, cached_property
from itertools import islice
from pathlib import Path
from threading import Lock

from archdsl.diagnostic import LoadError
from archdsl.graph.elaborate import standard_library
from archdsl.lsp.lexis import Word, words
from archdsl.project import Project, specifications
from archdsl.source import Source
from archdsl.syntax import tree
from archdsl.syntax.bind import name_table
from archdsl.syntax.names import NameTable
from archdsl.syntax.parse import Parsed, parse

#: Texts whose trees are kept.
_REMEMBERED = 512
#: How far a project is searched for files.
_MAX_FOLDERS, _MAX_FILES = 5_000, 2_000
#: For how many seconds what was found on the disk is taken to be true, unless the editor says that it has changed.
_LISTING_AGE, _FILE_AGE = 10.0, 2.0


class Text:
    """A text and what follows from it alone; each part is computed when it is first asked for.

    Threads that ask at once may both compute it; none waits for another, as those with a ``cached_property`` would.
    """

    def __init__(self, source: Source) -> None:
        self.source = source
        self._parsed: Parsed | None = None
        self._names: NameTable | None = None
        self._words: tuple[Word, ...] | None = None

    @property
    def parsed(self) -> Parsed:
        if self._parsed is None:
            self._parsed = parse(self.source)
        return self._parsed

    @property
    def names(self) -> NameTable:
        if self._names is None:
            self._names = name_table(self.parsed.file)
        return self._names

    @property
    def words(self) -> tuple[Word, ...]:
        if self._words is None:
            self._words = tuple(words(self.source.text))
        return self._words


class Shelf:
    """Texts that have been read lately; the same text is parsed once. Threads may share one."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._texts: OrderedDict[Source, Text] = OrderedDict()
        self._listings: dict[Path, tuple[float, tuple[Path, ...]]] = {}
        self._projects: dict[Path | None, tuple[float, Project]] = {}

    def text(self, source: Source) -> Text:
        """The text of a source."""
        with self._lock:
            text = self._texts.get(source)
            if text is None:
                text = self._texts[source] = Text(source)
            self._texts.move_to_end(source)
            while len(self._texts) > _REMEMBERED:
                self._texts.popitem(last=False)
            return text

    def paths(self, root: Path) -> tuple[Path, ...]:
        """The specifications below a folder."""
        known = self._listings.get(root)
        if known is None or time.monotonic() - known[0] > _LISTING_AGE:
            found = specifications(root, most_folders=_MAX_FOLDERS)
            known = self._listings[root] = time.monotonic(), tuple(islice(found, _MAX_FILES))
        return known[1]

    def project(self, root: Path | None) -> Project:
        """The files below a folder as they are on the disk."""
        known = self._projects.get(root)
        if known is None or time.monotonic() - known[0] > _FILE_AGE:
            project = known[1].renewed() if known is not None else Project(root)
            known = self._projects[root] = time.monotonic(), project
        return known[1]

    def forget_files(self) -> None:
        """Look at the disk anew when a file is asked for next."""
        self._listings.clear()
        self._projects.clear()


@dataclass(frozen=True, eq=False)
class Files:
    """The files of a project at one moment: unsaved texts win over those on the disk."""

    project: Project
    shelf: Shelf
    _modules: dict[Source, Module] = field(default_factory=dict)

    def module(self, source: Source) -> Module:
        """A text among these files."""
        if source not in self._modules:
            self._modules[source] = Module(self.shelf.text(source), self)
        return self._modules[source]

    def read(self, path: Path) -> Module | None:
        """The file at a path; None if it cannot be read."""
        try:
            return self.module(self.project.read(path))
        except LoadError:
            return None

    @cached_property
    def all(self) -> tuple[Module, ...]:
        """Every specification below the root, and those that have been read besides."""
        return tuple(self._all())

    def _all(self) -> Iterator[Module]:
        root = self.project.root
        paths = dict.fromkeys((*self.project.drafts, *(self.shelf.paths(root) if root is not None else ())))
        sources = set()
        for path in paths:
            module = self.read(path)
            if module is not None:
                sources.add(module.source)
                yield module
        yield from (module for source, module in tuple(self._modules.items()) if source not in sources)


@dataclass(frozen=True, eq=False)
class Module:
    """A text among the files that it may use."""

    text: Text
    files: Files

    @property
    def source(self) -> Source:
        return self.text.source

    @property
    def file(self) -> tree.File:
        return self.text.parsed.file

    @property
    def names(self) -> NameTable:
        return self.text.names

    @property
    def is_library(self) -> bool:
        """Whether it belongs to the standard library."""
        return self.source in _library_sources()

    def used(self, name: str) -> Module | None:
        """The file that ``use "name"`` means here; None if it cannot be read."""
        try:
            return self.files.module(self.files.project.use(self.source, name))
        except LoadError:
            return None


@cache
def _library_sources() -> frozenset[Source]:
    return frozenset(file.source for file in standard_library())


@cache
def library() -> tuple[Module, ...]:
    """The files of the standard library."""
    files = Files(Project(None), Shelf())
    return tuple(files.module(file.source) for file in standard_library())
