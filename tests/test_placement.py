"""Networks on several devices: a specification says what sits where, and compiling says which devices those are."""

from __future__ import annotations

import pytest
import torch

import archdsl
from archdsl.graph.placement import placement

TOWERS = archdsl.text(
    """
    input 3x8x8
    stem = 3x3 conv 4
    upper = stem -> place "upper" -> 3x3 conv 4
    lower = stem -> place "lower" -> 3x3 conv 4 -> place "upper"
    (upper | lower) -> concat -> fc 2
    """
)


def test_an_operator_runs_where_its_input_is() -> None:
    graph = archdsl.load(TOWERS).graph
    devices = dict(zip((node.path for node in graph.nodes), placement(graph), strict=True))
    assert devices["stem.conv1"] == ""
    assert devices["lower.conv1"] == "lower"
    assert devices["concat1"] == devices["fc1"] == "upper"


def test_each_part_is_made_on_its_device() -> None:
    module = archdsl.compile(TOWERS, devices={"lower": "meta"})
    placed = {name: weight.device.type for name, weight in module.named_parameters()}
    assert placed["lower.conv1.weight"] == "meta"
    assert {device for name, device in placed.items() if not name.startswith("lower.")} == {"cpu"}


def test_streams_move_between_devices() -> None:
    module = archdsl.compile(TOWERS, devices={"upper": "meta", "lower": "meta"})
    assert module(torch.randn(2, 3, 8, 8)).device.type == "meta"
    assert module.stem.conv1.weight.device.type == "cpu"


def test_it_runs_on_one_device_as_well() -> None:
    module = archdsl.compile(TOWERS)
    module(torch.randn(2, 3, 8, 8)).sum().backward()
    assert all(weight.grad is not None for weight in module.parameters())


def test_alexnet_has_two_towers() -> None:
    module = archdsl.compile("alexnet_towers", devices={"lower": "meta"})
    weights = [weight for weight in module.parameters() if weight.is_meta]
    convolutions = [tuple(weight.shape) for weight in weights if weight.ndim == 4]
    assert [shape[0] for shape in convolutions] == [48, 128, 192, 192, 128]  # half of the maps, as figure 2 draws it


def test_an_unknown_device_is_refused() -> None:
    with pytest.raises(ValueError, match="its devices are lower, upper"):
        archdsl.compile(TOWERS, devices={"uper": "cpu"})
