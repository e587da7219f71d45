"""Makes units that differ in numbers alone instances of one class, and the numbers that differ its parameters.

Numbers of a class are compared over all its instances (anti-unification): one that is the same everywhere stays a
number, those that vary alike are one parameter, and a width that is a multiple of another one is written as such.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from archdsl.backends.python.names import MODULE_ATTRIBUTES, MODULE_NAMES, Registry, is_plain
from archdsl.backends.python.template import Template, without_defaults
from archdsl.backends.python.units import CallItem, Item, OpItem, Unit
from archdsl.graph.graph import Graph, Port

#: An argument that is a number or a list of numbers, in the caption of a call.
_ARGUMENT = re.compile(r"(\w+)=(?:([\d.]+)|\[([\d., ]+)\])(?=[,)])")

_AXES = {1: "L", 2: "HW", 3: "DHW"}

#: The values that something has in the instances of a class, in order.
Vector = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a constructor."""

    name: str
    values: Vector

    @property
    def annotation(self) -> str:
        return "int" if all(value.isdigit() for value in self.values) else "float"

    @property
    def is_width(self) -> bool:
        return _is_width(self.name)


@dataclass(slots=True, eq=False)
class UnitClass:
    """A class of generated code.

    Parameters
    ----------
    units
        Its instances; the first one stands for all where they do not differ.
    constructions, calls
        For each item the code that makes its module and that runs it, with this class's parameters in it.
    stored
        Parameters that ``forward`` needs.
    """

    units: list[Unit]
    name: str = ""
    parameters: list[Parameter] = field(default_factory=list)
    constructions: list[str] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    stored: list[Parameter] = field(default_factory=list)
    shapes: dict[Port, str] = field(default_factory=dict)

    @property
    def model(self) -> Unit:
        """The instance that the code is written after."""
        return self.units[0]

    @property
    def definition(self) -> str | None:
        return self.model.scope.definition


def classify(root: Unit) -> list[UnitClass]:
    """The classes of all units below and with ``root``, each after those that it needs."""
    found: dict[int, UnitClass] = {}
    order: list[UnitClass] = []
    # Post-order without recursion: nesting is as deep as the specification has it.
    pending: list[tuple[Unit, bool]] = [(root, False)]
    while pending:
        unit, is_done = pending.pop()
        if is_done:
            if unit.kind not in found:
                found[unit.kind] = UnitClass([])
                order.append(found[unit.kind])
            found[unit.kind].units.append(unit)
            continue
        pending.append((unit, True))
        pending += [(item.unit, False) for item in reversed(unit.items) if isinstance(item, CallItem)]
    return order


def parametrise(graph: Graph, classes: Sequence[UnitClass]) -> None:
    """Give classes, which have names, their parameters, code and shapes; each comes after those that it needs."""
    made: dict[int, UnitClass] = {}
    position: dict[int, int] = {}
    for cls in classes:
        for index, unit in enumerate(cls.units):
            made[unit.kind] = cls
            position[id(unit)] = index
        _Parametrisation(graph, cls, made, position).run()


