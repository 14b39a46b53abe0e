"""How good a network is, beside what a careful reader would have tried first."""

from __future__ import annotations

from treadle.evaluation.evaluate import evaluate
from treadle.evaluation.evaluation import Evaluation
from treadle.evaluation.opponents import Opponent, fit_opponents, names_for
from treadle.evaluation.problem import Problem, Rows
from treadle.evaluation.terms import primary_metric

__all__ = ["Evaluation", "Opponent", "Problem", "Rows", "evaluate", "fit_opponents", "names_for", "primary_metric"]
