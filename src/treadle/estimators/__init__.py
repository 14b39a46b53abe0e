"""Scikit-learn estimators: the same networks, on arrays and frames, without files, opponents or evaluation.

They predict through a bundle in memory, as a server would; JAX is imported only to fit.
"""

from __future__ import annotations

from treadle.estimators.classifier import TreadleClassifier
from treadle.estimators.regressor import TreadleRegressor

__all__ = ["TreadleClassifier", "TreadleRegressor"]
