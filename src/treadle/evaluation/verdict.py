"""One sentence: is the network worth it?

The rule, on the test rows and the primary metric (`terms.primary_metric`):

1. *No signal*: neither the network nor any opponent beats the trivial one, that is, no paired interval of the
   difference lies on the better side of zero, on any of `terms.signal_metrics`. Many comparisons are as many chances
   to beat it by luck, so here each interval is widened to 1 - (1 - confidence) / comparisons (Bonferroni).
2. Otherwise the network is held against its strongest opponent, the one with the best figure:
   *worth it* if the paired interval of the difference lies on the network's side of zero,
   *not worth it* if it lies on the other side,
   *no difference* that this test set can see if it holds zero.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from treadle.evaluation.terms import METRICS, change, figure, opponent_in_sentence

Outcome = Literal["worth_it", "no_difference", "not_worth_it", "no_signal"]

SIMPLE = ("logistic_regression", "ridge", "bigram")
"""Opponents worth naming where they do as well, since a person can read them."""


@dataclass(frozen=True)
class Comparison:
    """The network beside one opponent, on the same resamples."""

    figure: float
    """The opponent's primary metric."""
    difference: float
    """The network's less the opponent's."""
    low: float
    high: float
    """Interval of the difference."""


@dataclass(frozen=True)
class Standing:
    """What the verdict rests on."""

    task: str
    primary: str
    network: float
    """The network's primary metric."""
    comparisons: dict[str, Comparison]
    trivial: str
    signal: bool
    """Whether anything beats the trivial opponent."""
    confidence: float


def judge(standing: Standing) -> tuple[Outcome, str]:
    """What has come out, and the sentence that says so."""
    title = METRICS[standing.primary].title
    if not standing.signal:
        trivial = opponent_in_sentence(standing.trivial, standing.task)
        value = figure(standing.primary, standing.comparisons[standing.trivial].figure)
        return "no_signal", f"no signal: nothing beats {trivial} ({title} {value})"
    name, beside = _strongest(standing)
    rival = opponent_in_sentence(name, standing.task)
    network, other = figure(standing.primary, standing.network), figure(standing.primary, beside.figure)
    if _better(standing, beside):
        return "worth_it", f"worth it: {title} {network} beats {rival} by {_gap(standing, beside)}"
    if _worse(standing, beside):
        figures = f"{title} {other} against {network}"
        return "not_worth_it", f"not worth it: {rival} is better by {_gap(standing, beside)}: {figures}"
    sentence = (
        f"no difference that this test set can see between the network ({title} {network}) and "
        f"{rival} ({other}): {_difference(standing, beside)}"
    )
    for simple in SIMPLE:
        if simple != name and simple in standing.comparisons and not _better(standing, standing.comparisons[simple]):
            known = opponent_in_sentence(simple, standing.task)
            sentence += f"; nor can it tell the network from {known}, which is simpler"
    return "no_difference", sentence


def _strongest(standing: Standing) -> tuple[str, Comparison]:
    sign = 1 if METRICS[standing.primary].higher_is_better else -1
    name = max(standing.comparisons, key=lambda name: sign * standing.comparisons[name].figure)
    return name, standing.comparisons[name]


def _better(standing: Standing, beside: Comparison) -> bool:
    return beside.low > 0 if METRICS[standing.primary].higher_is_better else beside.high < 0


def _worse(standing: Standing, beside: Comparison) -> bool:
    return beside.high < 0 if METRICS[standing.primary].higher_is_better else beside.low > 0


def _difference(standing: Standing, beside: Comparison) -> str:
    """The difference and its interval: `-0.003 (95 % interval -0.008 to 0.001)`."""
    ends = (beside.difference, beside.low, beside.high)
    difference, low, high = (change(standing.primary, end, standing.network) for end in ends)
    return f"{difference} ({100 * standing.confidence:g} % interval {low} to {high})"


def _gap(standing: Standing, beside: Comparison) -> str:
    """The same of whoever is ahead, without sign."""
    if beside.difference >= 0:
        return _difference(standing, beside)
    return _difference(standing, Comparison(beside.figure, -beside.difference, -beside.high, -beside.low))
