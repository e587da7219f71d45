"""Every operator against torch: each sample in the catalogue says what it is, and torch says whether that is true."""

from __future__ import annotations

import copy
import importlib
import math
import pickle
from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import Any

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks
from torch.utils.flop_counter import FlopCounterMode

from archdsl.ops import catalogue, lookup
from archdsl.ops.base import (
    SCALAR,
    ArgumentError,
    Constructor,
    Family,
    Op,
    Sample,
    ShapeError,
    TensorType,
    TorchCode,
    Window,
)
from archdsl.ops.boxes import TRUTH, BoxOp, LossOp
from archdsl.ops.detect import REGIONS
from archdsl.ops.length import Reorg
from archdsl.ops.reference import descriptions
from archdsl.source import Source
from archdsl.syntax import tree
from archdsl.syntax.parse import parse

BATCH = 2


def evaluate(node: tree.Expression) -> Any:
    """The value of a literal; a bare word is itself."""
    match node:
        case tree.Number(value=value) | tree.String(value=value) | tree.Boolean(value=value):
            return value
        case tree.Dims(values=values):
            return values
        case tree.Name(name=name):
            return name
        case tree.List(items=items):
            return tuple(map(evaluate, items))
        case tree.Unary(operator="-", operand=operand):
            return -evaluate(operand)
    raise AssertionError(f"samples hold literals only, not {node}")


def make(text: str) -> Op:
    """The operator that a text calls."""
    parsed = parse(Source("sample", text))
    assert not parsed.diagnostics, parsed.diagnostics
    (statement,) = parsed.file.statements
    if isinstance(statement, tree.Input):
        return lookup("input").make(shape=evaluate(statement.shape))
    (step,) = statement.pipeline.elements
    op = lookup(step.name)
    assert op is not None, f"no operator {step.name}"
    arguments = {argument.name or op.positional: evaluate(argument.value) for argument in step.arguments}
    arguments |= {name: True for name in op.stream_arguments if name in arguments}
    if step.kernel is not None:
        arguments["kernel"] = step.kernel.values
    if step.stride is not None:
        arguments["stride"] = evaluate(step.stride)
    return op.make(**arguments)


def stream(text: str) -> TensorType:
    return Sample("", text).types[0]


@dataclass(frozen=True)
class Case:
    """A sample, with all that the operator says of it."""

    text: str
    op: Op
    inputs: tuple[TensorType, ...]
    outputs: tuple[TensorType, ...]
    code: TorchCode

    @classmethod
    @cache
    def of(cls, sample: Sample) -> Case:
        op = make(sample.text)
        outputs = op.infer(*sample.types)
        return cls(sample.text, op, sample.types, outputs, op.torch(sample.types, outputs))

    @property
    def namespace(self) -> dict[str, Any]:
        names: dict[str, Any] = {"torch": torch, "nn": nn, "F": F, "math": math}
        for file in self.code.runtime:
            names |= vars(importlib.import_module(f"archdsl.backends.runtime.{file}"))
        return names

    def module(self) -> nn.Module | None:
        if self.code.module is None:
            return None
        return eval(written(self.code.module), self.namespace)

    def run(self, module: nn.Module | None, *streams: Tensor, text: str | None = None, training: bool = True) -> Any:
        """The value of the call, or of ``text`` in its place."""
        names = [f"x{i}" for i in range(len(streams))]
        expression = (text or self.code.call).format(
            *names, inputs=", ".join(names), module="module", training=repr(training)
        )
        return eval(expression, self.namespace | {"module": module} | dict(zip(names, streams, strict=True)))

    def streams(self, **options: Any) -> list[Tensor]:
        generator = torch.Generator().manual_seed(1)
        return [
            torch.randint(2, (BATCH, *x.shape))
            if x.dtype == "int"
            else regions(**options)
            if x == REGIONS
            else objects(x.channels, **options)
            if isinstance(self.op, LossOp) and x.shape[1:] == (TRUTH,)
            else torch.randn(self.count(x), *x.shape, generator=generator, **options)
            for x in self.inputs
        ]

    def count(self, x: TensorType) -> int:
        """How many elements of a stream there are: as many as there are regions, if these are a stream as well."""
        return len(regions()) if x.batch == "roi" and REGIONS in self.inputs else BATCH


