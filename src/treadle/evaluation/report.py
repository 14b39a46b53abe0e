"""The facts of one run, and the sentences that both reports say them in."""

from __future__ import annotations

import shlex
import shutil
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from treadle.bundle.answers import Label
from treadle.data.split import Leakage
from treadle.evaluation.evaluation import Evaluation
from treadle.evaluation.terms import SUBJECTS


class LearningCurve(BaseModel):
    """Losses of every epoch, the first one first."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, use_attribute_docstrings=True)

    training: tuple[float, ...]
    validation: tuple[float, ...]
    best_epoch: int
    """Counted from 1: the epoch whose weights were kept."""


class Report(BaseModel):
    """What a person wants to know after training."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, use_attribute_docstrings=True)

    name: str
    source: str
    bundle: str
    """Path of the saved bundle."""
    page: str
    """Path of this report as an HTML page."""
    example: str
    """Path of a file to predict, for the command to try next."""
    rows: dict[str, int]
    """Of each part: train, validation, test."""
    leakage: Leakage
    evaluation: Evaluation
    curve: LearningCurve
    seconds: dict[str, float]
    """Of each stage: data, train, evaluate."""
    notices: tuple[str, ...] = ()
    """What the contract had to say about the columns."""

    @property
    def commands(self) -> list[tuple[str, str]]:
        """Commands to try next, as a shell of this machine runs them, and what each is for."""
        writes = [(command("generate", self.bundle), "write a line")] if self.evaluation.task == "next_word" else []
        last = ("app", "open a screen") if find_spec("streamlit") else ("verify", "check that the file is whole")
        return [
            *writes,
            (command("predict", self.bundle, self.example), "answer a file"),
            (command("serve", self.bundle), "answer over HTTP"),
            (command(last[0], self.bundle), last[1]),
        ]


def command(*arguments: str) -> str:
    """A command line that starts this very Treadle, with its arguments quoted where a shell needs it."""
    return shlex.join([*_program(), *arguments])


def _program() -> list[str]:
    script = Path(sys.executable).with_name("treadle")
    found = shutil.which("treadle")
    if found and script.exists() and Path(found).samefile(script):
        return ["treadle"]
    if not script.exists():
        return [sys.executable, "-m", "treadle"]
    # A virtual environment that was not activated: shorter from the folder that holds it.
    here = Path.cwd()
    return [str(script.relative_to(here) if script.is_relative_to(here) else script)]


def printable(text: str) -> str:
    """`text` with every character that would move a cursor or hide something replaced."""
    return "".join(character if character.isprintable() else "\ufffd" for character in text)


def label_text(label: Label) -> str:
    """A class as it is named in a sentence."""
    return printable(str(label))


def subject(evaluation: Evaluation) -> str:
    """What the network does: `classification of Exited`."""
    return printable(SUBJECTS[evaluation.task].format(target=evaluation.target))


def counted(evaluation: Evaluation) -> str:
    """What the figures were counted on: `2,000 rows`, `5,942 words of 824 lines`."""
    if evaluation.tokens is None:
        return f"{evaluation.rows:,} rows"
    rows = "sentences" if evaluation.task == "tagging" else "lines"
    return f"{evaluation.tokens:,} words of {evaluation.rows:,} {rows}"


def about_sentence(evaluation: Evaluation) -> str | None:
    """What the metrics speak of: a class, or which words; None in regression."""
    if evaluation.task == "regression":
        return None
    if evaluation.tokens is not None:
        return " ".join(_about_words(evaluation))
    if evaluation.positive is None:
        return f"F1, precision, recall and ROC AUC are means over the {len(evaluation.labels)} classes."
    about = f"F1, precision and recall are those of the class {evaluation.target} = {label_text(evaluation.positive)}"
    if evaluation.threshold is None:
        return f"{about}."
    return f"{about}, which is answered when its probability reaches {evaluation.threshold:.3g}."


def _about_words(evaluation: Evaluation) -> Iterator[str]:
    times = f" that training saw at least {evaluation.min_count:,} times" if (evaluation.min_count or 1) > 1 else ""
    yield f"The vocabulary has {evaluation.vocabulary:,} words{times}."
    if evaluation.unknown_share:
        unknown = f"{100 * evaluation.unknown_share:.1f} % of the words counted are not in it"
        one = "" if evaluation.labels else ": for every model they are one word more, and none is right about them"
        yield f"{unknown}{one}."
    if "accuracy_unseen" in evaluation.metrics:
        yield "Accuracy, unseen, is that over words which no training sentence has."
    if "f1" in evaluation.metrics:
        yield "F1, precision and recall are those of whole spans, of which both ends and the kind have to be right."


def leakage_sentences(leakage: Leakage) -> list[str]:
    """How far the test rows were seen in training, and what no model can do better."""
    seen = f"{leakage.test_rows_seen:,} test rows ({100 * leakage.share:.1f} %) have a twin among the training rows"
    sentences = [seen if leakage.test_rows_seen else "no test row has a twin among the training rows"]
    if leakage.left_out:
        groups = (leakage.group or "").split(", ")
        twins = " or ".join("a twin" if group == "distinct" else f"the same {group}" for group in groups)
        sentences.append(f"{leakage.left_out:,} rows were left out of training: they have {twins} among the test rows")
    if leakage.distinct_rows < leakage.rows:
        sentences.append(f"only {leakage.distinct_rows:,} of all {leakage.rows:,} rows are distinct")
    if leakage.contradictory_rows and leakage.ceiling is not None:
        sentences.append(
            f"{leakage.contradictory_rows:,} rows contradict another with the same features: no model can be right "
            f"about more than {100 * leakage.ceiling:.2f} %"
        )
    return sentences
