"""Notices when files change, by looking at them: works on every file system, and for files that are yet to come."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from threading import Condition, Event, Thread

#: Seconds between two looks.
PAUSE = 0.25

Stamp = tuple[int, int, int] | None


class Watch:
    """Counts the changes of some files.

    Attributes
    ----------
    changes
        How often a look has found something changed.
    """

    def __init__(self, paths: Iterable[Path]) -> None:
        self.changes = 0
        self._stamps = {path: _stamp(path) for path in paths}
        self._changed = Condition()
        self._ended = Event()
        self._thread = Thread(target=self._run, name="watch", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """End, and wake those who wait."""
        self._ended.set()
        with self._changed:
            self._changed.notify_all()

    @property
    def is_over(self) -> bool:
        return self._ended.is_set()

    def follow(self, paths: Iterable[Path]) -> None:
        """Look at further files."""
        with self._changed:
            for path in paths:
                if path not in self._stamps:
                    self._stamps[path] = _stamp(path)

    def wait(self, known: int, seconds: float) -> int:
        """The number of changes, as soon as it is not ``known``, at the end, or when the time is over."""
        with self._changed:
            self._changed.wait_for(lambda: self.changes != known or self.is_over, seconds)
            return self.changes

    def look(self) -> None:
        """Look once."""
        with self._changed:
            now = {path: _stamp(path) for path in self._stamps}
            if now != self._stamps:
                self._stamps = now
                self.changes += 1
                self._changed.notify_all()

    def _run(self) -> None:
        while not self._ended.wait(PAUSE):
            self.look()


def _stamp(path: Path) -> Stamp:
    """What changes when a file is written or replaced; None while there is none."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
