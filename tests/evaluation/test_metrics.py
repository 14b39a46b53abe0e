"""Every metric against scikit-learn, weighted as a bootstrap weights."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as reference
from sklearn.calibration import calibration_curve

from treadle.bundle.answers import ClassificationAnswers
from treadle.evaluation import metrics, pictures


def drawn(seed: int, rows: int, classes: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Truth, probabilities with many ties, and weights that leave rows out and repeat others."""
    random = np.random.default_rng(seed)
    truth = random.integers(0, classes, rows)
    truth[:classes] = np.arange(classes)
    raw = np.round(random.random((rows, classes)), 1) + 0.05 + (truth[:, None] == np.arange(classes)) * 0.3
    weights = random.integers(0, 4, (3, rows)).astype(float)
    weights[:, :classes] = 1
    return truth, raw / raw.sum(axis=1, keepdims=True), weights


def repeated(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    return np.repeat(values, weights.astype(int), axis=0)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), rows=st.integers(8, 60), positive=st.integers(0, 1))
def test_two_classes_as_in_scikit_learn(seed: int, rows: int, positive: int) -> None:
    truth, probabilities, weights = drawn(seed, rows, 2)
    answered = probabilities.argmax(axis=1)
    found = metrics.classification_metrics(truth, answered, probabilities, positive, weights)
    for index, row_weights in enumerate(weights):
        true, said, given_ = (repeated(values, row_weights) for values in (truth, answered, probabilities))
        about = {"pos_label": positive, "zero_division": 0.0}
        expected = {
            "accuracy": reference.accuracy_score(true, said),
            "roc_auc": reference.roc_auc_score(true == positive, given_[:, positive]),
            "log_loss": reference.log_loss(true, given_, labels=[0, 1]),
            "f1": reference.f1_score(true, said, **about),
            "precision": reference.precision_score(true, said, **about),
            "recall": reference.recall_score(true, said, **about),
            "brier": reference.brier_score_loss(true == positive, given_[:, positive]),
        }
        assert {name: figure[index] for name, figure in found.items()} == pytest.approx(expected)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), rows=st.integers(12, 60), classes=st.integers(3, 6))
def test_many_classes_as_in_scikit_learn(seed: int, rows: int, classes: int) -> None:
    truth, probabilities, weights = drawn(seed, rows, classes)
    answered = probabilities.argmax(axis=1)
    found = metrics.classification_metrics(truth, answered, probabilities, None, weights)
    for index, row_weights in enumerate(weights):
        true, said, given_ = (repeated(values, row_weights) for values in (truth, answered, probabilities))
        macro = {"average": "macro", "zero_division": 0.0}
        expected = {
            "accuracy": reference.accuracy_score(true, said),
            "roc_auc": reference.roc_auc_score(true, given_, multi_class="ovr", average="macro"),
            "log_loss": reference.log_loss(true, given_, labels=range(classes)),
            "f1": reference.f1_score(true, said, **macro),
            "precision": reference.precision_score(true, said, **macro),
            "recall": reference.recall_score(true, said, **macro),
            "brier": reference.brier_score_loss(true, given_, labels=range(classes)),
        }
        assert {name: figure[index] for name, figure in found.items()} == pytest.approx(expected)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), rows=st.integers(3, 60), offset=st.sampled_from([0.0, 1e6]))
def test_regression_as_in_scikit_learn(seed: int, rows: int, offset: float) -> None:
    random = np.random.default_rng(seed)
    truth = random.normal(offset, 50, rows)
    values = truth + random.normal(5, 20, rows)
    weights = random.integers(1, 4, (3, rows)).astype(float)
    found = metrics.regression_metrics(truth, values, weights)
    for index, row_weights in enumerate(weights):
        true, said = repeated(truth, row_weights), repeated(values, row_weights)
        expected = {
            "mae": reference.mean_absolute_error(true, said),
            "rmse": reference.root_mean_squared_error(true, said),
            "r2": reference.r2_score(true, said),
        }
        assert {name: figure[index] for name, figure in found.items()} == pytest.approx(expected, rel=1e-6)


def test_float32_weights_give_the_same_figures() -> None:
    truth, probabilities, weights = drawn(1, 5000, 2)
    answered = probabilities.argmax(axis=1)
    exact = metrics.classification_metrics(truth, answered, probabilities, 1, weights)
    rough = metrics.classification_metrics(truth, answered, probabilities, 1, weights.astype(np.float32))
    for name, figure in exact.items():
        assert rough[name] == pytest.approx(figure, rel=1e-5)


