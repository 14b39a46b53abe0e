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
    figure: Floats = (weights @ values.astype(weights.dtype)) / weights.sum(axis=1)
    return figure


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

    A class that was never answered has precision 0, and one that never occurs recall 0, as in scikit-learn.
    """
    # Rows answered wrongly get a class of their own, beyond the last.
    right = np.where(truth == answered, truth, classes)
    counts = [_one_hot(codes, classes) for codes in (truth, answered, right)]
    plain = _of_counts(*(count.sum(axis=0) for count in counts))
    drawn = _of_counts(*(weights @ count.astype(weights.dtype) for count in counts))
    if positive is not None:
        precision, recall, f1 = (figures[:, positive] for figures in drawn)
    else:
        precision, recall, f1 = (_macro(figures, known) for figures, known in zip(drawn, plain, strict=True))
    return precision, recall, f1


def _of_counts(truly: Floats, claimed: Floats, right: Floats) -> tuple[Floats, Floats, Floats]:
    """Precision, recall and F1 by class, NaN for a class that neither occurs nor is answered."""
    occurs = (truly + claimed) > 0
    ratios = _ratio(right, claimed), _ratio(right, truly), _ratio(2 * right, truly + claimed)
    precision, recall, f1 = (np.where(occurs, ratio, np.nan) for ratio in ratios)
    return precision, recall, f1


def _macro(figures: Floats, plain: Floats) -> Floats:
    """Mean over the classes that occur among the rows, shape (resamples,).

    A class that a resample did not draw counts there with its figure on all rows: left out, a rare class on which the
    model fails would make it look better.
    """
    filled = np.where(np.isfinite(figures), figures, plain)[:, np.isfinite(plain)]
    if filled.shape[1] == 0:
        return np.full(len(figures), np.nan)
    average: Floats = filled.mean(axis=1)
    return average


def roc_auc(truth: Codes, probabilities: Floats, positive: int | None, weights: Floats) -> Floats:
    """Area under the ROC curve of class `positive`, or its mean over the classes, each against the rest."""
    if positive is not None:
        return _ranking(truth == positive, probabilities[:, positive], weights)
    classes = range(probabilities.shape[1])
    every = unweighted(len(truth))
    plain = [_ranking(truth == index, probabilities[:, index], every)[0] for index in classes]
    drawn = [_ranking(truth == index, probabilities[:, index], weights) for index in classes]
    return _macro(np.stack(drawn, axis=1), np.array(plain))


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
    root: Floats = np.sqrt(mean((truth - values) ** 2, weights))
    return root


def r2(truth: Floats, values: Floats, weights: Floats) -> Floats:
    """Share of the target's variance that the predictions explain; undefined where the target does not vary."""
    # Taken from the overall mean first, so that the difference of two large sums keeps its digits.
    centred = truth - truth.mean()
    variance = mean(centred**2, weights) - mean(centred, weights) ** 2
    unexplained = mean((truth - values) ** 2, weights)
    explained: Floats = 1.0 - _ratio(unexplained, np.maximum(variance, 0.0), undefined=np.nan)
    return explained


def _one_hot(codes: Codes, classes: int) -> NDArray[np.float64]:
    """Shape (rows, classes); all zero for a code beyond the last class."""
    return np.equal.outer(codes, np.arange(classes)).astype(np.float64)


def _ratio(over: NDArray[Any], under: NDArray[Any], undefined: float = 0.0) -> Floats:
    result = np.full(np.shape(over), undefined, dtype=np.result_type(over, np.float32))
    np.divide(over, under, out=result, where=under > 0)
    return result
