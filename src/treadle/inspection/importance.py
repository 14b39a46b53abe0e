"""Which columns a network's answers hang on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from treadle.bundle.answers import Label
from treadle.bundle.predictor import Predictor
from treadle.data.table import Table
from treadle.errors import DataError
from treadle.inspection.contributions import contributions

ROWS = 64
PERMUTATIONS = 16


@dataclass(frozen=True)
class Importance:
    """How much each column moves an answer, on average."""

    label: Label | None
    """The class whose probability is moved; None for a value in the target's unit, and where every row's own answer
    is."""
    columns: dict[str, float]
    """Mean size of the column's contribution, by column, the largest first."""
    rows: int
    """Over which the mean is taken."""


def importance(predictor: Predictor, table: Table, *, rows: int = ROWS, seed: int = 0) -> Importance:
    """The mean absolute contribution of every column over a sample of rows.

    Source: Lundberg et al. 2020, From local explanations to global understanding with explainable AI for trees,
    section "Global model explanations"; the contributions are those of `contributions`.

    Args:
        predictor: of a bundle.
        table: rows, of which those that break the contract are left out.
        rows: to draw, without repetition, where there are more.
        seed: of the draw.

    Raises:
        DataError: no row is left.
    """
    good = np.flatnonzero(predictor.contract.check(table).good)
    if not len(good):
        raise DataError(f"{table.source}: every row breaks the contract: there is nothing to look at")
    drawn = table.take(np.sort(np.random.default_rng(seed).permutation(good)[:rows]))
    names = [field.name for field in predictor.contract.features]
    found = [
        contributions(predictor, dict(zip(names, cells, strict=True)), permutations=PERMUTATIONS, seed=seed)
        for cells in zip(*(drawn.columns[name].tolist() for name in names), strict=True)
    ]
    sizes = {name: float(np.mean([abs(one.columns[name]) for one in found])) for name in names}
    labels = {one.label for one in found}
    label = labels.pop() if len(labels) == 1 else None
    return Importance(label, dict(sorted(sizes.items(), key=lambda pair: -pair[1])), len(found))
