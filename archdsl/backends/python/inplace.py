"""Where an operator may overwrite an input instead of allocating its output.

A value may be overwritten if nobody can miss it: the operator is its only user, it does not leave the unit, the unit
itself made it, no other tensor shares its memory, and autograd has not kept it for the backward pass of what made it.
Values that cross the border of a unit are left alone, since hooks and readers may look at them there.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

from archdsl.graph.graph import Node
from archdsl.ops.base import TensorType, TorchCode


class Form(Enum):
    """The code that an operator runs."""

    PLAIN = "call"
    INPLACE = "inplace"
    SWAPPED = "swapped"

    def of(self, code: TorchCode) -> str:
        """The expression."""
        text = getattr(code, self.value)
        assert isinstance(text, str)
        return text


def choose(
    node: Node,
    code: TorchCode,
    makers: Sequence[Node | None],
    sole: Sequence[bool],
    types: Sequence[TensorType],
) -> Form:
    """The form in which a node may run.

    Parameters
    ----------
    makers
        For each input the node that makes it; None if it comes from outside the unit.
    sole
        For each input whether this is its only use in the whole network.
    types
        Types of the inputs.
    """
    forms = ((Form.INPLACE, 0, code.inplace), (Form.SWAPPED, 1, code.swapped))
    for form, position, text in forms:
        if text is None or position >= len(makers) or len(node.outputs) != 1:
            continue
        fits = types[position] == node.outputs[0]
        if fits and sole[position] and _is_spare(makers[position]):
            return form
    return Form.PLAIN


def _is_spare(maker: Node | None) -> bool:
    """Whether what a node makes is in memory of its own that the backward pass does not need."""
    return maker is not None and not (maker.op.is_view or maker.op.saves_output or len(maker.outputs) > 1)
