"""Names in generated code: classes, attributes and variables that mean something and clash with nothing."""

from __future__ import annotations

import builtins
import keyword
import re
from collections.abc import Iterable

#: What generated code itself refers to.
MODULE_NAMES = frozenset({"torch", "nn", "F", "math", "Tensor", "NamedTuple", "annotations"})

#: Attributes of ``torch.nn.Module``: a child of such a name is reached through the dictionary of children.
MODULE_ATTRIBUTES = frozenset(  # a string, since it reads better than sixty literals
    """
    T_destination add_module apply bfloat16 buffers call_super_init children compile cpu cuda double dump_patches eval
    extra_repr float forward get_buffer get_extra_state get_parameter get_submodule half infer ipu joint_loss
    load_state_dict modules mtia named_buffers named_children named_modules named_parameters parameter_groups
    parameters register_backward_hook register_buffer register_forward_hook register_forward_pre_hook
    register_full_backward_hook register_full_backward_pre_hook register_load_state_dict_post_hook
    register_load_state_dict_pre_hook register_module register_parameter register_state_dict_post_hook
    register_state_dict_pre_hook requires_grad_ reset_parameters set_extra_state set_submodule share_memory state_dict
    to to_empty train training type xpu zero_grad
    """.split()  # noqa: SIM905
)

_BUILTINS = frozenset(dir(builtins))


def is_plain(name: str) -> bool:
    """Whether code may write ``name`` as it is."""
    return name.isidentifier() and not keyword.iskeyword(name)


def attribute(base: str, path: str) -> str:
    """Expression for the module with a dotted path below ``base``.

    >>> attribute("self", "stem.conv1")
    'self.stem.conv1'
    >>> attribute("self", "half")
    'self._modules["half"]'
    """
    for part in path.split("."):
        plain = is_plain(part) and part not in MODULE_ATTRIBUTES and not part.startswith("_")
        base = f"{base}.{part}" if plain else f'{base}._modules["{part}"]'
    return base


def camel_case(name: str) -> str:
    """Name of a class.

    >>> camel_case("dense_block"), camel_case("resnet50"), camel_case("i3a")
    ('DenseBlock', 'Resnet50', 'I3a')
    """
    words = re.sub(r"\W", "_", name).split("_")
    joined = "".join(word[:1].upper() + word[1:] for word in words if word)
    return f"Net{joined}" if not joined or joined[0].isdigit() else joined


def variable(name: str) -> str | None:
    """``name`` as the name of a variable; None if it cannot be one."""
    if not name.isidentifier() or name in MODULE_NAMES or name in _BUILTINS or name == "self" or name.startswith("__"):
        return None
    return f"{name}_" if keyword.iskeyword(name) else name


class Registry:
    """Hands out names, each once."""

    def __init__(self, taken: Iterable[str] = ()) -> None:
        self._taken = set(taken)

    def claim(self, *candidates: str) -> str:
        """The first candidate that is free, else the first one with the first number that makes it so."""
        for candidate in candidates:
            if candidate not in self._taken:
                self._taken.add(candidate)
                return candidate
        number = 2
        while f"{candidates[0]}{number}" in self._taken:
            number += 1
        return self.claim(f"{candidates[0]}{number}")
