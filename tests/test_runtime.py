"""The runtime modules, which generated code carries along in one file."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import archdsl.backends.runtime
from archdsl.backends.python.runtime import runtime

(FOLDER,) = map(Path, archdsl.backends.runtime.__path__)


def test_no_two_runtime_modules_define_the_same_name() -> None:
    owners = defaultdict(list)
    for path in FOLDER.glob("[!_]*.py"):
        for name in runtime(path.stem).names:
            owners[name].append(path.stem)
    assert {name: modules for name, modules in owners.items() if len(modules) > 1} == {}