def objects(count: int, **options: Any) -> Tensor:
    """Boxes to be found in each image of a batch: one to begin with, then none, and so on."""
    rows = [[-(index % 2), 8 + index, 5, 70, 50 + index] for index in range(count)]
    return torch.tensor([rows] * BATCH, **({"dtype": torch.get_default_dtype()} | options))


def regions(**options: Any) -> Tensor:
    """Three regions of a batch of images."""
    rows = [[0, 3, 5, 90, 70], [BATCH - 1, 20, 0, 21, 100], [0, 40, 40, 40, 40]]
    return torch.tensor(rows, **({"dtype": torch.get_default_dtype()} | options))


def written(module: Constructor) -> str:
    arguments = [*map(repr, module.positional), *(f"{name}={value!r}" for name, value in module.keywords)]
    return f"{module.name}({', '.join(arguments)})"


def tensors(value: Any) -> list[Tensor]:
    return [value] if isinstance(value, Tensor) else list(value)


def storage(tensor: Tensor) -> int:
    return tensor.untyped_storage().data_ptr()


SAMPLES = [
    pytest.param(sample, id=f"{sample.text} @ {', '.join(sample.inputs)}")
    for op in catalogue().values()
    for sample in op.samples
    if op.arity != 0
]
OPERATORS = [pytest.param(op, id=keyword) for keyword, op in catalogue().items()]


@pytest.fixture
def case(request: pytest.FixtureRequest) -> Case:
    torch.manual_seed(0)
    return Case.of(request.param)


every_sample = pytest.mark.parametrize("case", SAMPLES, indirect=True)


@every_sample
def test_shapes_are_those_of_torch(case: Case) -> None:
    for training in (True, False):
        module = case.module()
        if module is not None:
            module.train(training)
        results = tensors(case.run(module, *case.streams(), training=training))
        assert [tuple(y.shape[1:]) for y in results] == [y.shape for y in case.outputs]


@every_sample
def test_weights_are_those_of_torch(case: Case) -> None:
    module = case.module()
    state = {} if module is None else module.state_dict()
    trainable = set() if module is None else {name for name, _ in module.named_parameters()}
    declared = [(name, weight.shape, weight.trainable) for name, weight in case.op.weights(*case.inputs).items()]
    assert declared == [(name, tuple(tensor.shape), name in trainable) for name, tensor in state.items()]


@every_sample
def test_multiply_accumulates_are_those_of_torch(case: Case) -> None:
    """An operator that is not counted has no product that torch would count either."""
    with torch.device("meta"):
        module = case.module()
        streams = [torch.empty(1, *x.shape, dtype=torch.long if x.dtype == "int" else None) for x in case.inputs]
        if module is not None:
            module.eval()
        with FlopCounterMode(display=False) as counter:
            case.run(module, *streams, training=False)
    assert counter.get_total_flops() == 2 * (case.op.macs(case.inputs, case.outputs) or 0)


@every_sample
def test_gradients_reach_inputs_and_weights(case: Case) -> None:
    module = case.module()
    streams = [x.requires_grad_() if x.is_floating_point() else x for x in case.streams()]
    stream_inputs = sum(bool(getattr(case.op, name)) for name in case.op.stream_arguments)
    numbers = range(len(streams))
    declared = [*numbers] if case.op.stops_gradient is None else [numbers[number] for number in case.op.stops_gradient]
    stopped = {*declared, *numbers[len(streams) - stream_inputs :]}
    flowing = [x for number, x in enumerate(streams) if number not in stopped]
    results = tensors(case.run(module, *streams))
    if not flowing:
        assert not any(y.requires_grad for y in results)
        return
    sum(y.square().sum() for y in results).backward()
    assert all(streams[number].grad is None for number in declared)
    weights = [] if module is None else list(module.parameters())
    for tensor in [*flowing, *weights]:
        if tensor.requires_grad:
            assert tensor.grad is not None
            assert tensor.grad.isfinite().all()


