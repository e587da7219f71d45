"""Pools, merges, crops and random depth: what they promise beyond their samples."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from hypothesis import assume, given
from hypothesis import strategies as st
from torch import Tensor

from archdsl.backends.runtime.drop_path import drop_path
from archdsl.backends.runtime.join import join
from archdsl.ops import lookup
from archdsl.ops.base import ArgumentError, Op, ShapeError, TensorType
from tests.examples import examples


def make(keyword: str, **arguments: Any) -> Op:
    op = lookup(keyword)
    assert op is not None
    return op.make(**arguments)


def types(*shapes: str) -> list[TensorType]:
    return [TensorType(tuple(map(int, shape.split("x")))) for shape in shapes]


def run(op: Op, *streams: Tensor, training: bool = True) -> Tensor:
    inputs = [TensorType(tuple(x.shape[1:])) for x in streams]
    code = op.torch(inputs, op.infer(*inputs))
    names = [f"x{i}" for i in range(len(streams))]
    text = code.call.format(*names, inputs=", ".join(names), training=training)
    result: Tensor = eval(text, {"torch": torch, "F": F} | dict(zip(names, streams, strict=True)))
    return result


def pooled(x: Tensor, op: Op, before: int, after: int) -> Tensor:
    """The pool written out window by window, over a line padded by hand."""
    step, holes = op.stride or op.kernel, getattr(op, "dilation", 1)
    size, reach = x.shape[-1], holes * (op.kernel - 1) + 1
    spare = size + before + after - reach
    count = (math.ceil(spare / step) if op.ceil else spare // step) + 1
    windows = []
    for i in range(count):
        start = i * step - before
        if op.ceil and start >= size:
            break
        places = [p for p in range(start, start + reach, holes) if 0 <= p < size]
        if op.keyword == "maxpool":
            windows.append(F.pad(x[..., places], (0, 1), value=-math.inf).amax(-1))
            continue
        whole = min(start + reach, size + after) - start
        windows.append(x[..., places].sum(-1) / (whole if op.count_include_pad else len(places)))
    return torch.stack(windows, -1)


@st.composite
def pools(draw: st.DrawFn) -> tuple[Op, int]:
    """A pool over a line, and the length of the line."""
    kind = draw(st.sampled_from(["maxpool", "avgpool"]))
    option = {"dilation": st.integers(1, 3)} if kind == "maxpool" else {"count_include_pad": st.booleans()}
    op = make(
        kind,
        kernel=draw(st.integers(1, 5)),
        stride=draw(st.none() | st.integers(1, 5)),
        pad=draw(st.none() | st.sampled_from(["same", "valid", "tf_same"]) | st.integers(0, 2)),
        ceil=draw(st.booleans()),
        **{name: draw(values) for name, values in option.items()},
    )
    return op, draw(st.integers(1, 12))


def padding(op: Op, size: int) -> tuple[int, int]:
    """Padding in front and behind, from the words of the reference."""
    stride, reach = op.stride or op.kernel, getattr(op, "dilation", 1) * (op.kernel - 1) + 1
    same = (reach - 1) // 2 if op.kernel % 2 else 0
    if op.pad == "tf_same":
        total = max((math.ceil(size / stride) - 1) * stride + reach - size, 0)
        return total // 2, total - total // 2
    if op.pad is None:
        same = 0 if stride == op.kernel or (op.ceil and stride > 1) else same
    side = op.pad if isinstance(op.pad, int) else 0 if op.pad == "valid" else same
    return side, side


@examples(400)
@given(pools())
def test_pools_are_what_their_windows_say(drawn: tuple[Op, int]) -> None:
    op, size = drawn
    x = torch.randn(2, 3, size, dtype=torch.float64)
    before, after = padding(op, size)
    try:
        (declared,) = op.infer(TensorType((3, size)))
    except ShapeError:
        assume(False)
    expected = pooled(x, op, before, after)
    assert declared.shape == tuple(expected.shape[1:])
    torch.testing.assert_close(run(op, x), expected)
    if op.pad == "tf_same":
        assert declared.spatial == (math.ceil(size / (op.stride or op.kernel)),)


@pytest.mark.parametrize(("arguments", "sizes"), [({"ceil": True}, [112, 56, 28, 14, 7]), ({}, [112, 56, 28, 14, 7])])
def test_pools_halve_as_in_the_papers(arguments: dict[str, bool], sizes: list[int]) -> None:
    """3x3 windows of stride 2: padded, or rounded up in place of padding (Caffe's GoogLeNet)."""
    pool = make("maxpool", kernel=(3, 3), stride=2, **arguments)
    for size, half in pairwise(sizes):
        assert pool.infer(TensorType((8, size, size)))[0].spatial == (half, half)


@pytest.mark.parametrize(
    ("keyword", "shapes", "blamed"),
    [
        ("concat", ["64x28x28", "32x28x28", "32x27x27"], (0, 2)),
        ("concat", ["64", "64x1x1"], (0, 1)),
        ("add", ["64x56x56", "256x56x56"], (0, 1)),
        ("add", ["64x1x1", "64x56x56", "64x28x28"], (1, 2)),
        ("mul", ["64x8x8", "32x1x1"], (0, 1)),
        ("mul", ["64x8x8", "64x8x1"], (0, 1)),
        ("mul", ["64x8x8", "64x1"], (0, 1)),
        ("mean", ["8x4x4", "8x1x1"], (0, 1)),
        ("max", ["8x4x4", "1x4x4"], (0, 1)),
        ("join", ["8x4x4", "8x4x4", "4x4x4"], (0, 2)),
        ("softmax", ["8x1x1", "4x1x1"], (0, 1)),
    ],
)
def test_streams_that_do_not_merge_are_named(keyword: str, shapes: list[str], blamed: tuple[int, int]) -> None:
    op = make(keyword, over="streams") if keyword == "softmax" else make(keyword)
    with pytest.raises(ShapeError) as caught:
        op.infer(*types(*shapes))
    assert caught.value.kind == "merge"
    assert caught.value.inputs == blamed
    assert all(shapes[index] in caught.value.message for index in blamed)
    assert caught.value.recovery is not None


def test_regions_do_not_merge_with_images() -> None:
    with pytest.raises(ShapeError, match="per roi"):
        make("add").infer(TensorType((8, 7, 7)), TensorType((8, 7, 7), batch="roi"))


@pytest.mark.parametrize(
    ("keyword", "arguments"),
    [
        ("upsample", {}),
        ("upsample", {"factor": 2, "size": 8}),
        ("upsample", {"factor": 2, "align_corners": True}),
        ("upsample", {"factor": 1e300}),
        ("crop", {}),
        ("crop", {"amount": 1, "offset": 1}),
        ("split", {}),
        ("split", {"parts": 2, "sizes": (1, 1)}),
        ("split", {"parts": 10**9}),
        ("slice", {"stop": 4, "length": 4}),
        ("reshape", {"shape": (-1, -1)}),
        ("rrelu", {"low": 0.5, "high": 0.1}),
        ("droppath", {"p": 1.0}),
        ("dropout", {"p": 1.5}),
        ("join", {"drop": 1.0}),
        ("leaky", {"slope": -0.1}),
    ],
)
def test_arguments_that_do_not_fit_are_refused(keyword: str, arguments: dict[str, Any]) -> None:
    with pytest.raises(ArgumentError):
        make(keyword, **arguments)


@pytest.mark.parametrize(
    ("keyword", "arguments", "shapes", "kind"),
    [
        ("maxpool", {"kernel": 3, "pad": 2, "stride": 1}, ["8x8x8"], "kernel"),
        ("avgpool", {"kernel": 7, "pad": "valid"}, ["8x5x5"], "kernel"),
        ("avgpool", {"kernel": 2, "stride": 1, "pad": "tf_same", "count_include_pad": False}, ["8x5x5"], "kernel"),
        ("gap", {}, ["8"], "rank"),
        ("maxpool", {"kernel": (3, 3)}, ["8x8"], "rank"),
        ("shuffle", {"groups": 3}, ["8x4x4"], "groups"),
        ("split", {"parts": 3}, ["8x4x4"], "groups"),
        ("split", {"sizes": (3, 4)}, ["8x4x4"], "groups"),
        ("slice", {"start": 4, "length": 5}, ["8x4x4"], "empty"),
        ("reshape", {"shape": (3, -1)}, ["8x4x4"], "shape"),
        ("permute", {"order": (1, 1)}, ["8x4"], "rank"),
        ("crop", {"amount": 2}, ["8x4x4"], "empty"),
        ("crop", {"like": True}, ["8x4x4", "8x6x6"], "shape"),
        ("crop", {"like": True}, ["8x4x4", "8x4"], "merge"),
        ("crop", {"size": 3, "offset": 2}, ["8x4x4"], "shape"),
        ("pad", {"spatial": 1}, ["8"], "rank"),
        ("upsample", {"factor": 0.1}, ["8x4x4"], "empty"),
        ("upsample", {"factor": 2, "mode": "bicubic"}, ["8x4"], "rank"),
        ("pixel_shuffle", {"factor": 2}, ["6x4x4"], "groups"),
        ("space_to_depth", {"factor": 2}, ["6x4x5"], "groups"),
        ("softmax", {"over": "spatial"}, ["10"], "rank"),
        ("dropout", {"channelwise": True}, ["10"], "rank"),
    ],
)
def test_shapes_that_do_not_fit_are_refused(
    keyword: str, arguments: dict[str, Any], shapes: list[str], kind: str
) -> None:
    with pytest.raises(ShapeError) as caught:
        make(keyword, **arguments).infer(*types(*shapes))
    assert caught.value.kind == kind


@pytest.mark.parametrize(("keyword", "text"), [("softmax", "streams"), ("softmax", "channels")])
def test_softmax_takes_a_list_only_over_streams(keyword: str, text: str) -> None:
    op = make(keyword, over=text)
    assert op.takes(3) == (text == "streams")
    assert op.takes(1)


@examples(100)
@given(st.integers(1, 60), st.integers(2, 60))
def test_widest_region_of_an_adaptive_pool(size: int, regions: int) -> None:
    window = make("adaptive_avgpool", size=regions).window(TensorType((1, size)))
    widths = [-(-(i + 1) * size // regions) - i * size // regions for i in range(regions)]
    assert window is not None
    assert window.kernel == (max(widths),)


def test_join_keeps_at_least_one_stream_of_each_sample() -> None:
    torch.manual_seed(0)
    samples, drop = 20_000, 0.5
    streams = tuple(F.one_hot(torch.full((samples,), i), 3).float() for i in range(3))
    shares = join(streams, drop, training=True)
    torch.testing.assert_close(shares.sum(1), torch.ones(samples))
    kept = shares > 0
    # Dropped on its own with `drop`, unless it is the one of three that is kept when all would go.
    assert kept.float().mean(0).sub(1 - drop + drop**3 / 3).abs().max() < 0.015
    assert bool((shares == kept / kept.sum(1, keepdim=True)).all())
    torch.testing.assert_close(join(streams, drop, training=False), sum(streams) / 3)


def test_droppath_keeps_the_mean() -> None:
    torch.manual_seed(0)
    x = torch.ones(20_000, 2, 1)
    assert drop_path(x, 0.3, training=False) is x
    scaled = drop_path(x, 0.3, training=True)
    assert bool((scaled[:, 0] == scaled[:, 1]).all())
    assert scaled.unique().tolist() == pytest.approx([0, 1 / 0.7])
    assert scaled.mean().item() == pytest.approx(1, abs=0.02)
    assert drop_path(x, 0.3, training=True, scale="test").unique().tolist() == [0, 1]
    assert drop_path(x, 0.3, training=False, scale="test").unique().tolist() == pytest.approx([0.7])
    assert len(drop_path(x, 0.3, training=True, per="batch").unique()) == 1
