"""From a recipe to a judged bundle: the one road that the command line, Python and every later stage take."""

from __future__ import annotations

import csv
import dataclasses
import io
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from math import isnan
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
from numpy.typing import NDArray

from treadle import kernels
from treadle.bundle import golden
from treadle.bundle.answers import ClassificationAnswers, best_threshold
from treadle.bundle.atomic import replacing
from treadle.bundle.bundle import Bundle
from treadle.bundle.graph import Graph
from treadle.bundle.predictor import OnBadRow, Predictor
from treadle.data.cells import canonical_text
from treadle.data.databases import without_password
from treadle.errors import TrainingError
from treadle.evaluation.evaluate import evaluate
from treadle.evaluation.evaluation import Evaluation
from treadle.evaluation.opponents import fit_opponents, names_for
from treadle.evaluation.problem import Problem
from treadle.evaluation.report import LearningCurve, Report
from treadle.evaluation.report_html import render_report
from treadle.evaluation.terms import primary_metric
from treadle.nn import build_table_network, to_arrays
from treadle.nn.network import TableNetwork
from treadle.nn.vectors import read_vectors
from treadle.preparation import Prepared, prepare
from treadle.recipe import Recipe, parse_recipe, read_recipe, resolve
from treadle.tasks import Classification, Regression, class_weights
from treadle.training import Examples, Progress, Trained, train

EXAMPLES = 20
"""Test rows kept beside the bundle, so that there is a file to try it on."""

FRAME = "the given frame"
"""What stands for the source of rows that came from memory."""

Say = Callable[[str], None]


@dataclass(frozen=True)
class Run:
    """What training a recipe gave."""

    recipe: Recipe
    """Resolved: every default filled in, the task decided."""
    bundle: Path
    page: Path
    """The HTML report."""
    report: Report

    @property
    def predictor(self) -> Predictor:
        """A predictor of the saved bundle."""
        return Predictor.load(self.bundle)

    def summary(self) -> dict[str, Any]:
        """What `treadle train --json` prints."""
        report = self.report.model_dump(mode="json")
        evaluation = report["evaluation"]
        return {
            "name": self.recipe.name,
            "task": self.recipe.task,
            "seed": self.recipe.training.seed,
            "rows": report["rows"],
            "leakage": report["leakage"],
            **{key: evaluation[key] for key in _JUDGED},
            "epochs": len(report["curve"]["training"]),
            "best_epoch": report["curve"]["best_epoch"],
            "losses": {side: report["curve"][side] for side in ("training", "validation")},
            "notices": report["notices"],
            "seconds": {part: round(seconds, 3) for part, seconds in report["seconds"].items()},
            "bundle": str(self.bundle),
            "report": str(self.page),
        }


_JUDGED = ("positive", "metrics", "intervals", "opponents", "differences", "verdict", "outcome")


