"""Operators that make one stream of several: concatenation, sums, products, means and joins."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from archdsl.ops.base import (
    Family,
    Natural,
    Op,
    Probability,
    Sample,
    Shape,
    ShapeError,
    TensorType,
    TorchCode,
    register,
)


class Merge(Op):
    """Base of the operators that take several streams and yield one."""

    family = Family.MERGE
    arity: ClassVar[int | None] = None
    saves_input = False
    #: What cannot be done with streams that do not fit, for the message.
    participle: ClassVar[str] = "merged"

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        for second, stream in enumerate(inputs):
            for first in range(second):
                if not self.fit(inputs[first], stream):
                    raise self.mismatch(inputs, first, second)
        return (self.merged(inputs),)

    def fit(self, first: TensorType, second: TensorType) -> bool:
        """Whether two streams may meet here; the rule holds for all if it holds for each pair."""
        return first == second

    def merged(self, inputs: Sequence[TensorType]) -> TensorType:
        """Type of the result for inputs that fit."""
        return inputs[0]

    def mismatch(self, inputs: Sequence[TensorType], first: int, second: int) -> ShapeError:
        """The error for two streams that do not fit."""
        one, two = inputs[first], inputs[second]
        return ShapeError(
            f"streams {first + 1} and {second + 1} are {_described(one, two)} and {_described(two, one)}, "
            f"which cannot be {self.participle}",
            hint=self.remedy(one, two),
            kind="merge",
            inputs=(first, second),
            recovery=(self.recovered(inputs),),
        )

    def recovered(self, inputs: Sequence[TensorType]) -> TensorType:
        """What was most likely meant by inputs that do not fit."""
        return inputs[0]

    def remedy(self, one: TensorType, two: TensorType) -> str | None:
        """What to do about two streams that do not fit."""
        if one.batch != two.batch:
            return "one stream holds images, the other regions of them: merge before the regions are cut out"
        if one.dtype != two.dtype:
            return "one stream holds numbers, the other indices: embed the indices first"
        if one.rank != two.rank:
            return "give both the same axes: flatten the one, or reshape the other"
        if one.spatial == two.spatial:
            return "give both the same channels, with a 1x1 conv for example"
        if one.channels == two.channels:
            return "give both the same size: crop, pad, pool or upsample one of them"
        return "give both the same channels and size, with a strided 1x1 conv for example"


def _described(stream: TensorType, other: TensorType) -> str:
    """Shape of a stream, with whatever else tells it from the other."""
    text = str(stream)
    if stream.dtype != other.dtype:
        text = f"{text} ({stream.dtype})"
    if stream.batch != other.batch:
        text = f"{text} (per {stream.batch})"
    return text


def _same_kind(first: TensorType, second: TensorType) -> bool:
    return first.dtype == second.dtype and first.batch == second.batch


@register
class Concat(Merge):
    """Concatenate streams along the channels.

    Shape: ``C1xHxW, C2xHxW, … -> (C1 + C2 + …)xHxW``; along another axis, that one adds up and all others agree.
    """

    keyword = "concat"
    also = ("cat", "concatenate")
    participle = "concatenated"
    samples = (
        Sample("concat", "64x28x28", "128x28x28", "32x28x28"),
        Sample("concat", "16", "48"),
        Sample("concat axis=1", "4x5776", "4x2166"),
    )

    axis: Natural = 0
    """Axis along which the streams are laid side by side: 0 for the channels, then the spatial axes."""

    def fit(self, first: TensorType, second: TensorType) -> bool:
        return _same_kind(first, second) and first.rank == second.rank and self._others(first) == self._others(second)

    def _others(self, stream: TensorType) -> Shape:
        return stream.shape[: self.axis] + stream.shape[self.axis + 1 :]

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        if self.axis > inputs[0].rank:
            raise ShapeError(
                f"a stream of {inputs[0]} has no axis {self.axis}", kind="rank", inputs=(0,), recovery=(inputs[0],)
            )
        return super().infer(*inputs)

    def merged(self, inputs: Sequence[TensorType]) -> TensorType:
        total = sum(stream.shape[self.axis] for stream in inputs)
        shape = inputs[0].shape
        return inputs[0].with_shape(*shape[: self.axis], total, *shape[self.axis + 1 :])

    def recovered(self, inputs: Sequence[TensorType]) -> TensorType:
        return self.merged(inputs) if all(stream.rank >= self.axis for stream in inputs) else inputs[0]

    def remedy(self, one: TensorType, two: TensorType) -> str | None:
        if self.axis == 0 and one.rank == two.rank and _same_kind(one, two):
            return "give both the same size: crop, pad, pool or upsample one of them"
        return super().remedy(one, two)

    def torch(self, inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> TorchCode:
        return TorchCode(f"torch.cat(({{inputs}}), dim={self.axis + 1})")

    def caption(self) -> str:
        return "Concat"


class Broadcast(Merge):
    """Base of the element by element operators that stretch a gate over the places, or over the channels."""

    def fit(self, first: TensorType, second: TensorType) -> bool:
        if not _same_kind(first, second):
            return False
        channels = 1 in (first.channels, second.channels) or first.channels == second.channels
        return channels and (first.spatial == second.spatial or _stretches(first, second) or _stretches(second, first))

    def merged(self, inputs: Sequence[TensorType]) -> TensorType:
        channels = max(stream.channels for stream in inputs)
        spatial = max((stream.spatial for stream in inputs), key=lambda sizes: (len(sizes), sizes))
        return inputs[0].with_shape(channels, *spatial)


def _stretches(gate: TensorType, stream: TensorType) -> bool:
    """Whether ``gate`` has one value per channel, as a vector or with axes of 1, to stretch over the places."""
    return gate.rank in (0, stream.rank) and all(size == 1 for size in gate.spatial)


def _operands(inputs: Sequence[TensorType], output: TensorType) -> list[str]:
    """The placeholders of the inputs; a vector gets the spatial axes that it is stretched over."""
    stretched = f"[:, :, {', '.join(['None'] * output.rank)}]" if output.rank else ""
    return [f"{{{i}}}" + (stretched if stream.rank < output.rank else "") for i, stream in enumerate(inputs)]


def _accumulated(operands: Sequence[str], start: str) -> str:
    """``start`` with the operands added one by one into the tensor that it has made."""
    return start + "".join(f".add_({operand})" for operand in operands)


@register
class Add(Broadcast):
    """Add streams element by element.

    Shape: all alike; a stream of ``Cx1x1`` (or a vector of ``C``) is added at every place, one of ``1xHxW`` to every
    channel. Reference: He, Zhang, Ren, Sun: Deep residual learning for image recognition, arXiv:1512.03385, equation 1.
    """

    keyword = "add"
    participle = "added"
    takes_scalars = True
    samples = (
        Sample("add", "64x56x56", "64x56x56"),
        Sample("add", "16x8x8", "16x8x8", "16x8x8", "16x8x8"),
        Sample("add", "32x14x14", "32x1x1"),
        Sample("add", "32", "32"),
        Sample("add", "1x6x6", "8", "8x6x6"),
    )

    def torch(self, inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> TorchCode:
        terms = _operands(inputs, outputs[0])
        # The first sum is a new tensor, so the rest goes into it without another one per term.
        whole = inputs[0].shape == outputs[0].shape or inputs[1].shape == outputs[0].shape
        first = f"{terms[0]} + {terms[1]}"
        chain = _accumulated(terms[2:], f"({first})") if whole and len(terms) > 2 else " + ".join(terms)
        return TorchCode(
            chain,
            inplace=_accumulated(terms[1:], "{0}") if inputs[0].shape == outputs[0].shape else None,
            swapped=_accumulated([terms[0], *terms[2:]], "{1}") if inputs[1].shape == outputs[0].shape else None,
        )

    def caption(self) -> str:
        return "Add"


@register
class Mul(Broadcast):
    """Multiply streams element by element: how a gate scales a stream.

    Shape: all alike; a stream of ``Cx1x1`` (or a vector of ``C``) scales the channels, one of ``1xHxW`` the places.
    Reference: Hu, Shen, Sun: Squeeze-and-excitation networks, arXiv:1709.01507, equation 4.
    """

    keyword = "mul"
    also = ("multiply",)
    participle = "multiplied"
    saves_input = True
    samples = (
        Sample("mul", "64x28x28", "64x1x1"),
        Sample("mul", "64x28x28", "1x28x28"),
        Sample("mul", "64", "64x28x28"),
        Sample("mul", "8x4x4x4", "8x4x4x4", "8x1x1x1"),
    )

    def torch(self, inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> TorchCode:
        return TorchCode(" * ".join(_operands(inputs, outputs[0])))

    def caption(self) -> str:
        return "Mul"


@register
class Sub(Broadcast):
    """Subtract the second stream from the first, element by element.

    Shape: both alike; a stream of ``Cx1x1`` (or a vector of ``C``) stands for every place, one of ``1xHxW`` for every
    channel.
    """

    keyword = "sub"
    arity: ClassVar[int | None] = 2
    participle = "subtracted"
    samples = (Sample("sub", "8x6x6", "8x6x6"), Sample("sub", "8x6x6", "8x1x1"), Sample("sub", "5", "5"))

    def torch(self, inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> TorchCode:
        first, second = _operands(inputs, outputs[0])
        inplace = f"{{0}}.sub_({second})" if inputs[0].shape == outputs[0].shape else None
        return TorchCode(f"{first} - {second}", inplace=inplace)

    def caption(self) -> str:
        return "Sub"


def _mean(count: int) -> TorchCode:
    """The mean of ``count`` streams of one shape."""
    terms = [f"{{{i}}}" for i in range(count)]
    return TorchCode(
        _accumulated(terms[2:], "({0} + {1})") + f".div_({count})",
        inplace=_accumulated(terms[1:], "{0}") + f".div_({count})",
        swapped=_accumulated([terms[0], *terms[2:]], "{1}") + f".div_({count})",
    )


@register
class Mean(Merge):
    """Average streams element by element.

    Shape: all alike.
    """

    keyword = "mean"
    participle = "averaged"
    samples = (Sample("mean", "64x8x8", "64x8x8"), Sample("mean", "10", "10", "10"))

    def torch(self, inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> TorchCode:
        return _mean(len(inputs))

    def caption(self) -> str:
        return "Mean"


@register
class Max(Merge):
    """Take the largest of the streams element by element (maxout across streams).

    Shape: all alike. Reference: Goodfellow et al.: Maxout networks, arXiv:1302.4389.
    """

    keyword = "max"
    participle = "compared"
    saves_input = True
    samples = (Sample("max", "64x8x8", "64x8x8"), Sample("max", "10", "10", "10"))

    def torch(self, inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> TorchCode:
        call = "{0}"
        for i in range(1, len(inputs)):
            call = f"torch.maximum({call}, {{{i}}})"
        return TorchCode(call)

    def caption(self) -> str:
        return "Max"


@register
class Join(Merge):
    """Join the columns of a fractal: the mean of the streams, of those that drop-path keeps while training.

    Stream 1 belongs to column 1, stream 2 to column 2, in all joins of the network alike. With ``drop`` above 0,
    training draws, for each sample or for each batch, one of two ways. Global: with probability ``column``, one column
    is chosen for the whole network, and each join that has it passes on its stream alone. Local: each join drops each
    stream with probability ``drop``, and keeps one at random if it would drop all; the kept ones are averaged.
    Evaluation averages all.

    ``archdsl extract`` takes a column out as a network of its own.

    Shape: all alike. Reference: Larsson, Maire, Shakhnarovich: FractalNet, arXiv:1605.07648, sections 3 and 4
    (drop-path; half local, half global, a new draw for each mini-batch: ``join drop=0.15 per=batch``).
    """

    keyword = "join"
    participle = "joined"
    samples = (
        Sample("join", "64x8x8", "64x8x8"),
        Sample("join drop=0.15", "64x8x8", "64x8x8", "64x8x8"),
        Sample("join drop=0.5 column=0 per=batch", "12", "12"),
    )

    drop: Annotated[float, Field(strict=True, ge=0, lt=1)] = 0.0
    """Probability with which local drop-path drops each stream."""
    column: Probability | None = None
    """Probability of global drop-path; left out, it is 0.5 where ``drop`` is above 0."""
    per: Literal["sample", "batch"] = "sample"
    """What each draw is for: every sample on its own, or the whole batch."""

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        types = super().infer(*inputs)
        if self.column and types[0].batch != "image":
            raise ShapeError(
                "one column for each image cannot be chosen where the streams hold regions",
                hint="drop streams one by one: `column=0`",
                inputs=(0,),
                recovery=types,
            )
        return types

    def share(self, stream: TensorType) -> float:
        """Probability with which a sample keeps to one column, for streams of this type."""
        if self.column is not None:
            return self.column
        return 0.5 if self.drop > 0 and stream.batch == "image" else 0.0

    def torch(self, inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> TorchCode:
        if self.drop == 0:
            return _mean(len(inputs))
        return self.dropping("({inputs})")

    def dropping(self, streams: str, column: str = "") -> TorchCode:
        """Code with drop-path, for the text of a tuple of streams, and of the column that was drawn."""
        arguments = [streams, str(self.drop), "{training}"]
        arguments += [column] if column else []
        if self.per == "batch":
            arguments.append('per="batch"')
        return TorchCode(f"join({', '.join(arguments)})", runtime=("join",))

    def caption(self) -> str:
        return "Join"
