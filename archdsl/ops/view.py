"""Changing the form of a stream without computing anything: flattening, slicing, cropping, padding, shuffling."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from archdsl.ops.base import (
    Family,
    Natural,
    Op,
    Positive,
    Sample,
    Shape,
    ShapeError,
    TensorType,
    TorchCode,
    dims,
    register,
)
from archdsl.ops.sliding import require_groups


class View(Op):
    """Base of the operators whose result may share memory with their input."""

    family = Family.VIEW
    is_view = True
    saves_input = False


@register
class Skip(View):
    """Pass the stream on unchanged: what an empty branch of a group does.

    Shape: any.
    """

    keyword = "skip"
    also = ("identity",)
    samples = (Sample("skip", "64x8x8"),)

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        return inputs

    def torch(self, inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> TorchCode:
        return TorchCode("{0}")

    def caption(self) -> str:
        return "Skip"

    @property
    def is_identity(self) -> bool:
        return True


@register
class Flatten(View):
    """Lay the axes of a stream out as one, the last one fastest.

    Shape: ``CxHxW -> CHW``; with ``start=1``, ``CxHxW -> CxHW``.
    """

    keyword = "flatten"
    positional = "start"
    copies = "strided"
    samples = (Sample("flatten", "16x5x5"), Sample("flatten 1", "256x14x14"), Sample("flatten", "120"))

    start: Natural = 0
    """First axis that is flattened: 0 for the channels, then the spatial axes."""

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        (stream,) = inputs
        if self.start > stream.rank:
            message = f"a stream of {stream} has no axis {self.start}"
            raise ShapeError(message, kind="rank", inputs=(0,), recovery=(stream.with_shape(stream.size),))
        return (stream.with_shape(*stream.shape[: self.start], math.prod(stream.shape[self.start :])),)

    def torch(self, inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> TorchCode:
        return TorchCode(f"{{0}}.flatten({self.start + 1})")

    def caption(self) -> str:
        return "Flatten"


@register
class Reshape(View):
    """Give a stream another shape of as many elements, in the same order.

    Shape: ``A -> shape``; one of its numbers may be -1 and is then what remains.
    """

    keyword = "reshape"
    positional = "shape"
    copies = "strided"
    samples = (
        Sample("reshape([3, 4, 10])", "12x10"),
        Sample("reshape([21, -1])", "84x5x5"),
        Sample("reshape([400])", "16x5x5"),
        Sample("reshape 7x7x30", "1470"),
    )

    shape: Annotated[tuple[Positive | Literal[-1], ...], Field(min_length=1)]
    """The new shape, channels first, without the batch axis."""

    @model_validator(mode="after")
    def _one_rest(self) -> Self:
        if self.shape.count(-1) > 1:
            raise ValueError("only one number of the shape may be -1")
        return self

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        (stream,) = inputs
        known = math.prod(size for size in self.shape if size > 0)
        whole, rest = divmod(stream.size, known)
        if rest or (-1 not in self.shape and whole != 1):
            raise ShapeError(
                f"a stream of {stream} has {stream.size} elements, which do not make {dims(self.shape)}",
                inputs=(0,),
                recovery=(stream.with_shape(*(max(whole, 1) if size < 0 else size for size in self.shape)),),
            )
        return (stream.with_shape(*(whole if size < 0 else size for size in self.shape)),)

    def torch(self, inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> TorchCode:
        return TorchCode(f"{{0}}.reshape({{0}}.shape[0], {', '.join(map(str, self.shape))})")

    def caption(self) -> str:
        return f"Reshape {dims(self.shape)}"


@register
class Permute(View):
    """Put the axes of a stream into another order.

    Shape: axis ``i`` of the result is axis ``order[i]`` of the input; 0 is the channels, the batch axis is not counted.
    """

    keyword = "permute"
    positional = "order"
    samples = (Sample("permute([1, 0])", "64x49"), Sample("permute([1, 2, 0])", "16x5x7"))

    order: tuple[Natural, ...]
    """For each axis of the result, the axis of the input."""

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        (stream,) = inputs
        if sorted(self.order) != list(range(len(stream.shape))):
            message = f"{list(self.order)} is no order of the {len(stream.shape)} axes of a stream of {stream}"
            hint = f"name each of 0 to {stream.rank} once"
            raise ShapeError(message, hint=hint, kind="rank", inputs=(0,), recovery=(stream,))
        return (stream.with_shape(*(stream.shape[axis] for axis in self.order)),)

    def torch(self, inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> TorchCode:
        return TorchCode(f"{{0}}.permute(0, {', '.join(str(axis + 1) for axis in self.order)})")

    def caption(self) -> str:
        return f"Permute {', '.join(map(str, self.order))}"


@register
class Shuffle(View):
    """Interleave the channels of groups, so that grouped convolutions exchange what they know.

    Channel ``g * C/groups + k`` becomes channel ``k * groups + g``. Shape: ``CxHxW -> CxHxW``. Reference: Zhang, Zhou,
    Lin, Sun: ShuffleNet, arXiv:1707.01083, section 3.1.
    """

    keyword = "shuffle"
    also = ("channelshuffle",)
    positional = "groups"
    copies = "always"
    samples = (Sample("shuffle 3", "60x28x28"), Sample("shuffle groups=2", "8x10"), Sample("shuffle 4", "4x6x6"))

    groups: Positive
    """Number of groups that are interleaved."""

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        (stream,) = inputs
        require_groups(self.groups, stream.channels, "channels", inputs)
        return (stream,)

    def torch(self, inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> TorchCode:
        return TorchCode(f"{{0}}.unflatten(1, ({self.groups}, -1)).transpose(1, 2).flatten(1, 2)")

    def caption(self) -> str:
        return f"Shuffle {self.groups}"

    @property
    def is_identity(self) -> bool:
        return self.groups == 1


@register
class Split(View):
    """Cut the channels into several streams.

    Shape: ``CxHxW -> C1xHxW, C2xHxW, …``. Reference: Ma, Zhang, Zheng, Sun: ShuffleNet V2, arXiv:1807.11164, figure 3c.
    """

    keyword = "split"
    positional = "parts"
    samples = (
        Sample("split 2", "48x28x28"),
        Sample("split sizes=[8, 24]", "32x7x7"),
        Sample("split 3", "12"),
    )

    parts: Annotated[int, Field(strict=True, gt=0, le=4096)] | None = None
    """Number of equal streams."""
    sizes: Annotated[tuple[Positive, ...], Field(min_length=1)] | None = None
    """Channels of each stream, in place of ``parts``."""

    @model_validator(mode="after")
    def _parts_or_sizes(self) -> Self:
        if (self.parts is None) == (self.sizes is None):
            raise ValueError("give either parts or sizes: `split 2`")
        return self

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        (stream,) = inputs
        sizes = self._sizes(stream)
        results = tuple(stream.with_shape(max(size, 1), *stream.spatial) for size in sizes)
        if sum(sizes) != stream.channels:
            wanted = f"{self.parts} equal parts" if self.sizes is None else f"parts of {', '.join(map(str, sizes))}"
            message = f"{stream.channels} channels do not split into {wanted}"
            raise ShapeError(message, kind="groups", inputs=(0,), recovery=results)
        return results

    def _sizes(self, stream: TensorType) -> Shape:
        if self.sizes is not None:
            return self.sizes
        assert self.parts is not None
        return (stream.channels // self.parts,) * self.parts

    def torch(self, inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> TorchCode:
        sizes = self._sizes(inputs[0])
        if len(sizes) == 1:
            return TorchCode("{0}")
        if len(set(sizes)) == 1:
            return TorchCode(f"{{0}}.chunk({len(sizes)}, dim=1)")
        return TorchCode(f"{{0}}.split({sizes}, dim=1)")

    def caption(self) -> str:
        return f"Split {self.parts}" if self.sizes is None else f"Split {', '.join(map(str, self.sizes))}"

    @property
    def is_identity(self) -> bool:
        return self.parts == 1
