"""Judge a saved network, through its own predictor, beside its opponents."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

from treadle.bundle.answers import ClassificationAnswers, RegressionAnswers
from treadle.bundle.faulty import describe_faults
from treadle.bundle.predictor import OnBadRow, Predictor
from treadle.data.table import Table
from treadle.errors import ContractError, DataError
from treadle.evaluation import bootstrap, metrics, pictures
from treadle.evaluation.comparison import NETWORK, Figures, Scores, compare
from treadle.evaluation.evaluation import Evaluation
from treadle.evaluation.judging import evaluate_lines
from treadle.evaluation.metrics import Floats
from treadle.evaluation.opponents import Opponent
from treadle.evaluation.problem import Rows
from treadle.evaluation.terms import primary_metric
from treadle.recipe import EvaluationRecipe

Answers = ClassificationAnswers | RegressionAnswers


def evaluate(
    predictor: Predictor,
    table: Table,
    opponents: Mapping[str, Opponent] | None = None,
    *,
    seed: int = 0,
    on_bad_row: OnBadRow = "fail",
) -> Evaluation:
    """Figures of the predictor on rows it was not trained on, with intervals, and beside opponents a verdict.

    Args:
        predictor: of the saved bundle; its recipe says how many resamples, and which metric the verdict is about.
        table: raw rows with the target; texts alone where their own words are answered.
        opponents: of `fit_opponents`, to be judged on the same rows; none judges the predictor alone. Those of a task
            that answers at every token are judged by `evaluate_lines`.
        seed: of the resamples.
        on_bad_row: `fail` stops at rows that break the contract; otherwise they are left out and counted.

    Raises:
        ContractError: a column is missing, or rows break the contract and `on_bad_row` is `fail`.
        DataError: no row is left to judge.
    """
    if predictor.sequences is not None:
        assert not opponents
        return evaluate_lines(predictor, table, seed=seed, on_bad_row=on_bad_row)
    rows, outputs, skipped = _answered(predictor, table, on_bad_row)
    recipe = EvaluationRecipe.model_validate(predictor.bundle.recipe.get("evaluation", {}))
    loss = predictor.bundle.recipe.get("training", {}).get("loss")
    answers = predictor.answers
    assert isinstance(answers, ClassificationAnswers | RegressionAnswers)
    models: dict[str, tuple[Answers, Floats]] = {NETWORK: (answers, outputs)}
    for name, opponent in (opponents or {}).items():
        models[name] = (opponent.answers, opponent.outputs(rows))

    groups = bootstrap.distinct_rows(rows.columns)
    scores = Scores.of({name: partial(_score, rows, *model) for name, model in models.items()}, groups, recipe, seed)
    primary = _primary(answers, loss, scores)
    return Evaluation(
        task=predictor.task,
        target=predictor.contract.target.name,
        rows=len(rows),
        distinct_rows=int(groups.max()) + 1,
        skipped=skipped,
        primary=primary,
        opponent_notes={name: opponent.note for name, opponent in (opponents or {}).items()},
        **scores.fields(),
        **compare(scores, primary, predictor.task),
        **_pictures(rows, models, seed),
    )


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


def _primary(answers: Answers, loss: str | None, scores: Scores) -> str:
    classes = len(answers.labels) if isinstance(answers, ClassificationAnswers) else 0
    primary = primary_metric(classes, loss)
    # Rows of a single class have no ROC AUC; their accuracy is all there is to say.
    return primary if scores.define(primary) else "accuracy"


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
