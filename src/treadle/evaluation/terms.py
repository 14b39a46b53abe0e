"""The field's words for what is measured and who is compared, and how their figures are written."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Metric:
    """How a metric is called, and which way is better."""

    title: str
    higher_is_better: bool
    in_units: bool = False
    """In the target's units, so written with as many digits as the target has."""


METRICS = {
    "accuracy": Metric("accuracy", True),
    "roc_auc": Metric("ROC AUC", True),
    "log_loss": Metric("log loss", False),
    "f1": Metric("F1", True),
    "precision": Metric("precision", True),
    "recall": Metric("recall", True),
    "brier": Metric("Brier", False),
    "mae": Metric("MAE", False, in_units=True),
    "rmse": Metric("RMSE", False, in_units=True),
    "r2": Metric("R²", True),
}

OPPONENTS = {
    "majority": "the majority class",
    "median": "the median",
    "mean": "the mean",
    "logistic_regression": "logistic regression",
    "ridge": "ridge regression",
    "nearest_neighbours": "nearest neighbours",
    "gradient_boosting": "gradient boosting",
    "nb_svm": "NB-SVM",
    "bag_of_embeddings": "a bag of embeddings",
}

SHORT = {
    "majority": "majority class",
    "median": "median",
    "mean": "mean",
    "logistic_regression": "logistic regression",
    "ridge": "ridge",
    "nearest_neighbours": "nearest neighbours",
    "gradient_boosting": "gradient boosting",
    "nb_svm": "NB-SVM",
    "bag_of_embeddings": "bag of embeddings",
}
"""The opponents over a column."""

TRIVIAL = frozenset({"majority", "median", "mean"})
"""Opponents that look at no feature."""


def primary_metric(classes: int, loss: str | None) -> str:
    """What the verdict is about.

    Two classes: ROC AUC, which needs no threshold and does not reward answering the common class. More: accuracy,
    since a mean over the classes would hang on the few rows of the rarest. Regression (no classes): the error that
    the loss aims at, so that a network is not judged by what it was not trained for.
    """
    if classes:
        return "roc_auc" if classes == 2 else "accuracy"
    return "rmse" if loss in (None, "mse") else "mae"


def signal_metrics(primary: str) -> tuple[str, ...]:
    """Beating the trivial opponent on one of these is a signal.

    Accuracy alone could not tell: where one class is common, to answer it always may be right most often although
    the features do say something. Log loss can.
    """
    return ("accuracy", "log_loss") if primary == "accuracy" else (primary,)


def trivial_opponent(primary: str) -> str:
    """The best answer by `primary` that looks at no feature: what must be beaten before one may speak of a signal."""
    return {"mae": "median", "rmse": "mean"}.get(primary, "majority")


def decimals(metric: str, value: float) -> int:
    """Digits after the point: three, or what makes four significant digits of a figure in the target's units."""
    if not METRICS[metric].in_units or value == 0.0:
        return 3
    return min(8, max(0, 3 - math.floor(math.log10(abs(value)))))


def figure(metric: str, value: float) -> str:
    """A metric's value as a person writes it: `0.866`, `49,782`."""
    return _written(value, decimals(metric, value))


def span(metric: str, ends: tuple[float, float], beside: float) -> str:
    """An interval, written with the digits of the value `beside` it: `0.846 to 0.885`."""
    places = decimals(metric, beside)
    return f"{_written(ends[0], places)} to {_written(ends[1], places)}"


def change(metric: str, value: float, beside: float) -> str:
    """A difference of the metric, written with the digits of the value `beside` it, or more where it would vanish."""
    places = decimals(metric, beside)
    while places < 6 and value != 0.0 and abs(value) < 0.5 * 10.0**-places:
        places += 1
    return _written(value, places)


def _written(value: float, places: int) -> str:
    # Adding zero takes the sign from what is zero once rounded.
    return f"{round(value, places) + 0.0:,.{places}f}"
