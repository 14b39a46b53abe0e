"""How many threads the opponents may use."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from treadle.errors import MissingExtraError

SMALL = 2_000_000
"""Cells below which one thread is as fast as many where the machine is idle, and far faster where it is busy:
threads that wait for each other after every leaf of a tree wait for whatever else is running, too."""


@contextlib.contextmanager
def threads_for(cells: int) -> Iterator[None]:
    """One thread for small tables, which also makes their sums the same on every machine; else as many as there are.

    Raises:
        MissingExtraError: scikit-learn is not installed.
    """
    try:
        # Only libraries that are loaded already can be limited.
        import sklearn.ensemble
        import sklearn.linear_model
        import sklearn.neighbors  # noqa: F401
        from threadpoolctl import threadpool_limits
    except ImportError:
        raise MissingExtraError("comparing with opponents", "train") from None
    with threadpool_limits(1 if cells <= SMALL else None):
        yield