@every_sample
@pytest.mark.parametrize("training", [True, False], ids=["training", "inference"])
def test_forms_in_place_compute_the_same(case: Case, training: bool) -> None:
    module = case.module()
    if module is not None:
        module.train(training)
    for position, text in enumerate((case.code.inplace, case.code.swapped)):
        if text is None:
            continue
        torch.manual_seed(2)
        expected = case.run(module, *case.streams(), training=training)
        streams = case.streams()
        torch.manual_seed(2)
        result = case.run(module, *streams, text=text, training=training)
        assert torch.equal(result, expected)
        assert storage(result) == storage(streams[position])


@every_sample
@pytest.mark.parametrize("training", [True, False], ids=["training", "inference"])
def test_what_must_not_be_overwritten_is_declared(case: Case, training: bool) -> None:
    """Whatever autograd keeps for the backward pass, and whatever shares memory, is known to the in-place pass."""
    module = case.module()
    if module is not None:
        module.train(training)
    streams = [(x.requires_grad_() * 1 if x.is_floating_point() else x) for x in case.streams()]
    saved: set[int] = set()

    def note(tensor: Tensor) -> Tensor:
        saved.add(storage(tensor))
        return tensor

    with saved_tensors_hooks(note, lambda tensor: tensor):
        results = tensors(case.run(module, *streams, training=training))
    inputs, outputs = set(map(storage, streams)), set(map(storage, results))
    shares = bool(inputs & outputs)
    assert case.op.is_view or not shares
    assert case.op.saves_input or not inputs & saved or shares
    assert case.op.saves_output or not outputs & saved or shares


@every_sample
def test_initialisation_leaves_nothing_unset(case: Case) -> None:
    """A module made without memory and filled as generated code does has every parameter and buffer set."""
    plain = case.module()
    if plain is None:
        return
    with torch.device("meta"):
        module = case.module()
    module.to_empty(device="cpu")
    with torch.no_grad():
        for tensor in [*module.parameters(), *module.buffers()]:
            tensor.fill_(math.nan if tensor.is_floating_point() else -999)
    if not case.code.init_complete:
        module.reset_parameters()
    for statement in case.code.init:
        exec(statement.format(module="module"), case.namespace | {"module": module})
    assert all(weight.isfinite().all() for weight in module.parameters())
    buffers = dict(plain.named_buffers())
    assert all(torch.equal(buffer, buffers[name]) for name, buffer in module.named_buffers())


