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
from treadle.evaluation.evaluation import Difference, Evaluation, Interval
from treadle.evaluation.metrics import Floats
from treadle.evaluation.opponents import Opponent
from treadle.evaluation.problem import Rows
from treadle.evaluation.terms import METRICS, primary_metric, trivial_opponent
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
        opponents: fitted ones, to be judged on the same rows; none judges the predictor alone.
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
        models[name] = (opponent.answers, opponent.predict(rows))

    points = {name: _defined(_score(rows, *model, metrics.unweighted(len(rows)))) for name, model in models.items()}
    groups = bootstrap.distinct_rows(rows.columns)
    samples = _resampled(rows, models, groups, recipe.resamples, seed)
    confidence = recipe.confidence
    intervals = {name: _intervals(points[name], samples[name], confidence) for name in models}
    primary = _primary(predictor.task, loss, points[NETWORK])
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
    target = predictor.contract.target.name
    columns = {name: cells[checked.good] for name, cells in checked.columns.items()}
    predictions = predictor.predict_table(table.take(checked.good), "fail" if on_bad_row == "fail" else "report")
    outputs: Floats = predictions.columns["probabilities" if predictor.task == "classification" else "value"]
    sound = np.isfinite(outputs).reshape(len(outputs), -1).all(axis=1)
    columns = {name: cells[sound] for name, cells in columns.items()}
    truth = columns.pop(target)
    if len(truth) == 0:
        raise DataError(f"{table.source}: no row to judge: none of its {len(table)} rows keeps the contract")
    rows = Rows(columns, predictor.bundle.features.transform(columns), truth)
    return rows, outputs[sound], len(table) - len(truth)


def _score(rows: Rows, answers: Answers, outputs: Floats, weights: Floats) -> Figures:
    if isinstance(answers, RegressionAnswers):
        return metrics.regression_metrics(rows.targets, outputs, weights)
    chosen = answers.choose(outputs)
    return metrics.classification_metrics(rows.targets, chosen, outputs, answers.positive, weights)


def _defined(figures: Figures) -> dict[str, float]:
    """The plain figures; one that these rows leave undefined (ROC AUC of one class) is left out."""
    return {name: float(figure[0]) for name, figure in figures.items() if np.isfinite(figure[0])}


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
    return {metric: interval for metric, interval in found.items() if interval is not None}


def _primary(task: str, loss: str | None, defined: Mapping[str, float]) -> str:
    # Rows of a single class have no ROC AUC; their accuracy is all there is to say.
    primary = primary_metric(task, loss)
    return primary if primary in defined else ("accuracy" if task == "classification" else "mae")


def _compare(evaluation: Evaluation, samples: Mapping[str, Figures]) -> dict[str, Any]:
    """Differences, verdict and outcome."""
    primary = evaluation.primary
    sampled = {name: figures[primary] for name, figures in samples.items()}
    figures = {NETWORK: evaluation.metrics[primary]} | {
        name: found[primary] for name, found in evaluation.opponents.items()
    }
    comparisons = {}
    for name in evaluation.opponents:
        low, high = _ends(sampled[NETWORK] - sampled[name], evaluation.confidence)
        comparisons[name] = Comparison(figures[name], figures[NETWORK] - figures[name], low, high)
    trivial = trivial_opponent(evaluation.task, primary)
    standing = Standing(
        primary=primary,
        network=figures[NETWORK],
        comparisons=comparisons,
        trivial=trivial,
        trivial_figure=figures[trivial],
        signal=_beats_trivial(sampled, trivial, primary, evaluation.confidence),
        confidence=evaluation.confidence,
    )
    outcome, verdict = judge(standing)
    differences = {name: _difference(primary, comparison) for name, comparison in comparisons.items()}
    return {"differences": differences, "verdict": verdict, "outcome": outcome}


def _beats_trivial(sampled: Mapping[str, Floats], trivial: str, primary: str, confidence: float) -> bool:
    sign = 1.0 if METRICS[primary].higher_is_better else -1.0
    candidates = [name for name in sampled if name not in (trivial, "median", "mean", "majority")]
    widened = 1.0 - (1.0 - confidence) / len(candidates)
    return any(_ends(sign * (sampled[name] - sampled[trivial]), widened)[0] > 0 for name in candidates)


def _ends(samples: Floats, confidence: float) -> Interval:
    found = bootstrap.interval(samples, confidence)
    # Too few resamples have a figure to tell anything.
    return found if found is not None else (-np.inf, np.inf)


def _difference(primary: str, comparison: Comparison) -> Difference:
    sign = 1.0 if METRICS[primary].higher_is_better else -1.0
    better = sign * comparison.low > 0 and sign * comparison.high > 0
    worse = sign * comparison.low < 0 and sign * comparison.high < 0
    return Difference(
        metric=primary,
        difference=comparison.difference,
        low=comparison.low,
        high=comparison.high,
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
