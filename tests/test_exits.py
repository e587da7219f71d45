"""Early exits: what runs until each, inference that samples leave, joint losses, and thresholds that are tuned."""

from __future__ import annotations

import copy
import itertools
import json
import math
import pickle
import random
import subprocess
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

import archdsl
from archdsl.analysis.tuning import Observation, TunedExits, tune
from archdsl.backends.runtime.early_exit import softmax_entropy
from archdsl.graph.exits import stages
from tests.conftest import Finished

EXITS = {
    "b_lenet": {"early": 220_150, "out": 1_247_720},
    "b_alexnet": {"early": 17_339_392, "middle": 21_321_984, "out": 30_465_536},
    "b_resnet110": {"early": 48_600_000, "middle": 127_540_800, "out": 284_914_368},
}

#: An exit in the midst of a step, a stream that jumps over two exits, an auxiliary head and one that nobody leaves at.
TANGLED = """
net tangled(classes=4)
input image: 3x12x12
input mask: 1x12x12
side = image -> 3x3 conv 6
body = image -> {
  3x3 conv 6 -> bn -> relu
  exit aux weight=0.3 only=train { gap -> fc classes }
  exit early weight=0.5 entropy=1.3 { gap -> fc classes }
  3x3 conv 6 -> relu
}
exit idle weight=0 { gap -> fc classes }
exit late entropy=1.35 { (in[1] -> 1x1 conv 6 | body) -> add -> gap -> fc classes }
(side | body) -> add -> relu -> gap -> fc classes
"""


def network(name: str) -> archdsl.Network:
    if name == "tangled":
        return archdsl.load(archdsl.text(TANGLED))
    return archdsl.load(name, **({"depth": 20} if name == "b_resnet110" else {}))


def inputs_of(net: archdsl.Network, count: int) -> tuple[Tensor, ...]:
    generator = torch.Generator().manual_seed(1)
    return tuple(torch.randn(count, *node.outputs[0].shape, generator=generator) for node in net.graph.inputs)


def names_of(net: archdsl.Network) -> list[str]:
    return [stage.output.name for stage in stages(net.graph)]


def spread(module: Any, net: archdsl.Network, images: tuple[Tensor, ...]) -> None:
    """Set thresholds amid what comes to each exit, so that samples leave at every one."""
    outputs = module(*images)
    staying = torch.ones(len(images[0]), dtype=torch.bool)
    for index, name in enumerate(names_of(net)[:-1]):
        entropy = softmax_entropy(getattr(outputs, name))
        ordered = entropy[staying].sort().values
        gaps = ordered.diff()[1:-1]  # the widest, so that rounding decides nothing, with somebody on either side
        widest = int(gaps.argmax()) + 1
        module.thresholds[index] = ordered[widest : widest + 2].mean()
        staying &= ~(entropy < module.thresholds[index])


def one_by_one(module: Any, net: archdsl.Network, images: tuple[Tensor, ...]) -> tuple[Tensor, list[int]]:
    """Run each sample by itself through everything, and then see where it would have left."""
    scores, exits = [], []
    for sample in range(len(images[0])):
        outputs = module(*(image[sample : sample + 1] for image in images))
        thresholds = [*module.thresholds.tolist(), math.inf]
        for index, (name, threshold) in enumerate(zip(names_of(net), thresholds, strict=True)):
            chances = getattr(outputs, name)[0].double().softmax(0)
            if -(chances * chances.log()).sum().item() < threshold:
                scores.append(getattr(outputs, name)[0])
                exits.append(index)
                break
    return torch.stack(scores), exits


def built(name: str, count: int = 12) -> tuple[archdsl.Network, Any, tuple[Tensor, ...]]:
    net = network(name)
    module = net.module(seed=0)
    images = inputs_of(net, count)
    with torch.no_grad():
        for part in module.modules():
            if isinstance(part, nn.BatchNorm2d):
                part.momentum = 1.0
        module.train()(*inputs_of(net, 16))  # so that norms know their statistics
    return net, module.eval(), images


EVERY = pytest.mark.parametrize("name", [*EXITS, "tangled"])


