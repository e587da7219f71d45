"""Work in the background: threads with room for it, which let answers come first."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import wraps
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

#: Nested calls of definitions take room on the stack; threads have little of it on some systems.
_STACK = 64 * 2**20
#: The longest that something in the background waits at a time, in seconds.
_PATIENCE = 0.1


class Precedence:
    """Lets work in the background give way while somebody waits for an answer."""

    def __init__(self) -> None:
        self._idle = threading.Event()
        self._idle.set()

    def first(self, answer: Callable[P, T]) -> Callable[P, T]:
        """A function that others give way to; it runs in one thread only."""

        @wraps(answer)
        def answered(*arguments: P.args, **named: P.kwargs) -> T:
            self._idle.clear()
            try:
                return answer(*arguments, **named)
            finally:
                self._idle.set()

        return answered

    def give_way(self) -> None:
        """Wait until nothing is being answered; to be called now and then by what runs in another thread."""
        if not self._idle.is_set():
            self._idle.wait(_PATIENCE)


def worker(name: str) -> ThreadPoolExecutor:
    """One thread with room for deep recursion, made at once."""
    before = threading.stack_size(_STACK)
    try:
        made = ThreadPoolExecutor(1, thread_name_prefix=f"archdsl-{name}")
        made.submit(int).result()
    finally:
        threading.stack_size(before)
    return made
