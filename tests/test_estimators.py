"""The estimators against scikit-learn's own checks, on frames, and as bundles."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import estimator_checks

import treadle
from treadle.bundle.verify import verify
from treadle.estimators import TreadleClassifier, TreadleRegressor
from treadle.estimators.base import hold_out
from treadle.inspection import contributions

QUICK = {"hidden": (8,), "epochs": 20, "batch_size": 32, "learning_rate": 0.02}


def classifier(**settings: object) -> TreadleClassifier:
    return TreadleClassifier(**{**QUICK, "random_state": 0, **settings})


def regressor(**settings: object) -> TreadleRegressor:
    return TreadleRegressor(**{**QUICK, "random_state": 0, **settings})


@pytest.fixture
def numbers() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(96, 3))


@pytest.fixture
def people() -> pd.DataFrame:
    """A column of every kind, with gaps."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "age": rng.integers(18, 80, 96).astype(float),
            "town": rng.choice(["Bonn", "Kiel", "Ulm"], 96),
            "member": rng.random(96) < 0.5,
            "joined": pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 900, 96), unit="D"),
        }
    )
    frame.loc[::9, "age"] = np.nan
    frame.loc[::11, "town"] = None
    return frame


@pytest.mark.parametrize("estimator", [TreadleClassifier(**QUICK), TreadleRegressor(**QUICK)], ids=str)
def test_scikit_learns_own_checks_pass(estimator, monkeypatch):
    # Without it, scikit-learn leaves out what concerns other kinds of arrays.
    monkeypatch.setenv("SCIPY_ARRAY_API", "1")
    results = estimator_checks.check_estimator(estimator, on_skip=None)
    assert len(results) > 40
    assert {result["status"] for result in results} == {"passed"}
    estimator_checks.check_dataframe_column_names_consistency(type(estimator).__name__, estimator)


@pytest.mark.parametrize(
    "labels", [["no", "yes"], [False, True], [-1, 1], [0.0, 2.0], ["b", "a c", "ü"]], ids=lambda labels: str(labels[0])
)
def test_labels_come_back_as_they_were_given(numbers, labels):
    y = np.array(labels)[np.digitize(numbers[:, 0], np.linspace(-0.5, 0.5, len(labels) - 1))]
    fitted = classifier().fit(numbers, y)
    predicted = fitted.predict(numbers)
    assert predicted.dtype == y.dtype
    assert np.mean(predicted == y) > 0.8
    assert fitted.classes_.tolist() == sorted(labels)
    probabilities = fitted.predict_proba(numbers)
    assert np.array_equal(fitted.classes_[probabilities.argmax(axis=1)], predicted)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0, rtol=1e-12)


def test_values_are_in_the_unit_of_the_target(numbers):
    y = 1000.0 + 300.0 * numbers[:, 0]
    assert regressor(hidden=(), epochs=60).fit(numbers, y).score(numbers, y) > 0.99


@pytest.mark.parametrize("loss", ["mae", "huber"])
def test_other_losses_learn_too(numbers, loss):
    y = 2.0 * numbers[:, 0] - 5.0
    assert regressor(loss=loss).fit(numbers, y).score(numbers, y) > 0.8


@pytest.mark.parametrize("library", [pd.DataFrame, pl.from_pandas], ids=["pandas", "polars"])
def test_frames_may_hold_columns_of_every_kind(people, library):
    y = np.where(people["town"] == "Kiel", "left", "stayed")
    frame = library(people)
    fitted = classifier(categories="embedding").fit(frame, y)
    assert {field.name: field.kind for field in fitted.bundle_.contract.features} == {
        "age": "number",
        "town": "category",
        "member": "boolean",
        "joined": "date",
    }
    assert fitted.feature_names_in_.tolist() == list(people.columns)
    assert fitted.n_features_in_ == 4
    assert fitted.score(frame, y) > 0.95
    # An array holds the columns in the same order; scikit-learn warns that it has no names.
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        alike = fitted.predict(people.to_numpy())
    assert np.array_equal(alike, fitted.predict(frame))


def test_a_column_of_free_text_is_refused_with_a_way_out(people):
    reviews = people.assign(review=[f"the film number {row} was good" for row in range(len(people))])
    with pytest.raises(ValueError, match=r"^X: column 'review' holds .* give treadle\.fit a recipe with these keys$"):
        classifier().fit(reviews, people["member"])


def test_an_unseen_category_is_no_fault_but_text_in_a_number_is(people):
    fitted = classifier().fit(people, people["member"])
    assert len(fitted.predict(people.assign(town="Mainz"))) == len(people)
    with pytest.raises(ValueError, match=r"(?s)96 rows cannot be answered.*column 'age': 'old' is no number"):
        fitted.predict(people.assign(age="old"))
    with pytest.raises(ValueError, match="feature names"):
        fitted.predict(people.drop(columns="age"))


def test_missing_numbers_are_filled_in_where_training_had_some(numbers):
    gaps = numbers.copy()
    gaps[::5, 1] = np.nan
    y = numbers[:, 0] > 0
    assert classifier(imputation="knn").fit(gaps, y).score(gaps, y) > 0.8
    with pytest.raises(ValueError, match=r"column 'x1'.*no training row lacked it"):
        classifier().fit(numbers, y).predict(gaps)


