"""Compiled networks: they compute what the graph says, and behave as a hand-written module does."""

from __future__ import annotations

import copy
import io
import pickle
import traceback
import weakref
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode

import archdsl
from archdsl.backends.python.inplace import Form
from archdsl.backends.python.module import write
from archdsl.backends.python.units import CallItem, OpItem, Unit, partition
from archdsl.backends.torch import build
from archdsl.graph.graph import Graph
from tools.peers import missing_packages, peer

DATA = Path(__file__).parent / "data" / "source"
SPECS = Path(__file__).parents[1] / "specs"
EXAMPLES = sorted(path.stem for path in DATA.glob("*.arch"))


def graph_of(text: str) -> Graph:
    return archdsl.load(archdsl.text(text, "specs/net.arch")).graph


def sample(name: str) -> Graph:
    return archdsl.load(DATA / f"{name}.arch").graph


def inputs_of(graph: Graph, dtype: torch.dtype | None = None) -> list[Tensor]:
    return [torch.randn(2, *node.outputs[0].shape, dtype=dtype) for node in graph.inputs]


def listed(result: Any) -> list[Tensor]:
    return list(result) if isinstance(result, tuple) else [result]


# What is computed ------------------------------------------------------------------------------------------------


def forms(unit: Unit) -> Counter[tuple[str, Form]]:
    """How often each operator runs in each form, in a unit and below it."""
    found: Counter[tuple[str, Form]] = Counter()
    for item in unit.items:
        if isinstance(item, CallItem):
            found += forms(item.unit)
        else:
            assert isinstance(item, OpItem)
            found[item.node.op.keyword, item.form] += 1
    return found


@pytest.mark.parametrize(
    ("text", "keyword", "form"),
    [
        ("input 3x8x8\n3x3 conv 4 -> relu", "relu", Form.INPLACE),
        ("input 3x8x8\nrelu -> 3x3 conv 4", "relu", Form.PLAIN),  # the input belongs to the caller
        (
            "input 3x8x8\na = 3x3 conv 4\na -> relu -> 3x3 conv 4",
            "relu",
            Form.PLAIN,
        ),  # what a step yields may be looked at
        ("input 3x8x8\n3x3 conv 4 -> sigmoid -> relu", "relu", Form.PLAIN),  # backward of sigmoid needs what it made
        ("input 3x8x8\n3x3 conv 4 -> dropout 0.5 -> relu", "relu", Form.PLAIN),  # dropout may yield its very input
        ("input 3x8x8\n3x3 conv 4 -> (relu | skip) -> concat", "relu", Form.PLAIN),  # somebody else needs it
        ("input 3x8x8\n(3x3 conv 3 -> bn | skip) -> add", "add", Form.INPLACE),
        ("input 3x8x8\n(skip | 3x3 conv 3 -> bn) -> add", "add", Form.SWAPPED),
        ("input 3x8x8\n3x3 conv 4 -> bn -> relu\nexit e { relu -> fc 2 }\nfc 2", "relu", Form.INPLACE),
    ],
)
def test_what_may_be_overwritten_is(text: str, keyword: str, form: Form) -> None:
    assert forms(partition(graph_of(text)))[keyword, form] == 1


# Outputs ---------------------------------------------------------------------------------------------------------


def test_outputs_of_training_are_not_computed_in_evaluation() -> None:
    graph = sample("exits")
    module = build(graph)
    x = inputs_of(graph)[0]
    assert module(x)._fields == ("early", "late", "scores", "mask")
    ran: list[str] = []
    module.get_submodule("early").register_forward_hook(lambda *_: ran.append("early"))
    result = module.eval()(x)
    assert result._fields == ("late", "scores", "mask")
    assert [tuple(value.shape) for value in result] == [(2, 5), (2, 5), (2, 1, 12, 12)]
    assert not ran
    module.train()(x)
    assert ran == ["early"]