def reached(window: Window, x: TensorType, output: tuple[int, ...]) -> set[tuple[int, ...]]:
    """Input places that an output place sees, by the declared window."""
    axes = []
    for axis, place in enumerate(output):
        step = window.upscale[axis] if window.upscale else 1
        first = place * window.stride[axis] - window.padding[axis]
        taps = [first + tap * window.dilation[axis] for tap in range(window.kernel[axis])]
        axes.append([p // step for p in taps if p % step == 0 and 0 <= p // step < x.spatial[axis]])
    return set(product(*axes))


@every_sample
def test_windows_are_what_is_seen(case: Case) -> None:
    """A high value at one place of the input shows in exactly those outputs whose window holds the place.

    Interpolation may give a place in its window the weight 0, and a region or a box may leave a place out, as may what
    reads memory across the rows of a map. A loss has no places.
    """
    window = case.op.window(*case.inputs)
    (x, *_), (y, *_) = case.inputs, case.outputs
    if window is None or x.size > 20_000 or y == SCALAR:
        return
    module = case.module()
    if module is not None:
        module = module.double().eval()
    places = set(product(*map(range, y.spatial)))
    (plain, *_) = tensors(case.run(module, *case.streams(dtype=torch.float64), training=False))
    for where in {tuple(n // 2 for n in x.spatial), tuple(0 for _ in x.spatial), tuple(n - 1 for n in x.spatial)}:
        streams = case.streams(dtype=torch.float64)
        streams[0][(slice(None), slice(None), *where)] += 100
        (result, *_) = tensors(case.run(module, *streams, training=False))
        seeing = {tuple(place) for place in (result != plain)[0].any(0).nonzero().tolist()}
        expected = places if window.everywhere else {place for place in places if where in reached(window, x, place)}
        assert seeing <= expected
        may_leave_out = case.op.family is Family.RESAMPLE or isinstance(case.op, BoxOp | Reorg) or y.batch == "roi"
        assert seeing == expected or may_leave_out


@pytest.mark.parametrize("op", OPERATORS)
def test_reference_is_complete(op: type[Op]) -> None:
    first, *rest = (op.__doc__ or "").splitlines()
    assert first.endswith((".", "``."))
    assert op.samples
    assert any("Shape:" in line for line in rest)
    described = descriptions(op)
    assert set(described) == set(op.model_fields)
    assert all(described.values()), described
    assert op.positional is None or op.positional in op.model_fields
    assert set(op.stream_arguments) <= set(op.model_fields)


@pytest.mark.parametrize("op", OPERATORS)
def test_captions_are_short(op: type[Op]) -> None:
    for sample in op.samples:
        caption = make(sample.text).caption()
        assert 0 < len(caption) <= 32
        assert "{" not in caption


class Host(nn.Module):
    """A network of one operator."""

    def __init__(self, case: Case) -> None:
        super().__init__()
        self.module = case.module()
        names = [f"x{i}" for i in range(len(case.inputs))]
        text = case.code.call.format(*names, inputs=", ".join(names), module="self.module", training="self.training")
        scope: dict[str, Any] = {}
        exec(f"def forward(self, {', '.join(names)}):\n    return {text}\n", case.namespace, scope)
        self.compute = scope["forward"]

    def forward(self, *streams: Tensor) -> Any:
        return self.compute(self, *streams)


@pytest.mark.parametrize("op", OPERATORS)
def test_runtime_files_export_copy_and_pickle(op: type[Op]) -> None:
    case = next((case for case in map(Case.of, op.samples) if case.code.runtime), None) if op.arity != 0 else None
    if case is None:
        return
    host = Host(case).eval()
    streams = tuple(case.streams())
    torch.manual_seed(1)
    expected = tensors(host(*streams))
    exported = torch.export.export(host, streams)
    for run in (exported.module(), copy.deepcopy(host)):
        torch.manual_seed(1)
        for one, other in zip(tensors(run(*streams)), expected, strict=True):
            torch.testing.assert_close(one, other)
    if host.module is not None:
        restored = pickle.loads(pickle.dumps(host.module)).state_dict()
        assert all(torch.equal(tensor, restored[name]) for name, tensor in host.module.state_dict().items())


# What single operators promise beyond their samples -----------------------------------------------------------------

LENET_LINKS = """
X . . . X X X . . X X X X . X X
X X . . . X X X . . X X X X . X
X X X . . . X X X . . X . X X X
. X X X . . X X X X . . X . X X
. . X X X . . X X X X . X X . X
. . . X X X . . X X X X . X X X
"""


@pytest.mark.parametrize(
    ("text", "shape", "trainable", "macs", "connections"),
    [
        ("5x5 conv 6 pad=valid", "1x32x32", 156, 117_600, 122_304),
        ("2x2 subsample", "6x28x28", 12, None, 5_880),
        ("5x5 conv 16 pad=valid links", "6x14x14", 1_516, 150_000, 151_600),
        ("2x2 subsample", "16x10x10", 32, None, 2_000),
        ("5x5 conv 120 pad=valid", "16x5x5", 48_120, 48_000, 48_120),
        ("fc 84", "120x1x1", 10_164, 10_080, 10_164),
        ("rbf 10", "84", 0, None, 840),
    ],
    ids=["C1", "S2", "C3", "S4", "C5", "F6", "RBF"],
)
def test_lenet_counts(text: str, shape: str, trainable: int, macs: int | None, connections: int) -> None:
    op = make(text.removesuffix(" links"))
    if text.endswith("links"):
        rows = LENET_LINKS.split("\n")[1:-1]
        op = op.make(**op.model_dump() | {"links": [[mark == "X" for mark in row.split()] for row in rows]})
    x = stream(shape)
    outputs = op.infer(x)
    assert sum(weight.size for weight in op.weights(x).values() if weight.trainable) == trainable
    assert op.macs((x,), outputs) == macs
    assert op.connections((x,), outputs) == connections


def test_linked_convolution_is_a_masked_one() -> None:
    from archdsl.backends.runtime.linked_conv import LinkedConv

    sources = ((0, 2), (1,), (0, 1, 2), (1, 2), (2,))
    linked = LinkedConv(sources, (3, 2), stride=2, padding=1, dilation=(1, 2))
    weight = torch.zeros(5, 3, 3, 2)
    for n, outputs in {1: (1, 4), 2: (0, 3), 3: (2,)}.items():
        for row, output in enumerate(outputs):
            weight[output, list(sources[output])] = getattr(linked, f"weight{n}")[row]
    x = torch.randn(2, 3, 9, 9)
    expected = F.conv2d(x, weight, linked.bias, stride=2, padding=1, dilation=(1, 2))
    torch.testing.assert_close(linked(x), expected)


def test_weight_norm_begins_as_a_plain_convolution_and_agrees_with_torch() -> None:
    from archdsl.backends.runtime.weight_norm_conv import WeightNormConv

    conv = WeightNormConv(4, 6, (3, 3), padding=1, groups=2)
    x = torch.randn(2, 4, 5, 5)
    torch.testing.assert_close(conv(x), F.conv2d(x, conv.weight_v, conv.bias, padding=1, groups=2))
    with torch.no_grad():
        conv.weight_g.mul_(3)
    weight = torch._weight_norm(conv.weight_v, conv.weight_g, 0)
    torch.testing.assert_close(conv(x), F.conv2d(x, weight, conv.bias, padding=1, groups=2))


def test_a_dirac_convolution_begins_as_the_identity_and_a_tenth() -> None:
    from archdsl.backends.runtime.dirac_conv import DiracConv

    conv = DiracConv(4, 6, (3, 3), padding=1, groups=2, bias=False)
    x = torch.randn(2, 4, 5, 5)
    delta = nn.init.dirac_(torch.empty(6, 2, 3, 3), groups=2)
    direction = F.normalize(conv.weight.flatten(1)).view_as(conv.weight)
    torch.testing.assert_close(conv(x), F.conv2d(x, delta + 0.1 * direction, padding=1, groups=2))
    with torch.no_grad():
        conv.beta.zero_()
        torch.testing.assert_close(conv(x)[:, [0, 1, 3, 4]], x)
        assert not conv(x)[:, [2, 5]].any(), "outputs beyond the inputs of their group pass nothing on"


def test_bilinear_weights_interpolate() -> None:
    """Twice as fine, a ramp is a ramp again (away from the border)."""
    from archdsl.backends.runtime.bilinear import bilinear_

    weight = bilinear_(torch.empty(2, 2, 4, 4))
    ramp = torch.arange(6.0).expand(1, 2, 6, 6)
    fine = F.conv_transpose2d(ramp, weight, stride=2, padding=1)
    expected = F.interpolate(ramp, scale_factor=2, mode="bilinear")
    torch.testing.assert_close(fine[..., 1:-1, 1:-1], expected[..., 1:-1, 1:-1])


def test_digit_codes_are_ten_different_signs() -> None:
    from archdsl.backends.runtime.radial_basis import DigitCodes

    module = DigitCodes()
    assert set(module.codes.unique().tolist()) == {-1.0, 1.0}
    assert len({tuple(code.tolist()) for code in module.codes}) == 10
    assert module(module.codes).argmin(1).tolist() == list(range(10))
    assert torch.equal(module(module.codes).diagonal(), torch.zeros(10))


@pytest.mark.parametrize(
    ("text", "shape", "kind", "message", "recovery"),
    [
        ("7x7 conv 8 pad=valid", "3x5x9", "kernel", "a kernel of 7x7 does not fit into 5x9", "8x1x3"),
        ("3x3 conv 8 pad=[0, 1] dilation=3", "3x5x9", "kernel", "3x3 (with dilation 7x7)", "8x1x5"),
        ("3x3 conv 8 groups=4", "6x5x5", "groups", "6 input channels do not divide into 4 groups", "8x5x5"),
        ("3x3 conv 6 groups=4", "8x5x5", "groups", "6 output channels do not divide into 4 groups", "6x5x5"),
        ("3x3 conv 8", "3x9", "rank", "kernel 3x3 has 2 axes but the stream has 1", None),
        ("1x1 conv 8", "512", "rank", "a vector of 512", None),
        ("conv 8 kernel=1", "2x2x2x2x2", "rank", "takes 1 to 3 spatial axes", None),
        ("3x3 conv 8", "3x5x5 int", "shape", "floating point", None),
        ("conv(2, kernel=1, links=[[1, 0]])", "2x3x3", "shape", "1 rows, but the stream has 2 channels", "2x3x3"),
        ("conv(3, kernel=1, links=[[1, 0], [1, 1]])", "2x3x3", "shape", "2 columns", "3x3x3"),
        ("conv(2, kernel=1, links=[[1, 0], [1, 0]])", "2x3x3", "shape", "output 1 is linked to no input", "2x3x3"),
        ("conv(2, kernel=1, groups=2, links=[[1, 0], [0, 1]])", "2x3x3", "shape", "exclude", "2x3x3"),
        ("2x2 upconv 4 pad=3", "4x3x3", "empty", "leaves nothing", "4x1x1"),
        ("2x2 upconv 4 /2 output_pad=2", "4x3x3", "shape", "output_pad 2", "4x8x8"),
        ("2x2 upconv 5 groups=2", "4x3x3", "groups", "5 output channels", "5x4x4"),
        ("2x2 upconv 5 init=bilinear", "4x3x3", "shape", "keeps the channels", "5x4x4"),
        ("3x3 subsample", "4x2x2", "kernel", "does not fit", "4x1x1"),
        ("gn 5", "12x3x3", "groups", "12 channels do not divide into 5 groups", "12x3x3"),
        ("instancenorm", "4x1x1", "shape", "no variance", "4x1x1"),
        ("lrn", "16", "rank", "vector of 16", "16"),
        ("rbf 10", "80", "shape", "a vector of 84, but the stream has 80", "10"),
        ("rbf 12", "84", "shape", "10 digits, not of 12", "12"),
        ("rbf 10", "84x1x1", "rank", "takes a vector", "10"),
        ("fc 3", "3x5 int", "shape", "floating point", None),
    ],
)
def test_what_does_not_fit_is_refused(text: str, shape: str, kind: str, message: str, recovery: str | None) -> None:
    with pytest.raises(ShapeError) as caught:
        make(text).infer(stream(shape))
    error = caught.value
    assert error.kind == kind
    assert message in error.message
    assert error.hint
    assert (error.recovery[0].shape if error.recovery else None) == (stream(recovery).shape if recovery else None)


@pytest.mark.parametrize(
    "text", ["3x3 conv 8", "3x3 dwconv", "2x2 upconv 8", "3x3 wnconv 8", "3x3 dirac_conv 8", "fc 8"]
)
def test_bias_is_dropped_before_a_norm_unless_it_was_asked_for(text: str) -> None:
    x = stream("4x6x6")
    assert "bias" not in make(text).settle(x, before_norm=True).weights(x)
    assert "bias" in make(text).settle(x, before_norm=False).weights(x)
    assert "bias" in make(f"{text} bias=true").settle(x, before_norm=True).weights(x)
    assert "bias" not in make(f"{text} bias=false").settle(x, before_norm=False).weights(x)


@pytest.mark.parametrize(
    ("text", "caption"),
    [
        ("3x3 conv 64 /2", "Conv 3x3 /2"),
        ("1x1 conv 64", "Conv 1x1"),
        ("3x3 dwconv", "DWConv 3x3"),
        ("dwconv kernel=5", "DWConv 5x5"),
        ("3x3 conv 64 groups=32", "Conv 3x3 g32"),
        ("3x3 conv 64 dilation=2 pad=valid", "Conv 3x3 d2 valid"),
        ("2x2 upconv 64 /2", "UpConv 2x2 /2"),
        ("fc 10", "FC"),
        ("bn", "BN"),
    ],
)
def test_captions(text: str, caption: str) -> None:
    assert make(text).settle(stream("64x8x8"), before_norm=False).caption() == caption


@pytest.mark.parametrize(
    "text",
    [
        "3x3 conv 0",
        "3x3 conv 2.5",
        "3x3 conv true",
        "3x3 conv 8 stride=0",
        "3x3 conv 8 pad=-1",
        "3x3 conv 8 pad=full",
        "3x3 conv 8 init=kaiming",
        "3x3 conv 8 init=bilinear",
        "3x3 conv 8 std=0",
        "bn eps=0",
        "bn momentum=2",
        "bn affine=1",
    ],
)
def test_arguments_out_of_bounds_are_refused(text: str) -> None:
    with pytest.raises(ArgumentError):
        make(text)
