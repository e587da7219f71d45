"""Writes ``forward``: straight-line code that keeps no tensor longer than it is needed.

Each operator is an expression. An expression is written inside the one that takes its value where this costs no memory;
else it is assigned to a variable. A variable is used again as soon as its value is dead, and a dead one that is not
overwritten at once is deleted.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from archdsl.backends.python.classes import UnitClass
from archdsl.backends.python.inplace import Form
from archdsl.backends.python.names import attribute, variable
from archdsl.backends.python.template import comes_first, holes, is_argument, is_atom
from archdsl.backends.python.units import Item, OpItem, Unit, Use
from archdsl.backends.python.writer import Mark, Writer
from archdsl.graph.graph import Graph, Port, Scope
from archdsl.source import Span

#: Operators in one line, and columns of an expression that may still be written inside another.
_MOST_NESTED, _LONGEST_NESTED = 3, 76
_LETTERS = ("x", "y", "z", "u", "v", "w")


@dataclass(slots=True)
class _Expression:
    """An expression that is not yet assigned.

    Parameters
    ----------
    killed
        Variables whose values are dead when it is computed.
    count
        Number of operators in it.
    """

    item: Item
    text: str
    marks: list[Mark]
    killed: list[str] = field(default_factory=list)
    origin: str | None = None
    count: int = 1
    is_atom: bool = True


class Forward:
    """Writes the statements of one class's ``forward``.

    Parameters
    ----------
    names
        Names of the arguments.
    preferred
        Names for streams, where a new variable is needed.
    draws
        Names for draws that the network shares: small, so that they are neither deleted nor overwritten.
    guarded
        Whether streams that only one mode needs are None in the other, since a caller takes them in any case.
    """

    def __init__(
        self,
        graph: Graph,
        cls: UnitClass,
        writer: Writer,
        names: Mapping[Port, str],
        *,
        draws: Mapping[Port, str],
        preferred: Mapping[Port, str] | None = None,
        leaving: Sequence[Port],
        guarded: bool,
    ) -> None:
        self._graph = graph
        self._class = cls
        self._unit = cls.model
        self._writer = writer
        self._names = dict(names)
        self._draws = draws
        self._preferred = {**draws, **(preferred or {})}
        self._leaving = leaving
        self._arguments = set(names.values())
        #: Arguments whose names are the user's words for the inputs: no other value takes them.
        self._kept = (
            {name for name in names.values() if name not in _LETTERS} if cls.model.scope.parent is None else set()
        )
        self._bound = {name: port for port, name in names.items()}
        self._given_in: dict[str, int] = {}
        self._counts = Counter(port for item in self._unit.runs() for port in item.inputs)
        self._counts.update(leaving)
        self._last = self._last_uses()
        self._pending: _Expression | None = None
        #: Streams of one mode that have a value, None, in the other too; and those of them not yet written.
        self._preset = self._preset_ports(guarded)
        self._preset_here = self._preset
        self._mode = Use.ALWAYS
        self._block: set[str] | None = None
        #: Variables that only one mode binds.
        self._conditional: set[str] = set()
        #: Variables from outside the block that died in it, and those of them whose tensors nobody else holds.
        self._lost: set[str] = set()
        self._doomed: list[str] = []
        self._coming = sum(1 for _ in self._unit.runs())

    def _last_uses(self) -> dict[Port, int]:
        last: dict[Port, int] = {}
        for index, item in enumerate(self._unit.items):
            if item.use is not Use.NEVER:
                last.update(dict.fromkeys(item.inputs, index))
        return last | dict.fromkeys(self._leaving, len(self._unit.items))

    def _preset_ports(self, guarded: bool) -> dict[Port, Item]:
        made = {port: item for item in self._unit.runs() if item.use is not Use.ALWAYS for port in item.outputs}
        wanted = {port for item in self._unit.runs() if item.use is Use.ALWAYS for port in item.inputs}
        wanted.update(self._leaving if guarded else ())
        return {port: item for port, item in made.items() if port in wanted}

    # Statements --------------------------------------------------------------------------------------------------

    def run(self) -> tuple[str, Span | None, Sequence[Mark], str] | None:
        """Write everything before ``return``.

        Returns
        -------
            Text, place, marks and comment of the result, if it is one expression that is not yet assigned.
        """
        for index, (item, call) in enumerate(zip(self._unit.items, self._class.calls, strict=True)):
            if item.use is Use.NEVER:
                continue
            self._enter(item.use)
            self._step(index, item, call)
        last = self._pending
        if last is not None and self._block is None and self._leaving == last.item.outputs and len(self._leaving) == 1:
            return last.text, _span(last.item), last.marks, self._comment(last.item)
        self._flush()
        self._leave()
        return None

    def name(self, port: Port) -> str:
        """The variable that holds a stream."""
        return self._names[port]

    def _enter(self, use: Use) -> None:
        """Begin or end the block that runs in one mode alone."""
        if use is self._mode:
            return
        self._flush()
        self._leave()
        if use is Use.ALWAYS:
            return
        self._write_presets()
        self._writer.line("if self.training:" if use is Use.TRAINING else "if not self.training:")
        self._writer.open()
        self._block, self._mode = set(), use

    def _write_presets(self) -> None:
        """Give variables that must have a value behind a block in any case one before the first."""
        presets, self._preset_here = self._preset_here, {}
        for port, item in presets.items():
            name = self._fresh(item, port)
            self._bind(name, port)
            self._writer.line(f"{name} = None")

    def _leave(self) -> None:
        if self._block is None:
            return
        self._writer.close()
        self._block, self._mode = None, Use.ALWAYS
        self._lost.clear()
        doomed, self._doomed = self._doomed, []
        self._delete(doomed)

    def _step(self, index: int, item: Item, call: str) -> None:
        inner = self._pending
        if inner is not None and not self._may_nest(inner, item, call):
            self._flush()
            inner = None
        self._pending = None
        self._coming -= 1
        expression = self._expression(item, call, inner)
        for port in dict.fromkeys(item.inputs):
            if self._last[port] == index and port in self._names:
                expression.killed.append(self._names[port])
        self._pending = expression
        if len(item.outputs) != 1:
            self._flush()

    def _expression(self, item: Item, call: str, inner: _Expression | None) -> _Expression:
        """The item's code with its arguments in place."""
        nested = inner.item.outputs[0] if inner else None
        texts = [inner.text if inner and port == nested else self._names[port] for port in item.inputs]
        lone = "," if len(texts) == 1 and "(({inputs})" in call else ""
        text = call.format(
            *texts,
            inputs=", ".join(texts) + lone,
            module=attribute("self", item.attribute) if item.attribute else "",
            training="self.training",
        )
        origin = inner.origin if inner else self._names[item.inputs[0]] if item.inputs else None
        expression = _Expression(item, text, [Mark(0, len(text), self._path(item), _span(item))], origin=origin)
        expression.is_atom = is_atom(call)
        if inner is not None:
            at = text.index(inner.text)
            expression.marks += [mark.shifted(at) for mark in inner.marks]
            expression.killed = inner.killed
            expression.count = inner.count + 1
        return expression

    def _may_nest(self, inner: _Expression, item: Item, call: str) -> bool:
        """Whether an expression may be written inside the one that takes its value."""
        (port,) = inner.item.outputs
        if item.inputs.count(port) != 1 or self._counts[port] != 1 or not isinstance(item, OpItem):
            return False
        if inner.count >= _MOST_NESTED or len(inner.text) + len(call) > _LONGEST_NESTED:
            return False
        hole = str(item.inputs.index(port))
        found = holes(call)
        if found.count(hole) + found.count("inputs") != 1:
            return False
        if not comes_first(call, hole if hole in found else "inputs"):
            return False
        if not inner.is_atom and not (is_argument(call, hole) or "inputs" in found):
            return False
        # The variables of the inner expression live on while the outer one allocates; that must not be longer than
        # they would have lived. Arguments are alive anyway: the caller holds them.
        holds = any(name not in self._arguments or self._is_rebound(name) for name in inner.killed)
        maker = inner.item.node.op if isinstance(inner.item, OpItem) else None
        return not holds or not item.node.op.allocates(maker) or self._overwrites(item, port)

    def _is_rebound(self, name: str) -> bool:
        return self._bound.get(name) not in self._unit.inputs

    @staticmethod
    def _overwrites(item: OpItem, port: Port) -> bool:
        position = {Form.INPLACE: 0, Form.SWAPPED: 1}.get(item.form)
        return position is not None and item.inputs[position] == port

    def _flush(self) -> None:
        """Assign the pending expression."""
        pending, self._pending = self._pending, None
        if pending is None:
            return
        dead = self._release(pending.killed)
        spare = [name for name in dead if self._may_take(name)]
        targets = []
        for port in pending.item.outputs:
            if self._counts[port] == 0:
                targets.append("_")
                continue
            name = self._names.get(port) or self._target(port, pending, spare)
            targets.append(name)
            spare = [other for other in spare if other != name]
            self._bind(name, port)
            self._note(name)
        head = ", ".join(targets) + " = "
        marks = [mark.shifted(len(head)) for mark in pending.marks]
        text, comment = head + pending.text, self._comment(pending.item)
        self._writer.line(text, _span(pending.item), comment=comment, marks=marks)
        self._discard([name for name, is_held in dead.items() if name not in targets and not is_held])

    def _note(self, name: str) -> None:
        """Remember in which modes a variable is bound."""
        if self._block is not None and self._bound[name] not in self._preset:
            self._block.add(name)
            self._conditional.add(name)

    def _release(self, killed: Iterable[str]) -> dict[str, bool]:
        """Forget dead values: their variables, and whether the caller holds their tensors anyway."""
        dead = {}
        for name in dict.fromkeys(killed):
            port = self._bound.pop(name)
            self._names.pop(port)
            if port in self._draws:
                continue
            dead[name] = name in self._arguments and port in self._unit.inputs
            if self._block is not None and name not in self._block and name not in self._conditional:
                self._lost.add(name)
            self._conditional.discard(name)
        return dead

    def _may_take(self, name: str) -> bool:
        return name not in self._kept and name not in self._lost

    def _discard(self, names: Sequence[str]) -> None:
        """Delete variables, those from outside the block behind it."""
        self._doomed += [name for name in names if name in self._lost]
        self._delete([name for name in names if name not in self._lost])

    def _delete(self, names: Sequence[str]) -> None:
        if names and self._coming > 0:
            self._writer.line(f"del {', '.join(names)}")

    def _bind(self, name: str, port: Port) -> None:
        self._names[port] = name
        self._bound[name] = port

    # Variables ---------------------------------------------------------------------------------------------------

    def _target(self, port: Port, pending: _Expression, spare: Sequence[str]) -> str:
        """The variable for a value."""
        item = pending.item
        if len(item.outputs) > 1:
            return (
                self._fresh(item, port) if any(self._wishes(item, port)) else next(iter(spare), self._fresh(item, port))
            )
        heir = pending.origin if pending.origin in spare else next(iter(spare), None)
        if "x" in spare and (heir == "x" or len(item.inputs) > 1):
            return "x"
        if heir is not None and (heir in _LETTERS or self._is_within(item, heir)):
            return heir
        if self._is_unused("x"):
            return "x"
        return self._wish(item, port) or heir or self._fresh(item, port)

    def _is_within(self, item: Item, name: str) -> bool:
        """Whether an operator stands in the step that a variable is named after."""
        named = self._given_in.get(name)
        return any(scope.id == named for scope in self._scopes(item))

    def _scopes(self, item: Item) -> Iterator[Scope]:
        """Scopes around an item, the innermost first, up to the unit."""
        scope = self._graph.scopes[item.node.scope] if isinstance(item, OpItem) else item.unit.scope
        while scope.id != self._unit.scope.id and scope.parent is not None:
            yield scope
            scope = self._graph.scopes[scope.parent]

    def _fresh(self, item: Item, port: Port) -> str:
        """A variable that is not in use."""
        wish = self._wish(item, port)
        if wish is not None:
            return wish
        for name in _LETTERS:
            if self._is_unused(name):
                return name
        number = 1
        while not self._is_unused(f"x{number}"):
            number += 1
        return f"x{number}"

    def _wish(self, item: Item, port: Port) -> str | None:
        """A variable that is not in use, named after the output or the step that the value belongs to."""
        for name, scope in self._wishes(item, port):
            chosen = variable(name)
            if chosen is not None and self._is_unused(chosen):
                self._given_in[chosen] = scope
                return chosen
        return None

    def _is_unused(self, name: str) -> bool:
        return name not in self._bound and name not in self._kept and name not in self._lost

    def _wishes(self, item: Item, port: Port) -> Iterator[tuple[str, int]]:
        """Names for a value, with the scopes that they are names of."""
        if port in self._preferred:
            yield self._preferred[port], -1
        for scope in self._scopes(item):
            if scope.kind != "structure" and not re.match(rf"{scope.definition}(\d*$|_)", scope.name):
                several = f"_{item.outputs.index(port)}" if len(item.outputs) > 1 else ""
                yield scope.name + several, scope.id

    # Places ------------------------------------------------------------------------------------------------------

    def _path(self, item: Item) -> str:
        if not isinstance(item, OpItem):
            return item.attribute
        prefix = f"{self._unit.path}." if self._unit.path else ""
        return item.node.path.removeprefix(prefix)

    def _comment(self, item: Item) -> str:
        shapes = [self._class.shapes.get(port, "") for port in item.outputs]
        return ", ".join(shapes) if all(shapes) else ""


def _span(item: Item) -> Span:
    return item.node.span if isinstance(item, OpItem) else item.unit.scope.span


def argument_names(unit: Unit, draws: Mapping[Port, str]) -> dict[Port, str]:
    """Names of the arguments of a block's ``forward``."""
    streams = [port for port in unit.inputs if port not in draws]
    count = len(streams)
    letters = iter(_LETTERS[:count] if count <= 3 else [f"x{number}" for number in range(1, count + 1)])
    return {port: draws[port] if port in draws else next(letters) for port in unit.inputs}


def input_names(graph: Graph) -> dict[Port, str]:
    """Names of the arguments of the network's ``forward``: those of the inputs, ``x`` for one without a name.

    Those that only training has come last.
    """
    names: dict[Port, str] = {}
    for node in sorted(graph.inputs, key=lambda node: node.is_training_input):
        own = node.path.split(".")[-1]
        name = (None if own == "input" else variable(own)) or "x"
        while name in names.values():
            name += "_"
        names[Port(node.id)] = name
    return names