def test_the_one_output_left_in_evaluation_is_a_tensor() -> None:
    module = build(graph_of("input 3x8x8\n3x3 conv 4 -> relu\nexit aux only=train { fc 3 }\nfc 2"))
    assert module(torch.randn(2, 3, 8, 8))._fields == ("aux", "out")
    assert isinstance(module.eval()(torch.randn(2, 3, 8, 8)), Tensor)


def test_an_exit_within_a_definition_is_none_where_nobody_needs_it() -> None:
    text = "input 3x8x8\nb(): { 3x3 conv 4 -> relu; exit side only=train { gap -> fc 3 }; 3x3 conv 4 }\nb -> fc 2"
    module = build(graph_of(text))
    assert len(module(torch.randn(2, 3, 8, 8))) == 2
    assert module.eval()(torch.randn(2, 3, 8, 8)).shape == (2, 2)


def test_several_inputs_come_in_order_and_by_name() -> None:
    graph = sample("tied")
    module = build(graph).eval()
    left, right = inputs_of(graph)
    torch.testing.assert_close(module(left, right), module(right=right, left=left))


def test_tied_weights_are_one() -> None:
    graph = sample("tied")
    module = build(graph)
    module(*inputs_of(graph)).sum().backward()
    assert [name for name, _ in module.named_parameters() if "mix" in name] == [
        f"both.cross1.mix_{i}.conv1.{part}" for i in (1, 2) for part in ("weight", "bias")
    ]
    assert all(parameter.grad is not None for parameter in module.parameters())


@pytest.mark.parametrize("name", EXAMPLES)
def test_keys_are_the_paths(name: str) -> None:
    graph = sample(name)
    expected = {
        f"{node.path}.{weight}": tensor.shape
        for node in graph.nodes
        for weight, tensor in node.op.weights(*graph.input_types(node)).items()
    }
    assert {key: tuple(value.shape) for key, value in build(graph).state_dict().items()} == expected


# Torch's own tools -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("name", EXAMPLES)
def test_torch_compile_takes_the_whole_graph(name: str, training: bool) -> None:
    torch._dynamo.reset()
    graph = sample(name)
    module = build(graph, seed=0).train(training)
    other = copy.deepcopy(module)
    inputs = inputs_of(graph)
    compiled = torch.compile(module, fullgraph=True, backend="eager")
    torch.manual_seed(0)
    found = listed(compiled(*inputs))
    torch.manual_seed(0)
    torch.testing.assert_close(found, listed(other(*inputs)))


def test_many_networks_compile_in_one_process() -> None:
    torch._dynamo.reset()
    for width in range(1, 13):
        module = torch.compile(
            build(graph_of(f"input 3x8x8\n3x3 conv {width} -> relu")), fullgraph=True, backend="eager"
        )
        assert module(torch.randn(2, 3, 8, 8)).shape == (2, width, 8, 8)


@pytest.mark.parametrize("name", EXAMPLES)
def test_torch_export_takes_it(name: str) -> None:
    graph = sample(name)
    module = build(graph, seed=0).eval()
    inputs = inputs_of(graph)
    exported = torch.export.export(module, tuple(inputs))
    torch.testing.assert_close(listed(exported.module()(*inputs)), listed(module(*inputs)))


@pytest.mark.parametrize("name", EXAMPLES)
def test_copies_are_equal_and_apart(name: str) -> None:
    graph = sample(name)
    module = build(graph, seed=0).eval()
    inputs = inputs_of(graph)
    twin = copy.deepcopy(module)
    assert type(twin) is type(module)
    torch.testing.assert_close(listed(twin(*inputs)), listed(module(*inputs)))
    with torch.no_grad():
        next(twin.parameters()).add_(1)
    assert not torch.equal(next(twin.parameters()), next(module.parameters()))


def test_a_module_is_pickled_with_its_source(tmp_path: Path, python: Callable[..., str]) -> None:
    graph = sample("residual")
    module = build(graph, seed=0).eval()
    x = inputs_of(graph)[0]
    torch.save((module, x, module(x)), tmp_path / "module.pt")
    code = """
import sys, torch
module, x, expected = torch.load(sys.argv[1], weights_only=False)
torch.testing.assert_close(module(x), expected)
try:
    module(x[:, :2])
except RuntimeError as error:
    print(error.__notes__[0])
"""
    assert python(code, str(tmp_path / "module.pt")).strip().endswith("in stem.conv1: 3x3 conv 16")


