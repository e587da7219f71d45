"""Normalisations: subtract a mean, divide by a deviation, scale and shift; they differ in what they average over."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Literal, Self

from pydantic import model_validator

from archdsl.ops.base import (
    Constructor,
    Family,
    Flag,
    Op,
    Positive,
    PositiveReal,
    Probability,
    Real,
    Sample,
    ShapeError,
    TensorType,
    TorchCode,
    Weight,
    Window,
    register,
)
from archdsl.ops.fold import Affine, ChannelMap, Weights
from archdsl.ops.initialise import ScaleInitialised
from archdsl.ops.sliding import require_float, require_groups, require_spatial


class AffineNorm(ScaleInitialised):
    """What the normalisations with a trainable scale and shift have in common."""

    eps: PositiveReal = 1e-5
    """Added to the variance before the root is taken."""

    family = Family.NORM
    absorbs_bias = True

    @property
    def is_affine(self) -> bool:
        """Whether it has a scale and a shift."""
        return True

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        require_float(inputs[0], f"`{self.keyword}`")
        return inputs

    def weights(self, *inputs: TensorType) -> dict[str, Weight]:
        if not self.is_affine:
            return {}
        shape = (inputs[0].channels,)
        return {"weight": Weight(shape), "bias": Weight(shape)}

    def code(self, module: Constructor, call: str = "{module}({0})") -> TorchCode:
        """Torch code of a module with a scale and a shift."""
        return TorchCode(call, module, init=self.initialisation(affine=self.is_affine).statements)

    def extras(self, **values: tuple[object, object]) -> tuple[tuple[str, object], ...]:
        """Keyword arguments as pairs of value and torch's default, ``eps`` among them, without the defaults."""
        pairs = {"eps": (self.eps, 1e-5), **values}
        return tuple((name, value) for name, (value, default) in pairs.items() if value != default)


