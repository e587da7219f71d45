"""Convolutions without a fixed shape: against loops, against plain convolutions, and what training does to them."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from math import floor
from typing import Any

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

import archdsl
from archdsl.backends.runtime.active_conv import ActiveConv, UnitGradient, active_conv, spiral
from archdsl.backends.runtime.deformable_conv import DeformableConv, deformable_conv
from archdsl.ops import lookup
from archdsl.ops.base import ShapeError, TensorType
from archdsl.ops.fold import Affine
from tests.examples import examples
from tools.peers import declare_operators

DOUBLE = torch.float64
Pair = tuple[int, int]


@st.composite
def settings_of_a_window(draw: st.DrawFn) -> dict[str, Any]:
    """A window and an input in which it has at least one place."""

    def pairs(least: int, most: int) -> Pair:
        return draw(st.tuples(st.integers(least, most), st.integers(least, most)))

    kernel, dilation, padding = pairs(1, 3), pairs(1, 2), pairs(0, 2)
    reach = [d * (k - 1) + 1 - 2 * p for k, d, p in zip(kernel, dilation, padding, strict=True)]
    groups, offset_groups = draw(st.sampled_from((1, 2))), draw(st.sampled_from((1, 2, 4)))
    return {
        "size": tuple(max(r, 1) + draw(st.integers(0, 4)) for r in reach),
        "kernel": kernel,
        "window": {"stride": pairs(1, 2), "padding": padding, "dilation": dilation, "groups": groups},
        "channels": 4 * draw(st.integers(1, 2)),
        "out": 2 * draw(st.integers(1, 2)),
        "offset_groups": offset_groups,
        "batch": draw(st.integers(1, 2)),
        "seed": draw(st.integers(0, 999)),
    }


def tensors(case: dict[str, Any]) -> tuple[Tensor, Tensor, Tensor]:
    """Input, weight and bias."""
    torch.manual_seed(case["seed"])
    x = torch.randn(case["batch"], case["channels"], *case["size"], dtype=DOUBLE)
    weight = torch.randn(case["out"], case["channels"] // case["window"]["groups"], *case["kernel"], dtype=DOUBLE)
    return x, weight, torch.randn(case["out"], dtype=DOUBLE)


def interpolated(plane: Tensor, y: float, x: float) -> Tensor:
    """A plane's value between its places; zero beyond them."""
    total = plane.new_zeros(())
    for row, column in product((floor(y), floor(y) + 1), (floor(x), floor(x) + 1)):
        if 0 <= row < plane.shape[0] and 0 <= column < plane.shape[1]:
            total = total + plane[row, column] * (1 - abs(y - row)) * (1 - abs(x - column))
    return total


def by_loops(
    x: Tensor,
    weight: Tensor,
    bias: Tensor,
    groups: int,
    size: Pair,
    point: Callable[[int, int, int, int, int], tuple[float, float]],
    scale: Callable[[int, int, int, int, int], float] = lambda *_: 1.0,
) -> Tensor:
    """Convolve one product at a time; ``point`` and ``scale`` take image, channel, tap, row and column."""
    taps = weight[0, 0].numel()
    y = bias.view(1, -1, 1, 1).repeat(x.shape[0], 1, *size)
    for image, out, row, column in product(range(x.shape[0]), range(len(weight)), range(size[0]), range(size[1])):
        first = out // (len(weight) // groups) * weight.shape[1]
        for channel, tap in product(range(weight.shape[1]), range(taps)):
            where = image, first + channel, tap, row, column
            seen = interpolated(x[image, first + channel], *point(*where)) * scale(*where)
            y[image, out, row, column] += weight[out, channel].flatten()[tap] * seen
    return y


# Against loops and plain convolutions --------------------------------------------------------------------------------


