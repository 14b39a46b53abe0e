"""`treadle train` and `treadle demo`: from a recipe to a bundle, a report and a verdict."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import BarColumn, Progress, TextColumn

from treadle.bundle.predictor import OnBadRow
from treadle.cli.console import people, print_json, results, say
from treadle.recipe_file import read_recipe

if TYPE_CHECKING:
    from treadle.recipe import Recipe
    from treadle.training import Progress as Standing

INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells have it."""

JsonFlag = Annotated[bool, typer.Option("--json", help="Print one JSON document to stdout.")]


def demo(json_: JsonFlag = False) -> None:
    """Train a phishing detector on 1,250 real web sites that come with an installed package."""
    say("a phishing detector, from 1,250 real web sites; the same as: treadle train phishing_small")
    _train(read_recipe("phishing_small"), json_=json_, arguments=("phishing_small",))


def train(
    recipe: Annotated[str, typer.Argument(help="A recipe file, or the name of a built-in recipe.", metavar="RECIPE")],
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", help="Override a key, as in model.hidden=[128,64] (repeatable).", metavar="KEY=VALUE"),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the bundle and the report (default: runs/NAME).")] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from the checkpoint in that folder, if there is one.")
    ] = False,
    on_bad_row: Annotated[
        OnBadRow, typer.Option(help="A row that breaks the contract: stop, leave it out, or leave it out and list it.")
    ] = "fail",
    tensorboard: Annotated[bool, typer.Option("--tensorboard", help="Write TensorBoard event files too.")] = False,
    json_: JsonFlag = False,
) -> None:
    """Train a recipe: read, split, fit, save the bundle, judge it against its opponents, and say the verdict."""
    settings = tuple(set_ or ())
    arguments = [recipe, *(word for setting in settings for word in ("--set", setting))]
    arguments += ["--out", str(out)] if out else []
    arguments += ["--on-bad-row", on_bad_row] if on_bad_row != "fail" else []
    arguments += ["--tensorboard"] if tensorboard else []
    _train(
        read_recipe(recipe, settings),
        out=out,
        resume=resume,
        on_bad_row=on_bad_row,
        tensorboard=tensorboard,
        json_=json_,
        arguments=tuple(arguments),
    )


def _train(
    recipe: Recipe,
    *,
    out: Path | None = None,
    resume: bool = False,
    on_bad_row: OnBadRow = "fail",
    tensorboard: bool = False,
    json_: bool,
    arguments: tuple[str, ...],
) -> None:
    from treadle import fit
    from treadle.evaluation.report import command

    try:
        with _bar(recipe.training.epochs) as (tell, show):
            run = fit(
                recipe,
                out=out,
                resume=resume,
                on_bad_row=on_bad_row,
                tensorboard=tensorboard,
                say=tell,
                progress=show,
            )
    except KeyboardInterrupt:
        again = command("train", *arguments, *(["--json"] if json_ else []), "--resume")
        say(f"stopped; go on from there with:\n{again}")
        raise typer.Exit(INTERRUPTED) from None
    if json_:
        print_json(run.summary())
    else:
        from treadle.evaluation.report_text import print_report

        print_report(run.report, results)


@contextmanager
def _bar(epochs: int) -> Iterator[tuple[Callable[[str], None], Callable[[Standing], None]]]:
    """Two ways to say how it goes: in a line, and as a bar that is there while training lasts and a person looks."""
    columns = (BarColumn(14), TextColumn("{task.description}"))
    with Progress(*columns, console=people, transient=True, disable=not people.is_terminal) as bar:
        task = bar.add_task("", total=epochs, visible=False)

        def tell(message: str) -> None:
            bar.update(task, visible=False)
            say(message)

        def show(standing: Standing) -> None:
            bar.update(task, completed=standing.epoch, description=_in_words(standing), visible=True)

        yield tell, show


def _in_words(standing: Standing) -> str:
    words = [f"epoch {standing.epoch} of {standing.epochs}", f"loss {standing.loss:.4f}"]
    if standing.best_validation_loss is not None:
        words.append(f"validation {standing.best_validation_loss:.4f}")
    seconds = standing.seconds_left
    left = f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"
    return ", ".join([*words, f"up to {left} left"])