class _Parametrisation:
    def __init__(self, graph: Graph, cls: UnitClass, made: dict[int, UnitClass], position: dict[int, int]) -> None:
        self._graph = graph
        self._class = cls
        self._made = made
        self._position = position
        self._by_vector: dict[tuple[Vector, str], Parameter] = {}
        self._expressions: dict[tuple[Vector, bool], str] = {}
        attributes = {
            attribute.split(".")[0] for attribute in (item.attribute for item in cls.model.items) if attribute
        }
        self._names = Registry(attributes | MODULE_ATTRIBUTES | MODULE_NAMES | {"self"})
        self._letters: dict[tuple[Vector, int], str] = {}

    def run(self) -> None:
        model = self._class.model
        columns = [tuple(unit.items[index] for unit in self._class.units) for index in range(len(model.items))]
        self._adopt({vector for items in columns for vector in self._vectors(items)})
        self._class.constructions = [self._construction(items) for items in columns]
        self._class.calls = [self._call(items) for items in columns]
        self._class.parameters.sort(key=lambda parameter: not parameter.name.startswith("in_"))
        for ports in zip(*(unit.inputs for unit in self._class.units), strict=True):
            self._shape(ports)  # the letters H and W are for the sizes that come in
        for items in columns:
            same = zip(*(item.outputs for item in items), strict=True)
            self._class.shapes.update((ports[0], self._shape(ports)) for ports in same)

    def _adopt(self, vectors: AbstractSet[Vector]) -> None:
        """Take over those parameters of the definition whose numbers occur as they are."""
        if self._class.definition is None:
            return
        calls = [dict(_numbers(unit.scope.caption)) for unit in self._class.units]
        names = dict.fromkeys(name for call in calls for name in call)
        found = {name: _completed([call.get(name) for call in calls], vectors) for name in names}
        adopted: set[Vector] = set()
        for name, vector in found.items():
            if vector is not None and vector not in adopted and is_plain(name):
                adopted.add(vector)
                self._class.parameters.append(Parameter(self._names.claim(_shared_name(name, found)), vector))

    def _vectors(self, items: tuple[Item, ...]) -> Iterator[Vector]:
        """All numbers of an item."""
        ops = [item for item in items if isinstance(item, OpItem)]
        if ops:
            yield from zip(*((*item.made, *item.called) for item in ops), strict=True)
            return
        yield from (vector for _, vector in self._arguments(items))

    def _arguments(self, items: tuple[Item, ...]) -> Iterator[tuple[str, Vector]]:
        """Names and numbers of what the class of child units is given."""
        units = [item.unit for item in items if isinstance(item, CallItem)]
        places = [self._position[id(unit)] for unit in units]
        for parameter in self._made[units[0].kind].parameters:
            yield parameter.name, tuple(parameter.values[place] for place in places)

    def _construction(self, items: tuple[Item, ...]) -> str:
        first = items[0]
        if isinstance(first, OpItem):
            if first.construction is None:
                return ""
            vectors = _transposed(item.made for item in items if isinstance(item, OpItem))
            return without_defaults(self._filled(first, first.construction, vectors))
        arguments = [f"{name}={self._expression(vector, name, first)}" for name, vector in self._arguments(items)]
        return f"{self._made[first.unit.kind].name}({', '.join(arguments)})"

    def _call(self, items: tuple[Item, ...]) -> str:
        first = items[0]
        if not isinstance(first, OpItem):
            return "{module}({inputs})"
        vectors = _transposed(item.called for item in items if isinstance(item, OpItem))
        return self._filled(first, first.call, vectors, is_forward=True)

    def _filled(self, item: OpItem, template: Template, vectors: Sequence[Vector], *, is_forward: bool = False) -> str:
        hints = template.hints
        return template.fill(
            [self._expression(vector, hint, item, is_forward) for vector, hint in zip(vectors, hints, strict=True)]
        )

    # Numbers -----------------------------------------------------------------------------------------------------

    def _expression(self, vector: Vector, hint: str, item: Item, is_forward: bool = False) -> str:
        """The number, if there is but one, else the parameter that has these numbers."""
        if len(set(vector)) == 1:
            return vector[0]
        key = vector, is_forward
        if key not in self._expressions:
            self._expressions[key] = self._varying(vector, hint, item, is_forward)
        return self._expressions[key]

    def _varying(self, vector: Vector, hint: str, item: Item, is_forward: bool) -> str:
        known = next((parameter for parameter in self._class.parameters if parameter.values == vector), None)
        if known is None and not is_forward and _is_width(hint):
            multiple = self._multiple(vector)
            if multiple is not None:
                return multiple
        if known is None:
            owner = item.attribute or (item.node.op.keyword if isinstance(item, OpItem) else "")
            known = Parameter(self._names.claim(*_parameter_names(hint, owner.split(".")[-1])), vector)
            self._class.parameters.append(known)
        if not is_forward:
            return known.name
        if known not in self._class.stored:
            self._class.stored.append(known)
        return f"self.{known.name}"

    def _multiple(self, vector: Vector) -> str | None:
        """The vector as a multiple or a fraction of a width that is a parameter."""
        for parameter in self._class.parameters:
            factor = _factor(parameter.values, vector) if parameter.is_width else None
            if factor is not None:
                return f"{factor} * {parameter.name}"
            divisor = _factor(vector, parameter.values) if parameter.is_width else None
            if divisor is not None:
                return f"{parameter.name} // {divisor}"
        return None

    # Shapes ------------------------------------------------------------------------------------------------------

    def _shape(self, ports: Sequence[Port]) -> str:
        """The shape of a stream; what differs between instances is a parameter's name or a letter."""
        shapes = [self._graph.type_of(port).shape for port in ports]
        ranks = {len(shape) for shape in shapes}
        if len(ranks) != 1 or () in shapes:
            return ""
        rank = ranks.pop() - 1
        vectors = [tuple(str(shape[axis]) for shape in shapes) for axis in range(rank + 1)]
        sizes = [self._channels(vectors[0])]
        sizes += [self._size(vector, axis, rank) for axis, vector in enumerate(vectors[1:])]
        return ("x" if all(size.isdigit() for size in sizes) else " x ").join(sizes)

    def _channels(self, vector: Vector) -> str:
        if len(set(vector)) == 1:
            return vector[0]
        known = next((parameter.name for parameter in self._class.parameters if parameter.values == vector), None)
        return known or (self._multiple(vector) or "C").replace(" ", "")

    def _size(self, vector: Vector, axis: int, rank: int) -> str:
        if len(set(vector)) == 1:
            return vector[0]
        if (vector, axis) not in self._letters:
            letter = _AXES[rank][axis] if rank in _AXES else f"N{axis + 1}"
            primes = sum(1 for _, other in self._letters if other == axis)
            self._letters[vector, axis] = letter + "'" * primes
        return self._letters[vector, axis]


