"""Finds specifications and reads them; with the command line, the only place that touches files.

A target names a network: a file (``nets/resnet.arch``), a variant in it (``nets/resnet.arch:resnet101``), or a
name of the zoo that comes with the package (``resnet50``).
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from secrets import token_hex

from archdsl.codes import FILE_TOO_LARGE, NOT_UTF8, OUTSIDE_ROOT, UNKNOWN_NETWORK, UNREADABLE
from archdsl.diagnostic import ArchError, Diagnostic, LoadError, near
from archdsl.source import Source

#: A specification is at most so many bytes.
MAX_BYTES = 1_000_000

SUFFIX = ".arch"

_ROOT_MARKERS = ("pyproject.toml", ".git", "specs")
_DECLARATION = re.compile(r"^[ \t]*(net|variant)[ \t]+([A-Za-z_]\w*)", re.MULTILINE)

#: When a file was last changed, its size, and which file it is.
_Stamp = tuple[int, int, int]

#: What the façade and the command line accept as the name of a network; a ``Source`` is a text given directly.
TargetLike = str | os.PathLike[str] | Source


@dataclass(frozen=True, slots=True)
class Target:
    """A specification that has been read, the variant meant, and the project to read further files from."""

    source: Source
    variant: str | None
    project: Project


@dataclass(frozen=True, slots=True)
class ZooEntry:
    """A network of the zoo: its name, the file that declares it, and the variant of it (None for the file's own)."""

    name: str
    path: Path
    variant: str | None

    @property
    def family(self) -> str:
        """The folder in which the file lies."""
        return self.path.parent.name


@dataclass
class Project:
    """Files below one root, each read once.

    Parameters
    ----------
    root
        Folder outside which nothing is used; None for a text without files.
    drafts
        Texts to take in place of those on the disk: what an editor has not saved yet.
    """

    root: Path | None
    drafts: Mapping[Path, str] = field(default_factory=dict)
    _sources: dict[Path, Source] = field(default_factory=dict)
    _paths: dict[Source, Path] = field(default_factory=dict)
    _wanted: set[Path] = field(default_factory=set)
    _stamps: dict[Path, _Stamp | None] = field(default_factory=dict)

    @property
    def wanted(self) -> frozenset[Path]:
        """Every file that was asked for, whether it could be read or not."""
        return frozenset(self._wanted)

    def read(self, path: Path) -> Source:
        """The text of a file.

        Raises
        ------
        LoadError
            The file cannot be read, is too large, or is not UTF-8 (E0503, E0504, E0505).
        """
        if path not in self._sources and path not in self.drafts:  # else it is resolved
            path = _resolved(path)
        self._wanted.add(path)
        if path in self.drafts:
            source = Source(_said(path), _normalised(self.drafts[path]))
            self._paths[source] = path
            return source
        if path not in self._sources:
            self._stamps[path] = _stamp(path)
            source = Source(_said(path), _decoded(_bytes(path), _said(path)))
            self._sources[path], self._paths[source] = source, path
        return self._sources[path]

    def renewed(self) -> Project:
        """The same project as the disk is now: files that have changed since are read again when they are asked for."""
        kept = {path: source for path, source in self._sources.items() if _stamp(path) == self._stamps[path]}
        stamps = {path: self._stamps[path] for path in kept}
        return Project(self.root, self.drafts, kept, {source: path for path, source in kept.items()}, _stamps=stamps)

    def with_drafts(self, drafts: Mapping[Path, str]) -> Project:
        """The same project with other texts in place of some; what has been read is shared."""
        return replace(self, drafts=drafts)

    def path_of(self, source: Source) -> Path | None:
        """Where a text was read from; None if it is no file of the project."""
        return self._paths.get(source)

    def revised(self, source: Source, text: str) -> Source:
        """A file with another text, as if it had been read so; nothing is written."""
        changed = Source(source.name, text)
        if source in self._paths:
            self._paths[changed] = self._paths[source]
        return changed

    def use(self, using: Source, name: str, /) -> Source:
        """The file that ``use "name"`` in ``using`` means: relative to it, inside the root.

        Raises
        ------
        LoadError
            As for ``read``, or the file lies outside the root (E0507).
        """
        origin = self._paths.get(using)
        if self.root is None or origin is None:
            raise LoadError(OUTSIDE_ROOT, "a text that is no file cannot use files", "save it as a file")
        path = _resolved(origin.parent / name)
        if not path.is_relative_to(self.root):
            hint = "a `pyproject.toml` marks the folder that is the root of a project"
            raise LoadError(OUTSIDE_ROOT, f"`{name}` lies outside the project, {_said(self.root)}", hint)
        return self.read(path)


# Targets -----------------------------------------------------------------------------------------------------------


def find(target: TargetLike) -> Target:
    """Find and read what ``target`` names.

    Raises
    ------
    ArchError
        There is no such network (E0508), or its file cannot be read (E0503, E0504, E0505).
    """
    if isinstance(target, Source):
        return Target(target, None, Project(None))
    try:
        path, variant = _located(target)
        project = Project(root_of(_resolved(path)))
        return Target(project.read(path), variant, project)
    except LoadError as error:
        raise _as_diagnostic(error, os.fsdecode(target)) from None


def received(data: bytes, name: str) -> Source:
    """A specification that did not come from a file.

    Raises
    ------
    ArchError
        It is too large, or not UTF-8 (E0504, E0505).
    """
    try:
        return Source(name, _decoded(data, name))
    except LoadError as error:
        raise _as_diagnostic(error, name) from None


def _as_diagnostic(error: LoadError, name: str) -> ArchError:
    return ArchError([Diagnostic(error.code, error.message, Source(name, "").span(0, 0), hint=error.hint)])


def text(content: str, name: str = "<text>") -> Source:
    """A specification given as text, to load, check, draw or compile without a file."""
    return Source(name, _normalised(content))


def _located(target: str | os.PathLike[str]) -> tuple[Path, str | None]:
    if not isinstance(target, str):
        return Path(target), None
    if "\n" in target or "->" in target:
        raise LoadError(UNREADABLE, "this is a text, not the name of a file", "wrap it: `archdsl.text(…)`")
    path, colon, variant = target.rpartition(":")
    if colon and path.endswith(SUFFIX):
        return Path(path), variant
    if target.endswith(SUFFIX) or any(separator in target for separator in (os.sep, "/", ".")) or Path(target).exists():
        return Path(target), None
    entries = zoo()
    entry = entries.get(target)
    if entry is None:
        meant = near(target, entries)
        hint = f"did you mean `{meant}`?" if meant else "`archdsl zoo` lists what there is; a file ends in `.arch`"
        raise LoadError(UNKNOWN_NETWORK, f"no network is called `{target}`", hint)
    return entry.path, entry.variant


def root_of(path: Path) -> Path:
    """The nearest folder above ``path`` that looks like the root of a project, else the folder it lies in."""
    for folder in path.parents:
        if any((folder / marker).exists() for marker in _ROOT_MARKERS):
            return folder
    return path.parent


# The zoo -----------------------------------------------------------------------------------------------------------


def specs_folder() -> Path:
    """Folder of the specifications that come with the package, or lie beside it in a checkout."""
    package = Path(__file__).parent
    installed = package / "specs"
    return installed if installed.is_dir() else package.parent / "specs"


def zoo() -> dict[str, ZooEntry]:
    """Every network of the zoo by its name, family by family; files are scanned, not parsed."""
    entries: dict[str, ZooEntry] = {}
    for path in sorted(specs_folder().rglob(f"*{SUFFIX}")):
        for kind, name in _DECLARATION.findall(path.read_text("utf-8")):
            entries.setdefault(name, ZooEntry(name, path, name if kind == "variant" else None))
    return entries


def variants(path: Path) -> list[str]:
    """The variants that a file declares; it is scanned, not parsed, and none are found where it cannot be read."""
    with suppress(OSError, UnicodeDecodeError):
        return [name for kind, name in _DECLARATION.findall(path.read_text("utf-8")) if kind == "variant"]
    return []


# Folders -----------------------------------------------------------------------------------------------------------


def specifications(
    folder: Path, *, most_folders: int | None = None, on_error: Callable[[OSError], object] | None = None
) -> Iterator[Path]:
    """Every specification below a folder: its own by name, then those of the folders in it, less what is hidden.

    Parameters
    ----------
    most_folders
        After how many folders to give up; None looks into all of them.
    on_error
        Called with what hinders from looking into a folder, which is passed over then.
    """
    for number, (path, inner, files) in enumerate(os.walk(folder, onerror=on_error), 1):
        inner[:] = sorted(name for name in inner if not name.startswith((".", "__")) and name != "node_modules")
        for name in sorted(files):
            if name.endswith(SUFFIX) and not name.startswith("."):
                yield Path(path, name)
        if number == most_folders:
            return


# Reading and writing -----------------------------------------------------------------------------------------------


def write(path: Path, content: str | bytes) -> None:
    """Write a file whole or not at all: beside its place first, then moved there; missing folders are made.

    A file that is there keeps its permissions.

    Raises
    ------
    OSError
        The file cannot be written.
    """
    data = content.encode("utf-8") if isinstance(content, str) else content
    path = path.resolve()
    if path.exists() and not path.is_file():  # a device or a pipe takes the bytes; there is nothing to replace
        path.write_bytes(data)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{token_hex(4)}")
    try:
        with temporary.open("xb") as file:
            file.write(data)
        if path.exists():
            temporary.chmod(stat.S_IMODE(path.stat().st_mode))
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _resolved(path: Path) -> Path:
    try:
        return path.resolve()
    except (OSError, RuntimeError, ValueError) as error:  # RuntimeError is how Python 3.12 reports a loop of links
        raise LoadError(UNREADABLE, f"`{path}` is not a path that can be followed") from error


def _stamp(path: Path) -> _Stamp | None:
    """What tells whether a file has changed; None if it cannot be told."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def _bytes(path: Path) -> bytes:
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # opening a pipe would wait, a device might never end
            raise LoadError(UNREADABLE, f"`{_said(path)}` is not a regular file", _hint_for_folder(path))
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise LoadError(UNREADABLE, f"`{_said(path)}` cannot be read: {reason}", _hint_for_missing(path)) from error


def _hint_for_folder(path: Path) -> str | None:
    return "name a file in it; `archdsl check`, `lint` and `fmt` take whole folders" if path.is_dir() else None


def _hint_for_missing(path: Path) -> str | None:
    """The file of the same folder that was probably meant."""
    try:
        meant = near(path.name, (file.name for file in path.parent.glob(f"*{SUFFIX}")))
    except OSError:
        return None
    return f"did you mean `{meant}`?" if meant and meant != path.name else None


def _decoded(data: bytes, name: str) -> str:
    if len(data) > MAX_BYTES:
        raise LoadError(FILE_TOO_LARGE, f"`{name}` is larger than {MAX_BYTES // 1_000_000} MB")
    try:
        return _normalised(data.decode("utf-8").removeprefix("\ufeff"))
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        is_utf16 = data[:2] in {b"\xff\xfe", b"\xfe\xff"}
        raise LoadError(
            NOT_UTF8,
            f"byte 0x{data[error.start]:02x} in line {line} is not UTF-8",
            "the file looks like UTF-16; save it as UTF-8" if is_utf16 else "save the file as UTF-8",
        ) from error


def _normalised(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _said(path: Path) -> str:
    """A path as a person here would say it: relative to where they are if it lies below."""
    with suppress(ValueError, OSError):
        return path.relative_to(Path.cwd()).as_posix()
    return str(path)
