"""Convolution whose outputs each see some of the inputs, as a table says.

Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, "Gradient-based learning applied to document recognition",
Proc. IEEE 86(11), 1998, layer C3 and Table I.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class LinkedConv(nn.Module):
    """Convolution with weights for the linked channels only.

    Outputs with equally many inputs (``n``) share a tensor ``weight{n}`` of shape ``(outputs, n, *kernel_size)`` and
    run as one grouped convolution.

    Parameters
    ----------
    sources
        For each output channel, the input channels that it sees.
    """

    bias: Tensor | None
    order: Tensor

    def __init__(
        self,
        sources: tuple[tuple[int, ...], ...],
        kernel_size: tuple[int, ...],
        stride: int | tuple[int, ...] = 1,
        padding: int | tuple[int, ...] = 0,
        dilation: int | tuple[int, ...] = 1,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.sources, self.kernel_size = sources, kernel_size
        self.stride, self.padding, self.dilation = stride, padding, dilation
        self.outputs = {
            n: [o for o, seen in enumerate(sources) if len(seen) == n] for n in sorted(set(map(len, sources)))
        }
        for n, outputs in self.outputs.items():
            self.register_parameter(f"weight{n}", nn.Parameter(torch.empty(len(outputs), n, *kernel_size)))
            self.register_buffer(f"inputs{n}", torch.empty(len(outputs) * n, dtype=torch.long), persistent=False)
        self.register_parameter("bias", nn.Parameter(torch.empty(len(sources))) if bias else None)
        self.register_buffer("order", torch.empty(len(sources), dtype=torch.long), persistent=False)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw weights and biases uniformly within ``1/sqrt(fan_in)`` of the output that they belong to."""
        self.reset_links()
        for n, outputs in self.outputs.items():
            bound = 1 / math.sqrt(n * math.prod(self.kernel_size))
            nn.init.uniform_(self.get_parameter(f"weight{n}"), -bound, bound)
            if self.bias is not None:
                for output in outputs:
                    nn.init.uniform_(self.bias[output : output + 1], -bound, bound)

    def reset_links(self) -> None:
        """Write which channels are gathered, and where the results belong."""
        for n, outputs in self.outputs.items():
            gathered = [channel for output in outputs for channel in self.sources[output]]
            self.get_buffer(f"inputs{n}").copy_(torch.tensor(gathered, device="cpu"))
        computed = [output for outputs in self.outputs.values() for output in outputs]
        order = sorted(range(len(computed)), key=computed.__getitem__)
        self.get_buffer("order").copy_(torch.tensor(order, device="cpu"))

    def forward(self, x: Tensor) -> Tensor:
        convolve = (F.conv1d, F.conv2d, F.conv3d)[len(self.kernel_size) - 1]
        parts = []
        for n, outputs in self.outputs.items():
            gathered = x.index_select(1, getattr(self, f"inputs{n}"))
            weight = getattr(self, f"weight{n}")
            parts.append(convolve(gathered, weight, None, self.stride, self.padding, self.dilation, len(outputs)))
        y = torch.cat(parts, 1).index_select(1, self.order)
        return y if self.bias is None else y + self.bias.view(-1, *(1,) * len(self.kernel_size))

    def extra_repr(self) -> str:
        links = sum(map(len, self.sources))
        return f"{links} links to {len(self.sources)} outputs, kernel_size={self.kernel_size}"