def test_a_sure_and_wrong_float32_answer_has_a_finite_log_loss() -> None:
    probabilities = np.array([[1.0, 0.0], [0.0, 1.0]], np.float32)
    truth = np.array([1, 1])
    found = metrics.log_loss(truth, probabilities, metrics.unweighted(2))
    assert found == pytest.approx(reference.log_loss(truth, probabilities, labels=[0, 1]), rel=1e-5)


def test_roc_auc_of_a_single_class_is_undefined() -> None:
    probabilities = np.array([[0.2, 0.8], [0.6, 0.4]])
    assert np.isnan(metrics.roc_auc(np.array([1, 1]), probabilities, 1, metrics.unweighted(2))).all()
    assert np.isnan(metrics.roc_auc(np.array([1, 1]), probabilities, None, metrics.unweighted(2))).all()


def test_r2_of_a_constant_target_is_undefined() -> None:
    truth = np.full(4, 7.0)
    assert np.isnan(metrics.r2(truth, truth + 1, metrics.unweighted(4))).all()


def test_a_class_that_a_resample_does_not_draw_keeps_its_plain_figure() -> None:
    truth = np.array([0, 0, 1, 1, 2])
    answered = np.array([0, 0, 1, 1, 0])
    without_the_rare_class = np.array([[1.0, 1.0, 1.0, 1.0, 0.0]])
    _, recall, _ = metrics.precision_recall_f1(truth, answered, 3, None, without_the_rare_class)
    assert recall == pytest.approx([2 / 3])


def test_calibration_as_in_scikit_learn() -> None:
    random = np.random.default_rng(0)
    given_ = random.random(800)
    truth = (random.random(800) < given_**1.5).astype(int)
    probabilities = np.stack([1 - given_, given_], axis=1)
    found = pictures.calibration(truth, (given_ > 0.5).astype(int), probabilities, 1)
    observed, predicted = calibration_curve(truth, given_, n_bins=pictures.BINS)
    assert [point.observed for point in found.bins] == pytest.approx(observed)
    assert [point.predicted for point in found.bins] == pytest.approx(predicted)
    rows = np.array([point.rows for point in found.bins])
    assert found.error == pytest.approx((rows * np.abs(observed - predicted)).sum() / 800)


def test_calibration_of_many_classes_is_about_the_answered_one() -> None:
    truth, probabilities, _ = drawn(0, 300, 4)
    answered = probabilities.argmax(axis=1)
    found = pictures.calibration(truth, answered, probabilities, None)
    assert found.about == "answered"
    right = sum(point.rows * point.observed for point in found.bins)
    assert right == pytest.approx((truth == answered).sum())


def test_confusion_as_in_scikit_learn() -> None:
    truth, probabilities, _ = drawn(3, 100, 3)
    answered = probabilities.argmax(axis=1)
    found = pictures.confusion(truth, answered, ClassificationAnswers(labels=("a", "b", "c")))
    assert np.array_equal(found.counts, reference.confusion_matrix(truth, answered))


@pytest.mark.parametrize("rows", [50, 20_000])
def test_a_thinned_roc_curve_keeps_its_area(rows: int) -> None:
    random = np.random.default_rng(1)
    positive = random.random(rows) < 0.3
    score = np.round(random.normal(0, 1, rows) + positive, 2)
    curve = pictures.roc_curve(positive, score)
    assert curve is not None
    assert len(curve.true_positive_rate) <= pictures.MOST_POINTS
    assert (curve.false_positive_rate[0], curve.true_positive_rate[0]) == (0.0, 0.0)
    assert (curve.false_positive_rate[-1], curve.true_positive_rate[-1]) == (1.0, 1.0)
    area = reference.auc(curve.false_positive_rate, curve.true_positive_rate)
    assert area == pytest.approx(reference.roc_auc_score(positive, score), abs=2e-3)


def test_no_roc_curve_of_a_single_class() -> None:
    assert pictures.roc_curve(np.ones(3, bool), np.arange(3.0)) is None


def test_residuals_count_every_row_and_keep_a_sample() -> None:
    random = np.random.default_rng(2)
    truth = random.normal(0, 1, 3000)
    found = pictures.residuals(truth, truth + random.standard_cauchy(3000), seed=0)
    assert sum(found.errors.rows) == 3000
    assert len(found.actual) == len(found.predicted) == pictures.MOST_DOTS


def test_residuals_of_exact_predictions() -> None:
    truth = np.arange(5.0)
    assert sum(pictures.residuals(truth, truth, seed=0).errors.rows) == 5
