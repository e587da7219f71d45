"""Folding: operators that are linear at inference, and the norms beside them that they can take in.

With fixed statistics a norm scales and shifts each channel, which the weights of a convolution right before it do as
well; so do those of one right behind it, if it sees nothing but what the norm has shifted. An operator takes part by
deriving from ``LinearMap`` or ``ChannelMap``.

Weights are torch's tensors. Their methods do all the work, so that torch is imported by type checkers alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from archdsl.ops.base import Op, TensorType

if TYPE_CHECKING:
    from torch import Tensor

#: The tensors of one operator, by their names in its ``weights``.
Weights = Mapping[str, "Tensor"]


@dataclass(frozen=True, slots=True)
class Affine:
    """A map of channels: ``y[c] = scale[c] * x[c] + shift[c]``."""

    scale: Tensor
    shift: Tensor


class ChannelMap(Op):
    """An operator that scales and shifts each channel by fixed numbers when it does not train."""

    def at_inference(self, weights: Weights) -> Affine:
        """What it does at inference."""
        raise NotImplementedError


class LinearMap(Op):
    """An operator that maps channels linearly, with a ``weight`` and perhaps a ``bias``."""

    def plain(self) -> LinearMap:
        """The operator that stores the very weight which is applied; a parametrised one becomes another."""
        return self

    def plain_weights(self, weights: Weights) -> dict[str, Tensor]:
        """The weights of ``plain`` that give the same outputs."""
        return dict(weights)

    def with_bias(self) -> LinearMap:
        """The operator with a bias."""
        return self.model_copy(update={"bias": True})

    def follows_exactly(self, *inputs: TensorType) -> bool:
        """Whether a map of the input's channels can be taken in: no output place sees padding."""
        return False

    def across_outputs(self, values: Tensor, weight: Tensor) -> Tensor:
        """A value for each output channel, in a shape that multiplies the weight."""
        return values.reshape(-1, *(1,) * (weight.dim() - 1))

    def across_inputs(self, values: Tensor, weight: Tensor) -> Tensor:
        """A value for each input channel, in a shape that multiplies the weight."""
        raise NotImplementedError

    def then(self, weights: Weights, after: Affine) -> dict[str, Tensor]:
        """Weights, with a bias, that also do what comes after: ``scale * (W x + b) + shift``."""
        scaled = {
            name: weight * self.across_outputs(after.scale, weight)
            for name, weight in weights.items()
            if name != "bias"
        }
        bias = weights["bias"] * after.scale + after.shift if "bias" in weights else after.shift
        return scaled | {"bias": bias}

    def behind(self, weights: Weights, before: Affine) -> dict[str, Tensor]:
        """Weights, with a bias, that also do what comes before: ``W (scale * x + shift) + b``."""
        weight = weights["weight"]
        constant = (weight * self.across_inputs(before.shift, weight)).flatten(1).sum(1)
        bias = weights["bias"] + constant if "bias" in weights else constant
        return {"weight": weight * self.across_inputs(before.scale, weight), "bias": bias}
