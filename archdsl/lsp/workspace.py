"""The texts that are open in an editor, and what is known of each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import archdsl
from archdsl.codes import FILE_TOO_LARGE
from archdsl.diagnostic import Diagnostic
from archdsl.graph.elaborate import standard_library
from archdsl.lint.engine import lint
from archdsl.lint.rule import Subject
from archdsl.lsp.document import Document
from archdsl.lsp.knowledge import Knowledge, Superseded, study
from archdsl.lsp.module import Files, Module, Shelf
from archdsl.project import MAX_BYTES, Project, Target, root_of, text
from archdsl.reading import survey
from archdsl.source import Source


@dataclass
class _Open:
    """An open text: where it would be saved, how often it has changed, and what is known of it.

    One that is larger than a specification can be is not kept.
    """

    path: Path | None
    text: str = ""
    is_too_large: bool = False
    changes: int = 0
    latest: Knowledge | None = None
    sound: Knowledge | None = None

    def known(self) -> list[Knowledge]:
        """What is known, the newest first."""
        found = [self.latest] if self.latest is not None else []
        return found + ([self.sound] if self.sound is not None and self.sound is not self.latest else [])


@dataclass(eq=False)
class Task:
    """The examination of a text as it is now; it may run in another thread.

    Attributes
    ----------
    name
        What the text is open as.
    is_stale
        Whether the text has changed since.
    """

    name: str
    target: Target
    module: Module
    changes: int
    is_stale: Callable[[], bool]

    def study(self) -> Knowledge:
        """Elaborate the text with its defaults.

        Raises
        ------
        Superseded
            The text has changed.
        """
        return study(self.module.text.parsed, self.target.project, self.is_stale)

    def findings(self) -> tuple[Diagnostic, ...]:
        """What is wrong with the text in all of its variants, and what might be better.

        Raises
        ------
        Superseded
            The text has changed.
        """
        found = survey(self.target, {}, watch=self._watch)
        return lint(Subject(found.file, found.graphs), found.diagnostics, self._watch)

    def _watch(self, _: object) -> None:
        if self.is_stale():
            raise Superseded


def _go_on() -> None:
    """Nothing is more urgent."""


@dataclass(eq=False)
class Workspace:
    """The open texts, by the name that the editor gives each.

    Parameters
    ----------
    give_way
        Called again and again while a text is examined, so that what is more urgent can come first.
    """

    give_way: Callable[[], None] = _go_on
    _open: dict[str, _Open] = field(default_factory=dict)
    _shelf: Shelf = field(default_factory=Shelf)
    _documents: dict[str, Document] = field(default_factory=dict)

    def update(self, name: str, content: str, path: Path | None) -> None:
        """Open a text or give it another content."""
        resolved = _resolved(path) if path is not None else None
        opened = self._open.setdefault(name, _Open(resolved))
        opened.is_too_large = len(content) > MAX_BYTES or len(content.encode("utf-8", "replace")) > MAX_BYTES
        opened.text, opened.changes = "" if opened.is_too_large else content, opened.changes + 1
        self._documents.clear()

    def close(self, name: str) -> None:
        """Forget a text; the file on the disk counts again."""
        closed = self._open.pop(name, None)
        if closed is not None:
            closed.changes += 1
        self._documents.clear()

    def refresh(self) -> None:
        """Read the files on the disk anew: some have changed."""
        self._shelf.forget_files()
        self._documents.clear()

    def names(self) -> tuple[str, ...]:
        """What is open."""
        return tuple(self._open)

    def excess(self, name: str) -> Diagnostic | None:
        """What is wrong with an open text that is larger than a specification can be."""
        if name not in self._open or not self._open[name].is_too_large:
            return None
        message = f"the text is larger than {MAX_BYTES // 1_000_000} MB, so it is not looked at"
        hint = "move parts of it to files that it takes up by `use`"
        return Diagnostic(FILE_TOO_LARGE, message, Source(name, "").span(0, 0), hint=hint)

    def document(self, name: str) -> Document | None:
        """An open text with all that is known of it; None if it is not open, or too large."""
        if name not in self._open or self._open[name].is_too_large:
            return None
        if name not in self._documents:
            opened = self._open[name]
            module = self._module(opened, name)
            self._documents[name] = Document(module, tuple(self._known(opened, module.source)))
        return self._documents[name]

    def task(self, name: str) -> Task | None:
        """The examination that an open text is due; None where there is nothing to look at."""
        document = self.document(name)
        if document is None:
            return None
        opened = self._open[name]
        changes = opened.changes
        target = Target(document.source, None, document.module.files.project)

        def is_stale() -> bool:
            self.give_way()
            return opened.changes != changes

        return Task(name, target, document.module, changes, is_stale)

    def learn(self, task: Task, knowledge: Knowledge) -> bool:
        """Keep what a task found out; false if its text has changed since."""
        opened = self._open.get(task.name)
        if opened is None or opened.changes != task.changes:
            return False
        opened.latest = knowledge
        if knowledge.graph is not None:
            opened.sound = knowledge
        self._documents.clear()
        return True

    def modules(self, root: Path | None) -> tuple[Module, ...]:
        """Every specification below a folder, and those that are open."""
        return Files(self._shelf.project(root).with_drafts(self._drafts()), self._shelf).all

    def name_of(self, source: Source) -> str | None:
        """What a text is open as; None if it is not."""
        documents = ((name, self.document(name)) for name in self._open)
        return next((name for name, found in documents if found and found.source.name == source.name), None)

    def users(self, name: str) -> Iterator[str]:
        """The other open texts whose networks were built with this one."""
        document = self.document(name)
        for other, opened in self._open.items():
            used = opened.latest.sources if opened.latest is not None else {}
            if document is not None and other != name and document.source.name in used:
                yield other

    def _module(self, opened: _Open, name: str) -> Module:
        if opened.path is None:
            return Files(Project(None), self._shelf).module(text(opened.text, name))
        project = self._shelf.project(root_of(opened.path)).with_drafts(self._drafts())
        return Files(project, self._shelf).module(project.read(opened.path))

    def _drafts(self) -> dict[Path, str]:
        kept = (opened for opened in self._open.values() if not opened.is_too_large)
        return {opened.path: opened.text for opened in kept if opened.path is not None}

    def _known(self, opened: _Open, source: Source) -> Iterator[Knowledge]:
        yield from opened.known()
        for other in self._open.values():
            if other is not opened:
                yield from (known for known in other.known() if source.name in known.sources)


def path_of(source: Source) -> Path:
    """The file that a text was read from."""
    is_library = any(file.source == source for file in standard_library())
    return Path(archdsl.__file__).parent / source.name if is_library else Path(source.name).absolute()


def _resolved(path: Path) -> Path | None:
    try:
        return path.resolve()
    except (OSError, RuntimeError, ValueError):
        return None
