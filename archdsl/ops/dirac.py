"""Convolution whose weights begin as the identity."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from archdsl.ops.base import Constructor, Real, Sample, TensorType, TorchCode, Weight, register
from archdsl.ops.conv import Conv, GroupedConvolution, call_padded

if TYPE_CHECKING:
    from torch import Tensor

    from archdsl.ops.fold import Weights

#: Lengths of filters count as at least this, as of ``F.normalize``.
_SHORTEST = 1e-12


@register
class DiracConv(GroupedConvolution):
    """Convolve with the identity and a direction: ``w[o] = alpha[o] * delta[o] + beta[o] * v[o] / |v[o]|``.

    ``delta`` is 1 where output ``o`` meets input ``o`` (of its group) in the middle of the window, ``kernel // 2``, and
    else 0: convolving with it passes the channels on, as a shortcut around the convolution would. Outputs beyond the
    number of inputs have no such place. With ``alpha`` 1 and ``beta`` 0.1 a network of many such layers trains without
    shortcuts. ``init`` fills ``v``, whose length does not matter.

    Shape: as of ``conv``, and so is the cost; ``alpha`` and ``beta`` have one number for each output channel. ``archdsl
    fold`` multiplies the weights out.

    References: S. Zagoruyko, N. Komodakis, "DiracNets: training very deep neural networks without skip-connections",
    arXiv:1706.00388, in its second version.
    """

    alpha: Real = 1.0
    """Initial scale of the identity."""
    beta: Real = 0.1
    """Initial scale of the direction."""

    keyword = "dirac_conv"
    samples = (
        Sample("3x3 dirac_conv 4", "4x7x8"),
        Sample("3x3 dirac_conv 6 init=he_in bias=false", "4x7x8"),
        Sample("3x3 dirac_conv 3 /2 alpha=0.5 beta=2", "4x7x8"),
        Sample("3x3 dirac_conv 6 groups=2 bias=false", "4x5x5"),
        Sample("1x1 dirac_conv 5 bias_init=1", "5x4x4"),
        Sample("dirac_conv 5 kernel=4 dilation=2 pad=tf_same init=normal", "3x12"),
        Sample("3x3x3 dirac_conv 2 pad=1", "2x5x4x3"),
    )

    def weights(self, *inputs: TensorType) -> dict[str, Weight]:
        plain = super().weights(*inputs)
        scale = Weight((self.out,))
        return {"weight": plain.pop("weight"), "alpha": scale, "beta": scale} | plain

    def torch(self, inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> TorchCode:
        (x,) = inputs
        window = self.slide(x)
        start = self.fill(self.init, bias=self.has_bias)
        scales = (("alpha", self.alpha, 1.0), ("beta", self.beta, 0.1))
        set_scales = tuple(
            f"nn.init.constant_({{module}}.{name}, {value!r})"
            for name, value, default in scales
            if start.complete or value != default
        )
        keywords = dict(self.keywords(x)) | {"kernel_size": window.kernel}
        return TorchCode(
            call_padded(window),
            Constructor("DiracConv", (x.channels, self.out), tuple(keywords.items())),
            runtime=("dirac_conv",),
            init=start.statements + set_scales,
            init_complete=start.complete,
        )

    def plain(self) -> Conv:
        return Conv(**{name: value for name, value in self if name in Conv.model_fields})

    def plain_weights(self, weights: Weights) -> dict[str, Tensor]:
        others = dict(weights)
        direction, alpha, beta = (others.pop(name) for name in ("weight", "alpha", "beta"))
        length = direction.flatten(1).norm(dim=1).clamp(min=_SHORTEST)
        weight = direction * self.across_outputs(beta / length, direction)
        groups = weight.reshape(self.groups, -1, *weight.shape[1:])
        middle = (slice(None),) * 3 + tuple(size // 2 for size in weight.shape[2:])
        identity = groups[middle].diagonal(dim1=1, dim2=2)
        identity += alpha.reshape(self.groups, -1)[:, : identity.shape[1]]
        return {"weight": weight} | others

    @property
    def label(self) -> str:
        return "DiracConv"
