"""Folding: plain layers that give the same results as norms, and as weights that are parametrised."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

import archdsl
from archdsl.graph.fold import ForeignWeightsError, fold
from archdsl.graph.verify import verify
from archdsl.ops import catalogue
from archdsl.ops.base import Sample
from archdsl.ops.fold import LinearMap
from tests.examples import examples
from tools.peers import carry, flatten, missing_packages, peer, randomise_norms

Arch = Callable[..., Any]

needs_peers = pytest.mark.skipif(bool(missing_packages()), reason="the extra `peers` is not installed")


def network(text: str) -> archdsl.Network:
    return archdsl.load(archdsl.text(text))


def trained(net: archdsl.Network, dtype: torch.dtype = torch.float64, seed: int = 0) -> nn.Module:
    """A module whose every weight and statistic matters."""
    module: nn.Module = net.module(seed=seed, dtype=dtype).eval()
    randomise_norms(module, seed)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, weight in module.named_parameters():
            if name.rpartition(".")[2] in ("alpha", "beta", "weight_g"):
                weight.mul_(torch.rand(weight.shape, generator=generator, dtype=dtype) + 0.5)
    return module


def images(net: archdsl.Network, dtype: torch.dtype = torch.float64) -> list[Tensor]:
    generator = torch.Generator().manual_seed(1)
    return [torch.randn(2, *node.outputs[0].shape, generator=generator, dtype=dtype) for node in net.graph.inputs]


def keywords(net: archdsl.Network) -> list[str]:
    return [node.op.keyword for node in net.graph.nodes if node.op.keyword != "input"]


def folds_exactly(net: archdsl.Network, tolerance: float = 1e-12) -> archdsl.Network:
    """The folded network, whose results are compared with those of the network."""
    verify(net.fold().graph)
    module, batch = trained(net), images(net)
    with torch.no_grad():
        expected, results = flatten(module(*batch)), flatten(net.fold(module)(*batch))
    assert len(results) == len(expected) > 0
    for result, output in zip(results, expected, strict=True):
        # Sums lose digits as large as their terms, so that the largest output says how many there are to keep.
        torch.testing.assert_close(result, output, rtol=0, atol=tolerance * max(1.0, output.abs().max().item()))
    return net.fold()


# What is folded ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("input 3x9x8; 3x3 conv 4 -> bn -> relu", ["conv", "relu"]),
        ("input 3x9x8; 3x3 conv 4 bias=true -> bn", ["conv"]),
        ("input 3x9x8; 3x3 conv 6 groups=3 /2 -> bn affine=false -> bn eps=0.1", ["conv"]),
        ("input 4x9x8; 3x3 dwconv multiplier=2 -> bn -> 1x1 conv 3 -> bn", ["dwconv", "conv"]),
        ("input 4x9x8; 3x3 wnconv 6 groups=2 -> bn -> relu -> wnconv 3 kernel=1", ["conv", "relu", "conv"]),
        ("input 4x9x8; 3x3 dirac_conv 6 groups=2 -> bn -> relu -> 3x3 dirac_conv 3", ["conv", "relu", "conv"]),
        ("input 4x5x6x5; 3x3x3 dirac_conv 2 -> bn -> 2x2x2 conv 3 -> bn", ["conv", "conv"]),
        ("input 4x15; dirac_conv 5 kernel=4 -> bn", ["conv"]),
        ("input 4x5x6; 2x2 upconv 6 /2 groups=2 -> bn -> relu", ["upconv", "relu"]),
        ("input 3x9x8; conv(3, kernel=3, links=[[1, 0, 1], [0, 1, 1], [1, 1, 1]]) -> bn", ["conv"]),
        ("input 7; fc 5 -> bn -> relu -> fc 3 -> bn", ["fc", "relu", "fc"]),
        # Norms ahead of what sees no padding.
        ("input 4x9x8; bn -> 3x3 conv 6 groups=2 pad=valid -> relu", ["conv", "relu"]),
        ("input 4x9x8; bn -> bn -> 1x1 dirac_conv 6 bias=false -> bn", ["conv"]),
        ("input 4x9x8; relu -> bn -> 3x3 dwconv multiplier=2 pad=0", ["relu", "dwconv"]),
        ("input 4x3x2; bn -> fc 5", ["fc"]),
        # Norms that stay.
        ("input 4x9x8; bn -> 3x3 conv 6 -> relu", ["bn", "conv", "relu"]),
        ("input 4x8x8; bn -> 3x3 conv 6 /2 pad=tf_same", ["bn", "conv"]),
        ("input 4x9x8; bn -> 2x2 upconv 6 /2", ["bn", "upconv"]),
        ("input 3x9x8; bn -> conv(3, kernel=3, links=[[1, 0, 1], [0, 1, 1], [1, 1, 1]], pad=0)", ["bn", "conv"]),
        ("input 4x9x8; 3x3 conv 4 -> relu -> bn -> relu", ["conv", "relu", "bn", "relu"]),
        ("input 4x9x8; 3x3 conv 4 -> ln", ["conv", "ln"]),
        ("input 4x9x8; a = 3x3 conv 4; (bn | skip) -> add", ["conv", "bn", "add"]),
        ("input 4x9x8; bn -> (1x1 conv 4 | 1x1 conv 4) -> add", ["bn", "conv", "conv", "add"]),
        ("input 4x9x8; 3x3 conv 4\noutput raw = skip; output normed = bn", ["conv", "bn"]),
    ],
)
def test_norms_are_folded_where_that_is_exact(text: str, left: list[str]) -> None:
    assert keywords(folds_exactly(network(text))) == left


SHARED = """input 4x9x8
tied weighed(i): 3x3 conv 4 -> bn
tied alone(i): 3x3 conv 4 bias=true
weighed(1) -> relu -> weighed(1) -> alone(1) -> bn -> alone(1) -> {last}
"""


def test_weights_that_are_shared_are_folded_together_or_not_at_all() -> None:
    same = folds_exactly(network(SHARED.format(last="relu")))
    assert keywords(same) == ["conv", "relu", "conv", "conv", "bn", "conv", "relu"]
    other = folds_exactly(network(SHARED.format(last="bn")))
    assert keywords(other) == ["conv", "relu", "conv", "conv", "bn", "conv", "bn"]
    assert len({node.path for node in same.graph.nodes if node.op.keyword == "conv"}) == 2


def test_a_norm_that_is_shared_may_be_folded_in_one_place_alone() -> None:
    text = "input 4x9x8; tied norm(i): bn; 3x3 conv 4 -> norm(1) -> relu -> norm(1) -> 3x3 conv 2"
    assert keywords(folds_exactly(network(text))) == ["conv", "relu", "bn", "conv"]


def test_paths_stay_and_steps_that_are_left_empty_go() -> None:
    net = network("input 4x9x8; a = 3x3 wnconv 4; b = bn; c = { 3x3 conv 2 -> bn -> relu }")
    folded = folds_exactly(net)
    assert [node.path for node in folded.graph.nodes] == ["input", "a.wnconv1", "c.conv1", "c.relu1"]
    assert [scope.name for scope in folded.graph.scopes[1:]] == ["a", "c"]
    assert set(net.fold(trained(net)).state_dict()) == {
        f"{path}.{name}" for path in ("a.wnconv1", "c.conv1") for name in ("weight", "bias")
    }


def test_outputs_of_training_are_kept() -> None:
    text = """input 4x9x8
    3x3 conv 4 -> bn -> relu
    exit side only=train { 3x3 conv 2 -> bn -> gap -> fc 3 }
    gap -> fc 3
    """
    folded = folds_exactly(network(text))
    assert [output.name for output in folded.graph.outputs] == [output.name for output in network(text).graph.outputs]
    assert "bn" not in keywords(folded)


@pytest.mark.parametrize("name", ["lenet5", "googlenet"])
def test_what_has_nothing_to_fold_stays_as_it_is(name: str) -> None:
    net = archdsl.load(name)
    assert net.fold().graph is net.graph


# Every operator ----------------------------------------------------------------------------------------------------

LINEAR = [
    pytest.param(sample, id=f"{sample.text} @ {sample.inputs[0]}")
    for op in catalogue().values()
    if issubclass(op, LinearMap)
    for sample in op.samples
]


@pytest.mark.parametrize("ahead", [False, True], ids=["behind", "ahead"])
@pytest.mark.parametrize("sample", LINEAR)
def test_every_linear_operator_takes_norms_in(sample: Sample, ahead: bool) -> None:
    """A norm behind it always, and a norm ahead of it where it says so."""
    net = network(f"input {sample.inputs[0]}\n" + (f"bn -> {sample.text}" if ahead else f"{sample.text} -> bn"))
    linear = next(node for node in net.graph.nodes if isinstance(node.op, LinearMap))
    assert isinstance(linear.op, LinearMap)
    plain = linear.op.plain()
    taken = not ahead or plain.follows_exactly(*net.graph.input_types(linear))
    folded = folds_exactly(net)
    assert keywords(folded) == ([plain.keyword] if taken else ["bn", plain.keyword])


# Networks ----------------------------------------------------------------------------------------------------------

STEPS = (
    "3x3 conv 4",
    "1x1 conv 4 bias=true",
    "3x3 conv 4 groups=2 pad=1 init=he",
    "3x3 dwconv",
    "3x3 wnconv 4",
    "3x3 dirac_conv 4",
    "1x1 dirac_conv 4 groups=2",
    "bn",
    "bn",
    "bn",
    "bn affine=false",
    "relu",
    "(bn | skip) -> add",
    "(3x3 conv 4 -> bn | bn -> 1x1 conv 4) -> add",
    "shared(1)",
    "shared(2)",
    "normed(1)",
    "(shared(1) -> bn | normed(1)) -> mean",
    "dropout 0.2",
)
DEFINITIONS = "tied shared(i): 1x1 conv 4\ntied normed(i): bn"


@st.composite
def texts(draw: st.DrawFn) -> str:
    steps = draw(st.lists(st.sampled_from(STEPS), min_size=1, max_size=9))
    lines = [f"s{number} = {step}" for number, step in enumerate(steps)]
    seen = draw(st.integers(0, len(steps) - 1))
    more = f"output more = s{seen} -> bn" if draw(st.booleans()) else ""
    used = [line for line in DEFINITIONS.splitlines() if line.split()[1].split("(")[0] in "\n".join(lines)]
    return "\n".join(["input 4x6x5", *used, *lines, *([more, f"output out = s{len(steps) - 1}"] if more else [])])


@examples(40)
@given(texts())
def test_a_random_network_gives_the_same_folded(text: str) -> None:
    net = network(text)
    folded = folds_exactly(net)
    assert fold(folded.graph).graph == folded.graph, "there is nothing left to fold"
    assert folded.analysis.cost.macs == net.analysis.cost.macs


ZOO: dict[str, dict[str, Any]] = {
    "resnet18": {"input": "3x64x64"},
    "mobilenet_v2": {"size": 64},
    "densenet121": {"input": "3x64x64"},
    "densenet_bc_100_k12_cifar": {"depth": 22},
    "diracnet18": {"input": "3x64x64"},
    "diracnet28_5_cifar": {"width": 1},
    "octresnet_v2_50_a025": {"input": "3x64x64"},
    "bn_inception": {"input": "3x64x64"},
    "unet": {"size": 188, "width": 8},
}


@pytest.mark.parametrize("name", ZOO)
def test_a_network_of_the_zoo_gives_the_same_folded(name: str) -> None:
    net = archdsl.load(name, **ZOO[name])
    folds_exactly(net)
    module, batch = trained(net, torch.float32), images(net, torch.float32)
    with torch.no_grad():
        for result, expected in zip(flatten(net.fold(module)(*batch)), flatten(module(*batch)), strict=True):
            torch.testing.assert_close(result, expected, rtol=0, atol=1e-5 * max(1.0, expected.abs().max().item()))


@pytest.mark.parametrize(
    ("name", "parameters", "macs"),
    [("diracnet18", 11_511_784, 1_794_805_760), ("diracnet34", 21_616_232, 3_644_493_824)],
)
def test_folded_diracnets_have_the_published_figures(name: str, parameters: int, macs: int) -> None:
    folded = archdsl.load(name).fold()
    assert (folded.analysis.cost.parameters, folded.analysis.cost.macs) == (parameters, macs)
    assert set(keywords(folded)) == {"conv", "relu", "maxpool", "gap", "fc"}
    assert sum(weight.numel() for weight in folded.module(device="meta").state_dict().values()) == parameters


@needs_peers
def test_a_folded_diracnet_equals_the_peer() -> None:
    theirs = peer("pytorchcv:diracnet18v2").double().eval()
    folded = archdsl.load("diracnet18").fold()
    ours = folded.module(seed=0, dtype=torch.float64).eval()
    (batch,) = images(folded)
    carry(theirs, ours, batch[:1])
    with torch.no_grad():
        expected, result = theirs(batch[:1]), ours(batch[:1])
    assert expected.std() > 1e-3, "a comparison of constants says nothing"
    torch.testing.assert_close(result, expected, rtol=1e-9, atol=1e-5)


# Weights -----------------------------------------------------------------------------------------------------------


def test_a_folded_module_is_like_the_one_that_it_was_made_of() -> None:
    net = network("input 3x8x8; 3x3 conv 4 -> bn -> relu -> fc 3")
    module = net.module(seed=0, dtype=torch.bfloat16).train()
    before = copy.deepcopy(module.state_dict())
    state = torch.get_rng_state()
    folded = net.fold(module)
    assert torch.equal(torch.get_rng_state(), state)
    assert not folded.training
    assert {weight.dtype for weight in folded.parameters()} == {torch.bfloat16}
    assert all(weight.requires_grad for weight in folded.parameters())
    with torch.no_grad():
        for weight in folded.parameters():
            weight.zero_()
    assert all(torch.equal(tensor, before[key]) for key, tensor in module.state_dict().items())


def test_a_folded_network_can_be_drawn_written_and_exported() -> None:
    net = archdsl.load("diracnet28_5_cifar", width=1, depth=10)
    folded = net.fold()
    assert b"DiracConv" in net.draw()
    assert b"DiracConv" not in folded.draw()
    assert "DiracConv" not in folded.source().text
    assert "BatchNorm" not in folded.source().text
    assert "Folded for inference" in folded.source().text


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda state: state.pop("bn1.running_var"), "1 missing, such as bn1.running_var"),
        (lambda state: state.update(extra=torch.zeros(1)), "1 unknown, such as extra"),
        (lambda state: state.update({"conv1.weight": torch.zeros(1)}), "1 of another shape, such as conv1.weight"),
    ],
)
def test_weights_of_another_network_are_refused(change: Callable[[dict[str, Any]], Any], said: str) -> None:
    net = network("input 3x8x8; 3x3 conv 4 -> bn")
    state = dict(net.module(seed=0).state_dict())
    change(state)
    with pytest.raises(ForeignWeightsError, match=said):
        net.fold_weights(state)


# The command -------------------------------------------------------------------------------------------------------

TEXT = "net tiny(classes=10)\ninput 3x16x16\n3x3 dirac_conv 8 -> bn -> relu -> gap -> fc classes\n"


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.arch"
    path.write_text(TEXT)
    return path


def test_the_command_writes_source_pictures_weights_and_programs(arch: Arch, tiny: Path) -> None:
    net = archdsl.load(tiny)
    module, batch = trained(net, torch.float32), images(net, torch.float32)
    weights, out = tiny.with_name("trained.pt"), tiny.with_name("folded.pt")
    torch.save(module.state_dict(), weights)
    done = arch("fold", tiny, "--weights", weights, "-o", out)
    assert (done.code, done.out) == (0, f"wrote {out}\n5 -> 4 operators, 338 -> 314 parameters\n")
    folded = net.fold().module(seed=1).eval()
    folded.load_state_dict(torch.load(out, weights_only=True))
    with torch.no_grad():
        expected = module(*batch)
        torch.testing.assert_close(folded(*batch), expected)
        assert arch("fold", tiny, "--weights", weights, "-o", out.with_suffix(".pt2")).code == 0
        torch.testing.assert_close(torch.export.load(out.with_suffix(".pt2")).module()(*batch), expected)
    assert arch("fold", tiny, "-o", "-").out == net.fold().source().text
    for suffix in (".py", ".svg"):
        assert arch("fold", tiny, "-o", out.with_suffix(suffix)).code == 0
        assert "Dirac" not in out.with_suffix(suffix).read_text().replace("tiny", "")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["-o", "a.onnx"], "none of .py"),
        (["-o", "a.pt"], "--weights"),
        (["-o", "a.py", "--weights", "NET"], "holds no weights"),
        (["-o", "a.pt", "--weights", "NET"], "not a state_dict"),
        (["-o", "a.pt", "--weights", "OTHER"], "the weights are not those of tiny"),
    ],
)
def test_wrong_usage_is_explained(
    arch: Arch, tiny: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], said: str
) -> None:
    monkeypatch.chdir(tiny.parent)
    other = tiny.with_name("other.pt")
    torch.save({"a": torch.zeros(1)}, other)
    done = arch("fold", tiny, *({"NET": str(tiny), "OTHER": str(other)}.get(word, word) for word in arguments))
    assert (done.code, done.out) == (2, "")
    assert said in done.err
