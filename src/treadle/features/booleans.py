"""Booleans: 0 or 1, missing ones marked."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from treadle.data.contract import Field
from treadle.features.block import Arrays, Columns, missing_name, stack


@dataclass(frozen=True)
class Booleans:
    """Every boolean as 0 or 1 (a missing one as 0), then a 0/1 column for each that may be missing."""

    columns: tuple[str, ...]
    nullable: tuple[int, ...]
    """Which of `columns` may be missing."""

    @classmethod
    def fit(cls, fields: tuple[Field, ...]) -> Self:
        """From the boolean fields of a contract; nothing is learnt from rows."""
        nullable = tuple(index for index, field in enumerate(fields) if field.nullable)
        return cls(tuple(field.name for field in fields), nullable)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The columns, then `NAME (missing)` for those that may be."""
        return self.columns + tuple(missing_name(self.columns[index]) for index in self.nullable)

    def write(self, columns: Columns, out: NDArray[np.float32]) -> None:
        """Fill `out`, shape (rows, len(names))."""
        raw = stack(columns, self.columns)
        missing = np.isnan(raw)
        out[:, : len(self.columns)] = np.where(missing, 0.0, raw).T
        if self.nullable:
            out[:, len(self.columns) :] = missing[self.nullable, :].T

    def state(self) -> tuple[dict[str, Any], Arrays]:
        """What `restore` needs."""
        return {"columns": self.columns, "nullable": self.nullable}, {}

    @classmethod
    def restore(cls, document: dict[str, Any]) -> Self:
        """The block that `state` was taken of."""
        return cls(tuple(document["columns"]), tuple(document["nullable"]))