def _numbers(caption: str) -> Iterator[tuple[str, str]]:
    """Arguments of a call that are numbers; those in a list are told apart by their index."""
    for name, number, listed in _ARGUMENT.findall(caption):
        if number:
            yield name, number
        yield from ((f"{name}_{index}", value.strip()) for index, value in enumerate(listed.split(",")) if listed)


def _completed(given: Sequence[str | None], vectors: AbstractSet[Vector]) -> Vector | None:
    """The numbers that an argument has in all calls, where captions leave out those that are its default.

    They are among ``vectors``, or nothing is gained by knowing them; None also where that leaves a choice.
    """
    defaults = [index for index, value in enumerate(given) if value is None]
    candidates = [
        vector
        for vector in vectors
        if len({vector[index] for index in defaults}) <= 1
        and all(value in (None, number) for value, number in zip(given, vector, strict=True))
    ]
    return candidates[0] if len(candidates) == 1 and len(set(candidates[0])) > 1 else None


def _shared_name(name: str, found: Mapping[str, Vector | None]) -> str:
    """Name of a list's item, which is that of the list if all its items are alike."""
    stem = re.sub(r"_\d+$", "", name)
    items = [other for other in found if re.fullmatch(rf"{stem}_\d+", other)]
    return stem if name in items and len({found[item] for item in items}) == 1 else name


def _parameter_names(hint: str, owner: str) -> list[str]:
    return [name for name in (hint, f"{owner}_{hint}", "value") if is_plain(name)]


def _is_width(name: str) -> bool:
    return name.endswith(("channels", "features", "groups", "width"))


def _factor(part: Vector, whole: Vector) -> int | None:
    """The integer above 1 that makes each number of ``whole`` of those of ``part``."""
    if not all(value.isdigit() and value != "0" for value in (*part, *whole)):
        return None
    factors = {divmod(int(b), int(a)) for a, b in zip(part, whole, strict=True)}
    factor, rest = factors.pop()
    return factor if not factors and rest == 0 and factor > 1 else None


def _transposed(rows: Iterable[tuple[str, ...]]) -> list[Vector]:
    return list(zip(*rows, strict=True))
