"""The rank of a value among training values, from their quantiles."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from treadle.features.block import Floats


@dataclass(frozen=True)
class Ranks:
    """The share of training values below a value: linear between distinct quantiles, which are called knots here.

    The knots of all columns stand one after another, so that a row costs as few array operations as a single value.
    They are halved, so that the difference of two huge ones does not overflow.
    """

    columns: tuple[Floats, ...]
    """Knots of each column, rising."""
    start: NDArray[np.intp]
    """Where in `knots` those of a column begin, shape (columns, 1)."""
    lowest: Floats
    """First knot of each column, shape (columns, 1)."""
    highest: Floats
    """Last knot of each column, shape (columns, 1)."""
    knots: Floats
    """Of all columns, shape (knots,), like all that follow."""
    at: Floats
    """Rank at a knot: the middle of all quantiles equal to it, but 0 at a column's first knot and 1 at its last."""
    above: Floats
    """Rank just above a knot."""
    width: Floats
    """From a knot to the next."""
    rise: Floats
    """From the rank just above a knot to the rank just below the next."""

    @classmethod
    def of(cls, quantiles: Floats) -> Ranks:
        """From the quantiles of each column at equal steps from 0 to 1, shape (columns, quantiles), rising."""
        ranks = np.linspace(0.0, 1.0, quantiles.shape[1])
        columns, at, above, width, rise = [], [], [], [], []
        for column in quantiles:
            knots, first, counts = np.unique(column / 2.0, return_index=True, return_counts=True)
            low, high = ranks[first], ranks[first + counts - 1]
            middle = (low + high) / 2.0
            middle[-1], middle[0] = 1.0, 0.0
            columns.append(knots)
            at.append(middle)
            above.append(high)
            width.append(np.diff(knots, append=np.inf))
            rise.append(np.append(low[1:] - high[:-1], 0.0))
        return cls(
            columns=tuple(columns),
            start=np.cumsum([0] + [len(knots) for knots in columns[:-1]])[:, None],
            lowest=np.array([knots[:1] for knots in columns]),
            highest=np.array([knots[-1:] for knots in columns]),
            knots=np.concatenate(columns),
            at=np.concatenate(at),
            above=np.concatenate(above),
            width=np.concatenate(width),
            rise=np.concatenate(rise),
        )

    def rank(self, values: Floats) -> Floats:
        """Rank of each value among its column's, shape (columns, rows) like `values`; no NaN."""
        halves = np.minimum(np.maximum(values / 2.0, self.lowest), self.highest)
        found = [knots.searchsorted(half, "right") for knots, half in zip(self.columns, halves, strict=True)]
        index = np.array(found) + (self.start - 1)
        distance = halves - self.knots[index]
        between = self.above[index] + distance / self.width[index] * self.rise[index]
        return np.where(distance == 0.0, self.at[index], between)
