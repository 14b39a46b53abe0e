"""What each opponent learns, from which rows, and that it is fitted fairly."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import sparse
from sklearn.metrics import roc_auc_score

from treadle.bundle.answers import ClassificationAnswers, RegressionAnswers, best_threshold
from treadle.errors import RecipeError
from treadle.evaluation import Problem, Rows, fit_opponents, names_for, neighbours
from treadle.evaluation.encoding import Encoding

TWO = ClassificationAnswers(labels=("no", "yes"), positive=1, threshold=0.5)
VALUES = RegressionAnswers(mean=0.0, scale=1.0)


def rows_of(columns: dict[str, np.ndarray], targets: np.ndarray, numbers: np.ndarray | None = None) -> Rows:
    if numbers is None:
        numbers = np.nan_to_num(np.stack(list(columns.values()), axis=1)).astype(np.float32)
    return Rows(columns, {"numbers": numbers}, targets)


def moons(rows: int, seed: int) -> Rows:
    """Two classes that a straight line tells apart badly, and neighbours and trees well."""
    random = np.random.default_rng(seed)
    x, y = random.normal(0, 1, rows), random.normal(0, 1, rows)
    inside = (x**2 + y**2 < 1.2).astype(np.int64)
    return rows_of({"x": x, "y": y}, inside)


def line(rows: int, seed: int) -> Rows:
    random = np.random.default_rng(seed)
    x, y = random.normal(0, 1, rows), random.normal(0, 1, rows)
    return rows_of({"x": x, "y": y}, 3 * x - y + 50 + random.normal(0, 0.1, rows))


def two_class_problem(train: Rows, validation: Rows) -> Problem:
    return Problem(train, validation, TWO, "roc_auc", {})


def test_an_opponent_that_does_not_fit_the_task_is_refused() -> None:
    with pytest.raises(RecipeError, match="median does not fit classification; those that do: majority, logistic_"):
        names_for("classification", "roc_auc", ("median",))


def test_all_that_fit_or_those_asked_for_with_the_trivial_one() -> None:
    everything = ["median", "mean", "ridge", "nearest_neighbours", "gradient_boosting"]
    assert names_for("regression", "mae", None) == everything
    assert names_for("regression", "rmse", ("ridge",)) == ["mean", "ridge"]
    assert names_for("classification", "roc_auc", ()) == ["majority"]


def test_each_learns_what_it_can() -> None:
    names = names_for("classification", "roc_auc", None)
    fitted = fit_opponents(names, two_class_problem(moons(600, 0), moons(200, 1)), "accuracy")
    test = moons(400, 2)
    area = {name: roc_auc_score(test.targets, opponent.outputs(test)[:, 1]) for name, opponent in fitted.items()}
    assert area["majority"] == 0.5
    assert area["logistic_regression"] == pytest.approx(0.5, abs=0.1)
    assert area["nearest_neighbours"] > 0.95
    assert area["gradient_boosting"] > 0.95
    for opponent in fitted.values():
        assert opponent.outputs(test).sum(axis=1) == pytest.approx(np.ones(400))
        assert opponent.note


def test_regression_opponents() -> None:
    problem = Problem(line(400, 0), line(150, 1), VALUES, "mae", {})
    fitted = fit_opponents(names_for("regression", "mae", None), problem, 0.5)
    test = line(200, 2)
    error = {name: np.abs(opponent.outputs(test) - test.targets).mean() for name, opponent in fitted.items()}
    assert error["ridge"] < 0.1
    assert max(error["nearest_neighbours"], error["gradient_boosting"]) < 0.6
    assert fitted["median"].outputs(test) == pytest.approx(np.full(200, np.median(problem.train.targets)))
    assert fitted["mean"].outputs(test) == pytest.approx(np.full(200, np.mean(problem.train.targets)))


def test_fitted_twice_they_answer_alike_to_the_last_bit() -> None:
    test = moons(100, 2)
    names = names_for("classification", "roc_auc", None)
    first, second = (fit_opponents(names, two_class_problem(moons(300, 0), moons(100, 1)), "f1") for _ in range(2))
    for name in names:
        assert np.array_equal(first[name].outputs(test), second[name].outputs(test))
        assert first[name].answers == second[name].answers


def test_the_threshold_is_found_on_validation_rows_as_the_networks_is() -> None:
    problem = two_class_problem(moons(400, 0), moons(300, 1))
    for wanted in ("f1", "accuracy"):
        opponent = fit_opponents(["logistic_regression"], problem, wanted)["logistic_regression"]  # type: ignore[arg-type]
        probabilities = opponent.outputs(problem.validation)[:, 1]
        expected = best_threshold(probabilities, problem.validation.targets == 1, wanted)  # type: ignore[arg-type]
        assert isinstance(opponent.answers, ClassificationAnswers)
        assert opponent.answers.threshold == expected
    opponent = fit_opponents(["logistic_regression"], problem, 0.3)["logistic_regression"]
    assert opponent.answers == TWO.model_copy(update={"threshold": 0.3})


def test_the_majority_answers_the_majority_of_the_training_rows() -> None:
    train, validation = moons(300, 0), moons(100, 1)
    flipped = replace(validation, targets=1 - validation.targets)
    common = int(np.bincount(train.targets).argmax())
    majority = fit_opponents(["majority"], two_class_problem(train, flipped), "f1")["majority"]
    assert isinstance(majority.answers, ClassificationAnswers)
    assert set(majority.answers.choose(majority.outputs(validation)).tolist()) == {common}


def test_gradient_boosting_takes_missing_values_and_unseen_categories_as_they_are() -> None:
    random = np.random.default_rng(0)

    def rows(count: int) -> Rows:
        age = np.where(random.random(count) < 0.3, np.nan, random.normal(0, 1, count))
        city = random.integers(-1, 4, count).astype(np.int32)
        targets = (np.isnan(age) ^ (city == 2)).astype(np.int64)
        return rows_of({"age": age, "city": city}, targets)

    problem = Problem(rows(500), rows(200), TWO, "roc_auc", {"city": 4})
    trees = fit_opponents(["gradient_boosting"], problem, "accuracy")["gradient_boosting"]
    test = rows(200)
    assert roc_auc_score(test.targets, trees.outputs(test)[:, 1]) > 0.98
    test.columns["city"][:] = 4
    assert np.isfinite(trees.outputs(test)).all()


def test_gradient_boosting_takes_more_categories_than_it_can_tell_apart() -> None:
    random = np.random.default_rng(1)

    def rows(count: int) -> Rows:
        code = np.minimum(random.geometric(0.01, count) - 1, 399).astype(np.int32)
        return rows_of({"code": code}, (code % 2).astype(np.int64))

    problem = Problem(rows(2000), rows(300), TWO, "roc_auc", {"code": 400})
    trees = fit_opponents(["gradient_boosting"], problem, "accuracy")["gradient_boosting"]
    test = rows(300)
    assert roc_auc_score(test.targets, trees.outputs(test)[:, 1]) > 0.7


def test_a_class_that_no_training_row_has_gets_probability_zero_or_little() -> None:
    answers = ClassificationAnswers(labels=("a", "b", "c"))
    train, validation = moons(200, 0), moons(80, 1)
    problem = Problem(train, validation, answers, "accuracy", {})
    for opponent in fit_opponents(names_for("classification", "accuracy", None), problem, "accuracy").values():
        outputs = opponent.outputs(validation)
        assert outputs.shape == (80, 3)
        assert outputs[:, 2].max() == 0.0


def test_nearest_neighbours_look_among_a_sample_of_many_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbours, "MOST_ROWS", 100)
    problem = two_class_problem(moons(400, 0), moons(100, 1))
    opponent = fit_opponents(["nearest_neighbours"], problem, "accuracy")["nearest_neighbours"]
    assert "among 100 of 400 training rows" in opponent.note


def test_fewer_rows_than_neighbours() -> None:
    problem = two_class_problem(moons(8, 0), moons(20, 1))
    fitted = fit_opponents(names_for("classification", "roc_auc", None), problem, "accuracy")
    for opponent in fitted.values():
        assert np.isfinite(opponent.outputs(moons(20, 2))).all()


def test_logistic_regression_converges_on_numbers_of_any_size() -> None:
    def large(seed: int) -> Rows:
        rows = moons(300, seed)
        targets = (rows.columns["x"] + 0.5 * rows.columns["y"] > 0).astype(np.int64)
        numbers = (rows.inputs["numbers"] * 1e6 + 1e7).astype(np.float32)
        return rows_of(rows.columns, targets, numbers)

    opponent = fit_opponents(["logistic_regression"], two_class_problem(large(0), large(1)), "accuracy")
    assert "not converged" not in opponent["logistic_regression"].note
    test = large(2)
    assert roc_auc_score(test.targets, opponent["logistic_regression"].outputs(test)[:, 1]) > 0.99


def test_codes_become_one_hot_columns() -> None:
    inputs = {
        "numbers": np.array([[1.0, 0.0], [3.0, 1.0], [5.0, 1.0]], np.float32),
        "codes": np.array([[0, 2], [1, 0], [1, 1]], np.int32),
    }
    matrix = Encoding.fit(inputs, (2, 3)).transform(inputs)
    assert sparse.issparse(matrix)
    scaled = np.array([-1, 0, 1]) * np.sqrt(1.5)
    expected = np.column_stack([scaled, [0, 1, 1], [1, 0, 0], [0, 1, 1], [0, 1, 0], [0, 0, 1], [1, 0, 0]])
    assert matrix.toarray() == pytest.approx(expected)
    assert Encoding.fit({"codes": inputs["codes"]}, (2, 3)).transform({"codes": inputs["codes"]}).shape == (3, 5)


def test_opponents_on_codes_alone() -> None:
    random = np.random.default_rng(3)

    def rows(count: int) -> Rows:
        codes = random.integers(0, 5, (count, 2)).astype(np.int32)
        columns = {"a": codes[:, 0], "b": codes[:, 1]}
        return Rows(columns, {"codes": codes}, (codes[:, 0] > codes[:, 1]).astype(np.int64))

    problem = Problem(rows(400), rows(150), TWO, "roc_auc", {"a": 4, "b": 4}, (5, 5))
    fitted = fit_opponents(["logistic_regression", "nearest_neighbours"], problem, "accuracy")
    test = rows(150)
    for opponent in fitted.values():
        assert roc_auc_score(test.targets, opponent.outputs(test)[:, 1]) > 0.95
