"""From a recipe to a judged bundle: the one road that the command line, Python and every later stage take."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from threading import Thread
from typing import Any

from treadle.bundle.atomic import replacing
from treadle.bundle.predictor import OnBadRow, Predictor
from treadle.data.databases import without_password
from treadle.errors import TrainingError
from treadle.evaluation.report import LearningCurve, Report
from treadle.evaluation.report_html import render_report
from treadle.recipe import SEQUENCE_TASKS, Recipe, parse_recipe
from treadle.recipe_file import read_recipe
from treadle.training import Progress, Trained
from treadle.work import Keeping, Say, Work, silent, unwritable

FRAME = "the given frame"
"""What stands for the source of rows that came from memory."""


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
    say = say or silent
    started = time.perf_counter()
    chosen = _recipe_of(recipe, data)
    work = prepare_work(chosen, data, on_bad_row)
    for notice in work.notices:
        say(notice)
    say("{train:,} {unit} to train, {validation:,} to validate, {test:,} to test".format(unit=work.unit, **work.rows))
    read = time.perf_counter()

    folder = Path(out) if out is not None else Path("runs") / work.recipe.name
    _make(folder)
    # XLA compiles without Python's lock, in about the time that these imports take.
    Thread(target=_import_what_judges, name="treadle-imports", daemon=True).start()
    checkpoint = folder / "checkpoint"
    if not resume:
        checkpoint.unlink(missing_ok=True)
    trained = work.train(
        Keeping(checkpoint, resume=resume, tensorboard=folder / "tensorboard" if tensorboard else None),
        say,
        progress,
    )
    bundle = work.bundle(trained.network)
    learnt = time.perf_counter()

    say("fitting the opponents, and judging all on the test rows")
    paths = [folder / name for name in (f"{work.recipe.name}.treadle", "example.csv", "report.html")]
    path, example, page = paths
    evaluation = work.judge(bundle, path)
    _write(example, work.examples())
    report = Report(
        name=work.recipe.name,
        source=without_password(work.recipe.data.source) if data is None else FRAME,
        bundle=str(path),
        page=str(page),
        example=str(example),
        rows=work.rows,
        leakage=work.leakage,
        evaluation=evaluation,
        curve=_curve(trained),
        seconds={"data": read - started, "train": learnt - read, "evaluate": time.perf_counter() - learnt},
        notices=work.notices,
    )
    _write(page, render_report(report))
    return Run(work.recipe, path, page, report)


def prepare_work(recipe: Recipe, data: object, on_bad_row: OnBadRow) -> Work[Any]:
    """What there is to do for a recipe, its data read and parted."""
    if recipe.task in SEQUENCE_TASKS:
        from treadle.sequence_work import SequenceWork

        return SequenceWork.prepare(recipe, data, on_bad_row)
    from treadle.row_work import RowWork

    return RowWork.prepare(recipe, data, on_bad_row)


def _curve(trained: Trained[Any]) -> LearningCurve:
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
        raise unwritable(path, error) from None


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
