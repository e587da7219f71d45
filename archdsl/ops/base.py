"""What an operator is: one class that declares everything that is known about it.

Adding an operator is adding one class to one file of this package. Its fields are its arguments (validated by
pydantic); class attributes name it; methods give shape, weights, cost, torch code and caption. Nothing here imports
torch: torch code is text.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

Shape = tuple[int, ...]


class Family(StrEnum):
    """The category of an operator; it decides its colour, its shape and its place in the reference."""

    CONV = "conv"
    LINEAR = "linear"
    NORM = "norm"
    ACTIVATION = "activation"
    POOL = "pool"
    RESAMPLE = "resample"
    ATTENTION = "attention"
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
        What one element of the batch is: an image, or a region of one.
    """

    shape: Shape
    dtype: Literal["float", "int"] = "float"
    batch: Literal["image", "roi"] = "image"

    @property
    def channels(self) -> int:
        return self.shape[0]

    @property
    def spatial(self) -> Shape:
        return self.shape[1:]

    @property
    def rank(self) -> int:
        """Number of spatial axes."""
        return len(self.shape) - 1

    @property
    def size(self) -> int:
        """Number of elements for one element of the batch."""
        return math.prod(self.shape)

    def with_shape(self, *shape: int) -> TensorType:
        return TensorType(tuple(shape), self.dtype, self.batch)

    def __str__(self) -> str:
        return dims(self.shape)


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

    ``Sample("3x3 conv 64 /2", "3x32x32")``; several input streams are several shapes.
    """

    text: str
    inputs: tuple[str, ...]

    def __init__(self, text: str, *inputs: str) -> None:
        object.__setattr__(self, "text", text)
        object.__setattr__(self, "inputs", inputs)


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


_LIMIT = 2**31 - 1


def as_tuple(value: Any) -> Any:
    """A list as a tuple, and anything else as it is: a validator for arguments."""
    return tuple(value) if isinstance(value, list) else value


Positive = Annotated[int, Field(strict=True, gt=0, le=_LIMIT)]
Natural = Annotated[int, Field(strict=True, ge=0, le=_LIMIT)]
Real = Annotated[float, Field(strict=True, allow_inf_nan=False)]
PositiveReal = Annotated[float, Field(strict=True, gt=0, allow_inf_nan=False)]
Probability = Annotated[float, Field(strict=True, ge=0, le=1)]
#: One number for all spatial axes, or one for each.
PerAxis = Positive | tuple[Positive, ...]
PerAxisNatural = Natural | tuple[Natural, ...]
Flag = Annotated[bool, Field(strict=True)]


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


class Op(BaseModel):
    """An operator with its arguments.

    Class attributes
    ----------------
    keyword
        Its name in the language.
    family
        Its category.
    positional
        The argument that a bare value sets (``conv 64``); None if there is none.
    arity
        Number of input streams; None for a variadic operator, which takes one or more (one stream passes
        through unchanged: the elaborator makes no node for it).
    stream_arguments
        Arguments whose value is a stream (``crop like=y``): the stream becomes a further input, in this order, after
        the ordinary ones, and the field is set to True.
    samples
        Calls with input shapes; the generic test runs each against torch.
    is_view
        The output may share memory with the input, so neither may be overwritten in place.
    saves_input, saves_output
        Autograd keeps the tensor for the backward pass, so it must not be overwritten.
    absorbs_bias
        It subtracts a mean and adds its own shift, so that a convolution right before it needs no bias: ``before_norm``
        of ``settle`` holds in front of these.

    Notes
    -----
    The class docstring is the reference that ``archdsl ops NAME`` prints: one imperative line, then the formula,
    shapes and the source. A docstring below each field describes it; ``archdsl.ops.reference`` reads them when somebody
    asks, since reading them whenever a class is made would double the start-up time.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True, protected_namespaces=())

    keyword: ClassVar[str] = ""
    family: ClassVar[Family]
    positional: ClassVar[str | None] = None
    arity: ClassVar[int | None] = 1
    stream_arguments: ClassVar[tuple[str, ...]] = ()
    samples: ClassVar[tuple[Sample, ...]] = ()
    is_view: ClassVar[bool] = False
    saves_input: ClassVar[bool] = True
    saves_output: ClassVar[bool] = False
    absorbs_bias: ClassVar[bool] = False

    @classmethod
    def make(cls, **arguments: Any) -> Self:
        """The operator with these arguments.

        Raises
        ------
        ArgumentError
            An argument is missing, out of bounds or of the wrong kind.
        """
        try:
            return cls(**arguments)
        except ValidationError as error:
            raise _explain(error) from None

    def takes(self, count: int) -> bool:
        """Whether the operator takes this many streams (those given as arguments not counted)."""
        return count == self.arity or (self.arity is None and count > 0)

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        """Output types for these inputs.

        Raises
        ------
        ShapeError
            The inputs do not fit.
        """
        raise NotImplementedError

    def settle(self, *inputs: TensorType, before_norm: bool) -> Op:
        """The operator with what depends on its neighbours decided.

        Parameters
        ----------
        inputs
            The types of its inputs; may be left out.
        before_norm
            Whether it has users and each of them ``absorbs_bias``.
        """
        return self

    def weights(self, *inputs: TensorType) -> dict[str, Weight]:
        """Tensors that the operator owns: what the torch module has in its ``state_dict``, by name and in order."""
        return {}

    def macs(self, inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> int | None:
        """Multiply-accumulates for one element of the batch; None if the operator is not counted by convention.

        Counted are convolutions, transposed convolutions and linear maps, padding included, biases not.
        """
        return None

    def connections(self, inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> int | None:
        """Connections in the sense of LeCun et al. 1998: inputs of every unit, biases included; None if not counted."""
        return None

    def window(self, *inputs: TensorType) -> Window | None:
        """The sliding window; None for an operator that looks at each place alone."""
        return None

    def torch(self, inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> TorchCode:
        """Torch code for these input and output types."""
        raise NotImplementedError

    def caption(self) -> str:
        """Short text of a diagram box, without defaults: ``Conv 3x3 /2``."""
        return self.keyword

    @property
    def is_identity(self) -> bool:
        """Whether the operator passes its input on unchanged, so that no node is needed."""
        return False


def _explain(error: ValidationError) -> ArgumentError:
    """The first thing that is wrong, in a person's words."""
    details = error.errors(include_url=False, include_context=False)
    first = details[0]
    field = str(first["loc"][0]) if first["loc"] else ""
    reasons = dict.fromkeys(
        detail["msg"].removeprefix("Value error, ").replace("Input should be", "it should be")
        for detail in details
        if not field or (detail["loc"] and detail["loc"][0] == field)
    )
    return ArgumentError(field, first["type"] == "missing", " or ".join(reasons))


_REGISTRY: dict[str, type[Op]] = {}


def register(cls: type[Op]) -> type[Op]:
    """Class decorator that puts an operator into the catalogue under its keyword."""
    if cls.keyword in _REGISTRY:
        raise ValueError(f"operator {cls.keyword!r} is declared twice")
    _REGISTRY[cls.keyword] = cls
    return cls


def registry() -> dict[str, type[Op]]:
    """The operators whose modules have been imported so far; ``archdsl.ops.catalogue`` has them all."""
    return dict(_REGISTRY)


def dims(values: Sequence[int]) -> str:
    """``(3, 5)`` as people write it: ``3x5``."""
    return "x".join(map(str, values))


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
