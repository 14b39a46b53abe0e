"""Dates: how long ago, the time of the year, the day of the week."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from treadle.data.contract import Field
from treadle.features.block import Arrays, Columns, Floats, mean_and_scale, missing_name, stack, standardise

YEAR = 365.2425
"""Days of the mean Gregorian year."""
WEEK = 7.0

PARTS = ("days", "sine of the year", "cosine of the year", "sine of the week", "cosine of the week")


@dataclass(frozen=True)
class Dates:
    """Five columns for every date, then a 0/1 column for each that may be missing.

    Days since 1970-01-01 are standardised whatever the recipe's scaling is: dates yet to come lie beyond the training
    rows', where a scaling by rank would tell none from another. The time of the year is an angle that turns once in
    365.2425 days, which stays within two days of the calendar; the day of the week is an angle that turns once in
    seven, whatever the hour. A missing date stands as the mean day and as the middle of both circles.
    """

    columns: tuple[str, ...]
    nullable: tuple[int, ...]
    """Which of `columns` may be missing."""
    mean: Floats
    """Days, shape (columns,)."""
    scale: Floats
    """Days, shape (columns,)."""

    @classmethod
    def fit(cls, fields: tuple[Field, ...], columns: Columns) -> Self:
        """From the date fields of a contract and training columns (days since 1970-01-01, NaN where missing)."""
        names = tuple(field.name for field in fields)
        nullable = tuple(index for index, field in enumerate(fields) if field.nullable)
        return cls(names, nullable, *mean_and_scale(stack(columns, names)))

    @cached_property
    def names(self) -> tuple[str, ...]:
        """`NAME (PART)` for each part of each column, part by part; then `NAME (missing)` for those that may be."""
        parts = tuple(f"{name} ({part})" for part in PARTS for name in self.columns)
        return parts + tuple(missing_name(self.columns[index]) for index in self.nullable)

    def write(self, columns: Columns, out: NDArray[np.float32]) -> None:
        """Fill `out`, shape (rows, len(names))."""
        raw = stack(columns, self.columns)
        missing = np.isnan(raw)
        days = np.where(missing, self.mean[:, None], raw)
        angles = np.stack([days * (2.0 * np.pi / YEAR), np.floor(days) * (2.0 * np.pi / WEEK)])
        circles = np.where(missing, 0.0, np.stack([np.sin(angles), np.cos(angles)], axis=1).reshape(4, *raw.shape))
        parts = np.concatenate([standardise(days, self.mean, self.scale)[None], circles])
        width = len(PARTS) * len(self.columns)
        out[:, :width] = parts.reshape(width, -1).T
        if self.nullable:
            out[:, width:] = missing[self.nullable, :].T

    def state(self) -> tuple[dict[str, Any], Arrays]:
        """What `restore` needs."""
        return {"columns": self.columns, "nullable": self.nullable}, {"mean": self.mean, "scale": self.scale}

    @classmethod
    def restore(cls, document: dict[str, Any], arrays: Arrays) -> Self:
        """The block that `state` was taken of."""
        return cls(tuple(document["columns"]), tuple(document["nullable"]), arrays["mean"], arrays["scale"])