def fit(
    recipe: Recipe | Mapping[str, Any] | str | Path,
    data: object = None,
    *,
    out: str | Path | None = None,
    resume: bool = False,
    on_bad_row: OnBadRow = "fail",
    tensorboard: bool = False,
    say: Say | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> Run:
    """Train what `recipe` says, judge it on rows it never saw, and save it with its report.

    The same recipe, data and machine give the same bundle, byte for byte, whether or not training was stopped and
    resumed in between. Files appear whole or not at all; a run that fails leaves an older bundle as it was.

    Args:
        recipe: a recipe, a mapping with its keys, a file, or the name of a built-in one.
        data: a Polars or pandas frame (or anything with the Arrow interface) to read in place of `data.source`, which
            a mapping then need not have.
        out: folder for NAME.treadle, report.html and the checkpoint; default: runs/NAME.
        resume: go on from the checkpoint in that folder, or start where there is none. After a run that was finished
            nothing is left to train: it is judged and saved once more. Without it, training starts afresh and an
            older checkpoint is removed.
        on_bad_row: rows that break the contract stop the run (`fail`), or are left out (`skip`, and `report` says
            which).
        tensorboard: write event files into `out`/tensorboard.
        say: told in a line what is going on.
        progress: told about twice a second how training goes.

    Raises:
        TreadleError: whatever the user can put right: see its subclasses.
    """
    say = say or _silent
    started = time.perf_counter()
    prepared = prepare(_recipe_of(recipe, data), data, on_bad_row)
    recipe = prepared.recipe
    for notice in prepared.notices:
        say(notice)
    say("{train:,} rows to train, {validation:,} to validate, {test:,} to test".format(**prepared.rows))
    classes = len(prepared.answers.labels) if isinstance(prepared.answers, ClassificationAnswers) else 0
    primary = primary_metric(classes, recipe.training.loss)
    kinds = {field.kind for field in prepared.contract.features}
    of_texts, of_columns = "text" in kinds, kinds != {"text"}
    names = names_for(prepared.task, primary, recipe.evaluation.opponents, of_texts=of_texts, of_columns=of_columns)
    read = time.perf_counter()

    folder = Path(out) if out is not None else Path("runs") / recipe.name
    _make(folder)
    # XLA compiles without Python's lock, in about the time that these imports take.
    Thread(target=_import_what_judges, name="treadle-imports", daemon=True).start()
    trained, task = _train(
        prepared,
        checkpoint=folder / "checkpoint",
        resume=resume,
        tensorboard=folder / "tensorboard" if tensorboard else None,
        progress=progress,
        say=say,
    )
    bundle = _settle_answers(_bundle(prepared, trained.network, task), prepared)
    learnt = time.perf_counter()

    say("fitting the opponents, and judging all on the test rows")
    path, example, page = (folder / name for name in (f"{recipe.name}.treadle", "example.csv", "report.html"))
    evaluation = _judge(bundle, prepared, names, path)
    _write(example, _examples(prepared))
    report = Report(
        name=recipe.name,
        source=without_password(recipe.data.source) if data is None else FRAME,
        bundle=str(path),
        page=str(page),
        example=str(example),
        rows=prepared.rows,
        leakage=prepared.split.leakage,
        evaluation=evaluation,
        curve=_curve(trained),
        seconds={"data": read - started, "train": learnt - read, "evaluate": time.perf_counter() - learnt},
        notices=prepared.notices,
    )
    _write(page, render_report(report))
    return Run(recipe, path, page, report)


def _curve(trained: Trained[TableNetwork]) -> LearningCurve:
    return LearningCurve(
        training=tuple(epoch.loss for epoch in trained.history),
        validation=tuple(epoch.validation_loss for epoch in trained.history),
        best_epoch=trained.best_epoch,
    )


def _import_what_judges() -> None:
    with suppress(ImportError):  # said where it is used
        for name in ("sklearn.ensemble", "sklearn.linear_model", "sklearn.neighbors", "matplotlib.figure"):
            import_module(name)


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = error.strerror or error
        raise TrainingError(f"{folder}: this folder for the run cannot be made: {reason}; name another") from None


def _write(path: Path, text: str) -> None:
    try:
        with replacing(path) as file:
            file.write(text.encode("utf-8"))
    except OSError as error:
        raise TrainingError(f"{path}: cannot be written: {error.strerror or error}") from None


def _silent(_: str) -> None:
    return


def _recipe_of(recipe: Recipe | Mapping[str, Any] | str | Path, data: object) -> Recipe:
    if isinstance(recipe, Recipe):
        return recipe
    if not isinstance(recipe, Mapping):
        return read_recipe(str(recipe))
    section = recipe.get("data")
    if data is not None and isinstance(section, Mapping):
        # With a frame at hand there is no source to name.
        recipe = {**recipe, "data": {"source": FRAME, **section}}
    return parse_recipe(dict(recipe))


def _train(
    prepared: Prepared,
    *,
    checkpoint: Path,
    resume: bool,
    tensorboard: Path | None,
    progress: Callable[[Progress], None] | None,
    say: Say,
) -> tuple[Trained[TableNetwork], Classification | Regression]:
    task = build_task(prepared)
    if prepared.features.text is not None:
        kernels.prepare(say)
    if not resume:
        checkpoint.unlink(missing_ok=True)
    trained = train(
        task,
        build_network(prepared, task, say),
        Examples(prepared.train.inputs, prepared.scaled(prepared.train.targets)),
        Examples(prepared.validation.inputs, prepared.scaled(prepared.validation.targets)),
        prepared.recipe.training,
        checkpoint=checkpoint,
        resume=resume,
        report=progress,
        tensorboard=tensorboard,
    )
    return trained, task


def _vectors(prepared: Prepared, say: Say) -> NDArray[np.float32] | None:
    """Where the words' embeddings begin, shape (vocabulary, width); None where they begin at random."""
    recipe, text = prepared.recipe.model.text, prepared.features.text
    if recipe.vectors is None or text is None or text.vocabulary.tokens is None:
        return None
    vectors = read_vectors(recipe.vectors, text.vocabulary.tokens, recipe.embedding_width)
    found = int((~np.isnan(vectors[:, 0])).sum())
    say(f"{found:,} of {len(vectors):,} words begin at their vector in {recipe.vectors}")
    return vectors


def build_network(prepared: Prepared, task: Classification | Regression, say: Say | None = None) -> TableNetwork:
    """The untrained network of the prepared rows."""
    recipe = prepared.recipe
    return build_table_network(
        recipe.model,
        number_columns=len(prepared.features.number_names),
        cardinalities=prepared.features.cardinalities,
        outputs=task.outputs,
        train_numbers=prepared.train.inputs.get("numbers"),
        rng=np.random.default_rng(recipe.training.seed),
        vocabulary=prepared.features.vocabulary,
        vectors=_vectors(prepared, say or _silent),
    )


def build_task(prepared: Prepared) -> Classification | Regression:
    """The task of the prepared rows, with its loss."""
    recipe = prepared.recipe.training
    if isinstance(prepared.answers, ClassificationAnswers):
        weights = recipe.class_weights
        if isinstance(weights, dict):
            weights = {canonical_text(name): weight for name, weight in weights.items()}
        classes = prepared.contract.target.categories
        return Classification(len(classes), class_weights(weights, classes, prepared.train.targets))
    return Regression(recipe.loss) if recipe.loss in ("mse", "mae", "huber") else Regression()


def _bundle(prepared: Prepared, network: TableNetwork, task: Classification | Regression) -> Bundle:
    graph = Graph(prepared.recipe.name)
    task.write(network, graph)
    return Bundle(
        name=prepared.recipe.name,
        task=prepared.task,
        recipe=_resolved(prepared),
        contract=prepared.contract,
        features=prepared.features,
        answers=prepared.answers,
        weights=to_arrays(network),
        onnx=graph.to_bytes(),
        leakage=prepared.split.leakage.model_dump(mode="json"),
        split=prepared.rows,
    )


def _resolved(prepared: Prepared) -> dict[str, Any]:
    """The recipe as the bundle keeps it: it can be trained again as it stands."""
    document = resolve(prepared.recipe)
    if isinstance(prepared.answers, ClassificationAnswers) and prepared.answers.positive is None:
        # Only two classes have a threshold.
        del document["evaluation"]["threshold"]
    return document


def _settle_answers(bundle: Bundle, prepared: Prepared) -> Bundle:
    """The bundle with the decision threshold that the recipe asks for, found on the validation rows."""
    answers, asked = bundle.answers, prepared.recipe.evaluation.threshold
    if not isinstance(answers, ClassificationAnswers) or answers.positive is None:
        return bundle
    threshold = asked
    if isinstance(asked, str):
        probabilities = Predictor(bundle).outputs(prepared.validation.columns)[:, answers.positive]
        threshold = best_threshold(probabilities, prepared.validation.targets == answers.positive, asked)
    return dataclasses.replace(bundle, answers=answers.model_copy(update={"threshold": threshold}))


def _judge(bundle: Bundle, prepared: Prepared, names: list[str], path: Path) -> Evaluation:
    """Save the bundle, judge it through the predictor of the saved file, and save it again with what was found."""
    recipe = prepared.recipe
    problem = Problem.of(prepared.train, prepared.validation, Predictor(bundle), recipe.training.seed)
    opponents = fit_opponents(names, problem, recipe.evaluation.threshold)
    test = prepared.test_table
    bundle = dataclasses.replace(bundle, golden=golden.record(Predictor(bundle), test))
    draft = path.with_suffix(".draft")
    try:
        bundle.save(draft)
        evaluation = evaluate(Predictor.load(draft), test, opponents, seed=recipe.training.seed)
    finally:
        draft.unlink(missing_ok=True)
    dataclasses.replace(bundle, evaluation=evaluation.model_dump(mode="json")).save(path)
    return evaluation


def _examples(prepared: Prepared) -> str:
    """Some raw test rows without their target, as a CSV to try the bundle on."""
    names = [field.name for field in prepared.contract.features]
    table = prepared.test_table.take(np.arange(min(EXAMPLES, len(prepared.test_table))))
    absent = min(prepared.contract.missing, default="")
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(names)
    for row in zip(*(table.columns[name].tolist() for name in names), strict=True):
        writer.writerow([absent if cell is None or (isinstance(cell, float) and isnan(cell)) else cell for cell in row])
    return text.getvalue()
