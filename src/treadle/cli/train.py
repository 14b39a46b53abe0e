"""`treadle train` and `treadle demo`: from a recipe to a bundle, a report and a verdict."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from treadle.bundle.predictor import OnBadRow
from treadle.cli.console import people, print_json, results, say
from treadle.recipe import read_recipe

if TYPE_CHECKING:
    from treadle.recipe import Recipe
    from treadle.training import Progress as Standing

JsonFlag = Annotated[bool, typer.Option("--json", help="Print one JSON document to stdout.")]


def demo(json_: JsonFlag = False) -> None:
    """Train a phishing detector on 1,250 real web sites that come with an installed package."""
    _train(read_recipe("phishing_small"), json_=json_)


def train(
    recipe: Annotated[str, typer.Argument(help="A recipe file, or the name of a built-in recipe.")],
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="Override a key: model.hidden=[128,64] (repeatable).")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the bundle and the report (default: runs/NAME).")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the last checkpoint in that folder.")] = False,
    on_bad_row: Annotated[
        OnBadRow, typer.Option(help="A row that breaks the contract: stop, leave it out, or leave it out and list it.")
    ] = "fail",
    tensorboard: Annotated[bool, typer.Option("--tensorboard", help="Write TensorBoard event files too.")] = False,
    json_: JsonFlag = False,
) -> None:
    """Train a recipe: read, split, fit, save the bundle, judge it against its opponents, and say the verdict."""
    settings = tuple(set_ or ())
    _train(
        read_recipe(recipe, settings),
        out=out,
        resume=resume,
        on_bad_row=on_bad_row,
        tensorboard=tensorboard,
        json_=json_,
        again=" ".join(["treadle train", recipe, *(f"--set '{setting}'" for setting in settings)]),
    )


def _train(
    recipe: Recipe,
    *,
    out: Path | None = None,
    resume: bool = False,
    on_bad_row: OnBadRow = "fail",
    tensorboard: bool = False,
    json_: bool,
    again: str = "treadle train",
) -> None:
    from treadle.run import fit

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[losses]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=people, transient=True) as bar:
        epochs = bar.add_task("training", total=recipe.training.epochs, losses="", visible=False)

        def show(standing: Standing) -> None:
            losses = "" if standing.loss is None else f"loss {standing.loss:.4f}"
            if standing.best_validation_loss is not None:
                losses += f", best on validation {standing.best_validation_loss:.4f}"
            bar.update(epochs, completed=standing.epoch, losses=losses, visible=True)

        try:
            run = fit(
                recipe,
                out=out,
                resume=resume,
                on_bad_row=on_bad_row,
                tensorboard=tensorboard,
                say=say,
                progress=show,
            )
        except KeyboardInterrupt:
            bar.stop()
            say(f"stopped; go on from the last checkpoint with: {again} --resume")
            raise
    if json_:
        print_json(run.summary())
    else:
        from treadle.evaluation.report_text import print_report

        print_report(run.report, results)
