"""Changing the resolution without weights."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from archdsl.ops.base import (
    Family,
    Flag,
    Op,
    PerAxis,
    Positive,
    Sample,
    Shape,
    ShapeError,
    TensorType,
    TorchCode,
    Window,
    dims,
    per_axis,
    register,
)
from archdsl.ops.sliding import extent, require_spatial, uniform

Scale = Annotated[float, Field(strict=True, gt=0, le=2**20)]


@register
class Upsample(Op):
    """Resize a stream by interpolation.

    Shape: ``CxHxW -> Cx(factor H)x(factor W)``, rounded down, or to ``size``, or to the size of the stream ``like``, of
    which one is given; for 1 to 3 spatial axes.
    """

    keyword = "upsample"
    also = ("interpolate", "resize")
    family = Family.RESAMPLE
    positional = "factor"
    stream_arguments = ("like",)
    saves_input = False
    samples = (
        Sample("upsample 2", "64x14x14"),
        Sample("upsample 2 mode=bilinear", "64x14x14"),
        Sample("upsample 2 mode=bilinear align_corners=true", "8x7x5"),
        Sample("upsample 1.5", "8x7x5"),
        Sample("upsample([2, 3])", "8x7x5"),
        Sample("upsample size=[33, 40] mode=bicubic", "8x7x5"),
        Sample("upsample 2 mode=bilinear", "8x12"),
        Sample("upsample 2 mode=bilinear", "4x4x5x6"),
        Sample("upsample like=y", "8x7x7", "3x28x30"),
        Sample("upsample like=y mode=bilinear", "8x7x7", "3x28x30"),
    )

    factor: PerAxis | Scale | None = None
    """How much finer the result is; one number for all spatial axes, or whole ones for each."""
    size: PerAxis | None = None
    """Size of the result; one number for all spatial axes, or one for each."""
    like: Flag = False
    """A stream whose size the result takes."""
    mode: Literal["nearest", "bilinear", "bicubic"] = "nearest"
    """Interpolation; ``bilinear`` is linear along one axis and trilinear along three."""
    align_corners: Flag = False
    """Let the corner places of input and result coincide, instead of the corners of the planes."""

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        stream = inputs[0]
        require_spatial(stream, self.keyword, recovery=(stream,))
        self._check_mode(stream)
        return (stream.with_shape(stream.channels, *self._sizes(inputs)),)

    @model_validator(mode="after")
    def _one_target(self) -> Self:
        if [self.factor is not None, self.size is not None, self.like].count(True) != 1:
            raise ValueError("give one of factor, size and like: `upsample 2`")
        if self.align_corners and self.mode == "nearest":
            raise ValueError("align_corners is for interpolation between places: `mode=bilinear`")
        return self

    def _check_mode(self, stream: TensorType) -> None:
        if self.mode == "bicubic" and stream.rank != 2:
            message = f"bicubic interpolation takes 2 spatial axes, and a stream of {stream} has {stream.rank}"
            raise ShapeError(message, hint="use `mode=bilinear`", kind="rank", inputs=(0,), recovery=(stream,))

    def _sizes(self, inputs: Sequence[TensorType]) -> Shape:
        stream = inputs[0]
        if self.like:
            return self._sizes_like(stream, inputs[1])
        if self.size is not None:
            return per_axis(self.size, stream.rank, "size")
        assert self.factor is not None
        factors = (
            (self.factor,) * stream.rank
            if isinstance(self.factor, float)
            else per_axis(self.factor, stream.rank, "factor")
        )
        sizes = tuple(math.floor(size * factor) for size, factor in zip(stream.spatial, factors, strict=True))
        if 0 in sizes:
            recovery = stream.with_shape(stream.channels, *(max(size, 1) for size in sizes))
            message = f"a factor of {self.factor} leaves nothing of a stream of {stream}"
            raise ShapeError(message, kind="empty", inputs=(0,), recovery=(recovery,))
        return sizes

    @staticmethod
    def _sizes_like(stream: TensorType, model: TensorType) -> Shape:
        if model.rank != stream.rank:
            raise ShapeError(
                f"a stream of {stream} cannot take the size of one of {model}: they differ in their axes",
                kind="merge",
                inputs=(0, 1),
                recovery=(stream,),
            )
        return model.spatial

    def window(self, *inputs: TensorType) -> Window | None:
        """Outputs are ``stride / upscale`` of an input place apart, and each sees the places around it."""
        old, new = inputs[0].spatial, self._sizes(inputs)
        steps = [self._step(axis, *sizes) for axis, sizes in enumerate(zip(old, new, strict=True))]
        stride, spread = tuple(step.numerator for step in steps), tuple(step.denominator for step in steps)
        ones = (1,) * len(steps)
        if self.mode == "nearest":
            return Window(spread, stride, tuple(u - 1 for u in spread), ones, spread)
        reach = {"bilinear": 1, "bicubic": 2}[self.mode]
        first = [0 if self.align_corners else (s - u) // 2 for s, u in zip(stride, spread, strict=True)]
        kernel = tuple(2 * reach * u for u in spread)
        padding = tuple(reach * u - 1 - place for u, place in zip(spread, first, strict=True))
        return Window(kernel, stride, padding, ones, spread)

    def _step(self, axis: int, old: int, new: int) -> Fraction:
        """Distance between neighbours of the output along an axis, in places of the input."""
        if old == 1:
            return Fraction(1, new)
        if self.align_corners:
            return Fraction(old - 1, max(new - 1, 1))
        if self.factor is None:
            return Fraction(old, new)
        factor = self.factor[axis] if isinstance(self.factor, tuple) else self.factor
        return 1 / Fraction(factor).limit_denominator(1024)

    def torch(self, inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> TorchCode:
        linear = {1: "linear", 2: "bilinear", 3: "trilinear"}[inputs[0].rank]
        mode = linear if self.mode == "bilinear" else self.mode
        if self.like:
            target = "size={1}.shape[2:]"
        elif self.size is not None:
            target = f"size={uniform(outputs[0].spatial)}"
        else:
            target = f"scale_factor={self.factor}"
        corners = ", align_corners=True" if self.align_corners else ""
        return TorchCode(f'F.interpolate({{0}}, {target}, mode="{mode}"{corners})')

    def caption(self) -> str:
        if self.factor is None:
            return "Upsample"
        return f"Upsample x{self.factor if isinstance(self.factor, float) else extent(self.factor)}"

    @property
    def is_identity(self) -> bool:
        return self.factor == 1 and not self.like and self.size is None and not self.align_corners


class Rearrangement(Op):
    """Base of the operators that trade channels for places."""

    family = Family.RESAMPLE
    positional = "factor"
    saves_input = False

    factor: Positive
    """How many times finer, or coarser, the result is along each axis."""

    def _check_plane(self, stream: TensorType) -> None:
        if stream.rank != 2:
            message = f"{self.keyword} takes 2 spatial axes, and a stream of {stream} has {stream.rank}"
            raise ShapeError(message, kind="rank", inputs=(0,), recovery=(stream,))

    @property
    def is_identity(self) -> bool:
        return self.factor == 1


@register
class PixelShuffle(Rearrangement):
    """Spread channels over places: sub-pixel upsampling.

    ``y[c, r h + i, r w + j] = x[c r^2 + i r + j, h, w]`` with ``r = factor``. Shape: ``(C r^2)xHxW -> Cx(r H)x(r W)``.
    Reference: Shi et al.: Real-time single image and video super-resolution, arXiv:1609.05158, equation 4.
    """

    keyword = "pixel_shuffle"
    samples = (Sample("pixel_shuffle 2", "64x14x14"), Sample("pixel_shuffle 3", "18x5x4"))

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        (stream,) = inputs
        self._check_plane(stream)
        channels, rest = divmod(stream.channels, self.factor**2)
        height, width = (size * self.factor for size in stream.spatial)
        result = stream.with_shape(max(channels, 1), height, width)
        if rest:
            raise ShapeError(
                f"{stream.channels} channels do not divide into {self.factor}x{self.factor} places",
                hint=f"make them a multiple of {self.factor**2}",
                kind="groups",
                inputs=(0,),
                recovery=(result,),
            )
        return (result,)

    def window(self, *inputs: TensorType) -> Window | None:
        """As a transposed convolution whose stride is its kernel."""
        pair = (self.factor,) * 2
        return Window(kernel=pair, stride=(1, 1), padding=(self.factor - 1,) * 2, dilation=(1, 1), upscale=pair)

    def torch(self, inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> TorchCode:
        return TorchCode(f"F.pixel_shuffle({{0}}, {self.factor})")

    def caption(self) -> str:
        return f"PixelShuffle x{self.factor}"


@register
class SpaceToDepth(Rearrangement):
    """Gather places into channels: the inverse of ``pixel_shuffle``.

    ``y[c r^2 + i r + j, h, w] = x[c, r h + i, r w + j]`` with ``r = factor``. Shape: ``Cx(r H)x(r W) -> (C r^2)xHxW``.
    """

    keyword = "space_to_depth"
    samples = (Sample("space_to_depth 2", "64x26x26"), Sample("space_to_depth 3", "2x6x9"))

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        (stream,) = inputs
        self._check_plane(stream)
        height, width = (max(size // self.factor, 1) for size in stream.spatial)
        result = stream.with_shape(stream.channels * self.factor**2, height, width)
        if any(size % self.factor for size in stream.spatial):
            raise ShapeError(
                f"{dims(stream.spatial)} places do not divide into blocks of {self.factor}x{self.factor}",
                hint="pad or crop it first",
                kind="groups",
                inputs=(0,),
                recovery=(result,),
            )
        return (result,)

    def window(self, *inputs: TensorType) -> Window | None:
        pair = (self.factor,) * 2
        return Window(kernel=pair, stride=pair, padding=(0, 0), dilation=(1, 1))

    def torch(self, inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> TorchCode:
        return TorchCode(f"F.pixel_unshuffle({{0}}, {self.factor})")

    def caption(self) -> str:
        return f"SpaceToDepth /{self.factor}"
