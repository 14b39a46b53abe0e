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
    "brier": Metric("Brier score", False),
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
}


def primary_metric(task: str, loss: str | None) -> str:
    """What the verdict is about.

    Classification: ROC AUC, which needs no threshold and does not reward answering the common class. Regression:
    the error that the loss aims at, so that a network is not judged by what it was not trained for.
    """
    if task == "classification":
        return "roc_auc"
    return "rmse" if loss in (None, "mse") else "mae"


def trivial_opponent(task: str, primary: str) -> str:
    """The best answer that looks at no feature: what `primary` must beat before one may speak of a signal."""
    if task == "classification":
        return "majority"
    return "median" if primary == "mae" else "mean"


def decimals(metric: str, value: float) -> int:
    """Digits after the point: three, or what makes four significant digits of a figure in the target's units."""
    if not METRICS[metric].in_units or value == 0.0:
        return 3
    return min(8, max(0, 3 - math.floor(math.log10(abs(value)))))


def figure(metric: str, value: float) -> str:
    """A metric's value as a person writes it: `0.866`, `49,782`."""
    return f"{value:,.{decimals(metric, value)}f}"


def change(metric: str, value: float, beside: float) -> str:
    """A difference of the metric, written with the digits of the value `beside` it, or more where it would vanish."""
    places = decimals(metric, beside)
    while places < 6 and value != 0.0 and abs(value) < 0.5 * 10.0**-places:
        places += 1
    return f"{value:,.{places}f}"
