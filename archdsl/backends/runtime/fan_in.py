"""Initial weights within a bound that the number of inputs of each output sets."""

from __future__ import annotations

import math

from torch import Tensor, nn


def fan_in_uniform_(weight: Tensor, bias: Tensor | None) -> None:
    """Draw weights and biases as ``nn.Conv2d`` does: uniformly within ``1/sqrt(fan_in)``."""
    bound = 1 / math.sqrt(math.prod(weight.shape[1:]))
    nn.init.uniform_(weight, -bound, bound)
    if bias is not None:
        nn.init.uniform_(bias, -bound, bound)