# What is known without running -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", EXITS)
def test_the_cost_until_each_exit_is_the_published_structure_s(name: str) -> None:
    rows = archdsl.load(name).analysis.exits.rows
    assert {row.name: row.macs for row in rows} == EXITS[name]
    assert rows[-1].macs == archdsl.load(name).analysis.cost.macs


def test_a_stage_holds_what_its_exit_needs_and_no_more() -> None:
    net = network("tangled")
    paths = [{net.graph.nodes[node].path for node in stage.nodes} for stage in stages(net.graph)]
    assert "side.conv1" in paths[2]
    assert "body.conv2" in paths[1]
    assert "late.conv1" in paths[1]
    assert not any("aux.fc1" in stage or "idle.fc1" in stage for stage in paths)


def test_networks_without_early_exits_have_no_stages() -> None:
    for name in ("googlenet", "resnet18"):
        assert archdsl.load(name).analysis.exits.rows == ()
        assert "def infer" not in archdsl.load(name).source().text


def test_the_mean_cost_follows_the_shares() -> None:
    table = archdsl.load("b_lenet").analysis.exits
    assert table.expected([0.5, 0.5]).macs == Fraction(220_150 + 1_247_720, 2)
    assert table.expected([Fraction("0.943")]).macs == Fraction("0.943") * 220_150 + Fraction("0.057") * 1_247_720
    assert table.expected([Fraction("0.943"), Fraction("0.0563")]).macs == pytest.approx(278_000, rel=1e-2)


@pytest.mark.parametrize("shares", [[], [0.5, 0.6], [-0.1, 1.1], [0.2, 0.2, 0.6], [0.5, 0.3], [1.2]])
def test_what_are_no_shares_is_refused(shares: list[float]) -> None:
    with pytest.raises(ValueError, match="exits"):
        archdsl.load("b_lenet").analysis.exits.expected(shares)


def test_the_summary_tells_the_cost_of_each_exit(arch: Callable[..., Finished]) -> None:
    done = arch("summary", "b_lenet", "--depth", "0", "--exits", "0.943,0.057")
    assert "exit MACs                  220,150  until early" in done.out
    assert "mean MACs                  278,721  22.3%, if 94.3% at early, 5.7% at out" in done.out
    values = json.loads(arch("summary", "b_alexnet", "--json", "--exits", "0.656,0.252").out)
    assert [row["macs"] for row in values["exits"]] == list(EXITS["b_alexnet"].values())
    assert values["mean_macs"] == pytest.approx(0.656 * 17_339_392 + 0.252 * 21_321_984 + 0.092 * 30_465_536)
    assert json.loads(arch("summary", "b_alexnet", "--json").out)["mean_macs"] is None
    assert "17,339,392" in arch("summary", "b_alexnet", "--format", "markdown").out


@pytest.mark.parametrize(("target", "shares"), [("b_lenet", "0.9,0.3"), ("b_lenet", "many"), ("resnet18", "1")])
def test_the_command_refuses_what_are_no_shares(arch: Callable[..., Finished], target: str, shares: str) -> None:
    done = arch("summary", target, "--exits", shares)
    assert done.code == 2
    assert "--exits" in done.err


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("exit e entropy=1 only=train { gap -> fc 2 }\ngap -> fc 2", "in training only"),
        ("exit e entropy=1 { 1x1 conv 2 }\n1x1 conv 2", "the scores of classes, a vector, but yields 2x8x8"),
        ("exit e entropy=1 { fc 3 }\nfc 2", "yields 3, but the output `out` is 2"),
        ("exit e entropy=1 { fc 2 }\noutput a = fc 2\noutput b = fc 2", "one output"),
    ],
)
def test_an_exit_that_cannot_stand_in_for_the_output_is_refused(text: str, message: str) -> None:
    with pytest.raises(archdsl.ArchError) as caught:
        archdsl.load(archdsl.text(f"input 3x8x8\n{text}"))
    assert [message in found.message for found in caught.value.diagnostics] == [True]


# Inference -------------------------------------------------------------------------------------------------------


