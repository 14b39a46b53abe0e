"""Golden rows: inputs with the answers they had when the bundle was made, to be replayed anywhere, any time."""

from __future__ import annotations

import datetime
import math
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, model_validator

from treadle.data.cells import is_missing
from treadle.data.sources import from_rows

if TYPE_CHECKING:
    from treadle.bundle.predictor import Predictor
    from treadle.data.table import Table

ROWS = 32
"""Rows kept of those offered."""

TOLERANCE = 1e-5
"""Largest difference of a raw output, absolute and relative: machines differ in the last bits of float32, and a
changed weight, feature or category shows far above that."""


class Written(BaseModel):
    """A text that a language model wrote, and what it gave its words."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    prompt: str
    sampling: dict[str, Any]
    """How it was written, as `read_sampling` takes it; with a seed where chance had a say."""
    words: tuple[str, ...]
    """As they stand in the vocabulary, a line break for the end of a line."""
    log_probabilities: tuple[float, ...]
    """Of these words, whatever the sampling made of them."""

    @model_validator(mode="after")
    def _one_for_every_word(self) -> Self:
        if len(self.words) != len(self.log_probabilities):
            raise ValueError("log_probabilities: there is not one for every word")
        return self


class Golden(BaseModel):
    """Rows of raw cells with the network's raw outputs and the answers to them."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    rows: tuple[dict[str, Any], ...] = ()
    """Cells as JSON values, by column."""
    outputs: tuple[tuple[float, ...], ...] = ()
    """What the network gave for each row, as `Predictor.kept` says: float32 numbers, written exactly."""
    answers: tuple[dict[str, Any], ...] = ()
    """What a caller was told, by answer column."""
    written: tuple[Written, ...] = ()
    """Texts of a language model."""


def record(predictor: Predictor, table: Table) -> Golden:
    """The first rows of `table` with their answers, as `predictor` gives them now; rows with faults are left out."""
    names = [field.name for field in predictor.contract.features]
    head = table.take(np.arange(min(ROWS, len(table))))
    cells = [
        {name: _as_json(head.columns[name][row]) for name in names if name in head.columns} for row in range(len(head))
    ]
    good = predictor.check(from_rows(cells, source="golden rows")).good
    cells = [cell for cell, keep in zip(cells, good, strict=True) if keep]
    if not cells:
        return Golden()
    # Answers belong to the cells as JSON keeps them, not to what they were before.
    table = from_rows(cells, source="golden rows")
    readied = predictor.ready(table)
    outputs = predictor.kept(readied, predictor.run(readied.inputs))
    predictions = predictor.predict_table(table)
    return Golden(
        rows=tuple(cells),
        outputs=tuple(tuple(row.astype(np.float64).tolist()) for row in outputs),
        answers=tuple(predictions.records()),
    )


def _as_json(cell: Any) -> Any:
    """A cell of any source as the JSON value that stands for it; missing is null."""
    if is_missing(cell, frozenset()):
        return None
    if isinstance(cell, np.datetime64):
        return str(cell)
    if isinstance(cell, np.generic):
        cell = cell.item()
    if isinstance(cell, (float, Decimal)) and not math.isfinite(cell):
        return None
    if isinstance(cell, datetime.date):
        return cell.isoformat()
    if isinstance(cell, Decimal):
        # As text, which has all its digits, and is read as the same number and the same category.
        return f"{cell:f}"
    return cell if cell is None or isinstance(cell, (str, int, float)) else str(cell)
