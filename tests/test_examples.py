"""The examples of the language: each checks, compiles, learns and draws."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import torch
from torch import Tensor

import archdsl

EXAMPLES = Path(__file__).parent / "data" / "language" / "examples"
FILES = sorted(EXAMPLES.glob("*.arch"))


@dataclass(frozen=True)
class Small:
    """How to make an example small enough to train.

    Parameters
    ----------
    edit
        A text of the example, and what stands there instead.
    batch
        Number of elements to train on.
    """

    input: str | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    edit: tuple[str, str] = ("", "")
    batch: int = 2


#: Examples that describe a network, and how to make the large ones small.
NETWORKS = {
    "branchynet": Small(),
    "brief": Small(),
    "cliquenet": Small("3x8x8", {"width": 6}),
    "densenet": Small("3x64x64", {"growth": 4, "blocks": [2, 2, 2, 2], "classes": 10}),
    "efficientnet": Small(parameters={"width": 0.25, "size": 64, "classes": 10}),
    "faster_rcnn": Small("3x48x64", edit=("before=6000 after=300", "before=60 after=3")),
    # Enough that drop-path leaves no block out for all of them.
    "fractalnet": Small(parameters={"widths": [4, 6, 8, 8, 8]}, batch=8),
    "googlenet": Small(parameters={"classes": 10}),
    "lenet": Small(),
    "octave": Small("64x8x8"),
    "resnet": Small("3x64x64", {"classes": 10}),
    "shufflenet": Small("3x64x64", {"classes": 10}),
    "sknet": Small("256x8x8"),
    "unet": Small("1x188x188", {"width": 4}),
}

#: Layers of a region proposal network learn from a loss on their own outputs, which the example leaves to others.
UNTRAINED = {"faster_rcnn": {"rpn", "score", "delta"}}

every_network = pytest.mark.parametrize("name", NETWORKS)


def small(name: str, folder: Path) -> archdsl.Network:
    """An example, small; one that has to be edited is copied to a folder, with what it uses beside it."""
    how = NETWORKS[name]
    path = EXAMPLES / f"{name}.arch"
    if any(how.edit):
        before, after = how.edit
        text = path.read_text("utf-8")
        assert before in text
        path = shutil.copytree(EXAMPLES.parent, folder / "specs") / "examples" / path.name
        path.write_text(text.replace(before, after), "utf-8")
    return archdsl.load(path, input=how.input, **how.parameters)


def tensors(result: Any) -> list[Tensor]:
    """What a network yields: one tensor, or several by name."""
    return [result] if isinstance(result, Tensor) else [part for part in result if part is not None]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_an_example_has_no_errors(path: Path) -> None:
    assert not [found for found in archdsl.check(path) if found.is_error]


def test_every_example_but_the_library_is_a_network() -> None:
    assert {path.stem for path in FILES} == {*NETWORKS, "std"}


@every_network
def test_an_example_trains_a_step(name: str, tmp_path: Path) -> None:
    network = small(name, tmp_path)
    torch.manual_seed(1)  # which drops no path for the whole batch
    module = network.module().train()
    inputs = [torch.randn(NETWORKS[name].batch, *node.outputs[0].shape) for node in network.graph.inputs]
    results = tensors(module(*inputs))
    types = network.graph.output_types().values()
    assert [tuple(result.shape[1:]) for result in results] == [type_.shape for type_ in types]
    targets = [torch.randn_like(result) for result in results]

    def distance(found: list[Tensor]) -> Tensor:
        return torch.stack([(one - other).square().mean() for one, other in zip(found, targets, strict=True)]).sum()

    before = {path: weight.detach().clone() for path, weight in module.named_parameters()}
    optimiser = torch.optim.Adam(module.parameters(), lr=1e-3)  # moves whatever has a gradient, however small
    distance(results).backward()
    optimiser.step()
    waiting = UNTRAINED.get(name, set())
    unmoved = {path for path, weight in module.named_parameters() if torch.equal(weight, before[path])}
    assert {path.split(".")[0] for path in unmoved} <= waiting
    assert all(weight.grad is None or weight.grad.isfinite().all() for weight in module.parameters())


@every_network
def test_an_example_draws(name: str) -> None:
    picture = archdsl.load(EXAMPLES / f"{name}.arch").draw(format="svg")
    assert ElementTree.fromstring(picture).tag == "{http://www.w3.org/2000/svg}svg"


def test_faster_rcnn_has_the_figures_of_its_documentation() -> None:
    """With the convolutions of 300 regions, behind one pass over the image."""
    network = archdsl.load(EXAMPLES / "faster_rcnn.arch")
    cost = network.analysis.cost
    assert cost.parameters == 47_462_111
    assert cost.macs + 299 * cost.region_macs == 319_370_854_400
    assert {name: str(type_) for name, type_ in network.graph.output_types().items()} == {
        "classes": "21",
        "boxes": "84",
    }


def test_faster_rcnn_has_300_regions_of_each_image() -> None:
    network = archdsl.load(EXAMPLES / "faster_rcnn.arch")
    classes, boxes = network.module(device="meta")(torch.empty(2, 3, 600, 800, device="meta"))
    assert (classes.shape, boxes.shape) == ((600, 21), (600, 84))


def test_the_line_of_the_first_example_is_a_network() -> None:
    """A block, then two structures of the standard library that take it for their body."""
    line = "block: 3x3 conv -> bn -> relu; dense growth=32; fractal cols=4"
    assert (EXAMPLES / "brief.arch").read_text("utf-8").splitlines() == ["input 3x32x32", line]
    network = archdsl.load(EXAMPLES / "brief.arch")
    assert not network.warnings
    assert str(network.graph.output_types()["out"]) == "131x32x32"
    # Four layers of growth 32 on 3 channels, then 1 + 2 + 4 + 8 blocks of a fractal that keeps its width.
    widths = [(3 + 32 * layer, 32) for layer in range(4)] + [(131, 131)] * 15
    assert network.analysis.cost.macs == sum(9 * taken * made * 32 * 32 for taken, made in widths)
    assert network.analysis.cost.parameters == sum(9 * taken * made + 2 * made for taken, made in widths)