@EVERY
@torch.no_grad()
def test_inference_is_what_each_sample_would_get_alone(name: str) -> None:
    net, module, images = built(name)
    spread(module, net, images)
    scores, exits = one_by_one(module, net, images)
    result = module.infer(*images)
    assert set(exits) == set(range(len(names_of(net))))
    assert result.exits.tolist() == exits
    torch.testing.assert_close(result.scores, scores, rtol=1e-4, atol=1e-5)


@EVERY
@torch.no_grad()
def test_the_order_of_the_batch_is_kept(name: str) -> None:
    net, module, images = built(name)
    spread(module, net, images)
    order = torch.randperm(len(images[0]), generator=torch.Generator().manual_seed(2))
    straight, shuffled = module.infer(*images), module.infer(*(image[order] for image in images))
    assert torch.equal(straight.exits[order], shuffled.exits)
    torch.testing.assert_close(straight.scores[order], shuffled.scores, rtol=1e-4, atol=1e-5)


@EVERY
@torch.no_grad()
def test_nobody_leaves_below_zero_and_everybody_below_infinity(name: str) -> None:
    net, module, images = built(name)
    outputs = module(*images)
    first, *_, last = names_of(net)
    module.thresholds.zero_()
    assert module.infer(*images).exits.tolist() == [len(names_of(net)) - 1] * len(images[0])
    torch.testing.assert_close(module.infer(*images).scores, getattr(outputs, last), rtol=1e-5, atol=1e-6)
    module.thresholds.fill_(math.inf)
    assert module.infer(*images).exits.tolist() == [0] * len(images[0])
    torch.testing.assert_close(module.infer(*images).scores, getattr(outputs, first), rtol=1e-5, atol=1e-6)


@EVERY
@pytest.mark.parametrize("threshold", [0.0, math.inf])
@torch.no_grad()
def test_batches_of_one_and_of_none(name: str, threshold: float) -> None:
    net, module, images = built(name, count=1)
    module.thresholds.fill_(threshold)
    result = module.infer(*images)
    expected = getattr(module(*images), names_of(net)[0 if threshold else -1])
    torch.testing.assert_close(result.scores, expected, rtol=1e-5, atol=1e-6)
    nothing = module.infer(*(image[:0] for image in images))
    assert nothing.scores.shape == (0, *expected.shape[1:])
    assert nothing.exits.shape == (0,)


@torch.no_grad()
def test_later_layers_run_on_those_that_are_left() -> None:
    net, module, images = built("b_alexnet", count=8)
    spread(module, net, images)
    sizes: dict[str, list[int]] = {name: [] for name in ("c1", "middle", "c4", "head")}
    for name, seen in sizes.items():
        module.get_submodule(name).register_forward_pre_hook(lambda _, given, seen=seen: seen.append(len(given[0])))
    exits = module.infer(*images).exits
    left = [int((exits >= index).sum()) for index in range(3)]
    assert left[0] > left[1] > left[2] > 0
    assert sizes == {"c1": [left[0]], "middle": [left[1]], "c4": [left[2]], "head": [left[2]]}
    module.thresholds.fill_(math.inf)
    module.infer(*images)
    assert len(sizes["c4"]) == len(sizes["middle"]) == 1


@torch.no_grad()
def test_scores_that_are_no_numbers_never_leave_early() -> None:
    _, module, images = built("b_lenet", count=3)
    module.thresholds.fill_(math.inf)
    module.early.fc1.bias.fill_(math.nan)
    assert module.infer(*images).exits.tolist() == [1, 1, 1]


def test_inference_is_refused_in_training() -> None:
    _, module, images = built("b_lenet")
    with pytest.raises(RuntimeError, match="eval"):
        module.train().infer(*images)


def test_an_error_in_inference_names_its_line() -> None:
    _, module, _ = built("b_lenet")
    with pytest.raises(RuntimeError) as caught:
        module.infer(torch.randn(1, 3, 28, 28))
    assert any("b_lenet.arch" in note and "c1" in note for note in caught.value.__notes__)
    with pytest.raises(RuntimeError) as caught:
        module(torch.randn(1, 3, 28, 28))
    assert any("b_lenet.arch" in note and "c1" in note for note in caught.value.__notes__)


