"""What every kind of feature has in common: columns of one kind in, a block of float32 columns out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Columns = Mapping[str, NDArray[Any]]
"""Checked columns by name, each of shape (rows,); see `treadle.data.contract.Checked`."""

Arrays = dict[str, NDArray[Any]]
"""Fitted arrays by name, as they are stored."""

LARGEST = 1e12
"""Scaled numbers beyond this are answered as if they were this large, so that no float32 product overflows."""


class Block(Protocol):
    """Columns of one kind, fitted."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The table's columns it is made from."""
        ...

    @property
    def names(self) -> tuple[str, ...]:
        """What each column of the block is, in a reader's words."""
        ...

    def write(self, columns: Columns, out: NDArray[np.float32]) -> None:
        """Fill `out`, shape (rows, len(names)) and zero at first."""
        ...


def stack(columns: Columns, names: Iterable[str]) -> Floats:
    """The named columns as one array, shape (len(names), rows)."""
    return np.array([columns[name] for name in names], dtype=np.float64)


def missing_name(name: str) -> str:
    """What the 0/1 column is called that says that the value of `name` is missing."""
    return f"{name} (missing)"


def mean_and_scale(values: Floats) -> tuple[Floats, Floats]:
    """Mean and standard deviation of each row of `values`, shape (columns, rows), without its NaNs.

    A column that does not vary, up to rounding, has the scale 1, as in scikit-learn's StandardScaler; one with no value
    at all has the mean 0 as well.
    """
    counts = np.maximum(np.sum(~np.isnan(values), axis=1), 1)
    largest = np.max(np.abs(values), axis=1, initial=0.0, where=~np.isnan(values))
    # Measured in units of the largest value, no square or sum overflows.
    unit = np.where(largest > 0.0, largest, 1.0)
    relative = values / unit[:, None]
    mean = np.nansum(relative, axis=1) / counts
    variance = np.nansum((relative - mean[:, None]) ** 2, axis=1) / counts
    rounding = np.finfo(np.float64).eps * counts
    scale = np.sqrt(variance) * unit
    constant = (variance <= rounding * variance + (rounding * mean) ** 2) | (scale == 0.0)
    return mean * unit, np.where(constant, 1.0, scale)


def standardise(values: Floats, mean: Floats, scale: Floats) -> Floats:
    """`values`, shape (columns, rows), less each column's mean and divided by its scale; at most `LARGEST` in size."""
    with np.errstate(over="ignore"):
        return limit((values - mean[:, None]) / scale[:, None])


def limit(values: Floats) -> Floats:
    """`values`, at most `LARGEST` in size."""
    return np.minimum(np.maximum(values, -LARGEST), LARGEST)