def test_subclasses_are_pickled_too() -> None:
    module = Derived()
    assert type(pickle.loads(pickle.dumps(module))) is Derived


class Derived(type(build(graph_of("net base()\ninput 3x8x8\n3x3 conv 4")))):  # type: ignore[misc]
    """A network with something added."""


def test_state_dicts_go_through_files() -> None:
    graph = sample("residual")
    module, other = build(graph, seed=0), build(graph, seed=1)
    file = io.BytesIO()
    torch.save(module.state_dict(), file)
    file.seek(0)
    other.load_state_dict(torch.load(file, weights_only=True))
    torch.testing.assert_close(other.state_dict(), module.state_dict())


def test_hooks_see_blocks_and_their_gradients() -> None:
    graph = sample("residual")
    module = build(graph, seed=0)
    kept: dict[str, tuple[Tensor, Tensor]] = {}
    seen: list[str] = []
    for name, block in module.named_modules():
        if name.count(".") == 1 and "unit" in name:
            block.register_forward_hook(lambda _m, _i, y, name=name: kept.update({name: (y, y.detach().clone())}))
            block.register_full_backward_hook(lambda *_, name=name: seen.append(name))
    module(*inputs_of(graph)).sum().backward()
    assert len(kept) == len(seen) == 6
    for output, then in kept.values():
        torch.testing.assert_close(output.detach(), then)  # nobody overwrote it later


def test_distributed_data_parallel(tmp_path: Path) -> None:
    if not torch.distributed.is_available():
        pytest.skip("torch was built without it")
    store = torch.distributed.FileStore(str(tmp_path / "store"), 1)
    torch.distributed.init_process_group("gloo", store=store, rank=0, world_size=1)
    try:
        graph = sample("exits")
        parallel = nn.parallel.DistributedDataParallel(build(graph))
        for _ in range(2):
            sum(output.sum() for output in parallel(*inputs_of(graph))).backward()
    finally:
        torch.distributed.destroy_process_group()


def test_checkpointing_by_block() -> None:
    graph = sample("residual")
    module = build(graph, seed=0)
    x = inputs_of(graph)[0].requires_grad_()
    block = module.get_submodule("stage1")
    y = torch.randn(2, 16, 8, 8, requires_grad=True)
    torch.utils.checkpoint.checkpoint(block, y, use_reentrant=False).sum().backward()
    assert y.grad is not None
    assert x.grad is None


# Weights ---------------------------------------------------------------------------------------------------------


def test_seeds_make_the_same_weights_and_leave_torch_alone() -> None:
    graph = sample("residual")
    torch.manual_seed(5)
    before = torch.get_rng_state()
    first, second, third = (build(graph, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), before)
    torch.testing.assert_close(first.state_dict(), second.state_dict(), rtol=0, atol=0)
    assert not torch.equal(first.get_parameter("stem.conv1.weight"), third.get_parameter("stem.conv1.weight"))
    torch.manual_seed(7)
    fourth = build(graph)
    torch.manual_seed(7)
    torch.testing.assert_close(build(graph).state_dict(), fourth.state_dict(), rtol=0, atol=0)


class Writes(TorchDispatchMode):
    """Counts random draws into tensors that have memory."""

    def __init__(self) -> None:
        super().__init__()
        self.draws: Counter[int] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        name = func.overloadpacket.__name__
        if name in ("uniform_", "normal_") and args[0].device.type != "meta":
            self.draws[args[0].untyped_storage().data_ptr()] += 1
        return result


@pytest.mark.parametrize("name", EXAMPLES)
def test_weights_are_drawn_once(name: str) -> None:
    with Writes() as writes:
        module = build(sample(name))
    drawn = {parameter.untyped_storage().data_ptr() for parameter in module.parameters() if parameter.dim() > 1}
    assert drawn <= set(writes.draws)
    assert set(writes.draws.values()) == {1}


