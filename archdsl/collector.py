"""Python's garbage collector, kept out of work that leaves next to no garbage."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def paused() -> Iterator[None]:
    """No garbage collection.

    Nearly all that reading and checking a network makes stays. Looking for garbage among it again and again would cost
    a large network a third of its time, and find none.
    """
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()
