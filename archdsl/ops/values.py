"""The values that operators speak in: types of streams, weights, windows, torch code as text, samples and refusals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal

Shape = tuple[int, ...]


def dims(values: Sequence[int]) -> str:
    """``(3, 5)`` as people write it: ``3x5``."""
    return "x".join(map(str, values))


class Family(StrEnum):
    """The category of an operator; it decides its colour, its shape and its place in the reference."""

    CONV = "conv"
    LINEAR = "linear"
    NORM = "norm"
    ACTIVATION = "activation"
    POOL = "pool"
    RESAMPLE = "resample"
    DETECTION = "detection"
    MERGE = "merge"
    VIEW = "view"
    REGULARISE = "regularise"
    IO = "io"


@dataclass(frozen=True, slots=True)
class TensorType:
    """Type of a stream: its shape without the batch axis, what the elements are, and what the batch counts.

    Parameters
    ----------
    shape
        Channels first, then any number of spatial axes: ``(256, 56, 56)``; a vector is ``(256,)``.
    dtype
        ``"float"`` (of whatever precision the module has) or ``"int"``.
    batch
        What one element of the batch is: an image, or a region of one; ``"all"`` for one value of the whole batch, as
        a loss is, which has no axes at all.
    """

    shape: Shape
    dtype: Literal["float", "int"] = "float"
    batch: Literal["image", "roi", "all"] = "image"

    @property
    def channels(self) -> int:
        return self.shape[0]

    @property
    def spatial(self) -> Shape:
        return self.shape[1:]

    @property
    def rank(self) -> int:
        """Number of spatial axes."""
        return max(len(self.shape) - 1, 0)

    @property
    def size(self) -> int:
        """Number of elements for one element of the batch."""
        return math.prod(self.shape)

    def with_shape(self, *shape: int) -> TensorType:
        return TensorType(tuple(shape), self.dtype, self.batch)

    def __str__(self) -> str:
        return dims(self.shape) or "scalar"


#: One number for the whole batch: a loss.
SCALAR = TensorType((), batch="all")


@dataclass(frozen=True, slots=True)
class Weight:
    """A trainable tensor, or one that is stored but not trained (a buffer)."""

    shape: Shape
    trainable: bool = True

    @property
    def size(self) -> int:
        return math.prod(self.shape)


@dataclass(frozen=True, slots=True)
class Window:
    """The sliding window of an operator, per spatial axis: what receptive fields and strides are made of.

    ``padding`` is what is added before the first element. ``upscale`` is the factor by which the input is spread
    before the window slides over it (transposed convolution, upsampling): ``u`` puts ``u - 1`` places between
    neighbours, and kernel, stride, padding and dilation count such places. ``everywhere`` says that each output sees
    the whole input (global pooling, flatten + linear). Statistics of normalisations do not count as seeing.
    """

    kernel: Shape = ()
    stride: Shape = ()
    padding: Shape = ()
    dilation: Shape = ()
    upscale: Shape = ()
    everywhere: bool = False


@dataclass(frozen=True, slots=True)
class Constructor:
    """A module that ``__init__`` makes: ``nn.Conv2d(3, 64, kernel_size=7)``.

    ``name`` is what stands before the parenthesis: dotted below ``nn`` (``nn.Conv2d``), or the bare name of a class of
    a runtime file (``LinkedConv``). Positional and keyword values are plain Python values (numbers, strings, booleans,
    None, tuples).
    """

    name: str
    positional: tuple[Any, ...] = ()
    keywords: tuple[tuple[str, Any], ...] = ()


def construct(name: str, *positional: Any, **keywords: Any) -> Constructor:
    """Shorthand for a ``Constructor``."""
    return Constructor(name, positional, tuple(keywords.items()))


@dataclass(frozen=True, slots=True)
class TorchCode:
    """How torch computes an operator, as text.

    Parameters
    ----------
    call
        The expression of ``forward``. ``{0}``, ``{1}`` … are the input streams, ``{inputs}`` is all of them with
        commas between, ``{module}`` is the module (``self.conv1``), ``{training}`` is ``self.training``.
        Names that may be used: ``torch``, ``nn``, ``F`` (torch.nn.functional), ``math``, and those of ``runtime``.
    module
        The module that holds the weights; None for an operator without weights or buffers.
    inplace
        The expression to use instead where the first input may be overwritten; None if there is no such form.
    swapped
        The same where the second input may be overwritten.
    runtime
        Names of the files in ``archdsl/backends/runtime`` (without ``.py``) whose text the generated module needs.
    init
        Statements that initialise the weights, with ``{module}``, after the module's own ``reset_parameters``.
    init_complete
        Whether ``init`` sets every weight and buffer of the module, so that ``reset_parameters`` need not run before.
    """

    call: str
    module: Constructor | None = None
    inplace: str | None = None
    swapped: str | None = None
    runtime: tuple[str, ...] = ()
    init: tuple[str, ...] = ()
    init_complete: bool = False


@dataclass(frozen=True, slots=True)
class Sample:
    """A call of an operator with the shapes of its inputs: an example for people and a test for the machine.

    ``Sample("3x3 conv 64 /2", "3x32x32")``; several input streams are several shapes. ``int`` behind a shape says that
    its elements are integers, ``roi`` that its batch counts regions: ``"256x7x7 roi"``.
    """

    text: str
    inputs: tuple[str, ...]

    def __init__(self, text: str, *inputs: str) -> None:
        object.__setattr__(self, "text", text)
        object.__setattr__(self, "inputs", inputs)

    @property
    def types(self) -> tuple[TensorType, ...]:
        """The types of the inputs."""
        return tuple(map(_read_type, self.inputs))


def _read_type(text: str) -> TensorType:
    shape, *marks = text.split()
    sizes = tuple(map(int, shape.split("x")))
    return TensorType(sizes, "int" if "int" in marks else "float", "roi" if "roi" in marks else "image")


class ShapeError(Exception):
    """An operator cannot take these shapes.

    Parameters
    ----------
    message
        One sentence without a full stop, with the numbers: ``"6 channels do not divide into 4 groups"``.
    hint
        What to do.
    kind
        Which of the documented errors this is.
    inputs
        Which inputs are to blame (their origins are shown as second places).
    recovery
        The most likely output shapes, so that checking can go on behind the error; None if there is none.
    """

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        kind: Literal["shape", "merge", "groups", "kernel", "empty", "rank", "count"] = "shape",
        inputs: Sequence[int] = (),
        recovery: Sequence[TensorType] | None = None,
    ) -> None:
        super().__init__(message)
        self.message, self.hint, self.kind = message, hint, kind
        self.inputs = tuple(inputs)
        self.recovery = None if recovery is None else tuple(recovery)


class ArgumentError(Exception):
    """The arguments of an operator are wrong.

    Parameters
    ----------
    field
        The argument; empty if several do not fit together.
    is_missing
        Whether it has to be given but is not.
    reason
        What it should be.
    """

    def __init__(self, field: str, is_missing: bool, reason: str) -> None:
        super().__init__(reason)
        self.field, self.is_missing, self.reason = field, is_missing, reason


def per_axis(value: int | tuple[int, ...], rank: int, what: str) -> Shape:
    """``value`` for each of ``rank`` spatial axes.

    Raises
    ------
    ShapeError
        ``value`` has another number of axes.
    """
    if isinstance(value, int):
        return (value,) * rank
    if len(value) != rank:
        message = f"{what} {dims(value)} has {len(value)} axes but the stream has {rank} spatial axes"
        raise ShapeError(message, hint=f"give one number for each of the {rank} axes", kind="rank", inputs=(0,))
    return value
