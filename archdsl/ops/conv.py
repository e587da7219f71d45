"""Convolutions: plain, grouped, linked by a table, and depthwise."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import TYPE_CHECKING, Any

from archdsl.ops.base import (
    Constructor,
    Family,
    Flag,
    PerAxis,
    Positive,
    Sample,
    ShapeError,
    TensorType,
    TorchCode,
    Weight,
    Window,
    per_axis,
    register,
)
from archdsl.ops.fold import LinearMap
from archdsl.ops.initialise import Initialised
from archdsl.ops.sliding import Pad, Slide, extent, require_fit, require_groups, require_spatial, slide, uniform

if TYPE_CHECKING:
    from torch import Tensor

#: For each output of a convolution, the inputs that it sees.
Sources = tuple[tuple[int, ...], ...]


class Convolution(Initialised, LinearMap):
    """What all convolutions have in common: a window, a bias, and the arithmetic of both."""

    kernel: PerAxis
    """Size of the window, usually written before the operator: ``3x3 conv``."""
    stride: PerAxis = 1
    """Step of the window, usually written ``/2``."""
    pad: Pad = "same"
    """``same`` (odd kernels: ``floor((kernel - 1) * dilation / 2)`` on both sides; even ones: 0), ``valid`` (0),
    ``tf_same`` (TensorFlow's: ``ceil(size / stride)`` places, the greater part behind), a number, or one for each
    axis."""
    dilation: PerAxis = 1
    """Distance between neighbouring taps of the window."""
    bias: Flag | None = None
    """Whether a bias is added; left out, it is unless a norm that would cancel it follows at once."""

    family = Family.CONV

    def width(self, x: TensorType) -> int:
        """Number of output channels."""
        raise NotImplementedError

    def divisions(self, x: TensorType) -> int:
        """Number of groups."""
        raise NotImplementedError

    @property
    def has_bias(self) -> bool:
        return self.bias is not False

    def slide(self, x: TensorType) -> Slide:
        """The window over this input."""
        return slide(x, self.kernel, self.stride, self.pad, self.dilation)

    def settle(self, *inputs: TensorType, before_norm: bool) -> Convolution:
        changes: dict[str, Any] = {}
        if self.bias is None:
            changes["bias"] = not before_norm
        if inputs and inputs[0].rank:
            changes["kernel"] = per_axis(self.kernel, inputs[0].rank, "kernel")
        return self.model_copy(update=changes)

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        (x,) = inputs
        require_spatial(x, f"`{self.keyword}`")
        out, groups, window = self.width(x), self.divisions(x), self.slide(x)
        require_fit(window, out, x)
        y = x.with_shape(out, *window.places)
        require_groups(groups, x.channels, "input channels", (y,))
        require_groups(groups, out, "output channels", (y,))
        return (y,)

    def weights(self, *inputs: TensorType) -> dict[str, Weight]:
        (x,) = inputs
        out = self.width(x)
        weights = {"weight": Weight((out, x.channels // self.divisions(x), *self.slide(x).kernel))}
        return weights | ({"bias": Weight((out,))} if self.has_bias else {})

    def taps(self, x: TensorType) -> int:
        """Products at each place: pairs of linked channels, times the size of the window."""
        return self.width(x) * (x.channels // self.divisions(x)) * prod(self.slide(x).kernel)

    def macs(self, inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> int:
        return prod(outputs[0].spatial) * self.taps(inputs[0])

    def connections(self, inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> int:
        biases = outputs[0].size if self.has_bias else 0
        return self.macs(inputs, outputs) + biases

    def window(self, *inputs: TensorType) -> Window:
        window = self.slide(inputs[0])
        return Window(window.kernel, window.stride, window.before, window.dilation)

    def torch(self, inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> TorchCode:
        (x,) = inputs
        window = self.slide(x)
        start = self.fill(self.init, bias=self.has_bias)
        return TorchCode(
            call_padded(window),
            Constructor(f"nn.Conv{x.rank}d", (x.channels, self.width(x)), self.keywords(x)),
            init=start.statements,
            init_complete=start.complete,
        )

    def keywords(self, x: TensorType) -> tuple[tuple[str, Any], ...]:
        """Arguments of the torch module by name, without its defaults."""
        window = self.slide(x)
        inside = window.before if window.symmetric else (0,) * x.rank
        arguments = (
            ("kernel_size", uniform(window.kernel), None),
            ("stride", uniform(window.stride), 1),
            ("padding", uniform(inside), 0),
            ("dilation", uniform(window.dilation), 1),
            ("groups", self.divisions(x), 1),
            ("bias", self.has_bias, True),
        )
        return tuple((name, value) for name, value, default in arguments if value != default)

    def follows_exactly(self, *inputs: TensorType) -> bool:
        window = self.slide(inputs[0])
        return not any((*window.before, *window.after))

    def across_inputs(self, values: Tensor, weight: Tensor) -> Tensor:
        out, seen, *kernel = weight.shape
        groups = len(values) // seen
        spread = values.reshape(groups, 1, seen).expand(groups, out // groups, seen)
        return spread.reshape(out, seen, *(1,) * len(kernel))

    def caption(self) -> str:
        return " ".join([self.label, extent(self.kernel), *self.marks()])

    @property
    def label(self) -> str:
        """The first word of the caption."""
        return "Conv"

    def marks(self) -> list[str]:
        """What the caption says of arguments that are not at their defaults."""
        marks = [] if self.stride == 1 else [f"/{extent(self.stride)}"]
        if self.dilation != 1:
            marks.append(f"d{extent(self.dilation)}")
        if self.pad != "same":
            marks.append(self.pad if isinstance(self.pad, str) else f"p{extent(self.pad)}")
        return marks


def call_padded(window: Slide) -> str:
    """The call of a module; where the two sides differ, which no torch convolution can, ``F.pad`` comes first."""
    if window.symmetric:
        return "{module}({0})"
    return f"{{module}}(F.pad({{0}}, {window.functional_padding}))"


class GroupedConvolution(Convolution):
    """A convolution whose arguments say how many channels come out, and how many groups all channels divide into."""

    out: Positive
    """Number of output channels."""
    groups: Positive = 1
    """Number of groups that the channels divide into."""

    positional = "out"

    def width(self, x: TensorType) -> int:
        return self.out

    def divisions(self, x: TensorType) -> int:
        return self.groups

    def written(
        self, inputs: Sequence[TensorType], name: str, runtime: str, reset: str, *, weight: str = "weight"
    ) -> TorchCode:
        """Torch code with a runtime's class; ``init`` fills its ``weight``, and its method ``reset`` sets the rest."""
        (x,) = inputs
        window = self.slide(x)
        start = self.fill(self.init, bias=self.has_bias, weights=(weight,))
        keywords = dict(self.keywords(x)) | {"kernel_size": window.kernel}
        return TorchCode(
            call_padded(window),
            Constructor(name, (x.channels, self.out), tuple(keywords.items())),
            runtime=(runtime,),
            init=(*start.statements, f"{{module}}.{reset}()") if start.complete else start.statements,
            init_complete=start.complete,
        )

    def marks(self) -> list[str]:
        return super().marks() + ([] if self.groups == 1 else [f"g{self.groups}"])


@register
class Conv(GroupedConvolution):
    """Convolve: ``y[o, p] = b[o] + sum over i, t of w[o, i, t] * x[i, p*stride + t*dilation - pad]``.

    Shape: ``C x S… -> out x floor((S + 2*pad - dilation*(kernel - 1) - 1) / stride) + 1`` on 1 to 3 spatial axes.
    With ``groups`` each group of outputs sees its own group of inputs; with ``links``, as in layer C3 of LeNet-5, each
    output sees the inputs that a table names, and only those have weights.
    Cost: places x out x C/groups x kernel multiply-accumulates (with ``links``: places x links x kernel).

    References: Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, "Gradient-based learning applied to document recognition",
    Proc. IEEE 86(11), 1998 (links: Table I); A. Krizhevsky, I. Sutskever, G. Hinton, "ImageNet classification with
    deep convolutional neural networks", NIPS 2012 (groups); F. Yu, V. Koltun, arXiv:1511.07122 (dilation).
    """

    groups: Positive = 1
    """Number of groups that the channels divide into; inputs and outputs are linked within a group only."""
    links: tuple[tuple[bool, ...], ...] | None = None
    """Table of links: a row for each input channel, a column for each output channel."""

    keyword = "conv"
    also = ("convolution",)
    samples = (
        Sample("3x3 conv 8", "4x9x8"),
        Sample("7x7 conv 8 /2", "3x17x16"),
        Sample("1x1 conv 6 bias=false", "4x5x5"),
        Sample("3x3 conv 6 dilation=2 groups=2", "4x9x9"),
        Sample("2x2 conv 4 /2", "3x9x8"),
        Sample("4x4 conv 4 pad=1", "3x8x8"),
        Sample("3x5 conv 4 pad=valid", "3x8x9"),
        Sample("3x3 conv 4 pad=[0, 2] stride=[1, 2] dilation=[2, 1]", "3x9x9"),
        Sample("3x3 conv 4 /2 pad=tf_same", "3x8x7"),
        Sample("2x4 conv 4 pad=tf_same dilation=2", "2x9x8"),
        Sample("conv 6 kernel=3", "4x20"),
        Sample("conv 6 kernel=4 /3 pad=tf_same", "4x20"),
        Sample("3x3x3 conv 4 /2 groups=2", "2x7x6x5"),
        Sample("3x1x2 conv 4 pad=tf_same", "2x5x4x4"),
        Sample("conv(5, kernel=[3, 3], links=[[1, 0, 1, 1, 0], [1, 1, 1, 0, 0], [1, 1, 0, 0, 1]])", "3x8x7"),
        Sample("conv(3, kernel=2, links=[[1, 1, 1], [1, 1, 1]], bias=false, pad=tf_same, init=he)", "2x9"),
        Sample("3x3 conv 4 init=he", "3x5x5"),
        Sample("3x3 conv 4 init=he_in bias=false", "3x5x5"),
        Sample("3x3 conv 4 init=normal std=0.01 bias_init=1", "3x5x5"),
        Sample("3x3 conv 4 bias_init=1", "3x5x5"),
        Sample("3x3 conv 4 init=constant value=0.5", "3x5x5"),
    )

    @property
    def sources(self) -> Sources | None:
        """The inputs that each output sees, if a table says so."""
        if self.links is None:
            return None
        return tuple(tuple(i for i, linked in enumerate(column) if linked) for column in zip(*self.links, strict=True))

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        outputs = super().infer(*inputs)
        if self.links is not None:
            require_links(self.links, inputs[0].channels, self.out, self.groups, outputs)
        return outputs

    def weights(self, *inputs: TensorType) -> dict[str, Weight]:
        if self.sources is None:
            return super().weights(*inputs)
        kernel = self.slide(inputs[0]).kernel
        fans = [len(seen) for seen in self.sources]
        weights = {f"weight{fan}": Weight((fans.count(fan), fan, *kernel)) for fan in sorted(set(fans))}
        return weights | ({"bias": Weight((self.out,))} if self.has_bias else {})

    def taps(self, x: TensorType) -> int:
        if self.sources is None:
            return super().taps(x)
        return sum(map(len, self.sources)) * prod(self.slide(x).kernel)

    def torch(self, inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> TorchCode:
        if self.sources is None:
            return super().torch(inputs, outputs)
        window = self.slide(inputs[0])
        names = tuple(name for name in self.weights(*inputs) if name != "bias")
        start = self.fill(self.init, bias=self.has_bias, weights=names)
        keywords = dict(self.keywords(inputs[0])) | {"kernel_size": window.kernel}
        return TorchCode(
            call_padded(window),
            Constructor("LinkedConv", (self.sources,), tuple(keywords.items())),
            runtime=("linked_conv",),
            init=(*start.statements, "{module}.reset_links()") if start.complete else start.statements,
            init_complete=start.complete,
        )

    def follows_exactly(self, *inputs: TensorType) -> bool:
        return self.links is None and super().follows_exactly(*inputs)

    def across_outputs(self, values: Tensor, weight: Tensor) -> Tensor:
        if self.sources is not None:
            values = values[[output for output, seen in enumerate(self.sources) if len(seen) == weight.shape[1]]]
        return super().across_outputs(values, weight)

    def marks(self) -> list[str]:
        return super().marks() + ([] if self.links is None else ["linked"])


def require_links(
    links: tuple[tuple[bool, ...], ...], channels: int, out: int, groups: int, recovery: Sequence[TensorType]
) -> None:
    """Refuse a table of links that does not fit the channels.

    Raises
    ------
    ShapeError
        It has another number of rows or columns, rows of different length, or an output that sees nothing; or there
        are groups as well.
    """
    columns = {len(row) for row in links}
    hint = "a table has one row for each input channel and one column for each output channel"
    message = None
    if len(columns) > 1:
        message = f"the rows of the table of links are {min(columns)} to {max(columns)} long"
    elif len(links) != channels:
        message = f"the table of links has {len(links)} rows, but the stream has {channels} channels"
    elif columns != {out}:
        message = f"the table of links has {columns.pop()} columns, but the convolution has {out} outputs"
    elif groups != 1:
        message, hint = f"links and {groups} groups exclude each other", "write the groups into the table"
    elif blind := [o for o in range(out) if not any(row[o] for row in links)]:
        message, hint = f"output {blind[0]} is linked to no input", "mark at least one link in each column"
    if message is not None:
        raise ShapeError(message, hint=hint, inputs=(0,), recovery=recovery)


@register
class DepthwiseConv(Convolution):
    """Convolve each channel by itself.

    Shape: ``C x S… -> C*multiplier x S'…``, places as of ``conv``. Cost: places x C*multiplier x kernel
    multiply-accumulates. The same as ``conv`` with as many groups as channels.

    References: L. Sifre, "Rigid-motion scattering for image classification", 2014; A. Howard et al., "MobileNets",
    arXiv:1704.04861; F. Chollet, "Xception", arXiv:1610.02357.
    """

    multiplier: Positive = 1
    """Number of output channels for each input channel."""

    keyword = "dwconv"
    also = ("depthwiseconv", "depthwise")
    samples = (
        Sample("3x3 dwconv", "4x9x8"),
        Sample("3x3 dwconv /2", "4x9x8"),
        Sample("dwconv kernel=5 multiplier=2 bias=false", "3x9x8"),
        Sample("dwconv kernel=[3, 5] pad=tf_same /2", "3x8x9"),
        Sample("dwconv kernel=3 dilation=2", "4x11"),
        Sample("3x3x3 dwconv init=normal std=0.1", "2x5x5x5"),
    )

    def width(self, x: TensorType) -> int:
        return x.channels * self.multiplier

    def divisions(self, x: TensorType) -> int:
        return x.channels

    @property
    def label(self) -> str:
        return "DWConv"

    def marks(self) -> list[str]:
        return super().marks() + ([] if self.multiplier == 1 else [f"m{self.multiplier}"])
