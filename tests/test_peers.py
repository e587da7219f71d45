"""Our networks against those of torchvision, timm and pytorchcv: with the same weights they give the same results.

What the peers build differently from our defaults is said by the variant that is compared:

- `resnet50` has the stride where torchvision has it; `resnet50_v1`, as published, is what pytorchcv calls `resnet50`.
- `resnet…_cifar_b`: pytorchcv projects the shortcuts (option B); the paper's option A has no peer here.
- `alexnet_ungrouped` has no groups and weighs a mean of squares, in the norm, by the paper's weight of a sum.
- `nin_cifar10_padded`: pytorchcv pads the pools that the authors' files round up.
- `densenet40_k12_cifar_compressed`: pytorchcv halves the width in the transitions of nets without bottlenecks too.
- `fractalnet20_torch`: pytorchcv has no biases, scales its norms, and joins before it pools, where the authors' files
  pool each column first. In training it also drops maps behind the activation instead of places behind the
  convolution, and keeps one column alone for some samples (global drop-path); in evaluation neither plays a part.
- `preresnet50`: pytorchcv has the stride on the first layer of a unit; timm, on the 3x3, has no norm in the stem.
- `resdropresnet20_cifar`: pytorchcv scales the branches of stochastic depth while training, and projects the shortcuts.
- `seresnet50`, `seresnext50_32x4d`: timm's `legacy_…` round up in the pool as the authors' files; pytorchcv does not.
- `mobilenet_v2_050_exact`: pytorchcv does not round the widths, and its classifier is a 1x1 convolution without bias.

The comparison is in double precision: with pytorchcv's initial weights some networks give outputs beyond 10^5, of which
single precision does not hold five digits behind the point. Beyond 10^10, where double precision does not either, nine
digits count.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

import archdsl
from tools.peers import UnmatchedError, carry, flatten, missing_packages, peer, randomise_norms

needs_peers = pytest.mark.skipif(
    bool(missing_packages()), reason=f"the extra `peers` is not installed: {', '.join(missing_packages())}"
)

#: Our variant, the peer, and what its constructor takes.
PAIRS: list[tuple[str, str, dict[str, Any]]] = [
    ("resnet18", "torchvision:resnet18", {}),
    ("resnet34", "torchvision:resnet34", {}),
    ("resnet50", "torchvision:resnet50", {}),
    ("resnet101", "torchvision:resnet101", {}),
    ("resnet50_v1", "pytorchcv:resnet50", {}),
    ("resnet20_cifar_b", "pytorchcv:resnet20_cifar10", {}),
    ("resnet56_cifar_b", "pytorchcv:resnet56_cifar10", {}),
    ("resdropresnet20_cifar", "pytorchcv:resdropresnet20_cifar10", {}),
    ("preresnet18", "pytorchcv:preresnet18", {}),
    ("preresnet50", "pytorchcv:preresnet50", {}),
    ("resnetv2_50", "timm:resnetv2_50", {}),
    ("preresnet110_cifar", "pytorchcv:preresnet110_cifar10", {}),
    ("preresnet164_cifar", "pytorchcv:preresnet164bn_cifar10", {}),
    ("wrn16_10_cifar", "pytorchcv:wrn16_10_cifar10", {}),
    ("wide_resnet50_2", "torchvision:wide_resnet50_2", {}),
    ("resnext50_32x4d", "torchvision:resnext50_32x4d", {}),
    ("resnext29_32x4d_cifar", "pytorchcv:resnext29_32x4d_cifar10", {}),
    ("pyramidnet110_a48_cifar", "pytorchcv:pyramidnet110_a48_cifar10", {}),
    ("pyramidnet101_a360", "pytorchcv:pyramidnet101_a360", {}),
    ("seresnet50", "timm:legacy_seresnet50", {}),
    ("seresnext50_32x4d", "timm:legacy_seresnext50_32x4d", {}),
    ("senet154", "timm:legacy_senet154", {}),
    ("sknet50", "pytorchcv:sknet50", {}),
    ("gcresnet50t", "timm:gcresnet50t", {}),
    ("densenet121", "torchvision:densenet121", {}),
    ("densenet161", "torchvision:densenet161", {}),
    ("densenet40_k12_cifar_compressed", "pytorchcv:densenet40_k12_cifar10", {}),
    ("densenet_bc_100_k12_cifar", "pytorchcv:densenet100_k12_bc_cifar10", {}),
    ("vgg16", "torchvision:vgg16", {"init_weights": False}),
    ("vgg16_bn", "torchvision:vgg16_bn", {"init_weights": False}),
    ("googlenet_bn_trunk", "torchvision:googlenet", {"init_weights": False, "aux_logits": False}),
    ("alexnet_ungrouped", "pytorchcv:alexnet", {}),
    ("alexnet_one_tower", "torchvision:alexnet", {}),
    ("nin_cifar10_padded", "pytorchcv:nin_cifar10", {}),
    ("bn_inception", "pytorchcv:bninception", {}),
    ("inception_v3_trunk", "torchvision:inception_v3", {"init_weights": False, "aux_logits": False}),
    ("inception_v4", "timm:inception_v4", {}),
    ("inception_resnet_v1", "pytorchcv:inceptionresnetv1", {}),
    ("inception_resnet_v2", "timm:inception_resnet_v2", {}),
    ("xception", "timm:legacy_xception", {}),
    ("darknet19", "pytorchcv:darknet19", {}),
    ("shufflenet_g1", "pytorchcv:shufflenet_g1_w1", {}),
    ("shufflenet_g2", "pytorchcv:shufflenet_g2_w1", {}),
    ("shufflenet_g3", "pytorchcv:shufflenet_g3_w1", {}),
    ("shufflenet_g4", "pytorchcv:shufflenet_g4_w1", {}),
    ("shufflenet_g8", "pytorchcv:shufflenet_g8_w1", {}),
    ("fractalnet20_torch", "pytorchcv:fractalnet_cifar10", {}),
    ("mobilenet_v1_100", "pytorchcv:mobilenet_w1", {}),
    ("mobilenet_v1_025", "pytorchcv:mobilenet_wd4", {}),
    ("mobilenetv1_100", "timm:mobilenetv1_100", {}),
    ("mobilenet_v2", "torchvision:mobilenet_v2", {}),
    ("mobilenet_v2_140", "timm:mobilenetv2_140", {}),
    ("mobilenet_v2_050_exact", "pytorchcv:mobilenetv2b_wd2", {}),
    ("mobilenet_v3_large", "torchvision:mobilenet_v3_large", {}),
    ("mobilenet_v3_small", "torchvision:mobilenet_v3_small", {}),
    ("mobilenet_v3_small_075", "torchvision:mobilenet_v3_small", {"width_mult": 0.75}),
    ("mobilenetv3_large_100", "timm:mobilenetv3_large_100", {}),
    ("mobilenetv3_small_100", "timm:mobilenetv3_small_100", {}),
    ("shufflenet_v2_x1_0", "torchvision:shufflenet_v2_x1_0", {}),
    ("shufflenet_v2_x1_5", "torchvision:shufflenet_v2_x1_5", {}),
    ("shufflenet_v2_x2_0", "torchvision:shufflenet_v2_x2_0", {}),
    ("igcv3_w1", "pytorchcv:igcv3_w1", {}),
    ("igcv3_wd2", "pytorchcv:igcv3_wd2", {}),
    ("efficientnet_b0", "torchvision:efficientnet_b0", {}),
    ("efficientnet_b2", "torchvision:efficientnet_b2", {}),
]


def images(network: archdsl.Network, count: int) -> Tensor:
    (image,) = network.graph.inputs
    return torch.randn(count, *image.outputs[0].shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


@needs_peers
@pytest.mark.parametrize(("name", "other", "arguments"), PAIRS, ids=[name for name, _, _ in PAIRS])
def test_results_equal_the_peers(name: str, other: str, arguments: dict[str, Any]) -> None:
    network = archdsl.load(name)
    theirs = peer(other, **arguments).double().eval()
    ours = network.module(seed=0, dtype=torch.float64).eval()
    randomise_norms(theirs)
    batch = images(network, 1)
    carry(theirs, ours, batch)
    with torch.no_grad():
        expected, result = theirs(batch), ours(batch)
    assert expected.std() > 1e-3, "a comparison of constants says nothing"
    torch.testing.assert_close(result, expected, rtol=1e-9, atol=1e-5)


#: Our variant, the peer, and what the peer calls our outputs.
AUXILIARY = [
    ("googlenet_bn", "torchvision:googlenet", {"out": "logits", "aux1": "aux_logits1", "aux2": "aux_logits2"}),
    ("inception_v3", "torchvision:inception_v3", {"out": "logits", "aux": "aux_logits"}),
]


@needs_peers
@pytest.mark.parametrize(("name", "other", "outputs"), AUXILIARY, ids=[name for name, _, _ in AUXILIARY])
def test_auxiliary_classifiers_equal_the_peers(
    name: str, other: str, outputs: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.nn.functional.dropout", lambda x, *_, **__: x)
    network = archdsl.load(name)
    theirs = peer(other, init_weights=False, aux_logits=True).double().train()
    ours = network.module(seed=0, dtype=torch.float64).train()
    batch = images(network, 2)
    pairs = carry(theirs, ours, batch)
    assert {path.split(".")[0] for path in pairs} >= outputs.keys() - {"out"}
    expected, result = theirs(batch), ours(batch)
    for mine, output in outputs.items():
        torch.testing.assert_close(getattr(result, mine), getattr(expected, output), rtol=0, atol=1e-5)


#: Networks of torchvision that segment, and ours of the same names.
SEGMENTERS = [
    "fcn_resnet50",
    "fcn_resnet101",
    "deeplabv3_resnet50",
    "deeplabv3_resnet101",
    "deeplabv3_mobilenet_v3_large",
]


@needs_peers
@pytest.mark.parametrize("name", SEGMENTERS)
def test_scores_equal_the_peers_at_every_place(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.nn.functional.dropout", lambda x, *_, **__: x)
    network = archdsl.load(f"{name}_aux", input=(3, 65, 97))
    theirs = peer(f"torchvision:{name}", weights_backbone=None, aux_loss=True).double().train()
    ours = network.module(seed=0, dtype=torch.float64).train()
    randomise_norms(theirs)
    batch = images(network, 2)
    carry(theirs, ours, batch)
    with torch.no_grad():
        expected, result = theirs(batch), ours(batch)
        torch.testing.assert_close(result.aux, expected["aux"], rtol=1e-9, atol=1e-5)
        torch.testing.assert_close(result.out, expected["out"], rtol=1e-9, atol=1e-5)
        scores = theirs.eval()(batch)["out"]
        assert scores.std() > 1e-3, "a comparison of constants says nothing"
        torch.testing.assert_close(ours.eval()(batch), scores, rtol=1e-9, atol=1e-5)


# The rule that carries weights -------------------------------------------------------------------------------------


class Swapped(nn.Module):
    """Two branches, registered and run in the order that is given."""

    def __init__(self, order: str) -> None:
        super().__init__()
        self.order = order
        for name in order:
            self.add_module(name, nn.Linear(4, 4))
        self.last = nn.Linear(8, 2)

    def forward(self, x: Tensor) -> Tensor:
        results = {name: self.get_submodule(name)(x) for name in self.order}
        result: Tensor = self.last(torch.cat([results["a"], results["b"].relu()], 1))
        return result


def test_layers_are_paired_by_the_flow_of_data() -> None:
    source, target, batch = Swapped("ba"), Swapped("ab"), torch.randn(3, 4)
    assert carry(source, target, batch) == {"a": "a", "b": "b", "last": "last"}
    assert torch.equal(source(batch), target(batch))


@pytest.mark.parametrize(
    ("source", "target", "message"),
    [("resnet20_cifar", "resnet20_cifar_b", "target .*conv"), ("resnet32_cifar", "resnet20_cifar", "source .*conv")],
)
def test_weights_without_a_counterpart_are_an_error(source: str, target: str, message: str) -> None:
    kept = archdsl.compile(target, seed=0)
    before = {key: tensor.clone() for key, tensor in kept.state_dict().items()}
    with pytest.raises(UnmatchedError, match=message):
        carry(archdsl.compile(source, seed=1).eval(), kept.eval(), torch.randn(1, 3, 32, 32))
    assert all(torch.equal(tensor, before[key]) for key, tensor in kept.state_dict().items())


def test_weights_that_do_not_take_part_are_an_error() -> None:
    source, target = archdsl.compile("googlenet", seed=0).eval(), archdsl.compile("googlenet", seed=1).eval()
    with pytest.raises(UnmatchedError, match=r"no part in the computation have aux1\."):
        carry(source, target, torch.randn(1, 3, 224, 224))


def test_outputs_that_are_missing_are_left_out() -> None:
    x = torch.zeros(1)
    assert flatten({"a": (x, None), "b": [x]}) == [x, x]
