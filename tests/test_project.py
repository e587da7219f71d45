"""Finding and reading specifications."""

from __future__ import annotations

import os
import stat
from collections import Counter
from pathlib import Path

import pytest

from archdsl import codes, project
from archdsl.diagnostic import ArchError, Diagnostic, LoadError
from archdsl.project import MAX_BYTES, Project, find, specifications, specs_folder, text, write, zoo


def refusal(target: project.TargetLike) -> Diagnostic:
    """The one thing that is wrong with a target."""
    with pytest.raises(ArchError) as caught:
        find(target)
    (diagnostic,) = caught.value.diagnostics
    return diagnostic


@pytest.fixture
def nets(tmp_path: Path) -> Path:
    """A project with two folders, and a file outside it."""
    root = tmp_path / "project"
    for folder in ("one", "two"):
        (root / folder).mkdir(parents=True)
    (root / "pyproject.toml").touch()
    (root / "one" / "net.arch").write_text("input 3x8x8\n")
    (root / "two" / "blocks.arch").write_text("block: relu\n")
    (tmp_path / "outside.arch").write_text("secret: relu\n")
    return root


# Targets


def test_a_path_names_a_file(nets: Path) -> None:
    target = find(str(nets / "one" / "net.arch"))
    assert (target.source.text, target.variant, target.project.root) == ("input 3x8x8\n", None, nets)


def test_a_colon_names_a_variant(nets: Path) -> None:
    assert find(f"{nets}/one/net.arch:wide").variant == "wide"


def test_a_path_object_is_never_a_name() -> None:
    assert refusal(Path("resnet50")).code is codes.UNREADABLE


def test_a_text_is_its_own_source() -> None:
    source = text("input 3x8x8\r\nrelu\r")
    assert find(source).source is source
    assert source.text == "input 3x8x8\nrelu\n"


def test_a_text_in_place_of_a_name_is_recognised() -> None:
    found = refusal("input 3x8x8\nrelu")
    assert found.code is codes.UNREADABLE
    assert "archdsl.text" in (found.hint or "")


