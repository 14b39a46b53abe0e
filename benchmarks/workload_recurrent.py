"""What every side of `benchmarks.recurrent` trains, and how it is timed."""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median

BATCH, LENGTH, WIDTH, WORDS = 32, 500, 128, 10_000
"""Rows of a step, tokens of a row, width of embedding and cell, size of the vocabulary."""


def median_step(run: Callable[[], object], steps: int, repetitions: int) -> float:
    """Seconds of one step, the median over repeated calls of `run`, which takes `steps`; two calls warm up."""
    times = []
    for _ in range(2 + repetitions):
        start = time.perf_counter()
        run()
        times.append((time.perf_counter() - start) / steps)
    return median(times[2:])
