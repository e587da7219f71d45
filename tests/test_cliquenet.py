"""CliqueNet: both stages share weights, and the sum of a layer's edges is what its authors compute by concatenation."""

from __future__ import annotations

import json
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional

import archdsl

WIDTH, LAYERS = 4, 3


def normalised(state: dict[str, Tensor], paths: list[str], x: Tensor) -> Tensor:
    """A norm of concatenated maps, its tensors concatenated from those of the edges."""
    names = ("running_mean", "running_var", "weight", "bias")
    mean, variance, weight, bias = (torch.cat([state[f"{path}.{name}"] for path in paths]) for name in names)
    return functional.batch_norm(x, mean, variance, weight, bias, eps=1e-3).relu()


def clique(state: dict[str, Tensor], block: str, entering: Tensor) -> Tensor:
    """Maps of Stage II as the authors' code has them: concatenate, normalise, convolve by concatenated weights."""
    maps = {0: entering}
    for stage, suffix in ((1, ""), (2, "_2")):
        for i in range(1, LAYERS + 1):
            sources = range(i) if stage == 1 else [j for j in range(1, LAYERS + 1) if j != i]
            norms = [f"{block}.x_{i}{suffix}.bn{place}" for place in range(1, len(sources) + 1)]
            weight = torch.cat([state[f"{block}.edge_{j}_{i}.conv1.weight"] for j in sources], dim=1)
            inputs = torch.cat([maps[j] for j in sources], dim=1)
            maps[i] = functional.conv2d(normalised(state, norms, inputs), weight, padding=1)
    return torch.cat([maps[i] for i in range(1, LAYERS + 1)], dim=1)


def test_a_clique_computes_what_its_authors_compute() -> None:
    network = archdsl.load("cliquenet_cifar", width=WIDTH, depth=3 * LAYERS)
    module = network.module(seed=0, dtype=torch.float64).eval()
    generator = torch.Generator().manual_seed(0)
    for tensor in module.state_dict().values():
        if tensor.ndim == 1 and tensor.is_floating_point():
            tensor.copy_(torch.rand(tensor.shape, generator=generator, dtype=tensor.dtype) + 0.5)
    state = dict(module.state_dict())
    images = torch.randn(2, 3, 32, 32, generator=generator, dtype=torch.float64)
    x, features = functional.conv2d(images, state["stem.conv1.weight"], padding=1), []
    for number in (1, 2, 3):
        block = f"block{number}"
        refined = clique(state, block, x)
        read = torch.cat([x, refined], dim=1)
        (norm,) = {key.rpartition(".")[0] for key in state if key.startswith(f"{block}.feature.")}
        features.append(normalised(state, [norm], read).mean((2, 3)))
        if number < 3:
            path = f"transition{number}"
            mixed = functional.conv2d(normalised(state, [f"{path}.bn1"], refined), state[f"{path}.conv1.weight"])
            x = functional.avg_pool2d(mixed, 2)
    expected = functional.linear(torch.cat(features, dim=1), state["head.fc1.weight"], state["head.fc1.bias"])
    with torch.no_grad():
        torch.testing.assert_close(module(images), expected, rtol=1e-9, atol=1e-9)


def test_every_edge_has_one_set_of_weights() -> None:
    graph = archdsl.load("cliquenet_cifar", width=WIDTH, depth=3 * LAYERS).graph
    users: dict[str, int] = {}
    for node in graph.nodes:
        if ".edge_" in node.path:
            users[node.path] = users.get(node.path, 0) + 1
    edges = {path: count for path, count in users.items() if path.startswith("block1")}
    assert len(edges) == LAYERS + LAYERS * (LAYERS - 1)
    forth = {f"edge_{j}_{i}" for i in range(1, LAYERS + 1) for j in range(1, i)}
    assert {path.split(".")[-2] for path, count in edges.items() if count == 2} == forth


@pytest.mark.parametrize(
    ("parameters", "line"),
    [
        ({"depth": 13}, "require depth % step"),
        ({"depth": 15, "bottleneck": True}, "require depth % step"),
        ({"read": 2, "transit": 1}, "require 1 <= read"),
    ],
)
def test_what_does_not_fit_is_refused_at_its_line(parameters: dict[str, Any], line: str) -> None:
    with pytest.raises(archdsl.ArchError) as caught:
        archdsl.load("cliquenet_cifar", **parameters)
    span = caught.value.diagnostics[0].span
    assert line in span.source.line(span.line)


def test_the_picture_ties_both_stages_of_a_layer() -> None:
    picture = json.loads(archdsl.load("cliquenet_cifar").draw(format="json", expand=("block1",)))
    tied = [link for link in picture["links"] if link["kind"] == "tied"]
    assert len(tied) == 3, "the four layers but the first, whose edges of Stage I come from the maps that enter"
