"""Collects nodes and scopes while elaboration runs, and closes them into a graph."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from archdsl.diagnostic import Call
from archdsl.graph.graph import Graph, Node, Output, Port, Scope, calls_to
from archdsl.graph.scope import Frame, Level
from archdsl.graph.values import Stream, Streams
from archdsl.ops.base import Op, TensorType
from archdsl.source import Span

#: No network in the literature comes near; a spec that does is a mistake or an attack.
MAX_NODES = 250_000


class TooManyNodes(Exception):
    """The network has more than ``MAX_NODES`` nodes; ``span`` is the place of the first that is too many."""

    def __init__(self, span: Span) -> None:
        super().__init__(span)
        self.span = span


@dataclass(slots=True)
class _Draft:
    path: str
    op: Op
    inputs: tuple[Port, ...]
    outputs: tuple[TensorType, ...]
    scope: int
    span: Span


class Builder:
    """The graph under construction."""

    def __init__(self, name: str, span: Span) -> None:
        self._drafts: list[_Draft] = []
        self._scopes = [Scope(0, None, "network", name, "", None, name, span)]
        self._inferred: dict[tuple[int, tuple[TensorType, ...]], tuple[TensorType, ...]] = {}
        self._by_path: dict[str, int] = {}
        self.outputs: list[Output] = []
        self.root = Frame(0, Level(""))

    def open(
        self,
        frame: Frame,
        kind: Literal["step", "call", "structure", "exit", "tap"],
        name: str,
        level: Level,
        span: Span,
        *,
        definition: str | None = None,
        caption: str | None = None,
    ) -> Frame:
        """A frame for a scope below ``frame``."""
        scope = Scope(len(self._scopes), frame.scope, kind, name, level.path, definition, caption or name, span)
        self._scopes.append(scope)
        return Frame(scope.id, level, frame.depth, frame)

    def calls(self, frame: Frame) -> tuple[Call, ...]:
        """The calls of definitions that led to a frame, outermost first."""
        return calls_to(self._scopes, frame.scope)

    def infer(self, op: Op, types: tuple[TensorType, ...]) -> tuple[TensorType, ...]:
        """Output types; remembered, since the layers of a network repeat.

        Raises
        ------
        ShapeError
            The operator does not take these inputs.
        """
        key = (id(op), types)
        outputs = self._inferred.get(key)
        if outputs is None:
            outputs = self._inferred[key] = op.infer(*types)
        return outputs

    def add(
        self, frame: Frame, op: Op, inputs: tuple[Port, ...], outputs: tuple[TensorType, ...], span: Span, name: str
    ) -> Streams:
        """Append a node under the given name in its level and return its streams."""
        number = len(self._drafts)
        if number >= MAX_NODES:
            raise TooManyNodes(span)
        path = frame.level.join(name)
        self._by_path.setdefault(path, number)
        self._drafts.append(_Draft(path, op, inputs, outputs, frame.scope, span))
        return Streams(tuple(Stream(Port(number, index), type) for index, type in enumerate(outputs)))

    def at(self, path: str) -> tuple[Op, tuple[Port, ...], Span] | None:
        """The operator whose weights have a path, its inputs and its place, if there is one."""
        number = self._by_path.get(path)
        if number is None:
            return None
        draft = self._drafts[number]
        return draft.op, draft.inputs, draft.span

    def span_of(self, port: Port) -> Span:
        """Where the node was written that makes a stream."""
        return self._drafts[port.node].span

    def op_of(self, port: Port) -> Op:
        """The operator that makes a stream."""
        return self._drafts[port.node].op

    def inputs_of(self, port: Port) -> tuple[Port, ...]:
        """The streams that the maker of a stream takes."""
        return self._drafts[port.node].inputs

    def type_of(self, port: Port) -> TensorType:
        """The type of a stream."""
        return self._drafts[port.node].outputs[port.index]

    def nodes_so_far(self) -> int:
        """How many nodes there are."""
        return len(self._drafts)

    def _settled(self) -> list[Op]:
        """Operators with what depends on their users decided."""
        users = [0] * len(self._drafts)
        norms = [0] * len(self._drafts)
        for draft in self._drafts:
            is_norm = draft.op.absorbs_bias
            for port in draft.inputs:
                users[port.node] += 1
                norms[port.node] += is_norm
        known: dict[tuple[int, bool, tuple[TensorType, ...]], Op] = {}
        settled = []
        for draft, count, norm_count in zip(self._drafts, users, norms, strict=True):
            before_norm = count > 0 and count == norm_count
            inputs = tuple(map(self.type_of, draft.inputs))
            key = (id(draft.op), before_norm, inputs)
            if key not in known:
                known[key] = draft.op.settle(*inputs, before_norm=before_norm)
            settled.append(known[key])
        return settled

    def _live_scopes(self) -> dict[int, int]:
        """New numbers of the scopes that hold nodes: a step that turned out empty leaves no trace."""
        live = {0}
        for draft in self._drafts:
            scope: int | None = draft.scope
            while scope is not None and scope not in live:
                live.add(scope)
                scope = self._scopes[scope].parent
        return {old: new for new, old in enumerate(sorted(live))}

    def close(self, *, papers: Sequence[str], notes: Sequence[str], **fields: Any) -> Graph:
        """The finished graph."""
        numbers = self._live_scopes()
        scopes = tuple(
            replace(scope, id=numbers[scope.id], parent=None if scope.parent is None else numbers[scope.parent])
            for scope in self._scopes
            if scope.id in numbers
        )
        nodes = tuple(
            Node(number, draft.path, op, draft.inputs, draft.outputs, numbers[draft.scope], draft.span)
            for number, (draft, op) in enumerate(zip(self._drafts, self._settled(), strict=True))
        )
        outputs = tuple(self.outputs)
        return Graph(nodes=nodes, scopes=scopes, outputs=outputs, papers=tuple(papers), notes=tuple(notes), **fields)
