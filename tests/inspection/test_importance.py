"""Which columns answers hang on: the mean size of their contributions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import treadle
from treadle.data.sources import from_frame, from_rows
from treadle.errors import DataError
from treadle.inspection import contributions
from treadle.inspection.importance import importance


def test_it_is_the_mean_size_of_the_contributions(trained: treadle.Run, shop: Any) -> None:
    predictor, table = trained.predictor, from_frame(shop.columns)
    found = importance(predictor, table, rows=4)
    drawn = np.sort(np.random.default_rng(0).permutation(len(table))[:4])
    names = [field.name for field in predictor.contract.features]
    each = [
        contributions(predictor, {name: shop.columns[name][row] for name in names}, permutations=16).columns
        for row in drawn
    ]
    assert found.columns == pytest.approx({name: np.mean([abs(one[name]) for one in each]) for name in names})
    assert list(found.columns.values()) == sorted(found.columns.values(), reverse=True)
    assert (found.rows, found.label) == (4, "yes")


def test_faulty_rows_are_left_out(trained: treadle.Run, shop: Any) -> None:
    row = {name: cells[0] for name, cells in shop.columns.items()}
    assert importance(trained.predictor, from_rows([row, {**row, "age": "old"}])).rows == 1
    with pytest.raises(DataError, match="mine: every row breaks the contract"):
        importance(trained.predictor, from_rows([{**row, "age": "old"}], source="mine"))
