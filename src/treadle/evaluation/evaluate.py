"""Judge a saved network, through its own predictor, beside its opponents."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from treadle.bundle.answers import ClassificationAnswers, RegressionAnswers
from treadle.bundle.predictor import OnBadRow, Predictor, describe_faults
from treadle.data.table import Table
from treadle.errors import ContractError, DataError
from treadle.evaluation import bootstrap, metrics, pictures
from treadle.evaluation.evaluation import Difference, Evaluation, Interval, rounded
from treadle.evaluation.metrics import Floats
from treadle.evaluation.opponents import Opponent
from treadle.evaluation.problem import Rows
from treadle.evaluation.terms import METRICS, TRIVIAL, primary_metric, signal_metrics, trivial_opponent
from treadle.evaluation.verdict import Comparison, Standing, judge
from treadle.recipe import EvaluationRecipe

NETWORK = "network"

Answers = ClassificationAnswers | RegressionAnswers
Figures = dict[str, Floats]
"""By metric, one figure for each resample, shape (resamples,)."""


def evaluate(
    predictor: Predictor,
    table: Table,
    opponents: Mapping[str, Opponent] | None = None,
    *,
    seed: int = 0,
    on_bad_row: OnBadRow = "fail",
) -> Evaluation:
    """Figures of the predictor on labelled rows it was not trained on, with intervals, and beside opponents a verdict.

    Args:
        predictor: of the saved bundle; its recipe says how many resamples, and which metric the verdict is about.
        table: raw rows with the target.
        opponents: of `fit_opponents`, to be judged on the same rows; none judges the predictor alone.
        seed: of the resamples.
        on_bad_row: `fail` stops at rows that break the contract; otherwise they are left out and counted.

    Raises:
        ContractError: a column is missing, or rows break the contract and `on_bad_row` is `fail`.
        DataError: no row is left to judge.
    """
    rows, outputs, skipped = _answered(predictor, table, on_bad_row)
    recipe = EvaluationRecipe.model_validate(predictor.bundle.recipe.get("evaluation", {}))
    loss = predictor.bundle.recipe.get("training", {}).get("loss")
    answers = predictor.answers
    models: dict[str, tuple[Answers, Floats]] = {NETWORK: (answers, outputs)}
    for name, opponent in (opponents or {}).items():
        models[name] = (opponent.answers, opponent.outputs(rows))

    points = {name: _defined(_score(rows, *model, metrics.unweighted(len(rows)))) for name, model in models.items()}
    groups = bootstrap.distinct_rows(rows.columns)
    samples = _resampled(rows, models, groups, recipe.resamples, seed)
    confidence = recipe.confidence
    intervals = {name: _intervals(points[name], samples[name], confidence) for name in models}
    primary = _primary(answers, loss, points[NETWORK])
    evaluation = Evaluation(
        task=predictor.task,
        target=predictor.contract.target.name,
        rows=len(rows),
        distinct_rows=int(groups.max()) + 1,
        skipped=skipped,
        primary=primary,
        metrics=points.pop(NETWORK),
        intervals=intervals.pop(NETWORK),
        opponents=points,
        opponent_intervals=intervals,
        opponent_notes={name: opponent.note for name, opponent in (opponents or {}).items()},
        resamples=recipe.resamples,
        confidence=confidence,
    )
    compared = _compare(evaluation, samples) if opponents else {}
    return evaluation.model_copy(update=compared | _pictures(rows, models, seed))


def _answered(predictor: Predictor, table: Table, on_bad_row: OnBadRow) -> tuple[Rows, Floats, int]:
    """The rows that have a true answer and were given one, what the network said of them, and how many were left out.

    What it said: probabilities of shape (rows, classes), or values of shape (rows,).
    """
    checked = predictor.contract.check(table, with_target=True)
    if checked.faults and on_bad_row == "fail":
        raise ContractError(describe_faults(checked.faults, table.source))
    predictions = predictor.predict_table(table.take(checked.good), "fail" if on_bad_row == "fail" else "report")
    outputs: Floats = predictions.columns["probabilities" if predictor.task == "classification" else "value"]
    sound = np.isfinite(outputs if outputs.ndim == 1 else outputs.sum(axis=1))
    if not sound.any():
        raise DataError(f"{table.source}: no row to judge: none of its {len(table)} rows keeps the contract")
    kept = np.flatnonzero(checked.good)[sound]
    columns = {name: cells[kept] for name, cells in checked.columns.items()}
    rows = Rows.of(columns, predictor.contract, predictor.bundle.features)
    return rows, outputs[sound], len(table) - len(rows)


def _score(rows: Rows, answers: Answers, outputs: Floats, weights: Floats) -> Figures:
    if isinstance(answers, RegressionAnswers):
        return metrics.regression_metrics(rows.targets, outputs, weights)
    chosen = answers.choose(outputs)
    return metrics.classification_metrics(rows.targets, chosen, outputs, answers.positive, weights)


def _defined(figures: Figures) -> dict[str, float]:
    """The plain figures; one that these rows leave undefined (ROC AUC of one class) is left out."""
    return {name: rounded(figure[0]) for name, figure in figures.items() if np.isfinite(figure[0])}


def _resampled(
    rows: Rows, models: Mapping[str, tuple[Answers, Floats]], groups: NDArray[np.int64], resamples: int, seed: int
) -> dict[str, Figures]:
    stretches = [
        {name: _score(rows, *model, weights) for name, model in models.items()}
        for weights in bootstrap.draws(groups, resamples, seed)
    ]
    return {
        name: {metric: np.concatenate([stretch[name][metric] for stretch in stretches]) for metric in figures}
        for name, figures in stretches[0].items()
    }


def _intervals(points: dict[str, float], samples: Figures, confidence: float) -> dict[str, Interval]:
    found = {metric: bootstrap.interval(samples[metric], confidence) for metric in points}
    return {metric: (rounded(ends[0]), rounded(ends[1])) for metric, ends in found.items() if ends is not None}


def _primary(answers: Answers, loss: str | None, defined: Mapping[str, float]) -> str:
    classes = len(answers.labels) if isinstance(answers, ClassificationAnswers) else 0
    primary = primary_metric(classes, loss)
    # Rows of a single class have no ROC AUC; their accuracy is all there is to say.
    return primary if primary in defined else "accuracy"


def _compare(evaluation: Evaluation, samples: Mapping[str, Figures]) -> dict[str, Any]:
    """Differences, verdict and outcome."""
    primary = evaluation.primary
    network = evaluation.metrics[primary]
    comparisons = {}
    for name, found in evaluation.opponents.items():
        low, high = _ends(samples[NETWORK][primary] - samples[name][primary], evaluation.confidence)
        comparisons[name] = Comparison(found[primary], network - found[primary], low, high)
    trivial = trivial_opponent(primary)
    standing = Standing(
        primary=primary,
        network=network,
        comparisons=comparisons,
        trivial=trivial,
        signal=_signal(samples, trivial, primary, evaluation.confidence),
        confidence=evaluation.confidence,
    )
    outcome, verdict = judge(standing)
    differences = {name: _difference(primary, comparison) for name, comparison in comparisons.items()}
    return {"differences": differences, "verdict": verdict, "outcome": outcome}


def _signal(samples: Mapping[str, Figures], trivial: str, primary: str, confidence: float) -> bool:
    """Whether the network or an opponent beats the trivial one, with intervals widened for the chances they have."""
    candidates = [(name, metric) for name in samples if name not in TRIVIAL for metric in signal_metrics(primary)]
    widened = 1.0 - (1.0 - confidence) / len(candidates)
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


def _pictures(rows: Rows, models: Mapping[str, tuple[Answers, Floats]], seed: int) -> dict[str, Any]:
    answers, outputs = models[NETWORK]
    if isinstance(answers, RegressionAnswers):
        return {"residuals": pictures.residuals(rows.targets, outputs, seed)}
    chosen = answers.choose(outputs)
    drawn: dict[str, Any] = {
        "labels": answers.labels,
        "threshold": answers.threshold,
        "calibration": pictures.calibration(rows.targets, chosen, outputs, answers.positive),
        "confusion": pictures.confusion(rows.targets, chosen, answers),
    }
    if answers.positive is not None:
        positive = rows.targets == answers.positive
        curves = {name: pictures.roc_curve(positive, given[:, answers.positive]) for name, (_, given) in models.items()}
        drawn["positive"] = answers.labels[answers.positive]
        drawn["roc"] = {name: curve for name, curve in curves.items() if curve is not None}
    return drawn
