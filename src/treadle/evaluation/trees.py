"""Gradient-boosted trees, on the columns as they are: missing values and categories need no preparation."""

from __future__ import annotations

from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from treadle.evaluation.metrics import Floats
from treadle.evaluation.problem import Predict, Problem, Rows

SETTINGS: tuple[dict[str, Any], ...] = (
    {"learning_rate": 0.1, "max_leaf_nodes": 31},
    {"learning_rate": 0.05, "max_leaf_nodes": 8},
)
SHRINKAGE = 1.0
"""L2 penalty on the leaves; without one, the leaves of a class of a few rows grow without bound."""
MOST_TREES = 500
MOST_TREES_OF_MANY_CLASSES = 1000
"""Shared among the classes where there are more than two, since each needs trees of its own."""
PATIENCE = 20
MOST_CATEGORIES = 255
"""What the trees can tell apart in one column."""


def gradient_boosting(problem: Problem) -> tuple[Predict, str]:
    """Histogram gradient boosting, stopped early and chosen among two shapes of tree on the validation rows."""
    tables = _Tables(problem)
    fits = [_fit(problem, tables, setting) for setting in SETTINGS]
    return min(fits, key=lambda fit: problem.loss(fit[0](problem.validation)))


def _fit(problem: Problem, tables: _Tables, setting: dict[str, Any]) -> tuple[Predict, str]:
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    loss = {"loss": "absolute_error"} if problem.primary == "mae" else {}
    estimator = HistGradientBoostingClassifier if problem.classes else HistGradientBoostingRegressor
    model = estimator(
        **setting,
        **loss,
        l2_regularization=SHRINKAGE,
        max_iter=MOST_TREES if problem.classes <= 2 else max(100, MOST_TREES_OF_MANY_CLASSES // problem.classes),
        early_stopping=True,
        n_iter_no_change=PATIENCE,
        categorical_features=tables.categorical,
        random_state=problem.seed,
    )
    model.fit(
        tables.of(problem.train),
        problem.train.targets,
        X_val=tables.of(problem.validation),
        y_val=problem.validation.targets,
    )
    # It stops PATIENCE trees after the best one, and keeps them all.
    trees = int(np.argmax(model.validation_score_[1:])) + 1

    def predict(rows: Rows) -> Floats:
        if not problem.classes:
            values: Floats = next(islice(model.staged_predict(tables.of(rows)), trees - 1, None))
            return values
        probabilities = np.zeros((len(rows), problem.classes))
        stages = model.staged_predict_proba(tables.of(rows))
        probabilities[:, model.classes_] = next(islice(stages, trees - 1, None))
        return probabilities

    return predict, f"{trees} trees of at most {setting['max_leaf_nodes']} leaves"


class _Tables:
    """Rows as the trees take them: one float64 matrix, codes of at most 255 categories, NaN for missing."""

    def __init__(self, problem: Problem) -> None:
        self._codes = {
            name: _commonest(problem.train.columns[name], size) for name, size in problem.category_sizes.items()
        }
        texts = problem.text.columns if problem.text else ()
        self._names = [name for name in problem.train.columns if name not in texts]
        self.categorical = np.array([name in self._codes for name in self._names])

    def of(self, rows: Rows) -> NDArray[np.float64]:
        columns = [
            self._codes[name][np.where(cells < 0, len(self._codes[name]) - 1, cells)] if name in self._codes else cells
            for name, cells in ((name, rows.columns[name]) for name in self._names)
        ]
        return np.column_stack(columns).astype(np.float64)


def _commonest(codes: NDArray[np.integer[Any]], size: int) -> NDArray[np.float64]:
    """What stands for each code: itself, or a shared one for the rarest where there are too many.

    Two more stand at the end for unseen and missing: NaN.
    """
    counts = np.bincount(codes[codes >= 0], minlength=size)
    place = np.empty(size)
    place[np.argsort(-counts, kind="stable")] = np.arange(size)
    return np.append(np.minimum(place, MOST_CATEGORIES - 1), [np.nan, np.nan])
