"""Random small networks against an interpreter that computes them as plainly as can be."""

from __future__ import annotations

import copy
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

import archdsl
from archdsl.backends.python.draws import with_draws
from archdsl.backends.runtime.draw import draw_column
from archdsl.backends.runtime.drop_path import drop_path
from archdsl.backends.runtime.join import join
from archdsl.backends.torch import build
from archdsl.graph.graph import Graph, Node, Output, Port, Scope
from archdsl.graph.verify import verify
from archdsl.ops import catalogue
from archdsl.ops.base import Op, TensorType
from archdsl.source import Source
from tests.examples import examples

DATA = Path(__file__).parent / "data" / "source"
SHAPE = (4, 6, 6)
SPAN = Source("random.arch", "input 4x6x6").span(0, 5)

#: Operators that keep the shape, with their number of inputs.
UNARY = (
    ("conv", {"out": 4, "kernel": 3}),
    ("conv", {"out": 4, "kernel": 1, "bias": True}),
    ("bn", {}),
    ("relu", {}),
    ("relu", {}),
    ("relu6", {}),
    ("leaky", {"slope": 0.1}),
    ("sigmoid", {}),
    ("tanh", {}),
    ("silu", {}),
    ("elu", {}),
    ("dropout", {"p": 0.3}),
    ("droppath", {"p": 0.4}),
    ("shuffle", {"groups": 2}),
    ("maxpool", {"kernel": 3, "stride": 1}),
    ("prelu", {}),
    ("permute", {"order": (0, 2, 1)}),
    ("reshape", {"shape": SHAPE}),
)
MERGES = (("add", {}), ("mul", {}), ("mean", {}), ("max", {}), ("sub", {}), ("join", {"drop": 0.2}))


def make(keyword: str, arguments: dict[str, object], *types: TensorType) -> Op:
    op = catalogue()[keyword](**arguments)
    return op.settle(*types, before_norm=False)


@dataclass
class _Drawing:
    nodes: list[Node] = field(default_factory=list)
    scopes: list[Scope] = field(default_factory=lambda: [Scope(0, None, "network", "random", "", None, "random", SPAN)])
    counts: dict[str, int] = field(default_factory=dict)

    def add(self, op: Op, inputs: tuple[Port, ...], scope: int, path: str | None = None) -> int:
        types = [self.nodes[port.node].outputs[port.index] for port in inputs]
        if path is None:
            prefix = self.scopes[scope].path
            name = f"{prefix}.{op.keyword}" if prefix else op.keyword
            self.counts[name] = self.counts.get(name, 0) + 1
            path = f"{name}{self.counts[name]}"
        self.nodes.append(Node(len(self.nodes), path, op, inputs, op.infer(*types), scope, SPAN))
        return len(self.nodes) - 1

    def open(self, parent: int) -> int:
        number = len(self.scopes)
        prefix = self.scopes[parent].path
        path = f"{prefix}.s{number}" if prefix else f"s{number}"
        self.scopes.append(Scope(number, parent, "step", f"s{number}", path, None, f"s{number}", SPAN))
        return number


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    """A network of one input, forks, merges, nested steps, tied weights, several outputs, outputs of training."""
    drawing = _Drawing()
    drawing.add(make("input", {"shape": SHAPE}), (), 0, "input")
    streams = [Port(0)]
    open_scopes = [0]
    tied = make("conv", {"out": 4, "kernel": 3}, TensorType(SHAPE))
    for _ in range(draw(st.integers(3, 18))):
        move = draw(st.integers(0, 9))
        if move == 0 and len(open_scopes) < 4:
            open_scopes.append(drawing.open(open_scopes[-1]))
        elif move == 1 and len(open_scopes) > 1:
            open_scopes.pop()
        scope = open_scopes[-1]
        kind = draw(st.integers(0, 11))
        recent = st.sampled_from(streams[-5:])
        if kind <= 6:
            keyword, arguments = draw(st.sampled_from(UNARY))
            node = drawing.add(make(keyword, dict(arguments), TensorType(SHAPE)), (draw(recent),), scope)
            streams.append(Port(node))
        elif kind <= 9:
            keyword, arguments = draw(st.sampled_from(MERGES))
            count = 2 if keyword == "sub" else draw(st.integers(2, 3))
            inputs = tuple(draw(recent) for _ in range(count))
            node = drawing.add(make(keyword, dict(arguments), *[TensorType(SHAPE)] * count), inputs, scope)
            streams.append(Port(node))
        elif kind == 10:
            node = drawing.add(tied, (draw(recent),), scope, "shared.conv1")
            streams.append(Port(node))
        else:
            halves = drawing.add(make("split", {"parts": 2}), (draw(recent),), scope)
            both = drawing.add(make("concat", {}), (Port(halves, 1), Port(halves, 0)), scope)
            streams.append(Port(both))
    outputs = [Output("out", streams[-1])]
    for index in range(draw(st.integers(0, 2))):
        only = draw(st.sampled_from((None, "train", "eval")))
        outputs.append(Output(f"more{index}", draw(st.sampled_from(streams)), only=only))  # type: ignore[arg-type]
    graph = Graph("random", tuple(drawing.nodes), tuple(drawing.scopes), tuple(outputs))
    verify(graph)
    return graph


