"""Exported programs of networks with several outputs: what a loaded `.pt2` gives is named as in the specification."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

import archdsl
from tests.conftest import Finished

SHARED = """
input image: 3x16x16
input mask: 1x16x16
input truth: 2x5 only=train
features = (image | mask) -> concat -> 3x3 conv 8 -> relu
output edges = 1x1 conv 1
output classes = features -> gap -> fc 5
output rest only=train = features -> 1x1 conv 2
"""


def loaded(program: bytes) -> Any:
    return torch.export.load(io.BytesIO(program)).module()


def images_for(network: archdsl.Network, count: int) -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    given = [node for node in network.graph.inputs if getattr(node.op, "only", None) is None]
    return [torch.randn(count, *node.outputs[0].shape, generator=generator) for node in given]


def assert_named(found: Mapping[str, Tensor], expected: Any) -> None:
    assert type(found) is dict
    assert list(found) == list(expected._fields)
    for name, tensor in found.items():
        torch.testing.assert_close(tensor, getattr(expected, name))


@pytest.mark.parametrize(
    ("target", "arguments", "counts"),
    [
        (archdsl.text(SHARED), {}, (1, 3)),
        ("b_alexnet", {}, (1, 3)),
        ("yolov2_tiny", {"size": 64}, (1, 3)),
        ("ssd300", {"classes": 3}, (2,)),
        ("faster_rcnn_zf", {"input": {"image": "3x64x96"}, "classes": 4, "regions": 20}, (1, 3)),
    ],
    ids=["two inputs", "exits", "yolo", "ssd", "faster rcnn"],
)
def test_several_outputs_are_exported_by_name(target: Any, arguments: dict[str, Any], counts: tuple[int, ...]) -> None:
    network = archdsl.load(target, **arguments)
    module = network.module(seed=0).eval()
    program = loaded(network.program(seed=0))
    for count in counts:
        images = images_for(network, count)
        with torch.no_grad():
            assert_named(program(*images), module(*images))


@pytest.mark.parametrize(
    ("target", "arguments"),
    [("googlenet_bn", {"input": "3x64x64"}), ("fcn_resnet50_aux", {"input": "3x33x33"})],
)
def test_one_output_of_evaluation_is_exported_as_it_is(target: str, arguments: dict[str, Any]) -> None:
    network = archdsl.load(target, **arguments)
    assert len(network.graph.outputs) > 1, "there are further ones in training"
    images = images_for(network, 2)
    with torch.no_grad():
        torch.testing.assert_close(loaded(network.program(seed=0))(*images), network.module(seed=0).eval()(*images))


def test_a_program_has_the_weights_that_it_is_given() -> None:
    network = archdsl.load(archdsl.text(SHARED))
    trained, images = network.module(seed=5).eval(), images_for(network, 2)
    with torch.no_grad():
        assert_named(loaded(network.program(weights=trained.state_dict()))(*images), trained(*images))


def test_the_command_line_exports_several_outputs(arch: Callable[..., Finished], tmp_path: Path) -> None:
    text, path = tmp_path / "shared.arch", tmp_path / "shared.pt2"
    text.write_text(SHARED, encoding="utf-8")
    done = arch("compile", text, "-o", path, "--seed", "0")
    assert done.code == 0, done.err
    network = archdsl.load(text)
    images = images_for(network, 4)
    with torch.no_grad():
        assert_named(torch.export.load(path).module()(*images), network.module(seed=0).eval()(*images))
