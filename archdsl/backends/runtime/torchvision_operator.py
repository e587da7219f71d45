"""Compiled operators of torchvision, where they are installed and can run."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor, nn


def torchvision_operator(name: str, x: Tensor) -> Callable[..., Tensor] | None:
    """An operator of torchvision; None where it cannot take such a tensor, or should not.

    Graphs that are compiled or exported do without, so that they run where there is no torchvision. So does what has to
    give the same bits on every run: on a GPU these operators add gradients up in any order.
    """
    if torch.compiler.is_compiling() or torch.are_deterministic_algorithms_enabled():
        return None
    if type(x) not in {Tensor, nn.Parameter} or x.dtype not in {torch.float32, torch.float64}:
        return None
    return _operator(name, x.device.type) if x.device.type in {"cpu", "cuda"} else None


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
def _operator(name: str, device: str) -> Callable[..., Tensor] | None:
    """An operator that runs on a kind of device."""
    if not torchvision_fits():
        return None
    import_module("torchvision.ops")  # has the gradients
    known = torch._C._dispatch_has_kernel_for_dispatch_key  # noqa: SLF001 - a library for CPUs declares CUDA's as well
    found: Callable[..., Tensor] = getattr(torch.ops.torchvision, name)
    return found if known(f"torchvision::{name}", device.upper()) else None


def torchvision_fits() -> bool:
    """Load torchvision's library; false if there is none for this build of torch, and no import of the package then."""
    spec = find_spec("torchvision")
    for path in sorted(Path(spec.origin).parent.glob("_C.*")) if spec is not None and spec.origin is not None else ():
        try:
            torch.ops.load_library(path)  # type: ignore[no-untyped-call]
        except OSError:
            continue
        return True
    return False
