"""The field's words for what is measured and who is compared, and how their figures are written."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Metric:
    """How a metric is called, and which way is better."""

    title: str
    higher_is_better: bool
    of_any_size: bool = False
    """No share of one, as an error in the target's units: written with four significant digits."""


METRICS = {
    "accuracy": Metric("accuracy", True),
    "roc_auc": Metric("ROC AUC", True),
    "log_loss": Metric("log loss", False),
    "f1": Metric("F1", True),
    "precision": Metric("precision", True),
    "recall": Metric("recall", True),
    "brier": Metric("Brier", False),
    "mae": Metric("MAE", False, of_any_size=True),
    "rmse": Metric("RMSE", False, of_any_size=True),
    "r2": Metric("R²", True),
    "perplexity": Metric("perplexity", False, of_any_size=True),
    "top5_accuracy": Metric("top-5 accuracy", True),
    "accuracy_unseen": Metric("accuracy, unseen", True),
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
    "unigram": "the unigram model",
    "bigram": "the bigram model",
    "kneser_ney": "the Kneser-Ney trigram model",
    "most_frequent_tag": "each word's most frequent tag",
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
    "unigram": "unigram",
    "bigram": "bigram",
    "kneser_ney": "Kneser-Ney trigram",
    "most_frequent_tag": "most frequent tag",
}
"""The opponents over a column."""

TRIVIAL = frozenset({"majority", "median", "mean", "unigram"})
"""Opponents that look at no feature."""

SUBJECTS = {
    "classification": "classification of {target}",
    "regression": "regression of {target}",
    "next_word": "the next word of each {target}",
    "fill_blank": "a missing word of each {target}",
    "tagging": "tagging with {target}",
}
"""What a network does, by task; `target` is the column it answers, or the text whose own words it answers."""


def opponent_in_sentence(name: str, task: str) -> str:
    """An opponent as a sentence names it: `the majority class`."""
    return "the commonest tag" if (name, task) == ("majority", "tagging") else OPPONENTS[name]


def opponent_over_column(name: str, task: str) -> str:
    """An opponent as the head of a column names it: `majority class`."""
    return "commonest tag" if (name, task) == ("majority", "tagging") else SHORT.get(name, name)


def primary_metric(classes: int, loss: str | None) -> str:
    """What the verdict is about.

    Two classes: ROC AUC, which needs no threshold and does not reward answering the common class. More: accuracy,
    since a mean over the classes would hang on the few rows of the rarest. Regression (no classes): the error that
    the loss aims at, so that a network is not judged by what it was not trained for.
    """
    if classes:
        return "roc_auc" if classes == 2 else "accuracy"
    return "rmse" if loss in (None, "mse") else "mae"


def primary_of_sequences(task: str, *, spans: bool) -> str:
    """What the verdict is about where every token is answered.

    Words: perplexity, which weighs the probability of every word and not only the best guess. Tags: accuracy, or F1 of
    the spans where the tags mark spans, of which most tokens are no part.
    """
    if task != "tagging":
        return "perplexity"
    return "f1" if spans else "accuracy"


def signal_metrics(primary: str) -> tuple[str, ...]:
    """Beating the trivial opponent on one of these that the models have is a signal.

    Accuracy alone could not tell: where one class is common, to answer it always may be right most often although
    the features do say something. Log loss can.
    """
    return ("accuracy", "log_loss") if primary == "accuracy" else (primary,)


def trivial_opponent(primary: str) -> str:
    """The best answer by `primary` that looks at no feature: what must be beaten before one may speak of a signal."""
    return {"mae": "median", "rmse": "mean", "perplexity": "unigram"}.get(primary, "majority")


def decimals(metric: str, value: float) -> int:
    """Digits after the point: three, or what makes four significant digits of a figure that is no share of one."""
    if not METRICS[metric].of_any_size or value == 0.0:
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
