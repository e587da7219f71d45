"""What the arguments of an operator are, in the words that stand below its fields."""

from __future__ import annotations

import ast
import inspect
from itertools import pairwise

from archdsl.ops.base import Op


def descriptions(op: type[Op]) -> dict[str, str]:
    """What each argument is, by name: the positional one first, then the operator's own, those of its bases last.

    An argument that nobody described has an empty text.
    """
    found: dict[str, str] = {}
    for owner in op.__mro__:
        if issubclass(owner, Op) and owner is not Op:
            found = found | {name: text for name, text in _docstrings(owner).items() if name not in found}
    order = sorted(found, key=lambda name: name != op.positional)
    return {name: found[name] for name in order if name in op.model_fields}


def _docstrings(cls: type[Op]) -> dict[str, str]:
    """The docstrings below the names that a class itself declares."""
    (definition,) = ast.parse(inspect.getsource(cls)).body
    assert isinstance(definition, ast.ClassDef)
    docs: dict[str, str] = {}
    for statement, follower in pairwise([*definition.body, ast.Pass()]):
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            docs[statement.target.id] = _text(follower)
    return docs


def _text(statement: ast.stmt) -> str:
    """The text of a statement that is a docstring, else nothing."""
    match statement:
        case ast.Expr(value=ast.Constant(value=str(text))):
            return inspect.cleandoc(text)
        case _:
            return ""