def test_names_of_steps_do_not_get_in_the_way() -> None:
    text = """
    input scores: 3x8x8
    infer = 3x3 conv 4
    exit rows entropy=0.9 { gap -> fc 3 }
    thresholds = 3x3 conv 4
    exit exits entropy=0.9 { gap -> fc 3 }
    joint_loss = gap -> fc 3
    """
    net = archdsl.load(archdsl.text(text))
    module = net.module(seed=0).eval()
    images = inputs_of(net, 5)
    with torch.no_grad():
        outputs = module(*images)
        module.exit_thresholds.zero_()
        torch.testing.assert_close(module.infer(*images).scores, outputs.out)
        module.exit_thresholds.fill_(math.inf)
        torch.testing.assert_close(module.infer(*images).scores, outputs.rows)


def test_an_early_exit_may_be_fed_from_any_stream() -> None:
    net = archdsl.load(archdsl.text("input 6\nexit e entropy=1 { }\nexit f entropy=1 { relu }\nfc 6"))
    module = net.module(seed=0).eval()
    images = inputs_of(net, 4)[0]
    with torch.no_grad():
        assert torch.equal(module.infer(images).scores[:0], images[:0])
        module.thresholds.fill_(math.inf)
        assert torch.equal(module.infer(images).scores, images)
        module.thresholds.copy_(torch.tensor([0.0, math.inf]))
        assert torch.equal(module.infer(images).scores, images.relu())


# Modules ---------------------------------------------------------------------------------------------------------


@EVERY
def test_static_modes_compile_whole_and_export(name: str) -> None:
    torch.compiler.reset()
    net, module, images = built(name, count=2)
    compiled: Any = torch.compile(module, fullgraph=True, backend="eager")
    with torch.no_grad():
        expected = module(*images)
        exported = torch.export.export(module, images).module()
        for result in (compiled(*images), exported(*images)):
            assert len(result) == len(expected) == sum(output.only is None for output in net.graph.outputs)
            for one, other in zip(result, expected, strict=True):
                torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-6)
    torch.compiler.reset()
    outputs = torch.compile(module.train(), fullgraph=True, backend="eager")(*images)
    assert len(outputs) == len(net.graph.outputs)


@EVERY
def test_every_exit_learns(name: str) -> None:
    net, module, images = built(name, count=4)
    target = torch.zeros(4, dtype=torch.long)
    torch.autograd.backward(module.train().joint_loss(module(*images), target))
    idle = {path for path, weight in module.named_parameters() if weight.grad is None or not weight.grad.any()}
    assert all(path.startswith("idle.") for path in idle)
    assert len(net.graph.outputs) == len(module(*images))


def test_thresholds_begin_as_specified_and_travel_with_the_weights() -> None:
    net = archdsl.load("b_alexnet", thresholds=[0.25, 0.5])
    module = net.module()
    assert module.thresholds.tolist() == [0.25, 0.5]
    module.thresholds.copy_(torch.tensor([0.125, 0.75]))
    other = net.module()
    other.load_state_dict(module.state_dict())
    for copied in (other, copy.deepcopy(module), pickle.loads(pickle.dumps(module))):
        assert copied.thresholds.tolist() == [0.125, 0.75]
    module.reset_parameters()
    assert module.thresholds.tolist() == [0.25, 0.5]
    assert "thresholds" not in archdsl.compile("b_alexnet_trunk").state_dict()


def test_the_trunk_has_the_weights_of_the_branched_network() -> None:
    branched = archdsl.load("b_resnet110", depth=20).module(seed=0).eval()
    trunk = archdsl.load("b_resnet110_trunk", depth=20).module(seed=1).eval()
    own = {key: value for key, value in branched.state_dict().items() if key in trunk.state_dict()}
    trunk.load_state_dict(own)
    images = torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        torch.testing.assert_close(trunk(images), branched(images).out)


def test_folding_keeps_the_thresholds() -> None:
    net, module, images = built("b_resnet110")
    with torch.no_grad():
        spread(module, net, images)
        folded = net.fold(module)
        assert torch.equal(folded.thresholds, module.thresholds)
        torch.testing.assert_close(folded.infer(*images).scores, module.infer(*images).scores, rtol=1e-3, atol=1e-4)


