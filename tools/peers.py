"""Networks of other packages, built as modules, and their weights carried over to ours.

>>> from tools.peers import carry, peer
>>> theirs = peer("torchvision:resnet50").eval()
>>> ours = archdsl.compile("resnet50").eval()
>>> carry(theirs, ours, torch.randn(1, 3, 224, 224))
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, is_dataclass
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.graph import Node

from archdsl.backends.runtime.torchvision_operator import torchvision_fits

PACKAGES = ("torchvision", "timm", "pytorchcv")

#: Operators whose schemas torchvision's own Python needs while it is imported, as its compiled library declares them.
_SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)
_KEPT: list[torch.library.Library] = []


class UnmatchedError(Exception):
    """Weights of one network have no place in the other."""


# Peers -------------------------------------------------------------------------------------------------------------


def missing_packages() -> list[str]:
    """Peer packages that are not installed."""
    return [name for name in PACKAGES if find_spec(name) is None]


def peer(name: str, **arguments: Any) -> nn.Module:
    """A network of another package with weights of its own choice: ``torchvision:resnet50``.

    Parameters
    ----------
    name
        Package and model, with a colon between.
    arguments
        What the package's constructor takes.
    """
    declare_operators()
    package, _, model = name.partition(":")
    if package == "torchvision":
        made = import_module("torchvision.models").get_model(model, weights=None, **arguments)
    elif package == "timm":
        made = import_module("timm").create_model(model, pretrained=False, **arguments)
    elif package == "pytorchcv":
        made = import_module("pytorchcv.model_provider").get_model(model, pretrained=False, **arguments)
    else:
        raise ValueError(f"no package is called {package!r}; there are {', '.join(PACKAGES)}")
    assert isinstance(made, nn.Module)
    return made


@cache
def declare_operators() -> bool:
    """Make torchvision importable where its compiled library does not fit this build of torch.

    Its networks do not need the library, but its import registers fake kernels for operators which the library would
    have declared.

    Returns
    -------
        Whether the library fits, so that its operators can run.
    """
    if find_spec("torchvision") is None:
        return False
    if torchvision_fits():
        return True
    library = torch.library.Library("torchvision", "DEF")  # type: ignore[no-untyped-call]
    for schema in _SCHEMAS:
        library.define(schema)  # type: ignore[no-untyped-call]
    _KEPT.append(library)  # the declarations live as long as the library
    return False


# Weights -----------------------------------------------------------------------------------------------------------


@dataclass(eq=False)
class _Layer:
    """A module that owns weights, in its place in the flow of data.

    Parameters
    ----------
    before, after
        The nearest layers upstream and downstream.
    """

    path: str
    module: nn.Module
    before: set[_Layer] = field(default_factory=set)
    after: set[_Layer] = field(default_factory=set)

    @property
    def kind(self) -> tuple[tuple[str, tuple[int, ...]], ...]:
        """Its tensors by name and shape; trailing axes of length 1 do not count: a 1x1 convolution may be linear."""
        return tuple(sorted((name, _essential(tensor)) for name, tensor in tensors(self.module).items()))


def _essential(tensor: Tensor) -> tuple[int, ...]:
    shape = tuple(tensor.shape)
    while shape and shape[-1] == 1:
        shape = shape[:-1]
    return shape


def tensors(module: nn.Module) -> dict[str, Tensor]:
    """What a module itself stores: parameters and buffers, those of its children left out."""
    return dict(module.named_parameters(recurse=False)) | dict(module.named_buffers(recurse=False))


def carry(source: nn.Module, target: nn.Module, example: Tensor) -> dict[str, str]:
    """Copy the weights of one network into another of the same structure.

    Layers are paired by their tensors and by their place in the flow of data: the layers that lead to them and those
    that they lead to. Names play no part, nor does the order in which modules were registered or run, except among
    layers that are alike in everything else: they are paired in the order in which their results are merged.

    Parameters
    ----------
    example
        An input. Both networks run on it as they are; in training mode outputs of training alone take part.

    Returns
    -------
        Paths of the target's layers, each with that of the source's layer.

    Raises
    ------
    UnmatchedError
        A layer has no counterpart, or does not take part in the computation.
    """
    groups, places = _grouped(_layers(source, example)), _grouped(_layers(target, example))
    if lonely := _lonely(groups, places):
        raise UnmatchedError("no counterpart for " + "; ".join(lonely))
    pairs: dict[str, str] = {}
    with torch.no_grad():
        for key, layers in places.items():
            for ours, theirs in zip(layers, groups[key], strict=True):
                _copy(theirs.module, ours.module)
                pairs[ours.path] = theirs.path
    return pairs


def _copy(source: nn.Module, target: nn.Module) -> None:
    stored = tensors(source)
    for name, tensor in tensors(target).items():
        tensor.copy_(stored[name].reshape(tensor.shape))


def _lonely(groups: Mapping[int, Sequence[_Layer]], places: Mapping[int, Sequence[_Layer]]) -> list[str]:
    """Layers whose like is more frequent in one of the networks, as text."""
    lonely = []
    for key in {**groups, **places}:
        theirs, ours = groups.get(key, ()), places.get(key, ())
        if len(theirs) != len(ours):
            layer = (*theirs, *ours)[0]
            shapes = ", ".join(f"{name} {list(shape)}" for name, shape in layer.kind)
            sides = [("source", theirs), ("target", ours)]
            named = [f"{side} {', '.join(one.path for one in layers)}" for side, layers in sides if layers]
            lonely.append(f"{' against '.join(named)} ({shapes})")
    return lonely


def _grouped(layers: Sequence[_Layer]) -> dict[int, list[_Layer]]:
    """Layers by what they are and where they stand, in running order.

    A layer's place is the hash of its tensors and of the places of those before it, and then again of those behind it.
    """
    upstream: dict[_Layer, int] = {}
    for layer in layers:
        upstream[layer] = hash((layer.kind, *sorted(upstream[other] for other in layer.before)))
    place: dict[_Layer, int] = {}
    for layer in reversed(layers):
        place[layer] = hash((upstream[layer], *sorted(place[other] for other in layer.after)))
    groups: dict[int, list[_Layer]] = defaultdict(list)
    for layer in layers:
        groups[place[layer]].append(layer)
    return groups


def _layers(network: nn.Module, example: Tensor) -> list[_Layer]:
    """The layers of a network in running order, linked as the graph that autograd records says."""
    owner = {
        id(parameter): (path, module)
        for path, module in network.named_modules()
        for parameter in module.parameters(recurse=False)
    }
    with torch.enable_grad():
        start = example.detach().requires_grad_() * 1  # so that what depends on the input is told from what does not
        roots = [tensor.grad_fn for tensor in flatten(network(start))]
    layers: dict[nn.Module, _Layer] = {}
    reaching: dict[Node, set[_Layer]] = {}
    weights: dict[Node, set[tuple[str, nn.Module]]] = {}  # steps that depend on weights alone, such as a transposition
    for step in _in_running_order([root for root in roots if root is not None]):
        if hasattr(step, "variable") and id(step.variable) in owner:
            weights[step] = {owner[id(step.variable)]}
            continue
        inputs = [node for node, _ in step.next_functions if node is not None]
        owners = set().union(*(weights[node] for node in inputs if node in weights))
        if inputs and all(node in weights for node in inputs):
            weights[step] = owners
            continue
        sources = set().union(*(reaching[node] for node in inputs if node in reaching))
        reaching[step] = sources
        for path, module in owners:
            layer = layers.setdefault(module, _Layer(path, module))
            layer.before |= sources - {layer}
            reaching[step] = {layer}
    for layer in layers.values():
        for other in layer.before:
            other.after.add(layer)
    _require_complete(network, layers)
    return list(layers.values())


def _require_complete(network: nn.Module, layers: Mapping[nn.Module, _Layer]) -> None:
    storing = {path: module for path, module in network.named_modules() if tensors(module)}
    if idle := [path for path, module in storing.items() if module not in layers]:
        raise UnmatchedError(f"no part in the computation have {', '.join(idle)}")


def _in_running_order(roots: Sequence[Node]) -> Iterator[Node]:
    """Steps of a recorded computation, each behind those that it takes its inputs from, in their order."""
    visited: set[Node] = set()
    stack: list[tuple[Node, bool]] = [(root, False) for root in reversed(roots)]
    while stack:
        step, is_ready = stack.pop()
        if is_ready:
            yield step
        elif step not in visited:
            visited.add(step)
            stack.append((step, True))
            stack += [(node, False) for node, _ in reversed(step.next_functions) if node is not None]


# Outputs -----------------------------------------------------------------------------------------------------------


def flatten(outputs: Any) -> list[Tensor]:
    """The tensors of a network's result, in order; outputs that are None in this mode are left out."""
    if isinstance(outputs, Tensor):
        return [outputs]
    if isinstance(outputs, Mapping):
        outputs = list(outputs.values())
    elif is_dataclass(outputs):
        outputs = list(vars(outputs).values())
    if isinstance(outputs, tuple | list):
        return [tensor for value in outputs for tensor in flatten(value)]
    assert outputs is None, f"{type(outputs).__name__} is no output of a network"
    return []


def randomise_norms(network: nn.Module, seed: int = 0) -> None:
    """Give norms weights and statistics as if they had been trained, so that evaluation depends on each of them."""
    generator = torch.Generator().manual_seed(seed)

    def drawn(tensor: Tensor, low: float, high: float) -> None:
        tensor.copy_(torch.rand(tensor.shape, generator=generator) * (high - low) + low)

    bounds = {"weight": (0.5, 1.5), "bias": (-0.2, 0.2), "running_mean": (-0.2, 0.2), "running_var": (0.5, 1.5)}
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d):
                for name, tensor in tensors(module).items():
                    if name in bounds:
                        drawn(tensor, *bounds[name])
