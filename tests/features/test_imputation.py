"""Neighbours' means against scikit-learn's KNNImputer."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.impute import KNNImputer

from treadle.features.imputation import KEPT_ROWS, NeighbourImputation


def with_gaps(rows: int, share: float, seed: int) -> np.ndarray:
    """Correlated columns, shape (4, rows), NaN in about `share` of the cells."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(4, rows)) + rng.normal(size=rows)
    values[rng.random(values.shape) < share] = np.nan
    return values


def fill(imputation: NeighbourImputation, values: np.ndarray) -> np.ndarray:
    scaled = np.where(np.isnan(values), 0.0, values)
    imputation.fill(scaled, np.isnan(values))
    return scaled


@pytest.mark.parametrize("neighbours", [1, 3, 5])
@pytest.mark.parametrize("share", [0.05, 0.4, 0.8])
def test_means_equal_scikit_learn(neighbours, share):
    train, rows = with_gaps(300, share, seed=0), with_gaps(700, share, seed=1)
    ours = fill(NeighbourImputation.fit(train, neighbours), rows)
    theirs = KNNImputer(n_neighbors=neighbours).fit(train.T).transform(rows.T)
    np.testing.assert_allclose(ours, theirs.T, rtol=1e-9, atol=1e-12)


def test_fewer_donors_than_neighbours():
    train = np.array([[1.0, 2.0, np.nan], [0.0, 1.0, 2.0]])
    filled = fill(NeighbourImputation.fit(train, 5), np.array([[np.nan], [0.5]]))
    assert filled.tolist() == [[1.5], [0.5]]


def test_a_row_with_nothing_in_common_gets_the_mean():
    train = np.array([[1.0, 2.0, 6.0], [np.nan, np.nan, np.nan]])
    filled = fill(NeighbourImputation.fit(train, 1), np.array([[np.nan, np.nan], [np.nan, 4.0]]))
    assert filled.tolist() == [[3.0, 3.0], [0.0, 4.0]]


def test_ties_with_the_last_neighbour_all_count():
    train = np.array([[1.0, 1.0, 1.0, 1.0, 5.0], [10.0, 20.0, 30.0, 40.0, 99.0]])
    for order in ([0, 1, 2, 3, 4], [4, 3, 2, 1, 0]):
        filled = fill(NeighbourImputation.fit(train[:, order], 2), np.array([[1.0], [np.nan]]))
        assert filled.tolist() == [[1.0], [25.0]]


def test_kept_rows_are_spread_over_the_table():
    train = np.arange(10.0 * KEPT_ROWS)[None]
    kept = NeighbourImputation.fit(train, 5).kept
    assert kept.shape == (1, KEPT_ROWS)
    assert kept[0, [0, -1]].tolist() == [0.0, 10.0 * KEPT_ROWS - 1.0]
    assert set(np.diff(kept[0])) <= {10.0, 11.0}
