"""Compiled operators of torchvision, where they are installed and can run."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor, nn


def torchvision_operator(name: str, *tensors: Tensor) -> Callable[..., Tensor] | None:
    """An operator of torchvision; None where it cannot take such tensors, or should not.

    Graphs that are compiled or exported do without, so that they run where there is no torchvision. So does what has to
    give the same bits on every run: on a GPU these operators add gradients up in any order.
    """
    if torch.compiler.is_compiling() or torch.are_deterministic_algorithms_enabled():
        return None
    if not all(type(x) in {Tensor, nn.Parameter} and x.dtype in {torch.float32, torch.float64} for x in tensors):
        return None
    kinds = {x.device.type for x in tensors}
    return _operator(name, *kinds) if kinds <= {"cpu", "cuda"} else None


def require_images(regions: Tensor, images: int) -> None:
    """Refuse regions of images that there are not, which a compiled operator would look for anywhere in memory.

    Raises
    ------
    IndexError
        There is one; on a GPU nobody waits to know.
    """
    if regions.device.type == "cpu" and not ((regions[:, 0] >= 0) & (regions[:, 0] < images)).all():
        raise IndexError(f"the regions are of images 0 to {images - 1}, but {regions[:, 0].tolist()} are asked for")


@cache
def _operator(name: str, *kinds: str) -> Callable[..., Tensor] | None:
    """An operator that runs on these kinds of devices."""
    if not _fits():
        return None
    import_module("torchvision.ops")  # has the gradients
    known = torch._C._dispatch_has_kernel_for_dispatch_key  # noqa: SLF001 - a library for CPUs declares CUDA's as well
    found: Callable[..., Tensor] = getattr(torch.ops.torchvision, name)
    return found if all(known(f"torchvision::{name}", kind.upper()) for kind in kinds) else None


def _fits() -> bool:
    """Whether the library was made for this build of torch; the package could not be imported otherwise."""
    spec = find_spec("torchvision")
    for path in sorted(Path(spec.origin).parent.glob("_C.*")) if spec is not None and spec.origin is not None else ():
        try:
            torch.ops.load_library(path)  # type: ignore[no-untyped-call]
        except OSError:
            continue
        return True
    return False
