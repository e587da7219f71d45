"""The zoo: every variant checks, counts, trains and compiles; its figures are the published ones."""

from __future__ import annotations

import copy
import csv
import io
import os
import re
import shutil
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

import archdsl
from archdsl.ops.detect import is_boxes
from archdsl.ops.rcnn import SampleRois
from archdsl.project import zoo
from tools.peers import flatten

DATA = Path(__file__).parent / "data"

NAMES = list(zoo())
FILES = sorted({entry.path for entry in zoo().values()})

#: Variants that between them have every construct of the zoo.
SUBSET = (
    "lenet5",
    "resnet18",
    "resnet20_cifar",
    "stochastic_depth110",
    "resnext29_8x64d_cifar",
    "pyramidnet110_a4p75_mul_cifar",
    "seresnet50",
    "sknet50",
    "densenet40_k12_cifar",
    "vgg11_lrn",
    "googlenet",
    "alexnet_towers",
    "inception_resnet_v1",
    "fractalnet20",
    "unet",
    "unet_padded_bilinear",
    "shufflenet_g3",
    "mobilenet_v3_small",
    "igcv3_wd4",
    "efficientnet_b0",
    "octresnet_v2_50_a025",
    "diracnet28_5_cifar",
    "acu_cifar10",
    "deformable_resnet101_modulated",
    "b_alexnet",
    "yolov2_tiny",
)

#: Parameters that make a specification small, by the name of its file, where its structure allows it.
SMALL: dict[str, dict[str, Any]] = {
    "resnet": {"input": "3x64x64"},
    "stochastic_depth": {"depth": 20, "survival": 0.9},
    "resnet_v2": {"input": "3x64x64"},
    "resnet_v2_cifar": {"depth": 20},
    "wide_resnet": {"input": "3x64x64"},
    "wide_resnet_cifar": {"factor": 1},
    "resnext": {"input": "3x64x64"},
    "resnext_cifar": {"depth": 11, "base": 4},
    "pyramidnet": {"input": "3x64x64", "depth": 26},
    "pyramidnet_cifar": {"depth": 20},
    "se_resnet": {"input": "3x64x64", "depth": 26},
    "se_resnext": {"input": "3x64x64", "depth": 26},
    "se_bn_inception": {"input": "3x64x64"},
    "senet": {"input": "3x64x64", "depth": 26},
    "sknet": {"input": "3x64x64", "depth": 26},
    "gcnet": {"input": "3x64x64", "depth": 26},
    "gcresnet": {"input": "3x64x64", "depth": 26},
    "densenet": {"input": "3x64x64"},
    "vgg": {"input": "3x32x32"},
    "googlenet_bn": {"input": "3x64x64"},
    "bn_inception": {"input": "3x64x64"},
    "inception_v4": {"input": "3x107x107"},
    "inception_resnet_v1": {"input": "3x107x107", "counts": [1, 1, 1]},
    "inception_resnet_v2": {"input": "3x107x107", "counts": [1, 1, 1]},
    "xception": {"input": "3x71x71", "middle": 1},
    "darknet19": {"size": 64},
    "yolov1": {"size": 64},
    "yolov1_tiny": {"size": 64},
    "yolov2": {"size": 64},
    "yolov2_tiny": {"size": 64},
    "fractalnet": {"widths": [4, 8, 8, 16, 16]},
    "unet": {"size": 188, "width": 8},
    "shufflenet": {"input": "3x64x64"},
    "mobilenet_v1": {"size": 64},
    "mobilenet_v2": {"size": 64},
    "mobilenet_v3": {"input": "3x64x64"},
    "shufflenet_v2": {"input": "3x64x64"},
    "shufflenet_v2_plus": {"input": "3x64x64"},
    "igcv1": {"input": "3x64x64"},
    "igcv3": {"input": "3x64x64"},
    "efficientnet": {"size": 64},
    "octave_resnet": {"input": "3x64x64"},
    "b_resnet110": {"depth": 20},
    "diracnet": {"input": "3x64x64"},
    "diracnet_cifar": {"width": 1},
    "deformable_resnet": {"input": "3x64x64", "depth": 26},
    "deformable_deeplab": {"input": "3x64x64", "depth": 26},
    "cliquenet": {"input": "3x64x64", "widths": [4, 4, 4, 4], "layers": [2, 3, 2, 2]},
    "cliquenet_cifar": {"width": 4},
    "fcn": {"size": 64},
    "fcn_resnet": {"input": "3x65x65"},
    "deeplab_v1": {"size": 65, "hidden": 32},
    "deeplab_v2": {"size": 65},
    "deeplab_v3": {"size": 65},
    "deeplab_v3_mobilenet": {"size": 65},
    "deeplab_v3_plus": {"size": 65},
    "rcnn_vgg16": {"size": [64, 96], "side": 64, "classes": 4, "regions": 4, "samples": 4, "narrow": 8},
    "fast_rcnn": {"input": {"image": "3x64x96"}, "classes": 4, "regions": 8, "narrow": 8},
    "faster_rcnn": {"size": [64, 96], "classes": 4, "regions": 8, "train_regions": 20, "narrow": 8},
    "faster_rcnn_fpn": {"size": [64, 96], "classes": 4, "regions": 8, "train_regions": 20, "narrow": 8},
    "ssd": {"narrow": 8},
    "faster_rcnn_2fc": {"size": [64, 96], "depth": 26, "classes": 4, "regions": 8},
    "rfcn": {"size": [64, 96], "depth": 26, "classes": 4, "regions": 8},
}


