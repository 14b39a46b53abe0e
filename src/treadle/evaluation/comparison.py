"""A network beside its opponents: figures with intervals, differences, and what comes of them.

All models are scored on the same bootstrap resamples of the same rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from treadle.evaluation import bootstrap, metrics
from treadle.evaluation.evaluation import Difference, Interval, rounded
from treadle.evaluation.metrics import Codes, Floats
from treadle.evaluation.terms import METRICS, TRIVIAL, signal_metrics, trivial_opponent
from treadle.evaluation.verdict import Comparison, Standing, judge
from treadle.recipe import EvaluationRecipe

NETWORK = "network"

Figures = dict[str, Floats]
"""By metric, one figure for each resample, shape (resamples,)."""
Score = Callable[[Floats], Figures]
"""A model's figures for weights of the rows, shape (resamples, rows)."""


@dataclass(frozen=True)
class Scores:
    """The figures of every model, by its name; NETWORK is the network's."""

    points: dict[str, dict[str, float]]
    """On the rows as they are; a figure that they leave undefined (ROC AUC of one class) is left out."""
    samples: dict[str, Figures]
    """On every resample."""
    resamples: int
    confidence: float

    @classmethod
    def of(cls, models: Mapping[str, Score], groups: Codes, recipe: EvaluationRecipe, seed: int) -> Scores:
        """Score the models.

        Args:
            models: what gives each model's figures.
            groups: of each row, the number of the group of equal rows that is drawn as a whole, shape (rows,).
            recipe: how many resamples, and which share of them an interval holds.
            seed: of the resamples.
        """
        every = metrics.unweighted(len(groups))
        points = {name: _defined(score(every)) for name, score in models.items()}
        stretches = [
            {name: score(weights) for name, score in models.items()}
            for weights in bootstrap.draws(groups, recipe.resamples, seed)
        ]
        samples = {
            name: {metric: np.concatenate([stretch[name][metric] for stretch in stretches]) for metric in figures}
            for name, figures in stretches[0].items()
        }
        return cls(points, samples, recipe.resamples, recipe.confidence)

    def define(self, metric: str) -> bool:
        """Whether the rows leave this metric defined for every model."""
        return all(metric in points for points in self.points.values())

    def fields(self) -> dict[str, Any]:
        """What an `Evaluation` says of them."""
        opponents = [name for name in self.points if name != NETWORK]
        return {
            "metrics": self.points[NETWORK],
            "intervals": self._intervals(NETWORK),
            "opponents": {name: self.points[name] for name in opponents},
            "opponent_intervals": {name: self._intervals(name) for name in opponents},
            "resamples": self.resamples,
            "confidence": self.confidence,
        }

    def _intervals(self, name: str) -> dict[str, Interval]:
        found = {
            metric: bootstrap.interval(self.samples[name][metric], self.confidence) for metric in self.points[name]
        }
        return {metric: (rounded(ends[0]), rounded(ends[1])) for metric, ends in found.items() if ends is not None}


def _defined(figures: Figures) -> dict[str, float]:
    return {name: rounded(figure[0]) for name, figure in figures.items() if np.isfinite(figure[0])}


def compare(scores: Scores, primary: str, task: str) -> dict[str, Any]:
    """Differences, verdict and outcome, as an `Evaluation` says them; nothing where there are no opponents."""
    network = scores.points[NETWORK][primary]
    comparisons = {}
    for name, found in scores.points.items():
        if name != NETWORK:
            gain = scores.samples[NETWORK][primary] - scores.samples[name][primary]
            low, high = _ends(gain, scores.confidence)
            comparisons[name] = Comparison(found[primary], network - found[primary], low, high)
    if not comparisons:
        return {}
    trivial = trivial_opponent(primary)
    standing = Standing(
        task=task,
        primary=primary,
        network=network,
        comparisons=comparisons,
        trivial=trivial,
        signal=_signal(scores, trivial, primary),
        confidence=scores.confidence,
    )
    outcome, verdict = judge(standing)
    differences = {name: _difference(primary, comparison) for name, comparison in comparisons.items()}
    return {"differences": differences, "verdict": verdict, "outcome": outcome}


def _signal(scores: Scores, trivial: str, primary: str) -> bool:
    """Whether the network or an opponent beats the trivial one, with intervals widened for the chances they have."""
    samples = scores.samples
    judged = [metric for metric in signal_metrics(primary) if metric in samples[trivial]]
    candidates = [(name, metric) for name in samples if name not in TRIVIAL for metric in judged]
    widened = 1.0 - (1.0 - scores.confidence) / len(candidates)
    for name, metric in candidates:
        gain = samples[name][metric] - samples[trivial][metric]
        if _ends(gain if METRICS[metric].higher_is_better else -gain, widened)[0] > 0:
            return True
    return False


def _ends(samples: Floats, confidence: float) -> Interval:
    # Only ROC AUC can lack a figure, where hardly a resample draws both classes; its differences lie within one.
    return bootstrap.interval(samples, confidence) or (-1.0, 1.0)


def _difference(primary: str, comparison: Comparison) -> Difference:
    sign = 1.0 if METRICS[primary].higher_is_better else -1.0
    better = sign * comparison.low > 0 and sign * comparison.high > 0
    worse = sign * comparison.low < 0 and sign * comparison.high < 0
    return Difference(
        metric=primary,
        difference=rounded(comparison.difference),
        low=rounded(comparison.low),
        high=rounded(comparison.high),
        better="network" if better else "opponent" if worse else None,
    )
