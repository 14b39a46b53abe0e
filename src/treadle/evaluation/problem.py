"""What the opponents learn from, and the metric that chooses among their settings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from treadle.bundle.answers import ClassificationAnswers, RegressionAnswers
from treadle.bundle.predictor import Predictor
from treadle.data.contract import Contract
from treadle.evaluation import metrics
from treadle.evaluation.metrics import Floats
from treadle.evaluation.terms import METRICS, primary_metric
from treadle.features import Features
from treadle.features.text import Text


@dataclass(frozen=True)
class Rows:
    """The same rows in two forms, with their true answers."""

    columns: dict[str, NDArray[Any]]
    """Features as the contract checked them, each of shape (rows,): float64 with NaN for a missing number, int32
    category codes with -1 for a missing one, texts."""
    inputs: dict[str, NDArray[Any]]
    """What the network sees: `numbers` (rows, numbers), `codes` (rows, categories), `tokens` (rows, time) and
    `lengths` (rows,), whichever there are."""
    targets: NDArray[Any]
    """Class of each row (int), or its value in the target's units (float64), shape (rows,)."""

    @classmethod
    def of(cls, checked: dict[str, NDArray[Any]], contract: Contract, features: Features) -> Rows:
        """The rows of these checked columns, the target's among them."""
        columns = {field.name: checked[field.name] for field in contract.features}
        targets = checked[contract.target.name]
        return cls(columns, features.transform(columns), targets)

    def __len__(self) -> int:
        return len(self.targets)

    @property
    def cells(self) -> int:
        """Rows times features."""
        return len(self) * len(self.columns)


Predict = Callable[[Rows], Floats]
"""Probabilities of shape (rows, classes), or values in the target's units of shape (rows,)."""


@dataclass(frozen=True)
class Problem:
    """Rows to learn from, rows to choose on, and what the answers look like."""

    train: Rows
    validation: Rows
    answers: ClassificationAnswers | RegressionAnswers
    """The network's."""
    primary: str
    """The metric that chooses."""
    category_sizes: dict[str, int]
    """Known categories of each column of `Rows.columns` that holds codes."""
    code_sizes: tuple[int, ...] = ()
    """Codes of each column of `Rows.inputs["codes"]`."""
    seed: int = 0
    text: Text | None = None
    """How texts are read, where there are any."""

    @classmethod
    def of(cls, train: Rows, validation: Rows, predictor: Predictor, seed: int) -> Problem:
        """What there is to learn for the opponents of `predictor`'s network."""
        bundle, answers = predictor.bundle, predictor.bundle.answers
        assert isinstance(answers, ClassificationAnswers | RegressionAnswers)
        classes = answers.outputs if bundle.task == "classification" else 0
        return cls(
            train,
            validation,
            answers,
            primary_metric(classes, bundle.recipe.get("training", {}).get("loss")),
            {field.name: len(field.categories) for field in bundle.contract.features if field.kind == "category"},
            bundle.features.cardinalities,
            seed,
            bundle.features.text,
        )

    @property
    def classes(self) -> int:
        """How many classes there are; 0 in regression."""
        return len(self.answers.labels) if isinstance(self.answers, ClassificationAnswers) else 0

    def loss(self, predicted: Floats) -> float:
        """The primary metric on the validation rows, signed so that less is better; infinite where it is undefined."""
        weights = metrics.unweighted(len(self.validation))
        truth = self.validation.targets
        if isinstance(self.answers, RegressionAnswers):
            figures = metrics.regression_metrics(truth, predicted, weights)
        else:
            chosen = np.argmax(predicted, axis=1)
            figures = metrics.classification_metrics(truth, chosen, predicted, self.answers.positive, weights)
        value = float(figures[self.primary][0])
        if not np.isfinite(value):
            return np.inf
        return -value if METRICS[self.primary].higher_is_better else value
