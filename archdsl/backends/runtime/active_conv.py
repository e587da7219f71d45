"""Convolution of learned shape.

Y. Jeon, J. Kim, "Active convolution: Learning the shape of convolution for image classification", arXiv:1703.09076.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from archdsl.backends.runtime.fan_in import fan_in_uniform_
from archdsl.backends.runtime.parameter_groups import Pace, Paced
from archdsl.backends.runtime.sampled_conv import pair, sampled_conv, window_places


class ActiveConv(Paced):
    """Convolution with a position for each tap, which all places and channels share.

    ``positions`` is ``(taps, 2)``: y and x, in places of the input, from the centre of the window. Row ``t`` belongs to
    ``weight.flatten(2)[..., t]``; the first is the centre, which is never moved. The others get their gradient with
    length 1 each, if ``normalised``, and want a learning rate of 0.01 of the others' and no weight decay, as
    ``parameter_groups`` has it (section 3.3 of the paper, and the files that were released with it).
    """

    bias: Tensor | None

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: tuple[int, int],
        stride: int | tuple[int, int] = 1,
        padding: int | tuple[int, int] = 0,
        dilation: int | tuple[int, int] = 1,
        groups: int = 1,
        bias: bool = True,
        normalised: bool = True,
    ) -> None:
        super().__init__()
        self.kernel_size, self.stride, self.padding = kernel_size, pair(stride), pair(padding)
        self.dilation, self.groups, self.normalised = pair(dilation), groups, normalised
        self.paces = {"positions": Pace(lr=0.01, weight_decay=0.0)}
        self.weight = nn.Parameter(torch.empty(out_channels, in_channels // groups, *kernel_size))
        self.register_parameter("bias", nn.Parameter(torch.empty(out_channels)) if bias else None)
        self.positions = nn.Parameter(torch.empty(math.prod(kernel_size), 2))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw weights and biases as ``nn.Conv2d`` does: uniformly within ``1/sqrt(fan_in)``."""
        fan_in_uniform_(self.weight, self.bias)
        self.reset_positions()

    @torch.no_grad()
    def reset_positions(self) -> None:
        """Put the taps where those of a plain convolution are."""
        steps = torch.tensor(self.dilation, device="cpu")
        self.positions.copy_(torch.tensor(spiral(self.kernel_size), device="cpu") * steps)

    def forward(self, x: Tensor) -> Tensor:
        moving = self.positions[1:]
        if self.normalised:
            moving = UnitGradient.apply(moving)  # type: ignore[no-untyped-call]
        positions = torch.cat((self.positions[:1].detach(), moving))
        return active_conv(x, self.weight, positions, self.bias, self.stride, self.padding, self.dilation, self.groups)

    def extra_repr(self) -> str:
        out, channels = self.weight.shape[0], self.weight.shape[1] * self.groups
        return f"{channels}, {out}, kernel_size={self.kernel_size}, stride={self.stride}, groups={self.groups}"


def active_conv(
    x: Tensor,
    weight: Tensor,
    positions: Tensor,
    bias: Tensor | None = None,
    stride: tuple[int, int] = (1, 1),
    padding: tuple[int, int] = (0, 0),
    dilation: tuple[int, int] = (1, 1),
    groups: int = 1,
) -> Tensor:
    """Convolve with taps at ``positions``, ``(taps, 2)``, around the centre of a window that slides as usual.

    Everything is differentiable; where a tap is right at a place, its derivative is the one to the right or downwards.
    """
    axes = list(zip(weight.shape[2:], stride, padding, dilation, strict=True))
    height, width = (
        (length + 2 * pad - gap * (taps - 1) - 1) // step + 1
        for length, (taps, step, pad, gap) in zip(x.shape[2:], axes, strict=True)
    )
    down, across = (pad - gap * (taps // 2) for taps, _, pad, gap in axes)
    centres = window_places((height, width), (1, 1), stride, (down, across), dilation, x.device)
    return sampled_conv(x, weight, bias, centres, positions[None, None, :, None], None, (height, width), groups)


def spiral(kernel: tuple[int, int]) -> list[tuple[int, int]]:
    """Taps of a window as y and x from its centre: it comes first, then ring by ring, from the x axis towards y."""
    taps = [(y - kernel[0] // 2, x - kernel[1] // 2) for y in range(kernel[0]) for x in range(kernel[1])]
    return sorted(taps, key=lambda tap: (max(map(abs, tap)), math.atan2(*tap) % (2 * math.pi)))


class UnitGradient(torch.autograd.Function):
    """The identity, whose gradient has length 1 in each row; one of length 0 stays."""

    @staticmethod
    def forward(rows: Tensor) -> Tensor:
        return rows.clone()

    @staticmethod
    def setup_context(_: Any, inputs: tuple[Any, ...], output: Any) -> None:
        """Nothing is kept."""

    @staticmethod
    def backward(_: Any, gradient: Tensor) -> Tensor:
        length = torch.linalg.vector_norm(gradient, dim=1, keepdim=True)
        unit: Tensor = gradient / length.masked_fill(length == 0, 1)
        return unit