def interpret(graph: Graph, module: nn.Module, *inputs: Tensor) -> list[Tensor]:
    """The outputs, every operator by its plain expression, nothing overwritten, and nothing kept that is dead."""
    graph = with_draws(graph)
    values: dict[Port, Tensor] = {}
    absent = "eval" if module.training else "train"
    wanted = [output for output in graph.outputs if output.only != absent]
    targets = {output.port.node for output in wanted}
    running = [node for node in graph.nodes if _leads_to(graph, node.id, targets)]
    last = {port: node.id for node in running for port in node.inputs}
    last |= {output.port: len(graph.nodes) for output in wanted}
    given = iter(inputs)
    for node in graph.nodes:
        if node.op.keyword == "input":
            values[Port(node.id)] = next(given)
        elif node in running:
            results = _run(graph, module, node, [values[port] for port in node.inputs])
            values |= {Port(node.id, index): value for index, value in enumerate(results)}
            del results
            for port in [port for port in values if last.get(port, -1) <= node.id]:
                del values[port]
    return [values[output.port] for output in wanted]


def _run(graph: Graph, module: nn.Module, node: Node, values: list[Tensor]) -> Sequence[Tensor]:
    code = node.op.torch(graph.input_types(node), node.outputs)
    names = [f"v[{index}]" for index in range(len(values))]
    text = code.call.format(*names, inputs=", ".join(names), module="module", training=str(module.training))
    space = {"torch": torch, "F": F, "nn": nn, "join": join, "drop_path": drop_path, "v": values}
    space["draw_column"] = draw_column if module.training else lambda *_: None
    space["module"] = module.get_submodule(node.path) if code.module else None
    result = eval(text, space)
    return result if len(node.outputs) > 1 else (result,)


def _leads_to(graph: Graph, node: int, targets: set[int]) -> bool:
    reached, pending = {node}, [node]
    while pending:
        current = pending.pop()
        if current in targets:
            return True
        fresh = [user for user in graph.users(current) if user not in reached]
        reached.update(fresh)
        pending += fresh
    return False


def listed(result: Any) -> list[Tensor]:
    return list(result) if isinstance(result, tuple) else [result]


def gradients(outputs: list[Tensor], wanted: list[Tensor]) -> list[Tensor | None]:
    total = sum(
        (output * torch.linspace(-1, 1, output.numel(), dtype=output.dtype).view_as(output)).sum() for output in outputs
    )
    assert isinstance(total, Tensor)
    if not total.requires_grad:
        return [None] * len(wanted)
    return list(torch.autograd.grad(total, wanted, allow_unused=True))


@pytest.mark.filterwarnings("error")
@examples(40)
@given(graphs())
def test_generated_code_computes_the_graph(graph: Graph) -> None:
    module = build(graph, dtype=torch.float64, seed=0)
    for training in (True, False):
        module.train(training)
        reference = copy.deepcopy(module)
        x = torch.randn(2, 4, 6, 6, dtype=torch.float64, requires_grad=True)
        kept = x.detach().clone()
        torch.manual_seed(1)
        expected = interpret(graph, reference, x)
        torch.manual_seed(1)
        found = listed(module(x))
        torch.testing.assert_close(found, expected)
        torch.testing.assert_close(x.detach(), kept)
        found_gradients = gradients(found, [x, *module.parameters()])
        torch.testing.assert_close(found_gradients, gradients(expected, [x, *reference.parameters()]))
        torch.testing.assert_close(dict(module.named_buffers()), dict(reference.named_buffers()))


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("path", sorted(DATA.glob("*.arch")), ids=lambda path: path.stem)
def test_written_networks_compute_the_graph(path: Path, training: bool) -> None:
    graph = archdsl.load(path).graph
    module = build(graph, seed=0).train(training)
    inputs = [torch.randn(2, *node.outputs[0].shape) for node in graph.inputs]
    torch.manual_seed(1)
    expected = interpret(graph, copy.deepcopy(module), *inputs)
    torch.manual_seed(1)
    torch.testing.assert_close(listed(module(*inputs)), expected)


# Memory ----------------------------------------------------------------------------------------------------------


class Peak(TorchDispatchMode):
    """The most bytes that were alive at once, and not before."""

    def __init__(self) -> None:
        super().__init__()
        self.now = self.most = 0
        self._known: set[int] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        for tensor in result if isinstance(result, tuple | list) else (result,):
            storage = tensor.untyped_storage()
            if storage._cdata not in self._known:
                self._known.add(storage._cdata)
                self.now += storage.nbytes()
                weakref.finalize(storage, self._forget, storage._cdata, storage.nbytes())
        self.most = max(self.most, self.now)
        return result

    def _forget(self, key: int, size: int) -> None:
        self._known.discard(key)
        self.now -= size


def most_bytes(run: Callable[[], object]) -> int:
    with torch.no_grad(), Peak() as peak:
        run()
    return peak.most


@examples(40)
@given(graphs())
def test_nothing_lives_longer_than_it_is_needed(graph: Graph) -> None:
    """In one unit, since a module's caller holds its arguments, and where each mode needs all."""
    nodes = tuple(replace(node, scope=0) for node in graph.nodes)
    outputs = tuple(replace(output, only=None) for output in graph.outputs)
    flat = graph.replace(nodes=nodes, scopes=graph.scopes[:1], outputs=outputs)
    module = build(flat, device="meta").eval()
    x = torch.empty(2, *SHAPE, device="meta")
    plain, kept = most_bytes(lambda: interpret(flat, module, x)), most_bytes(lambda: module(x))
    assert kept <= plain
