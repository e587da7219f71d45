"""Initial weights as arguments of the operators that have weights.

``set conv init=normal std=0.01 bias_init=1`` is all that a paper's initialisation takes. Weights are written once: an
operator either leaves them to its module's ``reset_parameters`` or states every one of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import Literal

from archdsl.ops.base import Op, PositiveReal, Real

Scheme = Literal["default", "he", "he_in", "xavier", "xavier_uniform", "normal", "uniform", "constant", "zero"]


@dataclass(frozen=True, slots=True)
class Initialisation:
    """Statements that initialise a module, and whether they leave nothing to ``reset_parameters``."""

    statements: tuple[str, ...] = ()
    complete: bool = False


class Filled(Op):
    """An operator whose weights may be filled by name; which names it knows, it says with a field ``init``."""

    std: PositiveReal = 0.01
    """Standard deviation of ``init=normal`` and ``init=uniform``."""
    value: Real = 0.0
    """Weight of ``init=constant``."""
    bias_init: Real | None = None
    """Initial bias; left out, it is torch's own with ``init=default`` and 0 with every other."""

    def fill(
        self, scheme: str, *, bias: bool, weights: tuple[str, ...] = ("weight",), transposed: bool = False
    ) -> Initialisation:
        """Statements for the tensors called ``weights`` and, if there is one, ``bias``.

        Torch reads fan-in off the second axis; the weights of a transposed convolution have it first (``transposed``).
        """
        constant = 0.0 if self.bias_init is None else self.bias_init
        bias_statement = (f"nn.init.constant_({{module}}.bias, {constant!r})",) if bias else ()
        if scheme == "default":
            return Initialisation(() if self.bias_init is None else bias_statement)
        statements = tuple(self._statement(scheme, f"{{module}}.{weight}", transposed) for weight in weights)
        return Initialisation(statements + bias_statement, complete=True)

    def _statement(self, scheme: str, weight: str, transposed: bool) -> str:
        fan_in, fan_out = ("fan_out", "fan_in") if transposed else ("fan_in", "fan_out")
        bound = self.std * sqrt(3)
        return {
            "he": f'nn.init.kaiming_normal_({weight}, mode="{fan_out}", nonlinearity="relu")',
            "he_in": f'nn.init.kaiming_normal_({weight}, mode="{fan_in}", nonlinearity="relu")',
            "xavier": f"nn.init.xavier_normal_({weight})",
            "xavier_uniform": f"nn.init.xavier_uniform_({weight})",
            "normal": f"nn.init.normal_({weight}, std={self.std!r})",
            "uniform": f"nn.init.uniform_({weight}, {-bound!r}, {bound!r})",
            "constant": f"nn.init.constant_({weight}, {self.value!r})",
            "zero": f"nn.init.zeros_({weight})",
            "bilinear": f"bilinear_({weight})",
        }[scheme]


class Initialised(Filled):
    """An operator with the weights of a linear map, initialised by name."""

    init: Scheme = "default"
    """Initial weights. ``default``: torch's own, uniform within ``1/sqrt(fan_in)``; ``he``: normal of variance
    ``2/fan_out``, ``he_in``: ``2/fan_in`` (He et al., arXiv:1502.01852); ``xavier``: normal of variance
    ``2/(fan_in + fan_out)``, ``xavier_uniform``: uniform of the same variance (Glorot and Bengio 2010); ``normal`` and
    ``uniform``: mean 0 and deviation ``std``; ``constant``: ``value``; ``zero``."""


class ScaleInitialised(Op):
    """A normalisation whose scale and shift may be initialised by name."""

    init: Literal["one", "zero", "constant"] = "one"
    """Initial scale: ``one``, ``zero`` (the last of a residual branch, Goyal et al., arXiv:1706.02677) or
    ``constant``: ``value``."""
    value: Real = 1.0
    """Scale of ``init=constant``."""
    bias_init: Real = 0.0
    """Initial shift."""

    def initialisation(self, *, affine: bool) -> Initialisation:
        """Statements that depart from torch's own scale 1 and shift 0, which ``reset_parameters`` sets."""
        if not affine:
            return Initialisation()
        scale = {"one": 1.0, "zero": 0.0}.get(self.init, self.value)
        parts = (("weight", scale, 1.0), ("bias", self.bias_init, 0.0))
        return Initialisation(
            tuple(
                f"nn.init.constant_({{module}}.{name}, {value!r})"
                for name, value, standard in parts
                if value != standard
            )
        )
