"""How much runs side by side."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")

MOST_NETWORKS = 8
"""At a time: every one holds a block of rows and what its layers make of it."""


def available_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def side_by_side(work: Callable[[T], None], pieces: Sequence[T], threads: int) -> None:
    """Call `work` with every piece, in any order, on this thread and so many less one that end with the call.

    Nothing outlives it, so that a process may fork, and callers share the cores as threads do.

    Raises:
        what `work` raises first; pieces that nobody has begun are left.
    """
    rest, lock, failures = iter(pieces), threading.Lock(), list[BaseException]()

    def take() -> None:
        while not failures:
            with lock:
                piece = next(rest, _NONE)
            if isinstance(piece, _None):
                return
            try:
                work(piece)
            except BaseException as failure:  # noqa: BLE001 - raised again by the caller
                failures.append(failure)

    helpers = [threading.Thread(target=take, daemon=True) for _ in range(min(threads, len(pieces)) - 1)]
    for helper in helpers:
        helper.start()
    take()
    for helper in helpers:
        helper.join()
    if failures:
        raise failures[0]


class _None:
    """No piece is left."""


_NONE = _None()
