"""Names of classes: after the definition or the step that they come from."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from textwrap import shorten

from archdsl.backends.python.classes import UnitClass
from archdsl.backends.python.names import Registry, camel_case
from archdsl.backends.python.units import CallItem, Item, Unit
from archdsl.graph.graph import Graph

#: A step of more elements than these is not named after them.
_MOST_ELEMENTS = 3
_MOST_VARIANTS = 1000


def name_classes(graph: Graph, classes: Sequence[UnitClass], registry: Registry) -> None:
    """Name every class.

    Of the classes of one definition, the one with the most instances has the plain name; the others are told apart by
    their step, by what they do to the shape, or by a number.
    """
    around = {id(item.unit): cls for cls in classes for item in cls.model.items if isinstance(item, CallItem)}
    families: dict[str, list[UnitClass]] = defaultdict(list)
    for cls in classes:
        families[_base(cls, around.get(id(cls.model)))].append(cls)
    for base, family in families.items():
        family.sort(key=lambda cls: -len(cls.units))
        plain = family[0]
        plain.name = registry.claim(base)
        tops = {unit.path for cls in family for unit in cls.units if "." not in unit.path}
        for cls in family[1:]:
            cls.name = registry.claim(*_variants(graph, cls, plain, base, has_steps=len(tops) > 1))


def _base(cls: UnitClass, around: UnitClass | None) -> str:
    if cls.definition is not None:
        return camel_case(cls.definition)
    names = list(dict.fromkeys(unit.scope.name for unit in cls.units))
    if len(names) == 1:
        is_short = len(names[0]) <= 2 and around is not None and around.definition is not None
        return (camel_case(around.definition) if is_short else "") + camel_case(names[0])  # type: ignore[union-attr,arg-type]
    stems = {re.sub(r"[_\d]+$", "", name) for name in names}
    if len(stems) == 1 and len(names[0]) > 2:
        return camel_case(stems.pop())
    elements = list(dict.fromkeys(_element(item) for item in cls.model.items))
    return "".join(elements) if len(elements) <= _MOST_ELEMENTS else camel_case(names[0])


def _element(item: Item) -> str:
    if isinstance(item, CallItem):
        return camel_case(item.unit.scope.definition or item.unit.scope.name)
    return camel_case(item.node.op.keyword)


def _variants(graph: Graph, cls: UnitClass, plain: UnitClass, base: str, *, has_steps: bool) -> Iterator[str]:
    paths = {unit.path for unit in cls.units}
    path = paths.pop()
    if has_steps and not paths and "." not in path:
        yield camel_case(path)
    if _shrinks(graph, cls) and not _shrinks(graph, plain):
        yield f"{base}Down"
    if _projects(graph, cls) and not _projects(graph, plain):
        yield f"{base}Projection"
    apart = "V" if base[-1].isdigit() else ""
    yield from (f"{base}{apart}{number}" for number in range(2, _MOST_VARIANTS))


def _shrinks(graph: Graph, cls: UnitClass) -> bool:
    """Whether each instance makes the places fewer."""
    return all(len(before) == len(after) > 1 and before[1:] > after[1:] for before, after in _ends(graph, cls.units))


def _projects(graph: Graph, cls: UnitClass) -> bool:
    """Whether each instance changes the shape."""
    return all(before != after for before, after in _ends(graph, cls.units))


def _ends(graph: Graph, units: Sequence[Unit]) -> Iterator[tuple[tuple[int, ...], tuple[int, ...]]]:
    for unit in units:
        if unit.inputs and unit.outputs:
            yield graph.type_of(unit.inputs[0]).shape, graph.type_of(unit.outputs[0]).shape


def describe(cls: UnitClass) -> tuple[str, str]:
    """What a class is, and where it is used."""
    paths = list(dict.fromkeys(unit.path for unit in cls.units))
    places = ", ".join(f"``{path}``" for path in paths[:2])
    if len(paths) > 2:
        places += f" and {len(paths) - 2} more"
    if cls.definition is None:
        return ("The step" if len(paths) == 1 else "The steps"), places
    caption = shorten(cls.model.scope.caption, 90, placeholder=" …")
    return f"``{caption}``" + ("" if len(paths) == 1 or not cls.parameters else " and its like"), f"at {places}"
