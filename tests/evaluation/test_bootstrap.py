"""Resamples, groups and intervals."""

from __future__ import annotations

import numpy as np
import pytest

from treadle.evaluation import bootstrap, metrics


def test_rows_equal_in_every_column_share_a_number() -> None:
    columns = {
        "age": np.array([1.0, np.nan, 1.0, np.nan, 2.0]),
        "city": np.array([0, 1, 0, 1, 0], np.int32),
    }
    assert bootstrap.distinct_rows(columns).tolist() == [0, 2, 0, 2, 1]


def test_many_columns_do_not_overflow() -> None:
    random = np.random.default_rng(0)
    columns = {str(index): random.normal(0, 1, 500) for index in range(40)}
    assert np.array_equal(np.sort(bootstrap.distinct_rows(columns)), np.arange(500))


def test_a_resample_draws_as_many_groups_as_there_are() -> None:
    groups = np.array([0, 0, 1, 2, 2, 2])
    for weights in bootstrap.draws(groups, 50, seed=1):
        assert np.array_equal(weights[:, 0], weights[:, 1])
        assert np.array_equal(weights[:, 3], weights[:, 5])
        assert (weights[:, [0, 2, 3]].sum(axis=1) == 3).all()


def test_the_same_seed_gives_the_same_draws_whatever_the_stretches(monkeypatch: pytest.MonkeyPatch) -> None:
    groups = np.arange(40)
    whole = np.concatenate(list(bootstrap.draws(groups, 30, seed=5)))
    monkeypatch.setattr(bootstrap, "LARGEST_DRAW", 40 * 7)
    parts = list(bootstrap.draws(groups, 30, seed=5))
    assert [len(part) for part in parts] == [7, 7, 7, 7, 2]
    assert np.array_equal(np.concatenate(parts), whole)
    assert not np.array_equal(np.concatenate(list(bootstrap.draws(groups, 30, seed=6))), whole)


def test_the_interval_of_a_mean_is_that_of_theory() -> None:
    values = np.random.default_rng(0).normal(10, 2, 400)
    weights = np.concatenate(list(bootstrap.draws(np.arange(400), 4000, seed=0)))
    interval = bootstrap.interval(metrics.mean(values, weights), 0.95)
    assert interval is not None
    half = 1.96 * values.std() / np.sqrt(400)
    assert interval == pytest.approx((values.mean() - half, values.mean() + half), abs=0.02)


def test_rows_that_repeat_do_not_narrow_the_interval() -> None:
    values = np.random.default_rng(1).normal(0, 1, 100)
    groups = np.arange(100)
    once = np.concatenate(list(bootstrap.draws(groups, 1000, seed=0)))
    ten_times = np.concatenate(list(bootstrap.draws(np.tile(groups, 10), 1000, seed=0)))
    alone = bootstrap.interval(metrics.mean(values, once), 0.95)
    repeated = bootstrap.interval(metrics.mean(np.tile(values, 10), ten_times), 0.95)
    assert alone == pytest.approx(repeated, abs=1e-5)


def test_undefined_resamples_are_left_out_unless_they_are_most() -> None:
    assert bootstrap.interval(np.array([np.nan, 1.0, 1.0]), 0.9) == (1.0, 1.0)
    assert bootstrap.interval(np.array([np.nan, np.nan, 1.0]), 0.9) is None