@dataclass(frozen=True)
class Figure:
    """A row of the table of figures."""

    network: str
    variant: str
    target: str
    input: str
    classes: int
    parameters: int
    macs: int
    reference: str

    @property
    def counts_training(self) -> bool:
        """Whether the multiply-accumulates are those of training, with the auxiliary classifiers."""
        return self.reference.endswith("train_val.prototxt")

    @property
    def regions(self) -> int:
        """For how many regions of interest the multiply-accumulates are; 0 for a network that takes none."""
        found = re.search(r"; (\d+) regions?$", self.reference)
        return int(found[1]) if found else 0

    def __str__(self) -> str:
        return f"{self.network} {self.variant}"


def figures() -> Iterator[Figure]:
    with (DATA / "figures.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            counts = {"classes": int(row["classes"]), "parameters": int(row["params"]), "macs": int(row["macs"])}
            yield Figure(
                row["network"], row["variant"], row["target"], row["input"], reference=row["reference"], **counts
            )


#: Variants whose figures are known; each is built on the meta device in every run of the tests, but for large ones.
FIGURED = {figure.target for figure in figures()}
#: Those that take regions, which `test_rcnn` builds.
REGIONAL = {figure.target for figure in figures() if figure.regions}
LARGE = {
    "cliquenet_k12_t36_cifar",
    "densenet_bc_250_k24_cifar",
    "preresnet1001_cifar",
    "pyramidnet164_a270_bn_cifar",
    "pyramidnet200_a240_bn_cifar",
    "pyramidnet236_a220_bn_cifar",
    "pyramidnet272_a200_bn_cifar",
    "resnet1202_cifar",
    "stochastic_depth1202",
}


@cache
def loaded(name: str) -> archdsl.Network:
    return archdsl.load(name)


def small(name: str) -> archdsl.Network:
    return archdsl.load(name, **SMALL.get(zoo()[name].path.stem, {}))


def batch(network: archdsl.Network, count: int = 2, device: str = "cpu") -> tuple[Tensor, ...]:
    """Images, and regions of them where a network takes some; what only training takes is left out."""
    generator = torch.Generator().manual_seed(0)
    streams = []
    for node in network.graph.inputs:
        shape = (count, *node.outputs[0].shape)
        if getattr(node.op, "only", None) == "train":
            continue
        if device == "meta":
            streams.append(torch.empty(shape, device=device))
        elif is_boxes(node.outputs[0]):
            streams.append(torch.rand(shape, generator=generator).cumsum(-1) * 25)
        else:
            streams.append(torch.randn(shape, generator=generator))
    return tuple(streams)


def objects(network: archdsl.Network, count: int = 2, device: str = "cpu") -> tuple[Tensor, ...]:
    """What a detector takes in training beside images: objects of each of them, one half as large as the other."""
    height, width = network.graph.inputs[0].outputs[0].spatial
    boxes = [[0.0, 0, 0, width / 2**halvings, height / 2**halvings] for halvings in range(5)]
    rows = [node.outputs[0].channels for node in network.graph.inputs if getattr(node.op, "only", None) == "train"]
    return tuple(torch.tensor([boxes + [[-1.0] * 5] * (most - len(boxes))] * count, device=device) for most in rows)


def further_regions(network: archdsl.Network, *, training: bool = False) -> int:
    """How many regions of an image there are beside the first, for which the analysis is."""
    sampled = [node.op.count for node in network.graph.nodes if isinstance(node.op, SampleRois)]
    if not sampled:
        return 0
    return (sampled[0] if training else int(network.graph.arguments["regions"])) - 1


def assert_same(result: Any, expected: Any) -> None:
    tensors, others = flatten(result), flatten(expected)
    assert len(tensors) == len(others) > 0
    for tensor, other in zip(tensors, others, strict=True):
        # Untrained, the 1202 layers of one network overflow.
        torch.testing.assert_close(tensor, other, rtol=1e-5, atol=1e-6, equal_nan=True)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    every = metafunc.config.getoption("all_variants")
    if "variant" in metafunc.fixturenames:
        metafunc.parametrize("variant", NAMES if every else SUBSET)
    if "built" in metafunc.fixturenames:
        metafunc.parametrize("built", NAMES if every else sorted(FIGURED - LARGE - REGIONAL))
    if "together" in metafunc.fixturenames:
        files: dict[str, list[str]] = defaultdict(list)
        for name in NAMES:
            files[zoo()[name].path.stem].append(name)
        metafunc.parametrize("together", files.values() if every else [SUBSET], ids=files if every else ["chosen"])


# Figures -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("figure", list(figures()), ids=str)
def test_the_analysis_gives_the_figure(figure: Figure) -> None:
    network = loaded(figure.target)
    cost = network.analysis.cost
    assert cost.parameters == figure.parameters
    macs = cost.macs + max(figure.regions - 1, 0) * cost.region_macs
    assert (cost.train_macs if figure.counts_training else macs) == figure.macs
    assert str(network.graph.inputs[0].outputs[0]) == figure.input
    if "out" in network.graph.output_types():
        assert network.graph.output_types()["out"].channels == figure.classes


# Every variant -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_classes_and_size_can_be_changed(path: Path) -> None:
    image, *_ = archdsl.load(path).graph.inputs
    channels, *sizes = image.outputs[0].shape
    graph = archdsl.load(path, classes=7, input=(channels, *(size + 32 for size in sizes))).graph
    assert "out" not in graph.output_types() or graph.output_types()["out"].channels == 7


@pytest.mark.parametrize(
    ("name", "parameters", "code", "line"),
    [
        ("resnet50", {"depth": 51}, "E0308", "}[depth]"),
        ("resnet20_cifar", {"depth": 21}, "E0306", "require depth % 6 == 2"),
        ("shufflenet_g3", {"groups": 7}, "E0308", "published[groups]"),
        ("vgg16", {"column": "F"}, "E0308", "}[column]"),
        ("densenet40_k12_cifar", {"depth": 41}, "E0306", "require depth % step"),
        ("unet", {"size": 20}, "E0404", "3x3 conv width"),
        ("resnet50", {"width": 32}, "E0205", "net resnet"),
    ],
)
def test_a_value_that_cannot_work_is_refused_at_its_line(
    name: str, parameters: dict[str, Any], code: str, line: str
) -> None:
    with pytest.raises(archdsl.ArchError) as caught:
        archdsl.load(name, **parameters)
    first = caught.value.diagnostics[0]
    assert first.code.id == code
    assert line in first.span.source.line(first.span.line)


def test_a_network_is_what_the_analysis_says_and_learns(built: str) -> None:
    network = loaded(built)
    module = network.module(device="meta").eval()
    cost = network.analysis.cost
    assert sum(parameter.numel() for parameter in module.parameters()) == cost.parameters
    with torch.no_grad(), FlopCounterMode(display=False) as evaluation:
        module(*batch(network, 1, "meta"))
    assert evaluation.get_total_flops() == 2 * (cost.macs + further_regions(network) * cost.region_macs)
    with FlopCounterMode(display=False) as training:
        given = *batch(network, 2, "meta"), *objects(network, 2, "meta")  # norms of one place need a batch
        outputs = flatten(module.train()(*given))
    macs = cost.train_macs + further_regions(network, training=True) * cost.region_macs
    assert training.get_total_flops() == 2 * 2 * macs
    assert [tuple(output.shape[1:]) for output in outputs] == [
        network.graph.type_of(output.port).shape for output in network.graph.outputs if output.only != "eval"
    ]
    torch.autograd.backward([output.sum() for output in outputs])
    assert [path for path, parameter in module.named_parameters() if parameter.grad is None] == []


def test_a_variant_learns(variant: str) -> None:
    network = small(variant)
    module = network.module(seed=0).train()
    is_drawn = any(node.op.keyword in ("join", "droppath") for node in network.graph.nodes)
    for _ in range(4 if is_drawn else 1):  # one mini-batch may keep to a single column, or skip most blocks
        outputs = flatten(module(*batch(network), *objects(network)))
        torch.autograd.backward([output.square().mean() for output in outputs])
    gradients = [parameter.grad for parameter in module.parameters()]
    assert all(gradient is not None and gradient.isfinite().all() for gradient in gradients)
    assert sum(gradient is not None and bool(gradient.any()) for gradient in gradients) > len(gradients) // 2


# What torch does with modules --------------------------------------------------------------------------------------


def test_torch_compiles_a_variant_whole(variant: str) -> None:
    torch.compiler.reset()
    network = small(variant)
    module = network.module(seed=0).eval()
    compiled: Any = torch.compile(module, fullgraph=True, backend="eager")
    images = batch(network)
    with torch.no_grad():
        assert_same(compiled(*images), module(*images))


@pytest.mark.parametrize("name", ["lenet5", "resnet18", "googlenet", "fractalnet20", "yolov2_tiny"])
def test_torch_compiles_training_whole(name: str) -> None:
    torch.compiler.reset()
    network = small(name)
    compiled: Any = torch.compile(network.module(seed=0).train(), fullgraph=True, backend="eager")
    outputs = flatten(compiled(*batch(network), *objects(network)))
    assert len(outputs) == sum(output.only != "eval" for output in network.graph.outputs)
    torch.autograd.backward([output.sum() for output in outputs])


def test_torch_exports_a_variant(variant: str) -> None:
    network = small(variant)
    module = network.module(seed=0).eval()
    images = batch(network)
    with torch.no_grad():
        assert_same(torch.export.export(module, images).module()(*images), module(*images))


def test_a_variant_can_be_copied_and_stored(variant: str) -> None:
    network = small(variant)
    module = network.module(seed=0).eval()
    images = batch(network)
    with torch.no_grad():
        expected = module(*images)
        copied = copy.deepcopy(module)
        assert_same(copied(*images), expected)
        stored = io.BytesIO()
        torch.save(module.state_dict(), stored)
        for parameter in module.parameters():
            parameter.zero_()
        assert_same(copied(*images), expected)
        other = network.module(seed=1).eval()
        stored.seek(0)
        other.load_state_dict(torch.load(stored, weights_only=True), strict=True)
        assert_same(other(*images), expected)


RUN_ALONE = """
import runpy, sys
from pathlib import Path

sys.modules["archdsl"] = None  # an import of it would fail
import torch

for source in map(Path, sys.argv[1:]):
    given = torch.load(source.with_suffix(".pt"), weights_only=True)
    module = runpy.run_path(str(source))[given["name"]]().eval()
    module.load_state_dict(given["weights"])
    with torch.no_grad():
        result = module(*given["images"])
    torch.save(tuple(result) if isinstance(result, tuple) else (result,), source.with_suffix(".out"))
"""


def test_sources_stand_alone(tmp_path: Path, together: list[str]) -> None:
    expected: dict[Path, Any] = {}
    for name in together:
        network = small(name)
        module, images, source = network.module(seed=0).eval(), batch(network), network.source()
        path = tmp_path / f"{name}.py"
        path.write_text(source.text, encoding="utf-8")
        given = {"name": source.class_name, "weights": module.state_dict(), "images": images}
        torch.save(given, path.with_suffix(".pt"))
        with torch.no_grad():
            expected[path] = module(*images)
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    command = [sys.executable, "-I", "-c", RUN_ALONE, *map(str, expected)]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for path, outputs in expected.items():
        assert_same(torch.load(path.with_suffix(".out"), weights_only=True), outputs)
    shutil.rmtree(tmp_path)  # the weights of a family are gigabytes
