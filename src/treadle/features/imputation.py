"""Missing numbers filled in from the most similar training rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from treadle.features.block import Floats

KEPT_ROWS = 2000
"""Most training rows kept, at equal distances through the training table: a bundle carries them."""

BLOCK = 256
"""Rows compared with the kept ones at a time, so that distances stay in the cache."""


@dataclass(frozen=True)
class NeighbourImputation:
    """The mean of the nearest kept rows that have the value, as scikit-learn's KNNImputer with uniform weights.

    The distance is over the columns both rows have, scaled up to all columns (`nan_euclidean`); here it is measured on
    scaled values, so that no unit outweighs another. One difference: rows as near as the last neighbour all count, so
    that the answer does not depend on how a processor sorts ties.
    """

    kept: Floats
    """Scaled training rows, shape (columns, kept rows), NaN where missing."""
    mean: Floats
    """Mean of each kept column: for rows that share no column with any row that has the value; shape (columns,)."""
    neighbours: int

    @classmethod
    def fit(cls, scaled: Floats, neighbours: int) -> Self:
        """From scaled training values, shape (columns, rows), NaN where missing."""
        rows = scaled.shape[1]
        chosen = np.linspace(0, rows - 1, min(rows, KEPT_ROWS)).astype(np.intp)
        kept = np.ascontiguousarray(scaled[:, chosen])
        counts = np.maximum(np.sum(~np.isnan(kept), axis=1), 1)
        return cls(kept, np.nansum(kept, axis=1) / counts, neighbours)

    def fill(self, scaled: Floats, missing: NDArray[np.bool_]) -> None:
        """Put neighbours' means into `scaled`, shape (columns, rows), in place where `missing` is true."""
        rows = np.flatnonzero(missing.any(axis=0))
        for start in range(0, len(rows), BLOCK):
            block = rows[start : start + BLOCK]
            gaps = missing[:, block]
            distances = self._distances(scaled[:, block], gaps)
            for column in np.flatnonzero(gaps.any(axis=1)):
                receivers = gaps[column]
                scaled[column, block[receivers]] = self._means(distances[receivers], column)

    def _distances(self, values: Floats, gaps: NDArray[np.bool_]) -> Floats:
        """Mean squared difference over shared columns, shape (rows, kept rows); infinite where none is shared.

        Column by column, not as a matrix product, whose rounding would depend on how many rows come together.
        """
        total = np.zeros((values.shape[1], self.kept.shape[1]))
        shared = np.zeros_like(total)
        for column, value, gap in zip(self.kept, values, gaps, strict=True):
            both = ~gap[:, None] & ~np.isnan(column)
            total += np.where(both, (value[:, None] - column) ** 2, 0.0)
            shared += both
        return np.where(shared > 0.0, total / np.maximum(shared, 1.0), np.inf)

    def _means(self, distances: Floats, column: np.intp) -> Floats:
        """Mean of `column` over each row's neighbours, shape (rows,)."""
        donors = ~np.isnan(self.kept[column])
        values = self.kept[column, donors]
        means = np.full(len(distances), self.mean[column])
        if len(values):
            distances = np.ascontiguousarray(distances[:, donors])
            last = min(self.neighbours, len(values)) - 1
            farthest = np.partition(distances, last, axis=1)[:, last]
            near = (distances <= farthest[:, None]) & np.isfinite(distances)
            counts = np.sum(near, axis=1)
            np.divide(np.sum(np.where(near, values, 0.0), axis=1), counts, out=means, where=counts > 0)
        return means
