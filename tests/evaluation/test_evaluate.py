"""Judging a bundle: figures through its own predictor, verdict, bad rows, JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn import metrics as reference

from treadle.data.table import Table
from treadle.errors import ContractError, DataError
from treadle.evaluation import Evaluation, evaluate


def test_figures_are_those_of_what_the_predictor_answers(two_classes: Any) -> None:
    found = two_classes.evaluate()
    answers = two_classes.predictor.predict_table(two_classes.test)
    truth = two_classes.test.columns["returns"].astype(str)
    label, yes = answers.columns["label"].astype(str), answers.columns["probabilities"][:, 1]
    assert found.positive == "yes"
    assert found.threshold == 0.45
    assert found.rows == len(two_classes.test)
    assert found.metrics["accuracy"] == pytest.approx(reference.accuracy_score(truth, label))
    assert found.metrics["f1"] == pytest.approx(reference.f1_score(truth, label, pos_label="yes"))
    assert found.metrics["roc_auc"] == pytest.approx(reference.roc_auc_score(truth == "yes", yes))
    assert np.array_equal(found.confusion.counts, reference.confusion_matrix(truth, label))
    assert set(found.roc) == {"network", *found.opponents}
    for name, value in found.metrics.items():
        low, high = found.intervals[name]
        assert low <= value <= high


def test_a_linear_network_does_not_beat_logistic_regression_on_a_linear_task(two_classes: Any) -> None:
    found = two_classes.evaluate()
    assert found.outcome in ("no_difference", "not_worth_it")
    difference = found.differences["logistic_regression"]
    assert difference.metric == "roc_auc"
    assert difference.better is None
    assert found.differences["majority"].better == "network"
    assert found.opponents["majority"]["roc_auc"] == 0.5


def test_three_classes(three_classes: Any) -> None:
    found = three_classes.evaluate()
    assert found.primary == "accuracy"
    assert found.positive is None
    assert not found.roc
    assert found.calibration.about == "answered"
    assert found.differences["majority"].better == "network"


def test_regression_in_the_units_of_the_target(regression: Any) -> None:
    found = regression.evaluate()
    truth = regression.test.columns["worth"].astype(float)
    values = regression.predictor.predict_table(regression.test).columns["value"]
    assert found.primary == "rmse"
    assert found.metrics["mae"] == pytest.approx(reference.mean_absolute_error(truth, values))
    assert found.metrics["rmse"] == pytest.approx(reference.root_mean_squared_error(truth, values))
    assert found.metrics["r2"] == pytest.approx(reference.r2_score(truth, values))
    assert found.differences["mean"].better == "network"
    assert sum(found.residuals.errors.rows) == found.rows


def test_an_evaluation_is_json_and_comes_back_the_same(two_classes: Any, regression: Any) -> None:
    for case in (two_classes, regression):
        found = case.evaluate()
        document = json.dumps(found.model_dump(mode="json"), allow_nan=False)
        assert Evaluation.model_validate_json(document) == found
        assert case.evaluate() == found


def test_noise_has_no_signal(case_of: Callable[..., Any]) -> None:
    random = np.random.default_rng(4)
    columns = {
        "age": random.integers(18, 80, 1500),
        "city": random.choice(["Oslo", "Rome"], 1500),
        "salary": np.round(random.uniform(11, 200_000, 1500), 2),
    }
    found = case_of(columns, "salary", "regression", loss="mae").evaluate()
    assert found.outcome == "no_signal"
    assert found.verdict.startswith("no signal: nothing beats the median (MAE ")


@pytest.mark.parametrize("classes", [2, 3])
def test_noise_among_classes_has_no_signal(case_of: Callable[..., Any], classes: int) -> None:
    random = np.random.default_rng(5)
    columns = {
        "age": random.integers(18, 80, 1200),
        "height": np.round(random.normal(170, 10, 1200), 1),
        "luck": random.choice(["bad", "good", "none"][:classes], 1200),
    }
    found = case_of(columns, "luck", "classification").evaluate()
    assert found.outcome == "no_signal"
    assert found.verdict.startswith("no signal: nothing beats the majority class")


def test_a_common_class_hides_no_signal(case_of: Callable[..., Any]) -> None:
    random = np.random.default_rng(6)
    age = random.integers(18, 80, 3000)
    risk = 0.35 * (age > 60)
    columns = {
        "age": age,
        "height": np.round(random.normal(170, 10, 3000), 1),
        "claim": np.where(random.random(3000) < risk, random.choice(["small", "large"], 3000), "none"),
    }
    found = case_of(columns, "claim", "classification").evaluate()
    assert found.metrics["accuracy"] == pytest.approx(found.opponents["majority"]["accuracy"], abs=0.01)
    assert found.outcome != "no_signal"


def test_without_opponents_there_is_no_verdict(two_classes: Any) -> None:
    found = evaluate(two_classes.predictor, two_classes.test)
    assert found.verdict is None
    assert found.outcome is None
    assert found.metrics == two_classes.evaluate().metrics


def test_rows_that_repeat_count_once_in_the_intervals(two_classes: Any) -> None:
    once = evaluate(two_classes.predictor, two_classes.test)
    doubled = Table.concatenate([two_classes.test, two_classes.test])
    twice = evaluate(two_classes.predictor, doubled)
    assert twice.distinct_rows == once.distinct_rows <= once.rows
    assert twice.intervals["accuracy"] == pytest.approx(once.intervals["accuracy"], abs=1e-6)


def broken(table: Table, **cells: str) -> Table:
    """The table with its first row's cells replaced."""
    columns = dict(table.columns)
    for name, cell in cells.items():
        columns[name] = columns[name].copy()
        columns[name][0] = cell
    return Table(columns, table.numbers, "new.csv")


def test_a_bad_row_stops_or_is_left_out(two_classes: Any) -> None:
    table = broken(two_classes.test, age="old")
    with pytest.raises(ContractError, match=r"new\.csv.*\n.*age.*old"):
        evaluate(two_classes.predictor, table)
    found = evaluate(two_classes.predictor, table, on_bad_row="skip")
    assert (found.rows, found.skipped) == (len(table) - 1, 1)


def test_an_unknown_class_is_a_bad_row(two_classes: Any) -> None:
    with pytest.raises(ContractError, match=r"maybe.*none of the classes"):
        evaluate(two_classes.predictor, broken(two_classes.test, returns="maybe"))


def test_no_row_left_is_an_error(two_classes: Any) -> None:
    table = broken(two_classes.test.take(np.array([0])), age="old")
    with pytest.raises(DataError, match=r"new\.csv: no row to judge"):
        evaluate(two_classes.predictor, table, on_bad_row="skip")


def test_a_missing_target_column_is_named(two_classes: Any) -> None:
    columns = {name: cells for name, cells in two_classes.test.columns.items() if name != "returns"}
    with pytest.raises(ContractError, match="returns"):
        evaluate(two_classes.predictor, Table.of(columns, "new.csv"))


def test_rows_of_one_class_have_no_roc_auc(two_classes: Any) -> None:
    alone = two_classes.test.take(two_classes.test.columns["returns"] == "yes")
    found = evaluate(two_classes.predictor, alone, two_classes.opponents)
    assert "roc_auc" not in found.metrics
    assert not found.roc
    assert found.primary == "accuracy"
    assert found.verdict


def test_a_single_row(two_classes: Any, regression: Any) -> None:
    for case in (two_classes, regression):
        found = evaluate(case.predictor, case.test.take(np.array([0])), case.opponents)
        assert found.rows == 1
        json.dumps(found.model_dump(mode="json"), allow_nan=False)
