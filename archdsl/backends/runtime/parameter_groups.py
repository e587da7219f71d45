"""Groups of weights that an optimiser moves at different paces."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from torch import nn


class Pace(NamedTuple):
    """How fast an optimiser moves a weight: factors of its learning rate and of its weight decay."""

    lr: float = 1.0
    weight_decay: float = 1.0


class Paced(nn.Module):
    """A module some of whose weights have a pace of their own: those named in ``paces``."""

    paces: Mapping[str, Pace]


def parameter_groups(network: nn.Module, lr: float, weight_decay: float = 0.0) -> list[dict[str, Any]]:
    """Write the weights of a network as groups for an optimiser of torch.

    >>> torch.optim.SGD(parameter_groups(network, lr=0.1, weight_decay=1e-4), momentum=0.9)
    """
    groups: dict[Pace, list[nn.Parameter]] = {}
    for module in network.modules():
        paces = module.paces if isinstance(module, Paced) else {}
        for name, parameter in module.named_parameters(recurse=False):
            groups.setdefault(paces.get(name, Pace()), []).append(parameter)
    return [
        {"params": parameters, "lr": lr * pace.lr, "weight_decay": weight_decay * pace.weight_decay}
        for pace, parameters in groups.items()
    ]
