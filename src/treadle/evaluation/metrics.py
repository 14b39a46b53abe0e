"""What a model is judged by, each metric computed for many weightings of the rows at once.

A weighting is how often a bootstrap resample drew each row, so every function takes `weights`, shape
(resamples, rows), and answers one figure for each resample, shape (resamples,). `unweighted(rows)` gives the plain
figure. A metric that a resample leaves undefined (ROC AUC where only one class was drawn) is NaN there.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]
Codes = NDArray[np.integer[Any]]

SMALLEST_PROBABILITY = float(np.finfo(np.float32).eps)
"""Networks answer float32, in which a sure answer is exactly 0 or 1: log loss takes them as this far away from it."""


def unweighted(rows: int) -> NDArray[np.float64]:
    """One weighting in which every row counts once, shape (1, rows)."""
    return np.ones((1, rows))


def mean(values: NDArray[Any], weights: Floats) -> Floats:
    """Weighted mean of `values`, shape (rows,)."""
    total: Floats = weights @ values.astype(weights.dtype)
    return total / weights.sum(axis=1)


def classification_metrics(
    truth: Codes, answered: Codes, probabilities: Floats, positive: int | None, weights: Floats
) -> dict[str, Floats]:
    """Every metric of classification by its name.

    Args:
        truth: class of each row, shape (rows,).
        answered: class that was answered, shape (rows,).
        probabilities: shape (rows, classes).
        positive: the class that precision, recall, F1, ROC AUC and the Brier score speak of; None averages over
            the classes (macro average, one against the rest).
        weights: shape (resamples, rows).
    """
    precision, recall, f1 = precision_recall_f1(truth, answered, probabilities.shape[1], positive, weights)
    return {
        "accuracy": mean(truth == answered, weights),
        "roc_auc": roc_auc(truth, probabilities, positive, weights),
        "log_loss": log_loss(truth, probabilities, weights),
        "f1": f1,
        "precision": precision,
        "recall": recall,
        "brier": brier(truth, probabilities, positive, weights),
    }


def precision_recall_f1(
    truth: Codes, answered: Codes, classes: int, positive: int | None, weights: Floats
) -> tuple[Floats, Floats, Floats]:
    """Precision, recall and F1 of class `positive`, or their mean over the classes that occur (macro average).

    A class that was never answered has precision 0, as in scikit-learn.
    """
    truly = weights @ _one_hot(truth, classes, weights)
    claimed = weights @ _one_hot(answered, classes, weights)
    # Rows answered wrongly get a class of their own, beyond the last.
    right = weights @ _one_hot(np.where(truth == answered, truth, classes), classes, weights)
    precision = _ratio(right, claimed)
    recall = _ratio(right, truly)
    f1 = _ratio(2 * right, truly + claimed)
    if positive is not None:
        return precision[:, positive], recall[:, positive], f1[:, positive]
    occurs = (truly + claimed) > 0
    kinds = occurs.sum(axis=1)
    return precision.sum(axis=1) / kinds, recall.sum(axis=1) / kinds, f1.sum(axis=1) / kinds


def roc_auc(truth: Codes, probabilities: Floats, positive: int | None, weights: Floats) -> Floats:
    """Area under the ROC curve of class `positive`, or its mean over the classes, each against the rest.

    A class that a resample did not draw, or drew alone, is left out of that resample's mean.
    """
    if positive is not None:
        return _ranking(truth == positive, probabilities[:, positive], weights)
    classes = range(probabilities.shape[1])
    areas = np.stack([_ranking(truth == index, probabilities[:, index], weights) for index in classes])
    defined = np.isfinite(areas)
    return _ratio(np.where(defined, areas, 0.0).sum(axis=0), defined.sum(axis=0), undefined=np.nan)


def _ranking(positive: NDArray[np.bool_], score: Floats, weights: Floats) -> Floats:
    """Share of (positive, negative) pairs in which the positive row scores higher; equal scores count half.

    The scores are sorted once; a resample only sums its weights in that order (Mann-Whitney U).
    """
    negatives = np.flatnonzero(~positive)
    negatives = negatives[np.argsort(score[negatives], kind="stable")]
    positives = np.flatnonzero(positive)
    below = np.searchsorted(score[negatives], score[positives], side="left")
    below_or_equal = np.searchsorted(score[negatives], score[positives], side="right")
    passed = np.zeros((len(weights), len(negatives) + 1), weights.dtype)
    np.cumsum(weights[:, negatives], axis=1, out=passed[:, 1:])
    of_positives = weights[:, positives]
    won = np.einsum("ij,ij->i", of_positives, passed[:, below])
    won_or_tied = np.einsum("ij,ij->i", of_positives, passed[:, below_or_equal])
    pairs = of_positives.sum(axis=1) * passed[:, -1]
    return _ratio((won + won_or_tied) / 2, pairs, undefined=np.nan)


def log_loss(truth: Codes, probabilities: Floats, weights: Floats) -> Floats:
    """Mean negative logarithm of the probability given to the true class, in nats."""
    given = probabilities[np.arange(len(truth)), truth].astype(np.float64)
    return mean(-np.log(np.clip(given, SMALLEST_PROBABILITY, 1.0)), weights)


def brier(truth: Codes, probabilities: Floats, positive: int | None, weights: Floats) -> Floats:
    """Mean squared distance of the probabilities from the truth (Brier 1950, Verification of forecasts).

    Of class `positive` alone, or summed over the classes.
    """
    distances = probabilities - (truth[:, None] == np.arange(probabilities.shape[1]))
    squares = distances.astype(np.float64) ** 2
    return mean(squares[:, positive] if positive is not None else squares.sum(axis=1), weights)


def regression_metrics(truth: Floats, values: Floats, weights: Floats) -> dict[str, Floats]:
    """Every metric of regression by its name; `mae` and `rmse` in the target's units, arrays of shape (rows,)."""
    return {
        "mae": mae(truth, values, weights),
        "rmse": rmse(truth, values, weights),
        "r2": r2(truth, values, weights),
    }


def mae(truth: Floats, values: Floats, weights: Floats) -> Floats:
    """Mean absolute error."""
    return mean(np.abs(truth - values), weights)


def rmse(truth: Floats, values: Floats, weights: Floats) -> Floats:
    """Root of the mean squared error."""
    return np.sqrt(mean((truth - values) ** 2, weights))


def r2(truth: Floats, values: Floats, weights: Floats) -> Floats:
    """Share of the target's variance that the predictions explain; undefined where the target does not vary."""
    # Taken from the overall mean first, so that the difference of two large sums keeps its digits.
    centred = truth - truth.mean()
    variance = mean(centred**2, weights) - mean(centred, weights) ** 2
    unexplained = mean((truth - values) ** 2, weights)
    share: Floats = 1.0 - _ratio(unexplained, np.maximum(variance, 0.0), undefined=np.nan)
    return share


def _one_hot(codes: Codes, classes: int, weights: Floats) -> Floats:
    return (codes[:, None] == np.arange(classes)).astype(weights.dtype)


def _ratio(over: NDArray[Any], under: NDArray[Any], undefined: float = 0.0) -> Floats:
    result = np.full(np.shape(over), undefined, dtype=np.result_type(over, np.float32))
    np.divide(over, under, out=result, where=under > 0)
    return result
