"""What the tests share."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

pytest_plugins = ["tests.browser"]
pytest.register_assert_rewrite("tests.detectors")

ROOT = Path(__file__).parents[1]

# A shell that runs something in the background lets it ignore Ctrl-C, and the programs that tests interrupt with it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _alone() -> Iterator[None]:
    """What torch draws in a test, and in how many threads, hangs on it alone and not on the tests that ran before."""
    torch = sys.modules.get("torch")
    if torch is None:
        yield
        return
    torch.manual_seed(0)
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


@dataclass(frozen=True)
class Finished:
    """What a command line gave."""

    code: int
    out: str
    err: str


@pytest.fixture
def arch(capsys: pytest.CaptureFixture[str]) -> Callable[..., Finished]:
    """Run the command line in this process."""
    from archdsl.cli.main import run

    def finished(*arguments: str | Path) -> Finished:
        capsys.readouterr()
        code = run([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return Finished(code, captured.out, captured.err)

    return finished


@pytest.fixture(scope="session")
def python() -> Callable[..., str]:
    """Run code in a fresh interpreter and return its standard output."""

    def output(code: str, *arguments: str) -> str:
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-c", code, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, timeout=120)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return output


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--all-variants", action="store_true", help="compile and export every variant of the zoo")
    parser.addoption("--random-edits", type=int, default=60, help="random edits that the language server survives")
    parser.addoption("--accept", action="store_true", help="write what the tests find as the new golden files")


@pytest.fixture
def accept(request: pytest.FixtureRequest) -> bool:
    """Whether goldens are to be written instead of compared; never in CI, which must see stale ones."""
    wanted = bool(request.config.getoption("--accept"))
    assert not (wanted and os.environ.get("CI")), "goldens are accepted by a person, not by CI"
    return wanted
