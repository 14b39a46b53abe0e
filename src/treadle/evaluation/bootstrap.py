"""Intervals by the paired percentile bootstrap (Efron & Tibshirani 1993, chapters 13 and 16).

Rows that repeat are not independent of each other, so a resample draws whole groups of equal rows (the cluster
bootstrap); where no row repeats that is the ordinary bootstrap. All models are scored on the same resamples, so the
interval of a difference has the luck of the draw taken out.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from treadle.evaluation.metrics import Codes, Floats

LARGEST_DRAW = 4_000_000
"""Weights held at a time, so that a large test set costs time but not memory."""


def distinct_rows(columns: dict[str, NDArray[np.generic]]) -> NDArray[np.int64]:
    """A number for every row, shape (rows,), equal where the rows are equal in every column; NaN equals NaN."""
    group = np.zeros(len(next(iter(columns.values()))), np.int64)
    for cells in columns.values():
        if len(group) and group.max() == len(group) - 1:
            break  # all differ already
        _, code = np.unique(cells, return_inverse=True)
        # Numbered afresh after each column, so that the numbers stay below rows squared.
        _, group = np.unique(group * (code.max() + 1) + code, return_inverse=True)
    return group


def draws(groups: Codes, resamples: int, seed: int) -> Iterator[NDArray[np.float32]]:
    """How often each resample drew each row, in stretches of shape (some resamples, rows).

    Args:
        groups: number of the group of each row from 0, shape (rows,); a resample draws as many groups as there are,
            with replacement, and every row of a group as often as the group.
        resamples: how many in all.
        seed: the same seed gives the same draws, whatever the stretches.
    """
    count = int(groups.max()) + 1
    random = np.random.default_rng(seed)
    stretch = max(1, LARGEST_DRAW // len(groups))
    for start in range(0, resamples, stretch):
        size = min(stretch, resamples - start)
        drawn = random.integers(0, count, (size, count)) + np.arange(size)[:, None] * count
        weights = np.bincount(drawn.ravel(), minlength=size * count).reshape(size, count)
        yield weights.astype(np.float32)[:, groups]


def interval(samples: Floats, confidence: float) -> tuple[float, float] | None:
    """The range that holds the middle `confidence` of the samples; None where fewer than half of them are defined."""
    defined = samples[np.isfinite(samples)]
    if 2 * len(defined) < len(samples):
        return None
    outside = (1.0 - confidence) / 2
    low, high = np.quantile(defined, (outside, 1.0 - outside))
    return float(low), float(high)