@examples(15)
@given(case=settings_of_a_window(), modulated=st.booleans())
def test_deformable_convolution_is_the_sum_of_its_definition(case: dict[str, Any], modulated: bool) -> None:
    x, weight, bias = tensors(case)
    window = case["window"]
    size = tuple(F.conv2d(x, weight, None, **window).shape[2:])
    taps, share = weight[0, 0].numel(), case["channels"] // case["offset_groups"]
    offsets = torch.randn(len(x), case["offset_groups"], taps, 2, *size, dtype=DOUBLE) * 2
    mask = torch.rand(len(x), case["offset_groups"], taps, *size, dtype=DOUBLE) if modulated else None

    def point(image: int, channel: int, tap: int, row: int, column: int) -> tuple[float, float]:
        moved = offsets[image, channel // share, tap, :, row, column].tolist()
        steps = divmod(tap, case["kernel"][1])
        axes = zip((row, column), steps, moved, window["stride"], window["padding"], window["dilation"], strict=True)
        y, across = (at * s - p + step * d + by for at, step, by, s, p, d in axes)
        return y, across

    def scale(image: int, channel: int, tap: int, row: int, column: int) -> float:
        return 1.0 if mask is None else float(mask[image, channel // share, tap, row, column])

    expected = by_loops(x, weight, bias, window["groups"], size, point, scale)
    scales = None if mask is None else mask.flatten(1, 2)
    result = deformable_conv(x, weight, offsets.flatten(1, 3), scales, bias, **window)
    torch.testing.assert_close(result, expected)


@examples(15)
@given(case=settings_of_a_window())
def test_active_convolution_is_the_sum_of_its_definition(case: dict[str, Any]) -> None:
    x, weight, bias = tensors(case)
    window = case["window"]
    size = tuple(F.conv2d(x, weight, None, **window).shape[2:])
    positions = torch.randn(weight[0, 0].numel(), 2, dtype=DOUBLE) * 2

    def point(_: int, __: int, tap: int, row: int, column: int) -> tuple[float, float]:
        axes = zip(
            (row, column),
            positions[tap].tolist(),
            case["kernel"],
            *(window[name] for name in ("stride", "padding", "dilation")),
            strict=True,
        )
        y, across = (at * s - p + k // 2 * d + by for at, by, k, s, p, d in axes)
        return y, across

    expected = by_loops(x, weight, bias, window["groups"], size, point)
    torch.testing.assert_close(active_conv(x, weight, positions, bias, **window), expected)


@examples(40)
@given(case=settings_of_a_window())
def test_both_begin_as_the_plain_convolution(case: dict[str, Any]) -> None:
    x, weight, bias = tensors(case)
    expected = F.conv2d(x, weight, bias, **case["window"])
    offset_channels = 2 * case["offset_groups"] * weight[0, 0].numel()
    zeros = torch.zeros(len(x), offset_channels, *expected.shape[2:], dtype=DOUBLE)
    torch.testing.assert_close(deformable_conv(x, weight, zeros, None, bias, **case["window"]), expected)
    order = spiral(case["kernel"])
    positions = torch.tensor(order, dtype=DOUBLE) * torch.tensor(case["window"]["dilation"])
    middle = [size // 2 for size in case["kernel"]]
    taps = torch.stack([weight[..., y + middle[0], x + middle[1]] for y, x in order], -1).view_as(weight)
    torch.testing.assert_close(active_conv(x, taps, positions, bias, **case["window"]), expected)


@pytest.mark.parametrize("dilation", [(2, 2), (3, 1), (1, 4)])
def test_whole_offsets_dilate(dilation: Pair) -> None:
    torch.manual_seed(0)
    x, weight = torch.randn(2, 3, 9, 8, dtype=DOUBLE), torch.randn(4, 3, 3, 3, dtype=DOUBLE)
    expected = F.conv2d(x, weight, padding=dilation, dilation=dilation)
    steps = torch.tensor([(y * (dilation[0] - 1), x * (dilation[1] - 1)) for y, x in product((-1, 0, 1), repeat=2)])
    offsets = steps.to(DOUBLE).view(1, 18, 1, 1).expand(2, 18, 9, 8)
    torch.testing.assert_close(deformable_conv(x, weight, offsets, padding=(1, 1)), expected)


def test_taps_far_outside_see_zeros() -> None:
    x, weight = torch.ones(1, 1, 4, 4), torch.ones(1, 1, 1, 1)
    for far in (-1e30, -5.0, -1.0, 4.0, 1e30):
        offsets = torch.tensor([far, 0.0]).view(1, 2, 1, 1).expand(1, 2, 4, 4)
        assert deformable_conv(x, weight, offsets)[0, 0, 0].abs().max() == 0
        assert active_conv(x, weight, torch.tensor([[0.0, far]]))[0, 0, :, 0].abs().max() == 0


def test_taps_in_half_precision_do_not_drift() -> None:
    """Places beyond 256 are not all numbers of bfloat16, yet each is met exactly."""
    x = torch.randn(1, 1, 2, 600).to(torch.bfloat16)
    weight = torch.ones(1, 1, 1, 1, dtype=torch.bfloat16)
    positions = torch.tensor([[0.0, 1.0]], dtype=torch.bfloat16)
    assert torch.equal(active_conv(x, weight, positions)[..., :-1], x[..., 1:])


def test_results_equal_those_of_torchvision() -> None:
    declare_operators()
    torchvision = pytest.importorskip("torchvision.ops")
    if not hasattr(torch.ops.torchvision, "deform_conv2d"):
        pytest.skip("the compiled library of torchvision does not fit this build of torch")
    torch.manual_seed(0)
    x, weight, bias = (torch.randn(*shape, dtype=DOUBLE) for shape in ((2, 8, 9, 7), (6, 4, 3, 2), (6,)))
    window: dict[str, Pair] = {"stride": (2, 1), "padding": (1, 2), "dilation": (2, 1)}
    size = F.conv2d(x, weight, **window, groups=2).shape[2:]
    offsets, mask = torch.randn(2, 48, *size, dtype=DOUBLE), torch.rand(2, 24, *size, dtype=DOUBLE)
    expected = torchvision.deform_conv2d(x, offsets, weight, bias, **window, mask=mask)
    torch.testing.assert_close(deformable_conv(x, weight, offsets, mask, bias, **window, groups=2), expected)


# Gradients -----------------------------------------------------------------------------------------------------------


def off_the_grid(*shape: int) -> Tensor:
    """Distances with fractions from 0.2 to 0.8, since interpolation has kinks at whole ones."""
    return (torch.randint(-2, 2, shape) + torch.rand(*shape, dtype=DOUBLE) * 0.6 + 0.2).requires_grad_()


def random(*shape: int) -> Tensor:
    return torch.randn(*shape, dtype=DOUBLE).requires_grad_()


@pytest.mark.parametrize("groups", [1, 2])
def test_gradients_of_deformable_convolution(groups: int) -> None:
    torch.manual_seed(0)
    inputs = (
        random(1, 4, 4, 3),
        random(2, 4 // groups, 3, 2),
        off_the_grid(1, 24, 2, 4),
        torch.rand(1, 12, 2, 4, dtype=DOUBLE).requires_grad_(),
        random(2),
    )
    assert torch.autograd.gradcheck(lambda *given: deformable_conv(*given, (2, 1), (1, 1), (1, 1), groups), inputs)


@pytest.mark.parametrize("groups", [1, 2])
def test_gradients_of_active_convolution(groups: int) -> None:
    torch.manual_seed(0)
    inputs = random(2, 4, 5, 6), random(2, 4 // groups, 3, 3), off_the_grid(9, 2), random(2)
    assert torch.autograd.gradcheck(lambda *given: active_conv(*given, (2, 1), (1, 2), (1, 1), groups), inputs)


def test_the_derivative_at_a_place_is_the_one_behind_it() -> None:
    x = torch.tensor([[0.0, 1.0, 5.0]], dtype=DOUBLE).view(1, 1, 1, 3)
    positions = torch.zeros(1, 2, dtype=DOUBLE, requires_grad=True)
    active_conv(x, torch.ones(1, 1, 1, 1, dtype=DOUBLE), positions)[0, 0, 0, 1].backward()
    assert positions.grad is not None
    assert positions.grad.tolist() == [[-1.0, 4.0]]  # below are zeros, to the right is 5


# Training ------------------------------------------------------------------------------------------------------------


def test_positions_of_released_nets_are_in_their_order() -> None:
    """The centre, then around a circle, from the x axis on towards y."""
    around = [(0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1), (-1, 0), (-1, 1)]
    assert spiral((3, 3)) == [(0, 0), *around]
    assert spiral((1, 1)) == [(0, 0)]
    assert ActiveConv(2, 2, (3, 3), dilation=2).positions.tolist() == [[2.0 * y, 2.0 * x] for y, x in spiral((3, 3))]


def test_the_gradient_of_a_position_is_a_direction() -> None:
    torch.manual_seed(0)
    given = random(5, 2)
    (weights := torch.randn(5, 2, dtype=DOUBLE))[3] = 0
    (UnitGradient.apply(given) * weights).sum().backward()
    expected = F.normalize(weights, dim=1)
    torch.testing.assert_close(given.grad, expected)


@pytest.mark.parametrize("normalised", [True, False])
def test_the_centre_never_moves(normalised: bool) -> None:
    torch.manual_seed(0)
    module = ActiveConv(3, 4, (3, 3), padding=1, normalised=normalised)
    module(torch.randn(2, 3, 6, 6)).square().sum().backward()
    assert module.positions.grad is not None
    lengths = module.positions.grad.norm(dim=1)
    assert lengths[0] == 0
    assert (lengths[1:] > 0).all()
    assert normalised == torch.allclose(lengths[1:], torch.ones(8))


def compiled(text: str) -> nn.Module:
    return archdsl.load(archdsl.text(text)).module(seed=0)


def test_weights_come_in_groups_for_an_optimiser() -> None:
    module: Any = compiled(
        "input 3x8x8; 3x3 active_conv 6 -> relu -> 3x3 deformable_conv 8 modulated=true -> gap -> fc 2"
    )
    groups = module.parameter_groups(lr=0.5, weight_decay=0.1)
    paces = {id(weight): (group["lr"], group["weight_decay"]) for group in groups for weight in group["params"]}
    names = {name: paces.pop(id(weight)) for name, weight in module.named_parameters()}
    assert not paces
    assert names.pop("active_conv1.positions") == (0.5 * 0.01, 0)
    assert {names.pop(f"deformable_conv1.offset_{name}") for name in ("weight", "bias")} == {(0.5 * 0.1, 0.1)}
    assert set(names.values()) == {(0.5, 0.1)}


def test_a_step_moves_each_tap_as_far_as_the_rate_says() -> None:
    module: Any = compiled("input 3x8x8; stem = 3x3 active_conv 6")
    optimiser = torch.optim.SGD(module.parameter_groups(lr=0.5, weight_decay=0.1))
    before = module.stem.active_conv1.positions.detach().clone()
    module(torch.randn(2, 3, 8, 8)).square().mean().backward()
    optimiser.step()
    moved = (module.stem.active_conv1.positions.detach() - before).norm(dim=1)
    torch.testing.assert_close(moved, torch.tensor([0.0] + [0.005] * 8), rtol=1e-4, atol=0)


def test_networks_without_paces_have_no_such_method() -> None:
    assert not hasattr(compiled("input 3x8x8; 3x3 conv 6 -> gap -> fc 2"), "parameter_groups")


def test_a_step_of_the_name_of_the_method_is_a_child() -> None:
    module = compiled("input 3x8x8; parameter_groups = 3x3 active_conv 4")
    assert module(torch.randn(2, 3, 8, 8)).shape == (2, 4, 8, 8)
    assert "parameter_groups.active_conv1.positions" in module.state_dict()


def test_modulation_begins_with_half_of_each_sample() -> None:
    torch.manual_seed(0)
    module = DeformableConv(4, 6, (3, 3), padding=1, bias=False, offset_groups=2, modulated=True)
    x = torch.randn(2, 4, 5, 5)
    torch.testing.assert_close(module(x), F.conv2d(x, module.weight, padding=1) / 2)


def test_offsets_come_from_the_same_window_of_the_same_input() -> None:
    torch.manual_seed(0)
    module = DeformableConv(4, 6, (3, 3), stride=2, padding=2, dilation=2, offset_groups=2, offset_dilation=1).double()
    nn.init.normal_(module.offset_weight)
    x = torch.randn(2, 4, 9, 8, dtype=DOUBLE)
    offsets = F.conv2d(x, module.offset_weight, module.offset_bias, stride=2, padding=1)
    expected = deformable_conv(x, module.weight, offsets, None, module.bias, (2, 2), (2, 2), (2, 2))
    torch.testing.assert_close(module(x), expected)


# What torch and archdsl do with them ---------------------------------------------------------------------------------

NETS = [
    "input 4x9x8; 3x3 active_conv 6 /2 -> bn -> relu -> gap -> fc 2",
    "input 4x9x8; 3x3 deformable_conv 6 offset_groups=2 dilation=2 -> bn -> relu -> gap -> fc 2",
    "input 4x9x8; 3x3 deformable_conv 6 modulated=true groups=2 pad=tf_same /2 -> bn -> relu -> gap -> fc 2",
]


@pytest.mark.parametrize("text", NETS)
def test_torch_compiles_training_whole(text: str) -> None:
    torch.compiler.reset()
    module = compiled(text).train()
    whole: Any = torch.compile(module, fullgraph=True, backend="eager")
    gradients = []
    for run in (module, whole):
        module.zero_grad()
        run(torch.randn(2, 4, 9, 8, generator=torch.Generator().manual_seed(1))).square().sum().backward()
        gradients.append([weight.grad.clone() for weight in module.parameters() if weight.grad is not None])
    assert len(gradients[0]) == len(list(module.parameters()))
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("text", NETS)
def test_torch_exports_any_size_of_batch(text: str) -> None:
    module = compiled(text).eval()
    for weight in module.parameters():
        nn.init.normal_(weight, std=0.3)
    sizes = ({0: torch.export.Dim.AUTO},)
    program = torch.export.export(module, (torch.randn(2, 4, 9, 8),), dynamic_shapes=sizes)
    batch = torch.randn(5, 4, 9, 8)
    torch.testing.assert_close(program.module()(batch), module(batch))


@pytest.mark.parametrize("keyword", ["active_conv", "deformable_conv"])
def test_a_norm_behind_can_be_folded(keyword: str) -> None:
    torch.manual_seed(0)
    op = lookup(keyword).make(out=6, kernel=(3, 3), bias=False)
    shapes = op.weights(TensorType((4, 7, 8)))
    weights = {name: torch.randn(weight.shape, dtype=DOUBLE) for name, weight in shapes.items()}
    after = Affine(torch.randn(6, dtype=DOUBLE), torch.randn(6, dtype=DOUBLE))
    kind = {"active_conv": ActiveConv, "deformable_conv": DeformableConv}[keyword]
    plain, folded = (kind(4, 6, (3, 3), padding=1, bias=bias).double() for bias in (False, True))
    plain.load_state_dict(weights)
    folded.load_state_dict(op.then(weights, after))
    x = torch.randn(2, 4, 7, 8, dtype=DOUBLE)
    expected = plain(x) * after.scale.view(-1, 1, 1) + after.shift.view(-1, 1, 1)
    torch.testing.assert_close(folded(x), expected)


def test_costs_are_those_of_the_convolutions_and_sampling_is_listed_as_not_counted() -> None:
    cost = archdsl.load(
        archdsl.text("input 4x8x8; 3x3 active_conv 6 -> 3x3 deformable_conv 5 offset_groups=2")
    ).analysis.cost
    active, deformable = cost[1], cost[2]
    assert (active.parameters, active.macs) == (6 * 4 * 9 + 6 + 2 * 9, 64 * 6 * 4 * 9)
    assert deformable.parameters == 5 * 6 * 9 + 5 + 36 * 6 * 9 + 36
    assert deformable.macs == 64 * 9 * 6 * (5 + 36)
    assert deformable.connections == 64 * (9 * 6 * (5 + 36) + 5 + 36)
    assert cost.not_counted == (("active_conv (sampling)", 1), ("deformable_conv (sampling)", 1))


@pytest.mark.parametrize(
    ("arguments", "shape", "kind", "message"),
    [
        ({}, (4, 9), "rank", "a plane"),
        ({}, (4, 5, 5, 5), "rank", "a plane"),
        ({"offset_groups": 3}, (4, 9, 9), "groups", "do not divide into 3 groups"),
        ({"offset_dilation": 1, "dilation": 2, "pad": "valid"}, (4, 9, 9), "shape", "cannot be centred"),
    ],
)
def test_what_does_not_fit_is_refused(
    arguments: dict[str, Any], shape: tuple[int, ...], kind: str, message: str
) -> None:
    op = lookup("deformable_conv").make(out=6, kernel=3, **arguments)
    with pytest.raises(ShapeError) as caught:
        op.infer(TensorType(shape))
    assert caught.value.kind == kind
    assert message in caught.value.message
    assert caught.value.hint
    assert kind != "groups" or "offset_groups=2" in caught.value.hint


@pytest.mark.parametrize(
    ("text", "caption"),
    [
        ({"out": 6, "kernel": (3, 3), "stride": 2}, "DeformConv 3x3 /2"),
        (
            {"out": 6, "kernel": (3, 3), "dilation": 2, "offset_groups": 4, "modulated": True},
            "DeformConv 3x3 d2 og4 mod",
        ),
    ],
)
def test_captions(text: dict[str, Any], caption: str) -> None:
    assert lookup("deformable_conv").make(**text).caption() == caption
