"""Scaled numbers against scikit-learn's transformers."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.preprocessing import QuantileTransformer, StandardScaler

from treadle.features.block import LARGEST, mean_and_scale
from treadle.features.scaling import NoScaling, QuantileScaling, StandardScaling


@pytest.fixture
def values() -> np.ndarray:
    """Normal, skewed, few-valued and heavily tied columns with gaps, shape (columns, rows)."""
    rng = np.random.default_rng(0)
    columns = np.stack(
        [
            rng.normal(50.0, 3.0, 2500),
            rng.exponential(1e6, 2500),
            rng.integers(0, 5, 2500).astype(float),
            np.where(rng.random(2500) < 0.7, 0.0, rng.normal(size=2500)),
        ]
    )
    columns[rng.random(columns.shape) < 0.1] = np.nan
    return columns


def filled(values: np.ndarray) -> np.ndarray:
    return np.where(np.isnan(values), 1.0, values)


def test_standard_scaling_equals_scikit_learn(values):
    ours = StandardScaling.fit(values).transform(filled(values))
    theirs = StandardScaler().fit(values.T).transform(filled(values).T)
    np.testing.assert_allclose(ours, theirs.T, rtol=1e-12, atol=1e-12)


def test_quantile_scaling_equals_scikit_learn(values):
    scaling = QuantileScaling.fit(values)
    theirs = QuantileTransformer(output_distribution="normal", subsample=None).fit(values.T)
    rng = np.random.default_rng(1)
    elsewhere = filled(values) * rng.normal(1.0, 0.1, values.shape)
    for rows in (filled(values), elsewhere, np.round(elsewhere)):
        np.testing.assert_allclose(scaling.transform(rows), theirs.transform(rows.T).T, rtol=1e-8, atol=1e-8)


def test_quantile_scaling_of_few_rows_equals_scikit_learn():
    values = np.array([[3.0, 1.0, 2.0, 2.0, 9.0]])
    theirs = QuantileTransformer(output_distribution="normal", n_quantiles=5).fit(values.T)
    rows = np.array([[0.0, 1.0, 1.5, 2.0, 2.5, 8.0, 9.0, 10.0]])
    np.testing.assert_allclose(QuantileScaling.fit(values).transform(rows), theirs.transform(rows.T).T, atol=1e-8)


def test_quantile_scaling_tells_tiny_units_apart():
    values = np.linspace(1e-12, 9e-12, 9)[None]
    scaled = QuantileScaling.fit(values).transform(values)
    assert np.all(np.diff(scaled) > 0.3)
    np.testing.assert_allclose(scaled[0, 4], 0.0, atol=1e-9)


def test_no_scaling_only_limits():
    values = np.array([[-1e300, -2.5, 0.0, 7.0, 1e300]])
    assert NoScaling().transform(values).tolist() == [[-LARGEST, -2.5, 0.0, 7.0, LARGEST]]


@pytest.mark.parametrize("value", [0.0, 0.1, -1e-300, 5e-324, 1e300, 1.7e308])
def test_a_column_that_does_not_vary_has_the_scale_one(value):
    mean, scale = mean_and_scale(np.full((1, 7), value))
    np.testing.assert_allclose(mean, value, rtol=1e-15)
    assert scale == 1.0


def test_rounding_is_no_variance():
    values = np.array([[0.1 + 0.2, 0.3, 0.3]]) + 1e6
    assert mean_and_scale(values)[1] == StandardScaler().fit(values.T).scale_ == 1.0


def test_a_column_without_a_value_is_zero():
    nothing = np.full((1, 3), np.nan)
    assert [array.tolist() for array in mean_and_scale(nothing)] == [[0.0], [1.0]]
    assert np.all(np.isfinite(QuantileScaling.fit(nothing).transform(np.zeros((1, 3)))))


@pytest.mark.parametrize("kind", [StandardScaling, QuantileScaling])
def test_huge_values_neither_overflow_nor_hide_the_order(kind):
    values = np.array([[-1.7e308, -1e308, 0.0, 1e308, 1.7e308]])
    scaled = kind.fit(values).transform(values)
    assert np.all(np.isfinite(scaled))
    assert np.all(np.diff(scaled) > 0.0)


def test_values_far_beyond_training_are_limited():
    scaled = StandardScaling.fit(np.array([[0.0, 1e-9]])).transform(np.array([[1e300, -1e300]]))
    assert scaled.tolist() == [[LARGEST, -LARGEST]]
