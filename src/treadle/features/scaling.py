"""Numbers of any unit to numbers a network can learn from."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from statistics import NormalDist
from typing import Literal, Protocol, Self

import numpy as np

from treadle.features.block import Arrays, Floats, limit, mean_and_scale, standardise
from treadle.features.ranks import Ranks

QUANTILES = 1000
"""Most quantiles kept of a column."""

TAIL = 1e-7
"""Probability given to the smallest training value; 1 - TAIL to the largest: about 5.2 standard deviations out."""


class Scaling(Protocol):
    """A monotonic map of each of several columns, shape (columns, rows), fitted; values have no NaN."""

    def transform(self, values: Floats) -> Floats:
        """`values` scaled, same shape, finite for finite values."""
        ...

    def arrays(self) -> Arrays:
        """What was fitted."""
        ...


@dataclass(frozen=True)
class NoScaling:
    """Numbers as they are."""

    def transform(self, values: Floats) -> Floats:
        """`values`, at most `LARGEST` in size."""
        return limit(values)

    def arrays(self) -> Arrays:
        """Nothing is fitted."""
        return {}


@dataclass(frozen=True)
class StandardScaling:
    """Zero mean and unit variance over the training rows, as scikit-learn's StandardScaler."""

    mean: Floats
    scale: Floats

    @classmethod
    def fit(cls, values: Floats) -> Self:
        """From training values, shape (columns, rows), NaN where missing."""
        return cls(*mean_and_scale(values))

    def transform(self, values: Floats) -> Floats:
        """`values` standardised, at most `LARGEST` in size."""
        return standardise(values, self.mean, self.scale)

    def arrays(self) -> Arrays:
        """Mean and scale, shape (columns,)."""
        return {"mean": self.mean, "scale": self.scale}


@dataclass(frozen=True)
class QuantileScaling:
    """Mapped to a normal distribution by rank, as scikit-learn's QuantileTransformer(output_distribution="normal").

    Between two kept quantiles the rank is interpolated; a value equal to several quantiles takes the middle of their
    ranks; values beyond those of training are answered as the smallest or the largest. Two differences: every training
    row counts, where scikit-learn samples 10,000, and only values that reach the extremes count as extreme, where
    scikit-learn takes all within an absolute 1e-7 of them, whatever the unit.
    """

    quantiles: Floats
    """Shape (columns, quantiles), rising."""

    @classmethod
    def fit(cls, values: Floats) -> Self:
        """From training values, shape (columns, rows), NaN where missing."""
        count = max(2, min(QUANTILES, values.shape[1]))
        present = [column[~np.isnan(column)] for column in values]
        ranks = np.linspace(0.0, 1.0, count)
        # Halves, so that the difference of two huge values does not overflow; the last step undoes rounding.
        quantiles = [np.quantile(column / 2.0, ranks) * 2.0 if len(column) else np.zeros(count) for column in present]
        return cls(np.maximum.accumulate(np.array(quantiles), axis=1))

    @cached_property
    def _ranks(self) -> Ranks:
        return Ranks.of(self.quantiles)

    def transform(self, values: Floats) -> Floats:
        """`values` as normal quantiles of their ranks, at most about 5.2 in size."""
        ranks = np.minimum(np.maximum(self._ranks.rank(values), TAIL), 1.0 - TAIL)
        # One by one in C: for a single row ten times as fast as the same rational functions in NumPy.
        quantiles = map(NormalDist().inv_cdf, ranks.ravel().tolist())
        return np.fromiter(quantiles, np.float64, ranks.size).reshape(ranks.shape)

    def arrays(self) -> Arrays:
        """Quantiles, shape (columns, quantiles)."""
        return {"quantiles": self.quantiles}


def fit_scaling(kind: Literal["standard", "quantile", "none"], values: Floats) -> Scaling:
    """The scaling of a recipe, from training values of shape (columns, rows), NaN where missing."""
    if kind == "standard":
        return StandardScaling.fit(values)
    return QuantileScaling.fit(values) if kind == "quantile" else NoScaling()


def restore_scaling(kind: str, arrays: Arrays) -> Scaling:
    """The scaling that `arrays` were stored from."""
    if kind == "standard":
        return StandardScaling(arrays["mean"], arrays["scale"])
    return QuantileScaling(arrays["quantiles"]) if kind == "quantile" else NoScaling()
