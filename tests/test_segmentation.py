"""Networks that segment: which sizes they take, where dilations stand, what upsampling does at the start."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import archdsl
from archdsl.ops.conv import Conv


def spatial(name: str, size: tuple[int, int], **parameters: Any) -> tuple[int, ...]:
    network = archdsl.load(name, input=(3, *size), **parameters)
    return network.graph.output_types()["out"].spatial


@pytest.mark.parametrize(
    "name",
    [
        "fcn32s",
        "fcn16s",
        "fcn8s",
        "fcn8s_atonce",
        "fcn_resnet50",
        "deeplabv3_resnet50",
        "deeplabv3_mobilenet_v3_large",
        "deeplab_v3_plus_resnet50",
        "deeplab_v3_plus_resnet50_smp",
        "unet_padded",
        "unet_padded_bilinear",
    ],
)
@pytest.mark.parametrize("size", [(33, 47), (97, 64), (321, 500)], ids=str)
def test_scores_have_the_size_of_the_image(name: str, size: tuple[int, int]) -> None:
    assert spatial(name, size) == size


@pytest.mark.parametrize(
    ("name", "size", "expected"),
    [
        ("fcn_vgg16_classifier", 224, 1),
        ("fcn_vgg16_classifier", 384, 6),
        ("deeplab_v1", 321, 41),
        ("deeplab_v2", 513, 65),
        ("deeplab_v3_resnet101_os8", 513, 65),
        ("deeplab_v3_resnet101_os16", 513, 33),
    ],
)
def test_scores_are_so_many(name: str, size: int, expected: int) -> None:
    assert spatial(name, (size, size)) == (expected, expected)


def dilations(name: str, stage: str) -> list[int]:
    nodes = archdsl.load(name).graph.nodes
    ops = [node.op for node in nodes if node.path.startswith(f"{stage}.") and isinstance(node.op, Conv)]
    return [op.dilation for op in ops if op.kernel == (3, 3) and isinstance(op.dilation, int)]


@pytest.mark.parametrize(
    ("name", "third", "fourth"),
    [
        ("deeplabv3_resnet50", [1, 2, 2, 2, 2, 2], [2, 4, 4]),
        ("deeplab_v2_resnet50", [2] * 6, [4, 4, 4]),
        ("deeplab_v3_resnet50_os16", [1] * 6, [2, 4, 8]),
        ("deeplab_v3_plus_resnet50_smp", [1] * 6, [2, 2, 2]),
    ],
)
def test_dilations_take_the_place_of_strides(name: str, third: list[int], fourth: list[int]) -> None:
    assert dilations(name, "stage3") == third
    assert dilations(name, "stage4") == fourth


@pytest.mark.parametrize(
    ("name", "parameters"),
    [("fcn_resnet50", 35_322_218), ("fcn_resnet101", 54_314_346), ("deeplabv3_resnet50", 42_004_074),
     ("deeplabv3_resnet101", 60_996_202), ("deeplabv3_mobilenet_v3_large", 11_029_328)],
)  # fmt: skip
def test_the_second_head_counts_as_in_torchvision(name: str, parameters: int) -> None:
    network = archdsl.load(f"{name}_aux")
    assert network.analysis.cost.parameters == parameters
    assert network.analysis.cost.macs == archdsl.load(name).analysis.cost.macs


@pytest.mark.parametrize(
    ("name", "parameters", "line"),
    [
        ("unet", {"size": 574}, "require padded or"),
        ("deeplab_v3", {"stride": 4}, "require stride == 8"),
        ("deeplab_v3_plus", {"stride": 32}, "require stride == 8"),
        ("fcn8s", {"stride": 4}, "}[stride]"),
        ("fcn_vgg16_classifier", {"size": 96}, "fc6 = 7x7 conv"),
    ],
)
def test_what_does_not_fit_is_refused_at_its_line(name: str, parameters: dict[str, Any], line: str) -> None:
    with pytest.raises(archdsl.ArchError) as caught:
        archdsl.load(name, **parameters)
    span = caught.value.diagnostics[0].span
    assert line in span.source.line(span.line)


def test_a_classifier_becomes_convolutional_without_change() -> None:
    image = torch.randn(1, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    whole = archdsl.compile("vgg16", seed=0).eval()
    sliding = archdsl.compile("fcn_vgg16_classifier", seed=1).eval()
    for tensor, other in zip(sliding.parameters(), whole.parameters(), strict=True):
        tensor.data = other.data.reshape(tensor.shape)
    with torch.no_grad():
        torch.testing.assert_close(sliding(image).flatten(1), whole(image), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["fcn32s", "fcn8s"])
def test_upsampling_begins_as_interpolation(name: str) -> None:
    network = archdsl.load(name, size=96, classes=2)
    module = network.module(seed=0).eval()
    with torch.no_grad():
        for path, parameter in module.named_parameters():
            if parameter.ndim == 1 and parameter.shape == (2,):
                parameter.copy_(torch.tensor([1.0, -2.0]))
            elif "upconv" not in path:
                parameter.zero_()
        scores = module(torch.randn(1, 3, 96, 96))[0]
    middle = scores[:, 40:56, 40:56]
    added = {"fcn32s": 1, "fcn8s": 3}[name]
    torch.testing.assert_close(middle[0], torch.full((16, 16), 1.0 * added))
    torch.testing.assert_close(middle[1], torch.full((16, 16), -2.0 * added))
