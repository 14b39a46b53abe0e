"""Numbers: scaled, missing ones filled in and marked."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from treadle.data.contract import Field
from treadle.features.block import Arrays, Columns, Floats, missing_name, stack
from treadle.features.imputation import NeighbourImputation
from treadle.features.scaling import Scaling, fit_scaling, restore_scaling
from treadle.recipe import FeaturesRecipe


@dataclass(frozen=True)
class Numbers:
    """Every number scaled, then a 0/1 column for each that may be missing.

    A missing number stands as the training rows' median, or as the mean of its neighbours (imputation: knn).
    """

    columns: tuple[str, ...]
    nullable: tuple[int, ...]
    """Which of `columns` may be missing."""
    kind: str
    """Kind of scaling."""
    scaling: Scaling
    median: Floats
    """Shape (columns,), in the user's units."""
    neighbours: NeighbourImputation | None

    @classmethod
    def fit(cls, fields: tuple[Field, ...], columns: Columns, recipe: FeaturesRecipe) -> Self:
        """From the number fields of a contract and training columns (float64, NaN where missing)."""
        names = tuple(field.name for field in fields)
        nullable = tuple(index for index, field in enumerate(fields) if field.nullable)
        raw = stack(columns, names)
        median = _median(raw)
        scaling = fit_scaling(recipe.scaling, raw)
        neighbours = None
        if recipe.imputation == "knn":
            missing = np.isnan(raw)
            scaled = scaling.transform(np.where(missing, median[:, None], raw))
            scaled[missing] = np.nan
            neighbours = NeighbourImputation.fit(scaled, recipe.neighbours)
        return cls(names, nullable, recipe.scaling, scaling, median, neighbours)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The columns, then `NAME (missing)` for those that may be."""
        return self.columns + tuple(missing_name(self.columns[index]) for index in self.nullable)

    def write(self, columns: Columns, out: NDArray[np.float32]) -> None:
        """Fill `out`, shape (rows, len(names))."""
        raw = stack(columns, self.columns)
        missing = np.isnan(raw)
        scaled = self.scaling.transform(np.where(missing, self.median[:, None], raw))
        if self.neighbours is not None:
            self.neighbours.fill(scaled, missing)
        out[:, : len(self.columns)] = scaled.T
        if self.nullable:
            out[:, len(self.columns) :] = missing[self.nullable, :].T

    def state(self) -> tuple[dict[str, Any], Arrays]:
        """What `restore` needs."""
        document: dict[str, Any] = {"columns": self.columns, "nullable": self.nullable, "scaling": self.kind}
        arrays = {"median": self.median, **self.scaling.arrays()}
        if self.neighbours is not None:
            document["neighbours"] = self.neighbours.neighbours
            arrays |= {"kept": self.neighbours.kept, "kept_mean": self.neighbours.mean}
        return document, arrays

    @classmethod
    def restore(cls, document: dict[str, Any], arrays: Arrays) -> Self:
        """The block that `state` was taken of."""
        neighbours = None
        if "neighbours" in document:
            neighbours = NeighbourImputation(arrays["kept"], arrays["kept_mean"], document["neighbours"])
        scaling = restore_scaling(document["scaling"], arrays)
        columns, nullable = tuple(document["columns"]), tuple(document["nullable"])
        return cls(columns, nullable, document["scaling"], scaling, arrays["median"], neighbours)


def _median(raw: Floats) -> Floats:
    """Median of each row without its NaNs, 0 where nothing is left."""
    present = [values[~np.isnan(values)] for values in raw]
    # Halves, so that the mean of two huge middle values does not overflow.
    return np.array([np.median(values / 2.0) * 2.0 if len(values) else 0.0 for values in present])