ALONE = """
import runpy, sys
sys.modules["archdsl"] = None
import torch
given = torch.load(sys.argv[2], weights_only=True)
module = runpy.run_path(sys.argv[1])[given["name"]]().eval()
module.load_state_dict(given["weights"])
with torch.no_grad():
    result = module.infer(*given["images"])
torch.save(tuple(result), sys.argv[2])
"""


def test_inference_stands_alone(tmp_path: Path) -> None:
    net, module, images = built("tangled")
    source, data = tmp_path / "net.py", tmp_path / "data.pt"
    source.write_text(net.source().text, encoding="utf-8")
    with torch.no_grad():
        spread(module, net, images)
        expected = module.infer(*images)
    torch.save({"name": net.source().class_name, "weights": module.state_dict(), "images": images}, data)
    command = [sys.executable, "-I", "-c", ALONE, source, data]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    scores, exits = torch.load(data, weights_only=True)
    assert torch.equal(exits, expected.exits)
    torch.testing.assert_close(scores, expected.scores)


# Joint loss ------------------------------------------------------------------------------------------------------


def test_the_joint_loss_is_the_weighted_sum() -> None:
    module = archdsl.compile("googlenet", input="3x96x96", classes=5, seed=0).train()
    torch.manual_seed(0)
    outputs = module(torch.randn(3, 3, 96, 96))
    target = torch.tensor([0, 4, 2])
    losses = [functional.cross_entropy(output, target) for output in outputs]
    torch.testing.assert_close(module.joint_loss(outputs, target), 0.3 * losses[0] + 0.3 * losses[1] + losses[2])


def test_the_joint_loss_of_early_exits_has_the_weights_of_the_specification() -> None:
    _, module, images = built("tangled", count=5)
    outputs = module.train()(*images)
    target = torch.tensor([0, 1, 2, 3, 0])
    weights = {"aux": 0.3, "early": 0.5, "idle": 0.0, "late": 1.0, "out": 1.0}
    assert tuple(weights) == outputs._fields
    expected = sum(
        weight * functional.cross_entropy(getattr(outputs, name), target) for name, weight in weights.items()
    )
    torch.testing.assert_close(module.joint_loss(outputs, target), expected)


def test_one_output_or_outputs_that_differ_have_no_joint_loss() -> None:
    for name in ("resnet18", "googlenet_trunk", "b_lenet_trunk"):
        assert not hasattr(archdsl.compile(name, device="meta"), "joint_loss")
    text = "input 3x8x8\nexit mask { 1x1 conv 1 }\ngap -> fc 4"
    assert not hasattr(archdsl.compile(archdsl.text(text), device="meta"), "joint_loss")


# Tuning ----------------------------------------------------------------------------------------------------------


def observed(count: int, exits: int, seed: int) -> list[Observation]:
    """Samples that are easy or hard: the surer an exit is, the more often it is right; later exits are better."""
    chance = random.Random(seed)
    hardness = [chance.random() for _ in range(count)]
    made = []
    for index in range(exits):
        entropies = tuple(round(max(hard + chance.gauss(0, 0.2), 0.0) * 2, 2) for hard in hardness)
        hits = tuple(chance.random() > hard * (0.8 - 0.2 * index) for hard in hardness)
        made.append(Observation(f"e{index}", entropies, hits))
    return made


def outcome(found: list[Observation], macs: list[int], thresholds: tuple[float, ...]) -> tuple[float, float]:
    """Accuracy and mean cost, computed plainly."""
    hits = cost = 0
    for sample in range(len(found[0].hits)):
        place = next((i for i, t in enumerate(thresholds) if found[i].entropies[sample] < t), len(thresholds))
        hits += found[place].hits[sample]
        cost += macs[place]
    return hits / len(found[0].hits), cost / len(found[0].hits)


def every_threshold(exit: Observation) -> list[float]:
    return [*sorted(set(exit.entropies)), math.inf]


