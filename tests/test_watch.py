"""``archdsl watch``: a look, and another one after each save."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
GOOD = 'use "unit.arch" as u\ninput 3x8x8\nu.unit(8)\nhead = gap -> fc 10\n'
UNIT = "unit(out): 3x3 conv out -> bn -> relu\n"

#: Seconds that anything may take: many times what it takes on a machine with nothing else to do.
PATIENCE = 120

Arch = Callable[..., "object"]


@pytest.fixture
def net(tmp_path: Path) -> Path:
    (tmp_path / "unit.arch").write_text(UNIT)
    path = tmp_path / "net.arch"
    path.write_text(GOOD)
    return path


def test_once_shows_the_totals(arch: Arch, net: Path) -> None:
    done = arch("watch", "--once", net)
    assert (done.code, done.err) == (0, "")
    assert "no errors" in done.out
    assert "parameters" in done.out
    assert "322" in done.out, "3*3*3*8 + 2*8 + 8*10 + 10"


def test_once_shows_variants(arch: Arch, net: Path) -> None:
    net.write_text("net n(w=8)\nvariant wide(w=16)\ninput 3x8x8\n1x1 conv w\n")
    assert "wide             64  3,072" in arch("watch", "--once", net).out


def test_once_fails_on_errors_and_shows_every_file(arch: Arch, net: Path) -> None:
    broken = net.with_name("broken.arch")
    broken.write_text("input 3x8x8\nrellu\n")
    done = arch("watch", "--once", broken, net, net.with_name("gone.arch"))
    assert done.code == 1
    assert "error[E0201]" in done.out
    assert "error[E0503]" in done.out
    assert "322" in done.out
    assert "\x1b" not in done.out, "no colours, and nothing cleared, where nobody looks"


def test_once_accepts_a_library_and_a_name_of_the_zoo(arch: Arch, net: Path) -> None:
    assert "definitions alone" in arch("watch", "--once", net.with_name("unit.arch")).out
    assert "25,557,032" in arch("watch", "--once", "resnet50").out


def test_once_with_lint(arch: Arch, net: Path) -> None:
    net.write_text("input 3x8x8\n3x3 conv 61 -> bn -> relu -> 3x3 conv 8\n")
    assert "W07" not in arch("watch", "--once", net).out
    assert "W07" in arch("watch", "--once", "--lint", net).out


def test_standard_input_cannot_be_watched(arch: Arch) -> None:
    assert arch("watch", "-").code == 2


class Watched:
    """A watch that runs, and what it has said."""

    def __init__(self, path: Path, log: Path) -> None:
        self._log = log
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
        command = [sys.executable, "-m", "archdsl", "watch", str(path)]
        with log.open("w") as file:
            self.process = subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT, env=environment)

    def waits_for(self, text: str, since: int = 0) -> int:
        """Wait until something was said after a place in what was said, and return where it ends."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            place = self._log.read_text().find(text, since)
            if place >= 0:
                return place + len(text)
            assert self.process.poll() is None, self._log.read_text()
            time.sleep(0.05)
        raise AssertionError(f"{text!r} was not said: {self._log.read_text()[since:]}")


@pytest.fixture
def watched(net: Path, tmp_path: Path) -> Iterator[Watched]:
    running = Watched(net, tmp_path / "log")
    yield running
    running.process.kill()
    running.process.wait()


def test_each_save_is_followed_and_nothing_ends_it_but_the_user(watched: Watched, net: Path) -> None:
    place = watched.waits_for("322")
    net.write_text(GOOD.replace("gap", "gapp"))
    place = watched.waits_for("error[E0201]", place)
    net.unlink()
    place = watched.waits_for("error[E0503]", place)
    net.write_bytes(b"\xff\xfe")
    place = watched.waits_for("error[E0504]", place)
    net.write_text(GOOD.replace("8)", "16)"))
    place = watched.waits_for("parameters", place)
    used = net.with_name("unit.arch")
    used.write_text(UNIT.replace("3x3", "1x1"))
    place = watched.waits_for("parameters", place)
    used.unlink()
    place = watched.waits_for("error[E0503]", place)
    used.write_text(UNIT)
    watched.waits_for("no errors", place)
    watched.process.send_signal(signal.SIGINT)
    assert watched.process.wait(PATIENCE) == 0
