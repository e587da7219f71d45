"""What is imported when: the light commands stay light."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

HEAVY = {"torch", "networkx", "lark", "pydantic", "graphviz", "rich", "click", "numpy"}

NET = "net tiny(classes=10)\ninput 3x32x32\n3x3 conv 8 -> bn -> relu -> gap -> fc classes\n"

RUN = """
import sys
from archdsl.cli.main import run
code = run(sys.argv[1:])
print("loaded", *sorted({name.partition(".")[0] for name in sys.modules}))
sys.exit(code)
"""


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.arch"
    path.write_text(NET)
    return path


@pytest.fixture
def loaded(python: Callable[..., str]) -> Callable[..., set[str]]:
    """Packages that a command line imports."""

    def packages(*arguments: str) -> set[str]:
        last = python(RUN, *arguments).splitlines()[-1]
        assert last.startswith("loaded ")
        return set(last.split()[1:])

    return packages


def test_the_package_itself_imports_nothing_heavy(python: Callable[..., str]) -> None:
    names = python("import archdsl, sys; print(*sys.modules)").split()
    assert not HEAVY & set(names)


@pytest.mark.parametrize(
    ("command", "unwanted"),
    [
        (["check"], {"torch", "networkx", "rich", "numpy", "graphviz"}),
        (["summary"], {"torch", "networkx", "rich", "numpy", "graphviz"}),
        (["draw", "-o", "-"], {"torch", "rich"}),
        (["compile", "-o", "-"], {"torch", "networkx", "rich", "graphviz"}),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_a_command_imports_what_it_needs(
    spec: Path, loaded: Callable[..., set[str]], command: list[str], unwanted: set[str]
) -> None:
    assert not unwanted & loaded(*command, str(spec))


def test_names_of_the_zoo_need_no_compiler(loaded: Callable[..., set[str]]) -> None:
    assert not {"lark", "pydantic", "torch"} & loaded("zoo", "--names")


def test_check_starts_quickly(spec: Path, python: Callable[..., str]) -> None:
    """Bounded by what the libraries themselves take, so that a busy machine changes both sides."""
    spent = "import time; print(time.process_time())"
    libraries = f"import click, lark, pydantic; pydantic.BaseModel\n{spent}"
    check = f"import sys\nfrom archdsl.cli.main import run\nrun(sys.argv[1:])\n{spent}"

    def seconds(code: str) -> float:
        return min(float(python(code, "check", str(spec)).splitlines()[-1]) for _ in range(3))

    python(check, "check", str(spec))  # fills the caches
    assert seconds(check) < 5 * seconds(libraries)