def test_initialisation_is_the_one_asked_for() -> None:
    text = """
input 3x32x32
set conv init=normal std=0.5 bias_init=0.25
stem = 3x3 conv 64 -> relu
body = 3x3 conv 64 -> bn init=zero -> relu
3x3 conv 64 init=default bias_init=1.0
fc 7
"""
    module = build(graph_of(text), seed=0)
    assert abs(module.get_parameter("stem.conv1.weight").std().item() - 0.5) < 0.02
    assert abs(module.get_parameter("body.conv1.weight").std().item() - 0.5) < 0.02
    assert module.get_parameter("stem.conv1.bias").eq(0.25).all()
    assert module.get_parameter("body.bn1.weight").eq(0).all()
    assert module.get_parameter("conv1.bias").eq(1).all()
    assert module.get_parameter("conv1.weight").std().item() < 0.05


@pytest.mark.parametrize("name", [*EXAMPLES, "lenet"])
def test_reset_parameters_sets_everything(name: str) -> None:
    graph = archdsl.load(SPECS / "lenet" / "lenet.arch").graph if name == "lenet" else sample(name)
    module, fresh = build(graph, seed=0), build(graph, seed=0)
    with torch.no_grad():
        for tensor in [*module.parameters(), *module.buffers()]:
            tensor.fill_(7)
    torch.manual_seed(0)
    module.reset_parameters()
    tensors = zip([*module.parameters(), *module.buffers()], [*fresh.parameters(), *fresh.buffers()], strict=True)
    assert all(torch.equal(one, other) for one, other in tensors)


def test_devices_and_types() -> None:
    graph = sample("residual")
    assert {tensor.device.type for tensor in build(graph, device="meta").state_dict().values()} == {"meta"}
    with torch.device("meta"):
        module = build(graph)
    assert {tensor.device.type for tensor in module.state_dict().values()} == {"meta"}
    half = build(graph, dtype=torch.bfloat16)
    assert {parameter.dtype for parameter in half.parameters()} == {torch.bfloat16}
    assert half.get_buffer("stem.bn1.num_batches_tracked").dtype == torch.int64
    conv = build(graph, memory_format=torch.channels_last).get_parameter("stem.conv1.weight")
    assert conv.is_contiguous(memory_format=torch.channels_last)


def test_default_types_are_followed() -> None:
    torch.set_default_dtype(torch.float64)
    try:
        assert {parameter.dtype for parameter in build(sample("residual")).parameters()} == {torch.float64}
    finally:
        torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize("name", EXAMPLES)
def test_fake_tensors(name: str) -> None:
    graph = sample(name)
    with FakeTensorMode():
        module = build(graph, dtype=torch.float16, seed=1)
        inputs = inputs_of(graph, torch.float16)
        shapes = [tuple(output.shape) for output in listed(module(*inputs))]
    assert {type(tensor).__name__ for tensor in module.state_dict().values()} == {"FakeTensor"}
    assert shapes == [(2, *graph.type_of(output.port).shape) for output in graph.outputs]


# Errors ----------------------------------------------------------------------------------------------------------


def note_of(call: Callable[[], object]) -> str:
    with pytest.raises(Exception) as caught:  # noqa: PT011 - whatever torch raises
        call()
    notes = caught.value.__notes__
    assert len(notes) == 1
    assert notes[0] in "".join(traceback.format_exception(caught.value))
    return str(notes[0])


def test_errors_name_the_line_of_the_specification() -> None:
    text = "input 3x8x8\nblock(width): 3x3 conv width -> relu\n\nstem = block(4) -> block(6)\nfc 2"
    module = build(graph_of(text))
    assert (
        note_of(lambda: module(torch.randn(2, 4, 8, 8))) == "specs/net.arch:2:15 in stem.block1.conv1: 3x3 conv width"
    )
    module.get_submodule("stem.block2.conv1").weight = nn.Parameter(torch.zeros(6, 5, 3, 3))
    assert note_of(lambda: module(torch.randn(2, 3, 8, 8))).startswith("specs/net.arch:2:15 in stem.block2.conv1: ")


