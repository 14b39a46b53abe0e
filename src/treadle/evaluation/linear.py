"""Logistic and ridge regression."""

from __future__ import annotations

import warnings

import numpy as np

from treadle.evaluation.encoding import Encoding
from treadle.evaluation.metrics import Floats
from treadle.evaluation.problem import Predict, Problem, Rows

STRENGTHS = (0.01, 0.1, 1.0, 10.0, 100.0)
"""Inverse regularisation of logistic regression: small is strong."""

SHARES = (1e-5, 1e-3, 1e-2, 1e-1, 1.0)
"""Regularisation of ridge regression for each training row: small is weak."""

ITERATIONS = 1000


def logistic_regression(problem: Problem) -> tuple[Predict, str]:
    """Multinomial logistic regression with the L2 penalty that does best on the validation rows."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    encoding = Encoding.fit(problem.train.inputs, problem.code_sizes)
    matrix = encoding.transform(problem.train.inputs)

    def fit(strength: float) -> tuple[Predict, bool]:
        model = LogisticRegression(C=strength, max_iter=ITERATIONS)
        with warnings.catch_warnings():
            # It is said in the note instead.
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(matrix, problem.train.targets)

        def predict(rows: Rows) -> Floats:
            probabilities = np.zeros((len(rows), problem.classes))
            probabilities[:, model.classes_] = model.predict_proba(encoding.transform(rows.inputs))
            return probabilities

        return predict, bool(model.n_iter_.max() < ITERATIONS)

    fits = {strength: fit(strength) for strength in STRENGTHS}
    best = min(fits, key=lambda strength: problem.loss(fits[strength][0](problem.validation)))
    predict, converged = fits[best]
    return predict, f"C = {best:g}" + ("" if converged else f", not converged after {ITERATIONS} iterations")


def ridge(problem: Problem) -> tuple[Predict, str]:
    """Linear regression with the L2 penalty that does best on the validation rows."""
    from sklearn.linear_model import Ridge

    encoding = Encoding.fit(problem.train.inputs, problem.code_sizes)
    matrix = encoding.transform(problem.train.inputs)

    def fit(share: float) -> Predict:
        model = Ridge(alpha=share * len(problem.train)).fit(matrix, problem.train.targets)

        def predict(rows: Rows) -> Floats:
            values: Floats = model.predict(encoding.transform(rows.inputs))
            return values

        return predict

    fits = {share: fit(share) for share in SHARES}
    best = min(fits, key=lambda share: problem.loss(fits[share](problem.validation)))
    return fits[best], f"alpha = {best * len(problem.train):.4g}"