def test_fitted_on_an_array_a_frame_is_read_by_place(numbers):
    y = numbers[:, 0] > 0
    fitted = classifier().fit(numbers, y)
    with pytest.warns(UserWarning, match="fitted without feature names"):
        named = fitted.predict(pd.DataFrame(numbers, columns=["a", "b", "c"]))
    assert np.array_equal(named, fitted.predict(numbers))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"activation": "swoosh"}, "TreadleClassifier: model.activation: "),
        ({"hidden": (8, 0)}, "model.hidden"),
        ({"hidden": (), "dropout": 0.5}, "dropout would not be used: it needs at least one layer"),
        ({"optimizer": "sgd", "weight_decay": 0.1}, "weight_decay would not be used"),
        ({"class_weight": "fair"}, "training.class_weights"),
        ({"validation_fraction": 1.0}, "validation_fraction is 1.0; it must be at least 0 and below 1"),
    ],
)
def test_settings_that_mean_nothing_are_refused(numbers, settings, message):
    with pytest.raises(ValueError, match=message):
        classifier(**settings).fit(numbers, numbers[:, 0] > 0)


def test_one_class_is_refused(numbers):
    with pytest.raises(ValueError, match="y has one class only, 'yes'"):
        classifier().fit(numbers, np.full(len(numbers), "yes"))


@given(st.lists(st.integers(0, 3), min_size=1, max_size=60), st.floats(0.0, 0.95))
def test_held_out_rows_are_a_share_of_each_class(codes, fraction):
    codes = np.array(codes)
    learnt, held = hold_out(codes, fraction, np.random.default_rng(0))
    assert set(codes[learnt]) == set(codes)
    if np.array_equal(learnt, held):
        assert len(learnt) == len(codes)
        return
    assert sorted([*learnt, *held]) == list(range(len(codes)))
    for code in np.unique(codes):
        wanted = np.sum(codes == code) * fraction
        assert abs(np.sum(codes[held] == code) - wanted) <= 1.0


def test_no_rows_need_be_held_out(numbers):
    fitted = classifier(validation_fraction=0.0).fit(numbers, numbers[:, 0] > 0)
    assert fitted.bundle_.split == {"train": 96, "validation": 96, "test": 0}


def test_class_weights_shift_the_answers(numbers):
    y = np.random.default_rng(1).random(96) < 0.2
    shares = [
        classifier(class_weight=weight).fit(numbers, y).predict(numbers).mean() for weight in (None, {True: 20.0})
    ]
    assert shares[0] < 0.3
    assert shares[1] > 0.7


def test_the_random_state_decides_everything(numbers):
    y = numbers @ [1.0, -1.0, 0.5]
    first, again, other = (regressor(random_state=state).fit(numbers, y) for state in (1, 1, 2))
    assert first.bundle_.members() == again.bundle_.members()
    assert not np.array_equal(first.predict(numbers), other.predict(numbers))


def test_training_is_told(numbers):
    fitted = regressor(patience=None).fit(numbers, numbers[:, 0])
    assert len(fitted.loss_curve_) == len(fitted.validation_loss_curve_) == 20
    assert fitted.validation_loss_curve_[fitted.best_epoch_ - 1] == min(fitted.validation_loss_curve_)


def test_they_fit_into_pipelines_and_searches(numbers):
    pipeline = make_pipeline(StandardScaler(), regressor())
    search = GridSearchCV(pipeline, {"treadleregressor__hidden": [(), (np.int64(8),)]}, cv=2, refit=False)
    assert search.fit(numbers, np.abs(numbers[:, 0])).best_params_ == {"treadleregressor__hidden": (8,)}


def test_a_saved_estimator_is_a_bundle(people, tmp_path):
    y = pd.Series(np.where(people["age"] > 40, "left", "stayed"), name="age")
    fitted = classifier(members=2).fit(people, y)
    fitted.save(tmp_path / "people.treadle")
    predictor = treadle.load(tmp_path / "people.treadle")
    assert predictor.name == "people"
    assert predictor.contract.target.name == "age_"
    answers = predictor.predict(people)
    assert answers.columns["label"].tolist() == fitted.predict(people).tolist()
    np.testing.assert_allclose(answers.columns["probabilities"], fitted.predict_proba(people), rtol=1e-6)
    found = contributions(predictor, people.iloc[1].to_dict(), label="left")
    assert found.value == pytest.approx(answers.columns["probabilities"][1, 0])
    assert found.baseline + sum(found.columns.values()) == pytest.approx(found.value)
    checks = verify(tmp_path / "people.treadle").checks
    assert [check for check in checks if not check.passed] == []


def test_a_pickle_predicts_without_jax(numbers, tmp_path):
    y = np.where(numbers[:, 0] > 0, "up", "down")
    fitted = classifier().fit(numbers, y)
    pickled = Path(tmp_path / "fitted.pickle")
    pickled.write_bytes(pickle.dumps((fitted, numbers)))
    script = f"""
import pickle, sys
from pathlib import Path
fitted, numbers = pickle.loads(Path({str(pickled)!r}).read_bytes())
print(*fitted.predict(numbers))
assert not {{"jax", "equinox", "optax"}} & set(sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == fitted.predict(numbers).tolist()