def test_an_unknown_name_gets_near_ones(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(project, "specs_folder", lambda: tmp_path)
    (tmp_path / "resnet.arch").write_text("net resnet(depth=50)\nvariant resnet101(depth=101)\n")
    found = refusal("resnet110")
    assert found.code is codes.UNKNOWN_NETWORK
    assert found.hint == "did you mean `resnet101`?"


def test_a_missing_file_gets_near_ones(nets: Path) -> None:
    found = refusal(str(nets / "two" / "block.arch"))
    assert found.code is codes.UNREADABLE
    assert found.hint == "did you mean `blocks.arch`?"


# Reading


def test_byte_order_mark_and_line_ends_are_normalised(tmp_path: Path) -> None:
    path = tmp_path / "a.arch"
    path.write_bytes(b"\xef\xbb\xbfinput 3x8x8\r\nrelu\rgap\n")
    assert find(path).source.text == "input 3x8x8\nrelu\ngap\n"


@pytest.mark.parametrize(
    ("content", "said", "hint"),
    [
        (b"input 3x8x8\n# caf\xe9\n", "byte 0xe9 in line 2", "save the file as UTF-8"),
        ("input 3x8x8".encode("utf-16"), "byte 0xff in line 1", "UTF-16"),
    ],
)
def test_other_encodings_are_refused(tmp_path: Path, content: bytes, said: str, hint: str) -> None:
    path = tmp_path / "a.arch"
    path.write_bytes(content)
    found = refusal(path)
    assert found.code is codes.NOT_UTF8
    assert said in found.message
    assert hint in (found.hint or "")


def test_size_is_bounded(tmp_path: Path) -> None:
    path = tmp_path / "a.arch"
    path.write_bytes(b"#" * MAX_BYTES)
    assert len(find(path).source.text) == MAX_BYTES
    path.write_bytes(b"#" * (MAX_BYTES + 1))
    assert refusal(path).code is codes.FILE_TOO_LARGE


def test_pipes_devices_and_folders_are_refused(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.arch"
    os.mkfifo(pipe)
    for path in (pipe, Path("/dev/zero"), tmp_path):
        found = refusal(path)
        assert found.code is codes.UNREADABLE
        assert "not a regular file" in found.message
        assert ("take whole folders" in (found.hint or "")) == path.is_dir()


def test_paths_that_lead_nowhere_are_refused(tmp_path: Path) -> None:
    loop = tmp_path / "loop.arch"
    loop.symlink_to(loop)
    for path in (loop, Path("a\0b.arch"), Path("x" * 5000 + ".arch")):
        assert refusal(path).code is codes.UNREADABLE


def test_specifications_of_a_folder_come_in_order_without_what_is_hidden(tmp_path: Path) -> None:
    shown = ("b.arch", "a/z.arch", "a/deeper/y.arch", "c/x.arch")
    hidden = (".arch", ".b.arch", ".git/a.arch", "a/node_modules/a.arch", "__pycache__/a.arch", "c/x.arch.txt")
    for name in (*hidden, *reversed(shown)):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert list(specifications(tmp_path)) == [tmp_path / name for name in shown]
    assert list(specifications(tmp_path, most_folders=2)) == [tmp_path / name for name in shown[:2]]
    assert list(specifications(tmp_path / ".git")) == [tmp_path / ".git" / "a.arch"]


def test_a_folder_that_cannot_be_looked_into_is_told(tmp_path: Path) -> None:
    missing: list[OSError] = []
    assert list(specifications(tmp_path / "none", on_error=missing.append)) == []
    assert [error.filename for error in missing] == [str(tmp_path / "none")]


# Using


def use(root: Path, path: Path, name: str) -> LoadError | str:
    here = Project(root)
    try:
        return here.use(here.read(path), name).text
    except LoadError as error:
        return error


def test_use_is_relative_to_the_using_file(nets: Path) -> None:
    assert use(nets, nets / "one" / "net.arch", "../two/blocks.arch") == "block: relu\n"


def test_the_same_file_is_the_same_source(nets: Path) -> None:
    here = Project(nets)
    net = here.read(nets / "one" / "net.arch")
    assert here.use(net, "../two/blocks.arch") is here.use(net, "../one/../two/blocks.arch")


@pytest.mark.parametrize("name", ["../../outside.arch", "/etc/passwd", "link.arch", "../../missing.arch"])
def test_nothing_outside_the_root_is_used(nets: Path, name: str) -> None:
    (nets / "one" / "link.arch").symlink_to(nets.parent / "outside.arch")
    error = use(nets, nets / "one" / "net.arch", name)
    assert isinstance(error, LoadError)
    assert error.code is codes.OUTSIDE_ROOT


def test_without_a_marker_the_root_is_the_folder_of_the_file(nets: Path) -> None:
    (nets / "pyproject.toml").unlink()
    path = nets / "one" / "net.arch"
    assert find(path).project.root == path.parent


def test_a_text_uses_no_files() -> None:
    target = find(text('use "a.arch"'))
    with pytest.raises(LoadError) as caught:
        target.project.use(target.source, "a.arch")
    assert caught.value.code is codes.OUTSIDE_ROOT


# The zoo


def test_the_zoo_is_scanned(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(project, "specs_folder", lambda: tmp_path)
    (tmp_path / "residual").mkdir()
    path = tmp_path / "residual" / "resnet.arch"
    path.write_text("net resnet(depth=50)\n  variant resnet101(depth=101)\n# variant resnet9(depth=9)\n")
    assert {name: (entry.path, entry.variant, entry.family) for name, entry in zoo().items()} == {
        "resnet": (path, None, "residual"),
        "resnet101": (path, "resnet101", "residual"),
    }
    assert find("resnet101").variant == "resnet101"


def test_names_of_the_zoo_are_unique() -> None:
    declared = [
        name
        for path in specs_folder().rglob("*.arch")
        for _, name in project._DECLARATION.findall(path.read_text("utf-8"))
    ]
    assert declared, "the specifications come with the package"
    assert [name for name, count in Counter(declared).items() if count > 1] == []


# Writing


def test_written_files_have_usual_permissions_and_leave_nothing_beside_them(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.py"
    write(path, "x = 1\n")
    plain = tmp_path / "plain"
    plain.touch()
    assert path.read_text() == "x = 1\n"
    assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE(plain.stat().st_mode)
    assert list(path.parent.iterdir()) == [path]


def test_a_failed_write_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.py"
    write(path, "old")

    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        write(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_writing_follows_links_and_feeds_devices(tmp_path: Path) -> None:
    real, link = tmp_path / "real", tmp_path / "link"
    real.touch()
    link.symlink_to(real)
    write(link, b"data")
    write(Path("/dev/null"), b"data")
    assert link.is_symlink()
    assert real.read_bytes() == b"data"
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)
