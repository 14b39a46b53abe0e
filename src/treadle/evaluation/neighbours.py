"""The answers of the nearest training rows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from treadle.evaluation.encoding import Encoding
from treadle.evaluation.metrics import Floats
from treadle.evaluation.problem import Predict, Problem, Rows

NEIGHBOURS = (1, 5, 15, 50)
MOST_ROWS = 20_000
"""Training rows to look among; more would cost minutes and change little."""


def nearest_neighbours(problem: Problem) -> tuple[Predict, str]:
    """The mean answer of the k nearest training rows (Euclidean), with the k that does best on the validation rows.

    Where the verdict is about MAE, the median answer. A class's probability is its share among the neighbours with
    one more vote spread as the classes are in training, so that no class is ever ruled out.
    """
    from sklearn.neighbors import NearestNeighbors

    encoding = Encoding.fit(problem.train.inputs, problem.code_sizes)
    kept = _kept(len(problem.train), problem.seed)
    matrix = encoding.transform(problem.train.inputs)[kept]
    targets = problem.train.targets[kept]
    counts = [k for k in NEIGHBOURS if k <= len(kept)]
    search = NearestNeighbors(n_neighbors=counts[-1]).fit(matrix)
    shares = np.bincount(targets, minlength=problem.classes) / len(targets) if problem.classes else None

    def answers(nearest: NDArray[np.intp]) -> Floats:
        if shares is None:
            typical = np.median if problem.primary == "mae" else np.mean
            values: Floats = typical(targets[nearest], axis=1)
            return values
        votes = np.stack([(targets[nearest] == label).sum(axis=1) for label in range(len(shares))], axis=1)
        probabilities: Floats = (votes + shares) / (nearest.shape[1] + 1)
        return probabilities

    nearest = search.kneighbors(encoding.transform(problem.validation.inputs), return_distance=False)
    best = min(counts, key=lambda k: problem.loss(answers(nearest[:, :k])))

    def predict(rows: Rows) -> Floats:
        return answers(search.kneighbors(encoding.transform(rows.inputs), best, return_distance=False))

    among = f" among {len(kept):,} of {len(problem.train):,} training rows" if len(kept) < len(problem.train) else ""
    return predict, f"k = {best}{among}"


def _kept(rows: int, seed: int) -> NDArray[np.int64]:
    if rows <= MOST_ROWS:
        return np.arange(rows)
    return np.sort(np.random.default_rng(seed).choice(rows, MOST_ROWS, replace=False))
