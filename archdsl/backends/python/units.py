"""Parts a graph into units: the pieces that become modules with a ``forward`` of their own.

A scope that adds a level to paths becomes a unit if the module at its path can be the home of all its weights. If some
are at home elsewhere, or are used from elsewhere too (``tied``), or if samples may leave the network between them, the
scope is inlined: the unit around it runs its operators, and its path is a plain container of modules. Scopes of one
path are calls of one unit if they are alike to the last number.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import IntFlag
from functools import reduce
from operator import or_

from archdsl.backends.python.inplace import Form, choose
from archdsl.backends.python.runtime import gather
from archdsl.backends.python.template import Splitter, Template, construction
from archdsl.graph.exits import stages
from archdsl.graph.graph import Graph, Node, Port, Scope
from archdsl.graph.reach import EVALUATION, TRAINING, modes
from archdsl.ops.base import TorchCode


class Use(IntFlag):
    """When a value is needed."""

    NEVER = 0
    TRAINING = TRAINING
    EVALUATION = EVALUATION
    ALWAYS = TRAINING | EVALUATION


@dataclass(frozen=True, slots=True)
class OpItem:
    """An operator that a unit runs itself.

    Parameters
    ----------
    attribute
        Path of its module below the unit; None for an operator without weights.
    construction, call
        Code of the module and of the operator, without their numbers.
    made, called
        The numbers of the two.
    """

    node: Node
    attribute: str | None
    use: Use
    code: TorchCode
    construction: Template | None
    call: Template
    form: Form
    made: tuple[str, ...]
    called: tuple[str, ...]

    @property
    def inputs(self) -> tuple[Port, ...]:
        return self.node.inputs

    @property
    def outputs(self) -> tuple[Port, ...]:
        return tuple(Port(self.node.id, index) for index in range(len(self.node.outputs)))


@dataclass(frozen=True, slots=True)
class CallItem:
    """A call of another unit."""

    unit: Unit
    attribute: str
    use: Use

    @property
    def inputs(self) -> tuple[Port, ...]:
        return self.unit.inputs

    @property
    def outputs(self) -> tuple[Port, ...]:
        return self.unit.outputs


Item = OpItem | CallItem


@dataclass(frozen=True, slots=True, eq=False)
class Unit:
    """A scope as a module.

    Parameters
    ----------
    first, stop
        Its nodes are those from ``first`` up to, not including, ``stop``.
    inputs, outputs
        Streams that come from outside, in order of their first use, and those that outside takes.
    optional
        Those of the inputs and outputs that are None in one of the modes, though the unit runs in both.
    use
        When it runs at all; its items may be needed less often.
    kind
        Equal for units that differ in numbers alone.
    identity
        Equal for units that do not even differ in numbers.
    """

    scope: Scope
    first: int
    stop: int
    items: tuple[Item, ...]
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    optional: frozenset[Port]
    use: Use
    kind: int
    identity: int

    @property
    def path(self) -> str:
        return self.scope.path

    def runs(self) -> Iterator[Item]:
        """The items that ``forward`` runs; others lead to no output, and only their weights are there."""
        return (item for item in self.items if item.use is not Use.NEVER)


def partition(graph: Graph) -> Unit:
    """The unit that is the whole network."""
    return _Partition(graph).run()


class _Partition:
    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._codes = [node.op.torch(graph.input_types(node), node.outputs) for node in graph.nodes]
        modules = gather(name for code in self._codes for name in code.runtime)
        self._splitter = Splitter({name: names for module in modules for name, names in module.signatures.items()})
        self._uses = [Use(mode) for mode in modes(graph)]
        self._stages = {node: index for index, stage in enumerate(stages(graph)) for node in stage.nodes}
        self._counts: Counter[Port] = Counter()
        self._last: dict[Port, int] = {}
        self._count_uses()
        #: The outermost unit so far that begins at a node.
        self._starting: dict[int, Unit] = {}
        self._kinds: dict[object, int] = {}
        self._identities: dict[object, int] = {}

    def _count_uses(self) -> None:
        for node in self._graph.nodes:
            if self._uses[node.id] is not Use.NEVER:
                self._counts.update(node.inputs)
                self._last.update(dict.fromkeys(node.inputs, node.id))
        for output in self._graph.outputs:
            self._counts[output.port] += 1
            self._last[output.port] = len(self._graph.nodes)

    def run(self) -> Unit:
        for group in self._groups():
            units = [self._unit(scope, first, stop) for scope, first, stop in group]
            if len({unit.identity for unit in units}) == 1:
                self._starting.update((unit.first, unit) for unit in units)
        return self._unit(self._graph.scopes[0], 0, len(self._graph.nodes))

    def _groups(self) -> Iterable[list[tuple[Scope, int, int]]]:
        """Scopes that may be units, those of one path together, the deepest first."""
        ranges = _ranges(self._graph)
        weighted, inside = self._weighted()
        below = _below(node.path for node, code in zip(self._graph.nodes, self._codes, strict=True) if code.module)
        groups: dict[str, list[tuple[Scope, int, int]]] = defaultdict(list)
        total: Counter[str] = Counter()
        barred: set[str] = set()
        for scope in self._graph.scopes[1:]:
            assert scope.parent is not None
            if not weighted[scope.id] or scope.path == self._graph.scopes[scope.parent].path:
                continue
            groups[scope.path].append((scope, *ranges[scope.id]))
            total[scope.path] += weighted[scope.id]
            runs = any(self._uses[node] for node in range(*ranges[scope.id]))
            if weighted[scope.id] != inside[scope.id] or not runs or self._is_left_within(*ranges[scope.id]):
                barred.add(scope.path)
        paths = [path for path in groups if path not in barred and total[path] == below[path]]
        return [groups[path] for path in sorted(paths, key=lambda path: -path.count("."))]

    def _is_left_within(self, first: int, stop: int) -> bool:
        """Whether samples may leave the network between two of these nodes."""
        return len({self._stages[node] for node in range(first, stop) if node in self._stages}) > 1

    def _weighted(self) -> tuple[list[int], list[int]]:
        """For each scope the number of operators with weights, and of those whose weights are below its path."""
        weighted, inside = [0] * len(self._graph.scopes), [0] * len(self._graph.scopes)
        for node, code in zip(self._graph.nodes, self._codes, strict=True):
            number: int | None = node.scope
            while number is not None and code.module is not None:
                scope = self._graph.scopes[number]
                weighted[number] += 1
                inside[number] += not scope.path or node.path.startswith(f"{scope.path}.")
                number = scope.parent
        return weighted, inside

    # Units -------------------------------------------------------------------------------------------------------

    def _unit(self, scope: Scope, first: int, stop: int) -> Unit:
        use = Use.ALWAYS if scope.parent is None else reduce(or_, self._uses[first:stop])
        items = tuple(self._items(scope, first, stop, use))
        inputs = self._inputs(scope, items, first)
        outputs = self._outputs(scope, items, stop)
        items = self._with_forms(items)
        outside = [*inputs, *outputs] if use is Use.ALWAYS else []
        optional = frozenset(port for port in outside if self._uses[port.node] is not Use.ALWAYS)
        kind, identity = self._keys(scope, items, inputs, outputs, optional)
        return Unit(scope, first, stop, items, inputs, outputs, optional, use, kind, identity)

    def _items(self, scope: Scope, first: int, stop: int, use: Use) -> Iterator[Item]:
        prefix = len(scope.path) + 1 if scope.path else 0
        position = first
        while position < stop:
            unit = self._starting.get(position)
            if unit is not None:
                needed = Use.ALWAYS if unit.use is use else unit.use
                yield CallItem(unit, unit.path[prefix:], needed)
                position = unit.stop
                continue
            node = self._graph.nodes[position]
            if node.op.keyword != "input":
                needed = self._uses[position]
                yield self._op_item(node, prefix, Use.ALWAYS if needed is use else needed)
            position += 1

    def _op_item(self, node: Node, prefix: int, use: Use) -> OpItem:
        code = self._codes[node.id]
        call, called = self._splitter.split(code.call)
        if code.module is None:
            return OpItem(node, None, use, code, None, call, Form.PLAIN, (), called)
        template, made = self._splitter.split(construction(code.module))
        return OpItem(node, node.path[prefix:], use, code, template, call, Form.PLAIN, made, called)

    def _inputs(self, scope: Scope, items: tuple[Item, ...], first: int) -> tuple[Port, ...]:
        if scope.parent is None:
            return tuple(Port(node.id) for node in self._graph.inputs)
        taken = (port for item in items if item.use for port in item.inputs if port.node < first)
        return tuple(dict.fromkeys(taken))

    def _outputs(self, scope: Scope, items: tuple[Item, ...], stop: int) -> tuple[Port, ...]:
        if scope.parent is None:
            return tuple(output.port for output in self._graph.outputs)
        made = (port for item in items for port in item.outputs)
        return tuple(port for port in made if self._last.get(port, -1) >= stop)

    def _with_forms(self, items: tuple[Item, ...]) -> tuple[Item, ...]:
        """The items with operators in place where that is safe."""
        makers = {port: item.node for item in items if isinstance(item, OpItem) for port in item.outputs}
        return tuple(self._with_form(item, makers) if isinstance(item, OpItem) else item for item in items)

    def _with_form(self, item: OpItem, makers: Mapping[Port, Node]) -> OpItem:
        form = choose(
            item.node,
            item.code,
            [makers.get(port) for port in item.inputs],
            [self._counts[port] == 1 for port in item.inputs],
            self._graph.input_types(item.node),
        )
        if form is Form.PLAIN:
            return item
        call, called = self._splitter.split(form.of(item.code))
        return replace(item, form=form, call=call, called=called)

    def _keys(
        self,
        scope: Scope,
        items: tuple[Item, ...],
        inputs: tuple[Port, ...],
        outputs: tuple[Port, ...],
        optional: frozenset[Port],
    ) -> tuple[int, int]:
        """Numbers for the unit's code without numbers, and for all of it."""
        local = {port: index for index, port in enumerate(inputs)}
        parts: list[object] = []
        exact: list[object] = []
        for item in items:
            wiring = tuple(local.get(port, -1) for port in item.inputs) if item.use else ()
            for port in item.outputs:
                local[port] = len(local)
            parts.append((_key(item), item.use, item.attribute, wiring, len(item.outputs)))
            exact.append((item.made, item.called) if isinstance(item, OpItem) else item.unit.identity)
        leaving = tuple(local[port] for port in outputs)
        key = (scope.definition, len(inputs), tuple(parts), leaving, frozenset(local[port] for port in optional))
        kind = self._kinds.setdefault(key, len(self._kinds))
        return kind, self._identities.setdefault((kind, tuple(exact)), len(self._identities))


def _key(item: Item) -> object:
    if isinstance(item, CallItem):
        return item.unit.kind
    return item.node.op.keyword, item.construction, item.call, item.form, item.code.runtime


def _ranges(graph: Graph) -> list[tuple[int, int]]:
    """For each scope its first node and the one behind its last."""
    first, stop = [len(graph.nodes)] * len(graph.scopes), [0] * len(graph.scopes)
    for node in graph.nodes:
        first[node.scope] = min(first[node.scope], node.id)
        stop[node.scope] = node.id + 1
    for scope in reversed(graph.scopes[1:]):
        assert scope.parent is not None
        first[scope.parent] = min(first[scope.parent], first[scope.id])
        stop[scope.parent] = max(stop[scope.parent], stop[scope.id])
    return list(zip(first, stop, strict=True))


def _below(paths: Iterable[str]) -> Counter[str]:
    """For each prefix of paths the number of paths below it."""
    counts: Counter[str] = Counter()
    for path in paths:
        end = path.find(".")
        while end >= 0:
            counts[path[:end]] += 1
            end = path.find(".", end + 1)
    return counts