@register
class BatchNorm(AffineNorm, ChannelMap):
    """Normalise each channel over the batch: ``y = weight * (x - mean) / sqrt(var + eps) + bias``.

    Shape: unchanged; a vector, or 1 to 3 spatial axes. In training mean and variance are those of the batch and of all
    places, and running averages of them are kept: ``running = (1 - momentum) * running + momentum * batch``. At
    inference the averages are used.

    References: S. Ioffe, C. Szegedy, "Batch normalization: accelerating deep network training by reducing internal
    covariate shift", arXiv:1502.03167.
    """

    affine: Flag = True
    """Whether there are a trainable scale and shift."""
    momentum: Probability = 0.1
    """Share of the new batch in the running averages."""

    keyword = "bn"
    also = ("batchnorm", "batchnormalization")
    samples = (
        Sample("bn", "4x5x6"),
        Sample("bn", "7"),
        Sample("bn", "4x9"),
        Sample("bn", "2x3x4x5"),
        Sample("bn affine=false momentum=0.01 eps=0.001", "4x5x5"),
        Sample("bn init=zero", "4x5x5"),
        Sample("bn init=constant value=0.5 bias_init=0.1", "4x5x5"),
    )

    @property
    def is_affine(self) -> bool:
        return self.affine

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        (x,) = inputs
        if x.rank:
            require_spatial(x, "`bn`", recovery=inputs)
        return super().infer(*inputs)

    def weights(self, *inputs: TensorType) -> dict[str, Weight]:
        average = Weight((inputs[0].channels,), trainable=False)
        counted = Weight((), trainable=False)
        averages = {"running_mean": average, "running_var": average, "num_batches_tracked": counted}
        return super().weights(*inputs) | averages

    def torch(self, inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> TorchCode:
        (x,) = inputs
        extras = self.extras(momentum=(self.momentum, 0.1), affine=(self.affine, True))
        return self.code(Constructor(f"nn.BatchNorm{max(x.rank, 1)}d", (x.channels,), extras))

    def at_inference(self, weights: Weights) -> Affine:
        scale = (weights["running_var"] + self.eps).rsqrt()
        if not self.is_affine:
            return Affine(scale, -weights["running_mean"] * scale)
        scale = scale * weights["weight"]
        return Affine(scale, weights["bias"] - weights["running_mean"] * scale)

    def caption(self) -> str:
        return "BN"


@register
class LayerNorm(AffineNorm):
    """Normalise each element of the batch by itself, over all axes or over its channels.

    Shape: unchanged. ``axes=all`` averages over channels and places, and scale and shift have the stream's whole shape
    (Ba et al.); ``axes=channels`` averages over the channels of each place, and scale and shift have one number for
    each channel (as in Transformers and ConvNeXt). On vectors, and on maps of one place, both are the same.

    References: J. Ba, J. Kiros, G. Hinton, "Layer normalization", arXiv:1607.06450; Z. Liu et al., "A ConvNet for the
    2020s", arXiv:2201.03545.
    """

    axes: Literal["all", "channels"] = "all"
    """What is averaged over."""

    keyword = "ln"
    also = ("layernorm",)
    samples = (
        Sample("ln", "4x5x6"),
        Sample("ln", "7"),
        Sample("ln axes=channels eps=1e-6", "4x5x6"),
        Sample("ln axes=channels", "4x9"),
        Sample("ln axes=channels bias_init=1", "2x3x4x5"),
    )

    def weights(self, *inputs: TensorType) -> dict[str, Weight]:
        shape = inputs[0].shape if self.axes == "all" else inputs[0].shape[:1]
        return {"weight": Weight(shape), "bias": Weight(shape)}

    def torch(self, inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> TorchCode:
        (x,) = inputs
        if self.axes == "all" and x.rank:
            return self.code(Constructor("nn.LayerNorm", (x.shape,), self.extras()))
        call = "{module}({0}.movedim(1, -1)).movedim(-1, 1)" if x.rank else "{module}({0})"
        return self.code(Constructor("nn.LayerNorm", (x.channels,), self.extras()), call)

    def caption(self) -> str:
        return "LN"


@register
class GroupNorm(AffineNorm):
    """Normalise over the places and the channels of each group.

    Shape: unchanged. One group is layer normalisation with one scale per channel; as many groups as channels are
    instance normalisation.

    References: Y. Wu, K. He, "Group normalization", arXiv:1803.08494.
    """

    groups: Positive = 32
    """Number of groups that the channels divide into."""

    keyword = "gn"
    also = ("groupnorm",)
    positional = "groups"
    samples = (
        Sample("gn 2", "6x5x4"),
        Sample("gn", "64x2x2"),
        Sample("gn 2 eps=0.001 init=zero", "4"),
        Sample("gn 1", "4x9"),
        Sample("gn 3", "3x2x3x4"),
    )

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        require_groups(self.groups, inputs[0].channels, "channels", inputs)
        return super().infer(*inputs)

    def torch(self, inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> TorchCode:
        return self.code(Constructor("nn.GroupNorm", (self.groups, inputs[0].channels), self.extras()))

    def caption(self) -> str:
        return f"GN {self.groups}"


@register
class InstanceNorm(AffineNorm):
    """Normalise each channel of each element of the batch over its places.

    Shape: unchanged; 1 to 3 spatial axes and more than one place. No running averages are kept.

    References: D. Ulyanov, A. Vedaldi, V. Lempitsky, "Instance normalization: the missing ingredient for fast
    stylization", arXiv:1607.08022.
    """

    affine: Flag = False
    """Whether there are a trainable scale and shift."""

    keyword = "instancenorm"
    samples = (
        Sample("instancenorm", "4x5x6"),
        Sample("instancenorm affine=true init=constant value=2", "4x5x6"),
        Sample("instancenorm", "4x9"),
        Sample("instancenorm eps=0.001", "2x3x4x5"),
    )

    @property
    def is_affine(self) -> bool:
        return self.affine

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        (x,) = inputs
        require_spatial(x, "`instancenorm`", recovery=inputs)
        if prod(x.spatial) == 1:
            hint = "normalise earlier, or with `ln` or `bn`"
            raise ShapeError(f"a single place has no variance in {x}", hint=hint, inputs=(0,), recovery=inputs)
        return inputs

    def torch(self, inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> TorchCode:
        (x,) = inputs
        extras = self.extras(affine=(self.affine, False))
        return self.code(Constructor(f"nn.InstanceNorm{x.rank}d", (x.channels,), extras))

    def caption(self) -> str:
        return "InstanceNorm"


@register
class LocalResponseNorm(Op):
    """Divide by the activity of neighbouring channels: ``y[c] = x[c] / (k + alpha/size * sum of x[i]^2)^beta``.

    Shape: unchanged; at least one spatial axis. The sum is over the ``size`` channels around ``c``, with zeros beyond
    the ends. As in torch and Caffe ``alpha`` is divided by ``size``; Krizhevsky et al. do not divide, so that their
    ``alpha = 1e-4``, ``k = 2``, ``n = 5`` are ``alpha=5e-4 k=2 size=5`` here. With ``within=true`` the mean is over the
    ``size`` places around each place along every axis, of the channel itself, as in Caffe's ``WITHIN_CHANNEL``.

    References: A. Krizhevsky, I. Sutskever, G. Hinton, "ImageNet classification with deep convolutional neural
    networks", NIPS 2012, section 3.3.
    """

    size: Positive = 5
    """Number of neighbouring channels, itself included."""
    alpha: Real = 1e-4
    """Weight of the mean square."""
    beta: Real = 0.75
    """Exponent."""
    k: Real = 1.0
    """Added to the weighted mean square."""
    within: Flag = False
    """Whether neighbours are places of the same channel instead of channels; ``size`` is odd then."""

    keyword = "lrn"
    also = ("localresponsenorm", "responsenorm")
    family = Family.NORM
    positional = "size"
    samples = (
        Sample("lrn", "7x5x6"),
        Sample("lrn 3 within=true alpha=0.5", "7x5x6"),
        Sample("lrn 3 within=true k=2", "4x9"),
        Sample("lrn size=3 alpha=0.5 beta=0.5 k=2", "7x5x6"),
        Sample("lrn 4", "6x9"),
        Sample("lrn", "6x3x4x3"),
    )

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        require_spatial(inputs[0], "`lrn`", recovery=inputs)
        return inputs

    @model_validator(mode="after")
    def _has_a_centre(self) -> Self:
        if self.within and self.size % 2 == 0:
            raise ValueError("within=true needs an odd size")
        return self

    def window(self, *inputs: TensorType) -> Window | None:
        if not self.within:
            return None
        rank = inputs[0].rank
        return Window((self.size,) * rank, (1,) * rank, (self.size // 2,) * rank, (1,) * rank)

    def torch(self, inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> TorchCode:
        if self.within:
            mean = f"F.avg_pool{inputs[0].rank}d({{0}}.square(), {self.size}, 1, {self.size // 2})"
            return TorchCode(f"{{0}} / ({self.k!r} + {self.alpha!r} * {mean}) ** {self.beta!r}")
        pairs = (("alpha", self.alpha, 1e-4), ("beta", self.beta, 0.75), ("k", self.k, 1.0))
        extras = "".join(f", {name}={value!r}" for name, value, default in pairs if value != default)
        return TorchCode(f"F.local_response_norm({{0}}, {self.size}{extras})")

    def caption(self) -> str:
        return "LRN" if self.size == 5 else f"LRN {self.size}"