def test_errors_of_operators_without_weights_have_lines_too() -> None:
    module = build(graph_of("input 3x8x8\na = 3x3 conv 4\n\n(a | a -> 2x2 maxpool -> upsample 2) -> add -> relu"))
    note = note_of(lambda: module(torch.randn(2, 3, 9, 9)))
    assert note == "specs/net.arch:4:41 in add1: add"


def test_steps_that_share_a_class_have_their_own_lines() -> None:
    module = build(graph_of("input 3x8x8\na = 3x3 conv 3 -> relu\nb = 3x3 conv 3 -> relu\nfc 2"))
    module.get_submodule("b.conv1").weight = nn.Parameter(torch.zeros(3, 5, 3, 3))
    assert note_of(lambda: module(torch.randn(2, 3, 8, 8))) == "specs/net.arch:3:5 in b.conv1: 3x3 conv 3"


def test_tracebacks_show_the_generated_line() -> None:
    module = build(sample("residual"))
    with pytest.raises(RuntimeError) as caught:
        module(torch.randn(2, 4, 32, 32))
    shown = "".join(traceback.format_exception(caught.value))
    assert "x = self.stem(x)  # 16x32x32" in shown


def test_forward_is_the_exported_one() -> None:
    """Nothing stands between ``forward`` and the text."""
    import inspect

    graph = sample("residual")
    module = build(graph)
    source = write(graph).text
    assert inspect.getsource(type(module)) in source
    assert all(
        inspect.getsource(type(part)) in source
        for part in module.modules()
        if type(part).__module__.startswith("archdsl")
    )


# Memory ----------------------------------------------------------------------------------------------------------


class LiveBytes(TorchDispatchMode):
    """How many bytes are alive behind each convolution."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0
        self.behind_convolutions: list[int] = []
        self._known: set[int] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        for tensor in result if isinstance(result, tuple | list) else (result,):
            if isinstance(tensor, Tensor):
                self._watch(tensor)
        if func.overloadpacket.__name__ == "convolution":
            self.behind_convolutions.append(self.now)
        return result

    def _watch(self, tensor: Tensor) -> None:
        storage = tensor.untyped_storage()
        key = storage._cdata
        if key in self._known:
            return
        self._known.add(key)
        self.now += storage.nbytes()
        weakref.finalize(storage, self._forget, key, storage.nbytes())

    def _forget(self, key: int, size: int) -> None:
        self._known.discard(key)
        self.now -= size


def live_bytes(module: nn.Module, x: Tensor, training: bool) -> list[int]:
    module.train(training)
    with torch.set_grad_enabled(training):
        module(x)  # whatever is made once is made now
        with LiveBytes() as live:
            module(x)
    return live.behind_convolutions


@pytest.mark.skipif("torchvision" in missing_packages(), reason="the extra `peers` is not installed")
@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize(
    ("target", "name"),
    [
        ("resnet/resnet.arch:resnet18", "resnet18"),
        ("resnet/resnet.arch:resnet50", "resnet50"),
        ("vgg/vgg.arch:vgg16", "vgg16"),
        ("mobilenet/mobilenet_v2.arch", "mobilenet_v2"),
        ("densenet/densenet.arch", "densenet121"),
    ],
)
def test_memory_is_at_most_that_of_hand_written_code(target: str, name: str, training: bool) -> None:
    x = torch.empty(2, 3, 224, 224, device="meta")
    with torch.device("meta"):
        theirs = live_bytes(peer(f"torchvision:{name}"), x, training)
    ours = live_bytes(archdsl.load(f"{SPECS}/{target}").module(device="meta"), x, training)
    assert len(ours) == len(theirs)
    assert max(ours) <= max(theirs)
    if "dense" not in name:  # where theirs concatenates anew in each layer, and ours once
        assert all(one <= other for one, other in zip(ours, theirs, strict=True))
