"""What an operator is: one class that declares everything that is known about it.

Adding an operator is adding one class to one file of this package. Its fields are its arguments (validated by
pydantic); class attributes name it; methods give shape, weights, cost, torch code and caption. Nothing here imports
torch: torch code is text.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from archdsl.ops.values import (
    SCALAR,
    ArgumentError,
    Constructor,
    Family,
    Sample,
    Shape,
    ShapeError,
    TensorType,
    TorchCode,
    Weight,
    Window,
    construct,
    dims,
    per_axis,
)

# An operator's file takes all that it needs from here.
__all__ = [
    "SCALAR",
    "ArgumentError",
    "Constructor",
    "Family",
    "Flag",
    "Natural",
    "Op",
    "PerAxis",
    "PerAxisNatural",
    "Positive",
    "PositiveReal",
    "Probability",
    "Real",
    "Sample",
    "Shape",
    "ShapeError",
    "TensorType",
    "TorchCode",
    "Weight",
    "Window",
    "construct",
    "dims",
    "per_axis",
    "register",
    "registry",
]

_LIMIT = 2**31 - 1

Positive = Annotated[int, Field(strict=True, gt=0, le=_LIMIT)]
Natural = Annotated[int, Field(strict=True, ge=0, le=_LIMIT)]
Real = Annotated[float, Field(strict=True, allow_inf_nan=False)]
PositiveReal = Annotated[float, Field(strict=True, gt=0, allow_inf_nan=False)]
Probability = Annotated[float, Field(strict=True, ge=0, le=1)]
#: One number for all spatial axes, or one for each.
PerAxis = Positive | tuple[Positive, ...]
PerAxisNatural = Natural | tuple[Natural, ...]
Flag = Annotated[bool, Field(strict=True)]


class Op(BaseModel):
    """An operator with its arguments.

    Class attributes
    ----------------
    keyword
        Its name in the language.
    also
        What it is called elsewhere, in small letters without ``_``: a misspelt operator is looked up there too.
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
    copies
        When a view takes memory of its own all the same: never, always (but for rare shapes), or if what it looks at is
        strided, as behind ``permute`` or ``crop``.
    saves_input, saves_output
        Autograd keeps the tensor for the backward pass, so it must not be overwritten.
    stops_gradient
        Numbers of the inputs to which no gradient goes, negative ones counted from the last; None for all inputs.
    training_inputs
        Numbers of the inputs that only training needs: in evaluation there may be None in their place.
    takes_scalars
        Whether it works on single numbers of the whole batch, such as losses.
    absorbs_bias
        It subtracts a mean and adds its own shift, so that a convolution right before it needs no bias: ``before_norm``
        of ``settle`` holds in front of these.
    uncounted
        What part of its work its multiply-accumulates leave out, in a word: ``sampling``.

    Notes
    -----
    The class docstring is the reference that ``archdsl ops NAME`` prints: one imperative line, then the formula,
    shapes and the source. A docstring below each field describes it; ``archdsl.ops.reference`` reads them when somebody
    asks, since reading them whenever a class is made would double the start-up time.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True, protected_namespaces=())

    keyword: ClassVar[str] = ""
    also: ClassVar[tuple[str, ...]] = ()
    family: ClassVar[Family]
    positional: ClassVar[str | None] = None
    arity: ClassVar[int | None] = 1
    stream_arguments: ClassVar[tuple[str, ...]] = ()
    samples: ClassVar[tuple[Sample, ...]] = ()
    is_view: ClassVar[bool] = False
    copies: ClassVar[Literal["never", "strided", "always"]] = "never"
    saves_input: ClassVar[bool] = True
    saves_output: ClassVar[bool] = False
    stops_gradient: ClassVar[tuple[int, ...] | None] = ()
    training_inputs: ClassVar[tuple[int, ...]] = ()
    takes_scalars: ClassVar[bool] = False
    absorbs_bias: ClassVar[bool] = False
    uncounted: ClassVar[str] = ""

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

    def allocates(self, maker: Op | None) -> bool:
        """Whether the output takes memory of its own.

        Parameters
        ----------
        maker
            What makes the first input; None if that comes from outside and lies in memory without gaps.
        """
        is_strided = maker is not None and maker.is_view and maker.copies == "never"
        return not self.is_view or self.copies == "always" or (self.copies == "strided" and is_strided)

    @property
    def is_identity(self) -> bool:
        """Whether the operator passes its input on unchanged, so that no node is needed."""
        return False


# Pydantic knows the class variables by now, but would evaluate their annotations again for each operator: half of the
# time that it takes to import them all.
for _name in Op.__class_vars__:
    del Op.__annotations__[_name]


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
