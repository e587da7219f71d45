"""Text of the runtime modules, which generated code carries along."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from archdsl.backends.python.template import signature

_PACKAGE = "archdsl.backends.runtime"


@dataclass(frozen=True)
class Runtime:
    """A runtime module taken apart.

    Parameters
    ----------
    imports
        Its imports, one name each.
    needs
        Names of the runtime modules that it uses.
    body
        Its text without docstring and imports.
    signatures
        Names of the positional arguments of its functions and classes.
    bases
        For each of its classes what it is derived from.
    names
        Everything that it defines.
    """

    imports: tuple[ast.Import | ast.ImportFrom, ...]
    needs: tuple[str, ...]
    body: str
    signatures: Mapping[str, tuple[str, ...]]
    bases: Mapping[str, tuple[str, ...]]
    names: frozenset[str]


@cache
def runtime(name: str) -> Runtime:
    """A runtime module by its name."""
    text = files("archdsl.backends").joinpath("runtime", f"{name}.py").read_text("utf-8")
    tree = ast.parse(text)
    imports = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    needs = tuple(
        (node.module or "").removeprefix(f"{_PACKAGE}.")
        for node in imports
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(f"{_PACKAGE}.")
    )
    outside = tuple(node for node in imports if _module(node).split(".")[0] not in ("archdsl", "__future__"))
    start = next(node for node in tree.body if not _is_head(node))
    declared = [node for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    lines = text.splitlines()
    first = min([start.lineno, *(decorator.lineno for decorator in getattr(start, "decorator_list", ()))])
    return Runtime(
        outside,
        needs,
        "\n".join(lines[_above(lines, first - 1) :]).strip("\n"),
        {node.name: signature(node) for node in declared},
        {node.name: tuple(map(ast.unparse, node.bases)) for node in declared if isinstance(node, ast.ClassDef)},
        frozenset(name for node in tree.body for name in _defined(node)),
    )


def _defined(node: ast.stmt) -> Iterator[str]:
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        yield node.name
    elif isinstance(node, ast.Assign | ast.AnnAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        yield from (name.id for target in targets for name in ast.walk(target) if isinstance(name, ast.Name))


def _is_head(node: ast.stmt) -> bool:
    """Whether a statement is the docstring or an import."""
    return isinstance(node, ast.Import | ast.ImportFrom) or (
        isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
    )


def _above(lines: list[str], first: int) -> int:
    """Where the comment begins that stands right above a line."""
    while first > 0 and lines[first - 1].startswith("#"):
        first -= 1
    return first


def _module(node: ast.Import | ast.ImportFrom) -> str:
    return node.names[0].name if isinstance(node, ast.Import) else (node.module or "")


def gather(names: Iterable[str]) -> tuple[Runtime, ...]:
    """The runtime modules with these names and those that they need, each once and after what it needs."""
    found: dict[str, Runtime] = {}

    def add(name: str) -> None:
        if name in found:
            return
        module = runtime(name)
        for need in module.needs:
            add(need)
        found[name] = module

    for name in sorted(set(names)):
        add(name)
    return tuple(found.values())


def imports(modules: Iterable[Runtime], extra: Iterable[str]) -> list[str]:
    """Sorted import statements: those of runtime modules, and ``extra`` ones.

    Python's own modules come first, then a blank line, then torch's.
    """
    plain: set[str] = set()
    members: dict[str, set[str]] = {}
    nodes = [node for module in modules for node in module.imports]
    nodes += [node for line in extra for node in ast.parse(line).body if isinstance(node, ast.Import | ast.ImportFrom)]
    for node in nodes:
        names = [name.name + (f" as {name.asname}" if name.asname else "") for name in node.names]
        if isinstance(node, ast.Import):
            plain.update(names)
        else:
            members.setdefault(node.module or "", set()).update(names)
    blocks = []
    for is_torch in (False, True):
        chosen = [f"import {name}" for name in sorted(plain) if name.startswith("torch") is is_torch]
        chosen += [
            f"from {module} import {', '.join(sorted(found, key=_member_order))}"
            for module, found in sorted(members.items())
            if module.startswith("torch") is is_torch
        ]
        blocks.append(chosen)
    return [*blocks[0], *([""] if blocks[0] and blocks[1] else []), *blocks[1]]


def _member_order(name: str) -> tuple[int, str]:
    """Constants, classes, then functions, as isort has it."""
    bare = name.split(" ", maxsplit=1)[0]
    return (0 if bare.isupper() and len(bare) > 1 else 1 if bare[0].isupper() else 2), name
