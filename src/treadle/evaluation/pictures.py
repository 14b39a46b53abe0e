"""What the plots are drawn from: calibration, confusion, ROC curves, residuals."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from treadle.bundle.answers import ClassificationAnswers
from treadle.evaluation.evaluation import Bin, Calibration, Confusion, Curve, Histogram, Residuals, rounded
from treadle.evaluation.metrics import Codes, Floats

BINS = 10
MOST_POINTS = 200
MOST_DOTS = 1000


def calibration(truth: Codes, answered: Codes, probabilities: Floats, positive: int | None) -> Calibration:
    """Reliability in ten bins of equal width (Guo et al. 2017, On Calibration of Modern Neural Networks, section 2).

    Two classes: of the positive class's probability. More: of the answered class's.
    """
    if positive is not None:
        given, came_true = probabilities[:, positive], truth == positive
    else:
        given, came_true = probabilities[np.arange(len(truth)), answered], truth == answered
    bin_of_row = np.minimum((given * BINS).astype(np.int64), BINS - 1)
    rows = np.bincount(bin_of_row, minlength=BINS)
    predicted = np.bincount(bin_of_row, given, BINS)
    observed = np.bincount(bin_of_row, came_true, BINS)
    filled = [
        Bin(rows=rows[i], predicted=rounded(predicted[i] / rows[i]), observed=rounded(observed[i] / rows[i]))
        for i in np.flatnonzero(rows)
    ]
    error = float(np.abs(predicted - observed).sum() / len(truth))
    return Calibration(about="answered" if positive is None else "positive", bins=tuple(filled), error=rounded(error))


def confusion(truth: Codes, answered: Codes, answers: ClassificationAnswers) -> Confusion:
    """How often each class was answered for each class."""
    classes = len(answers.labels)
    counts = np.bincount(truth * classes + answered, minlength=classes * classes).reshape(classes, classes)
    return Confusion(labels=answers.labels, counts=tuple(tuple(row) for row in counts.tolist()))


def roc_curve(positive: NDArray[np.bool_], score: Floats) -> Curve | None:
    """ROC curve in at most 200 points, from (0, 0) to (1, 1); None where only one class occurs."""
    positives = int(positive.sum())
    if positives in (0, len(positive)):
        return None
    order = np.argsort(-score, kind="stable")
    # A point for each distinct score: rows with equal scores are answered alike at any threshold.
    ends = np.flatnonzero(np.append(np.diff(score[order]) != 0, True))
    hits = np.cumsum(positive[order])[ends]
    true = np.concatenate([[0.0], hits / positives])
    false = np.concatenate([[0.0], (ends + 1 - hits) / (len(positive) - positives)])
    # Equal steps along the curve's length keep its bends.
    length = true + false
    kept = np.unique(np.searchsorted(length, np.linspace(0.0, 2.0, MOST_POINTS)).clip(max=len(length) - 1))
    return Curve(
        false_positive_rate=tuple(np.round(false[kept], 5).tolist()),
        true_positive_rate=tuple(np.round(true[kept], 5).tolist()),
    )


def residuals(truth: Floats, values: Floats, seed: int) -> Residuals:
    """A sample of at most 1,000 rows, and the errors of all in a histogram."""
    kept = np.arange(len(truth))
    if len(kept) > MOST_DOTS:
        kept = np.sort(np.random.default_rng(seed).choice(len(truth), MOST_DOTS, replace=False))
    errors = values - truth
    reach = max(float(np.quantile(np.abs(errors), 0.99)), float(np.finfo(np.float64).tiny))
    edges = np.linspace(-reach, reach, 42)
    counts, _ = np.histogram(np.clip(errors, -reach, reach), edges)
    return Residuals(
        actual=_digits(truth[kept]),
        predicted=_digits(values[kept]),
        errors=Histogram(edges=_digits(edges), rows=tuple(counts.tolist())),
    )


def _digits(values: NDArray[Any]) -> tuple[float, ...]:
    """With six significant digits: more would fill the bundle and show nothing."""
    return tuple(rounded(value, 6) for value in values)
