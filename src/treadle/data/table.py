"""A table as it was read: named columns of raw cells, before any contract has looked at them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Column = NDArray[Any]
"""One column, shape (rows,): object (str or None from text; any JSON value), float, int, bool or datetime64."""


@dataclass(frozen=True)
class Table:
    """Columns of equal length, with each row's number in its source so that an error can name it."""

    columns: dict[str, Column]
    numbers: NDArray[np.int64]
    """Number of each row in its source, shape (rows,), counted from 1 without the header."""
    source: str = "table"
    """What error messages call it: a path, an address, `request`."""

    @classmethod
    def of(cls, columns: dict[str, Column], source: str = "table", first: int = 1) -> Table:
        """A table whose rows are numbered from `first`."""
        rows = len(next(iter(columns.values()))) if columns else 0
        return cls(columns, np.arange(first, first + rows), source)

    @classmethod
    def concatenate(cls, tables: Sequence[Table]) -> Table:
        """The rows of `tables` one after another; all have the same columns."""
        first = tables[0]
        if len(tables) == 1:
            return first
        columns = {name: np.concatenate([table.columns[name] for table in tables]) for name in first.columns}
        return cls(columns, np.concatenate([table.numbers for table in tables]), first.source)

    def __len__(self) -> int:
        return len(self.numbers)

    def take(self, rows: NDArray[np.integer[Any]] | NDArray[np.bool_]) -> Table:
        """The rows at these indices (or where the mask is true), in that order."""
        return Table({name: cells[rows] for name, cells in self.columns.items()}, self.numbers[rows], self.source)
