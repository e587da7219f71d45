"""The tool that overfits networks: what it is given, how it grades, and what it leaves behind."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import archdsl
from tools import overfit
from tools.norms import measured
from tools.overfit import TASKS, Task, windows
from tools.shapes import NAMES, Found, scenes


def test_scenes_are_the_same_for_the_same_seed() -> None:
    one, same, other = scenes(2, 64, seed=1), scenes(2, 64, seed=1), scenes(2, 64, seed=2)
    assert torch.equal(one.images, same.images)
    assert torch.equal(one.objects, same.objects)
    assert not torch.equal(one.images, other.images)


def test_boxes_hug_their_masks() -> None:
    data = scenes(4, 64)
    for objects, masks in zip(data.objects.int().tolist(), data.masks, strict=True):
        for (label, left, top, right, bottom), mask in zip(objects, masks, strict=True):
            assert bool(mask.any()) == (label >= 0)
            outside = mask.clone()
            outside[top:bottom, left:right] = False
            assert not outside.any()
            if label >= 0:
                edges = mask[top, :], mask[bottom - 1, :], mask[:, left], mask[:, right - 1]
                assert all(edge.any() for edge in edges)


def test_the_truth_is_perfect_and_less_is_not() -> None:
    data = scenes(4, 64)
    classes = data.classes
    assert overfit.grade(Found(classes=classes), data) == 1
    assert overfit.grade(Found(classes=torch.zeros_like(classes)), data) < 0.3
    boxes, labels = data.objects[..., 1:], data.objects[..., 0].long()
    scores = (labels >= 0).float()
    assert overfit.grade(Found(boxes, scores, labels), data) == pytest.approx(1)
    assert overfit.grade(Found(boxes, scores, labels.masked_fill(labels == 0, -1)), data) < 0.9
    assert overfit.grade(Found(boxes + 60, scores, labels), data) == 0


def test_windows_find_every_object() -> None:
    """So that R-CNN and Fast R-CNN, which are told where to look, have a region for each object of the images."""
    size = 256
    regions = windows(1, size)[0]
    assert len(regions) == next(task for task in TASKS if task.name.startswith("fast_rcnn")).parameters["regions"]
    assert ((regions >= 0) & (regions <= size)).all()
    for row in scenes(4, size).objects.flatten(0, 1):
        if row[0] >= 0:
            assert max(overlap(region, row[1:]) for region in regions) > 0.5


def overlap(one: Tensor, other: Tensor) -> float:
    """Intersection over union."""
    sides = (torch.minimum(one[2:], other[2:]) - torch.maximum(one[:2], other[:2])).clamp(min=0)
    areas = [(box[2:] - box[:2]).prod() for box in (one, other)]
    return float(sides.prod() / (sum(areas) - sides.prod()))


@pytest.mark.parametrize("task", TASKS, ids=[task.name for task in TASKS])
def test_every_task_fits_its_network(task: Task) -> None:
    """The network takes the images of the task, and what it says of them has their size."""
    network = archdsl.load(task.name, **task.arguments())
    (image, *_), outputs = network.graph.inputs, network.graph.output_types()
    assert image.outputs[0].shape == (3, task.size, task.size)
    seen = task.size - 2 * task.margin
    assert task.scenes(0).images.shape == (task.images, 3, seen, seen)
    if "boxes" not in outputs:
        (scores,) = (found.shape for found in outputs.values())
        assert scores[0] == len(NAMES) + 1
        assert scores[1:] == (seen, seen) or scores[1] < seen / 4


def test_norms_are_measured_anew() -> None:
    """A copy has the statistics of the batches, each as much as the other, and the weights of the original."""
    convolution, norm = nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4, momentum=0.01)
    module = nn.Sequential(convolution, norm, nn.Dropout(0.5)).eval()
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    batches = torch.randn(2, 3, 3, 5, 5).unbind()
    copied = measured(module, batches)
    after = copied.state_dict()
    assert all(torch.equal(tensor, before[name]) for name, tensor in module.state_dict().items())
    assert torch.equal(after["0.weight"], before["0.weight"])
    assert not copied.training
    seen = [convolution(batch).detach() for batch in batches]
    torch.testing.assert_close(
        after["1.running_mean"], torch.stack([maps.mean(dim=(0, 2, 3)) for maps in seen]).mean(0)
    )
    torch.testing.assert_close(after["1.running_var"], torch.stack([maps.var(dim=(0, 2, 3)) for maps in seen]).mean(0))


def test_a_short_training_misses_and_leaves_a_picture(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--only", "unet_padded", "--steps", "2", "--images", "2", "--pictures", str(tmp_path), "--json"]
    assert overfit.main(arguments) == 1
    (row,) = json.loads(capsys.readouterr().out)
    assert row["network"] == "unet_padded"
    assert row["verdict"] == "missed"
    assert row["images"] == row["steps"] == 2
    assert 0 < row["figure"] < overfit.GOAL
    (picture,) = tmp_path.iterdir()
    assert picture.name == "unet_padded.png"
    header = picture.read_bytes()[:24]
    assert header.startswith(b"\x89PNG")
    assert [int.from_bytes(header[start : start + 4]) for start in (16, 20)] == [2 * 96, 2 * 96]


def test_names_may_be_beginnings() -> None:
    assert [task.name for task in overfit.chosen(["unet"])] == ["unet", "unet_padded"]
    assert overfit.chosen(None) == list(TASKS)
    with pytest.raises(ValueError, match="no network begins with 'vgg'"):
        overfit.chosen(["vgg"])
