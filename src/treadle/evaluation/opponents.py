"""What a careful reader would try before a neural network, fitted as well as a few seconds allow.

Every opponent learns from the training rows alone. What it leaves open (regularisation, neighbours, trees, the
decision threshold) is chosen on the validation rows, by the metric of the verdict, just as the network's early
stopping and threshold are; none ever sees the test rows before it is judged on them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from treadle.bundle.answers import ClassificationAnswers, RegressionAnswers, best_threshold
from treadle.errors import RecipeError
from treadle.evaluation import linear, neighbours, texts, trees
from treadle.evaluation.metrics import Floats
from treadle.evaluation.problem import Predict, Problem, Rows
from treadle.evaluation.terms import TRIVIAL, trivial_opponent
from treadle.evaluation.threads import threads_for

FIT: dict[str, tuple[str, ...]] = {
    "classification": ("majority", "logistic_regression", "nearest_neighbours", "gradient_boosting"),
    "regression": ("median", "mean", "ridge", "nearest_neighbours", "gradient_boosting"),
    "next_word": ("unigram", "bigram", "kneser_ney"),
    "fill_blank": ("unigram", "bigram", "kneser_ney"),
    "tagging": ("majority", "most_frequent_tag"),
}
"""The opponents that fit each task; those of rows read a table."""
OF_TEXTS = ("nb_svm", "bag_of_embeddings")
"""Those that classify texts."""


@dataclass(frozen=True)
class Opponent:
    """A fitted opponent, which answers as the network does."""

    name: str
    predict: Predict
    answers: ClassificationAnswers | RegressionAnswers
    """Labels, and for two classes its own threshold."""
    note: str
    """What was chosen for it on the validation rows."""

    def outputs(self, rows: Rows) -> Floats:
        """Its probabilities or values for these rows, as `Predict` says."""
        with threads_for(rows.cells):
            return self.predict(rows)


def names_for(
    task: str, primary: str, asked: tuple[str, ...] | None, *, of_texts: bool = False, of_columns: bool = True
) -> list[str]:
    """The opponents to fit: those asked for, or all that fit the task.

    The trivial one is always among them, since no verdict can do without it.

    Args:
        task: of the recipe.
        primary: the metric of the verdict.
        asked: names in the recipe.
        of_texts: whether there are columns of text.
        of_columns: whether there are others.

    Raises:
        RecipeError: one that was asked for does not fit the task or the columns.
    """
    fitting = [name for name in FIT[task] if of_columns or name in TRIVIAL]
    if of_texts and task == "classification":
        fitting += OF_TEXTS
    for name in asked or ():
        if name not in fitting:
            what = f"{task} of texts" if of_texts else task
            raise RecipeError(f"evaluation.opponents: {name} does not fit {what}; those that do: {', '.join(fitting)}")
    trivial = trivial_opponent(primary)
    return [name for name in fitting if asked is None or name in asked or name == trivial]


def fit_opponents(
    names: list[str], problem: Problem, threshold: float | Literal["f1", "accuracy"]
) -> dict[str, Opponent]:
    """The named opponents, fitted.

    Args:
        names: those that `names_for` allows.
        problem: the rows to learn from.
        threshold: how the network's threshold was found (two classes); each opponent's is found the same way.

    Raises:
        MissingExtraError: scikit-learn is not installed.
    """
    fitted = {}
    with threads_for(problem.train.cells):
        for name in names:
            predict, note = _FITS[name](problem)
            fitted[name] = Opponent(name, predict, _answers(name, problem, predict, threshold), note)
    return fitted


def _answers(
    name: str, problem: Problem, predict: Predict, threshold: float | Literal["f1", "accuracy"]
) -> ClassificationAnswers | RegressionAnswers:
    answers = problem.answers
    if isinstance(answers, RegressionAnswers) or answers.positive is None:
        return answers
    if name in TRIVIAL:
        # Its probabilities are all equal: any other threshold would make it answer the rarer class.
        return answers.model_copy(update={"threshold": 0.5})
    if isinstance(threshold, str):
        probabilities = predict(problem.validation)[:, answers.positive]
        threshold = best_threshold(probabilities, problem.validation.targets == answers.positive, threshold)
    return answers.model_copy(update={"threshold": threshold})


def _majority(problem: Problem) -> tuple[Predict, str]:
    shares = np.bincount(problem.train.targets, minlength=problem.classes) / len(problem.train)
    return _constant(
        shares
    ), f"answers the classes' shares of the training rows, the largest {100 * shares.max():.1f} %"


def _median(problem: Problem) -> tuple[Predict, str]:
    value = float(np.median(problem.train.targets))
    return _constant(np.array(value)), f"answers {value:,.6g}, the median of the training rows"


def _mean(problem: Problem) -> tuple[Predict, str]:
    value = float(np.mean(problem.train.targets))
    return _constant(np.array(value)), f"answers {value:,.6g}, the mean of the training rows"


def _constant(answer: Floats) -> Predict:
    def predict(rows: Rows) -> Floats:
        return np.broadcast_to(answer, (len(rows), *answer.shape))

    return predict


_FITS: dict[str, Callable[[Problem], tuple[Predict, str]]] = {
    "majority": _majority,
    "median": _median,
    "mean": _mean,
    "logistic_regression": linear.logistic_regression,
    "ridge": linear.ridge,
    "nearest_neighbours": neighbours.nearest_neighbours,
    "gradient_boosting": trees.gradient_boosting,
    "nb_svm": texts.nb_svm,
    "bag_of_embeddings": texts.bag_of_embeddings,
}