def check(tuned: TunedExits, found: list[Observation], macs: list[int]) -> None:
    assert (tuned.accuracy, tuned.macs) == pytest.approx(outcome(found, macs, tuned.thresholds))
    assert sum(tuned.shares) == pytest.approx(1)
    assert tuned.macs == pytest.approx(sum(share * mac for share, mac in zip(tuned.shares, macs, strict=True)))


@pytest.mark.parametrize("seed", range(5))
def test_with_one_exit_the_choice_is_the_best(seed: int) -> None:
    found, macs = observed(80, 2, seed), [100, 1000]
    all_of_them = [outcome(found, macs, (threshold,)) for threshold in every_threshold(found[0])]
    least = sorted(accuracy for accuracy, _ in all_of_them)[len(all_of_them) // 2]
    tuned = tune(found, macs, accuracy=least)
    check(tuned, found, macs)
    assert tuned.macs == min(cost for accuracy, cost in all_of_them if accuracy >= least)
    tuned = tune(found, macs, budget=500)
    check(tuned, found, macs)
    assert tuned.macs <= 500
    assert tuned.accuracy == max(accuracy for accuracy, cost in all_of_them if cost <= 500)


@pytest.mark.parametrize("seed", range(3))
def test_with_two_exits_the_choice_is_close_to_the_best_and_no_single_change_betters_it(seed: int) -> None:
    found, macs = observed(40, 3, seed), [100, 400, 1000]
    columns = [every_threshold(exit) for exit in found[:2]]
    every = [outcome(found, macs, pair) for pair in itertools.product(*columns)]
    tuned = tune(found, macs, budget=450)
    check(tuned, found, macs)
    best = max(accuracy for accuracy, cost in every if cost <= 450)
    assert tuned.macs <= 450
    assert tuned.accuracy >= best - 1 / 40 - 1e-9
    for index, column in enumerate(columns):
        for value in column:
            changed = (*tuned.thresholds[:index], value, *tuned.thresholds[index + 1 :])
            accuracy, cost = outcome(found, macs, changed)
            assert cost > 450 or accuracy <= tuned.accuracy + 1e-9
    least = best - 0.05
    cheapest = min(cost for accuracy, cost in every if accuracy >= least)
    tuned = tune(found, macs, accuracy=least)
    assert tuned.accuracy >= least
    assert tuned.macs <= 1.1 * cheapest


def test_many_exits_are_tuned_too() -> None:
    found, macs = observed(30, 15, 0), [100 * (index + 1) for index in range(15)]
    tuned = tune(found, macs, budget=600)
    check(tuned, found, macs)
    assert tuned.macs <= 600


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ({"accuracy": 1.01}, "no thresholds were found"),
        ({"budget": 99}, "99 MACs"),
        ({}, "one of both"),
        ({"accuracy": 0.5, "budget": 500}, "one of both"),
    ],
)
def test_a_target_out_of_reach_is_refused(target: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        tune(observed(20, 2, 0), [100, 1000], **target)
    with pytest.raises(ValueError, match="no samples"):
        tune(observed(0, 2, 0), [100, 1000], budget=1)


def test_tuned_thresholds_do_what_they_promise() -> None:
    net, module, images = built("b_alexnet", count=24)
    classes = torch.arange(24) % 10
    loader = [(images[0][:10], classes[:10]), (images[0][10:], classes[10:])]
    module.train()
    tuned = net.tune_exits(module, loader, macs=22_000_000)
    assert module.training
    assert tuned.names == ("early", "middle", "out")
    module.eval()
    with torch.no_grad():
        module.thresholds.copy_(torch.tensor(tuned.thresholds))
        result = module.infer(*images)
    shares = [float((result.exits == index).float().mean()) for index in range(3)]
    assert shares == pytest.approx(tuned.shares)
    assert float((result.scores.argmax(1) == classes).float().mean()) == pytest.approx(tuned.accuracy)
    assert net.analysis.exits.expected(tuned.shares).macs == pytest.approx(tuned.macs)


def test_a_network_without_early_exits_cannot_be_tuned() -> None:
    net = archdsl.load("resnet18")
    with pytest.raises(ValueError, match="no early exits"):
        net.tune_exits(nn.Identity(), [], accuracy=0.5)
