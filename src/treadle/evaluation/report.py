"""The facts of one run, and the sentences that both reports say them in."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from treadle.bundle.answers import Label
from treadle.data.split import Leakage
from treadle.evaluation.evaluation import Evaluation


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
        """Three commands to try next, and what each is for."""
        return [
            (f"treadle predict {self.bundle} {self.example}", "answer a file"),
            (f"treadle serve {self.bundle}", "answer over HTTP"),
            (f"treadle app {self.bundle}", "open a screen"),
        ]


def printable(text: str) -> str:
    """`text` with every character that would move a cursor or hide something replaced."""
    return "".join(character if character.isprintable() else "\ufffd" for character in text)


def label_text(label: Label) -> str:
    """A class as it is named in a sentence."""
    return printable(str(label))


def class_sentence(evaluation: Evaluation) -> str | None:
    """Which class the metrics speak of; None in regression."""
    if evaluation.task == "regression":
        return None
    if evaluation.positive is None:
        return f"F1, precision, recall and ROC AUC are means over the {len(evaluation.labels)} classes."
    about = f"F1, precision and recall are those of the class {evaluation.target} = {label_text(evaluation.positive)}"
    if evaluation.threshold is None:
        return f"{about}."
    return f"{about}, which is answered when its probability reaches {evaluation.threshold:.3g}."


def leakage_sentences(leakage: Leakage) -> list[str]:
    """How far the test rows were seen in training, and what no model can do better."""
    seen = f"{leakage.test_rows_seen:,} test rows ({leakage.share:.1%}) have a twin among the training rows"
    sentences = [seen if leakage.test_rows_seen else "no test row has a twin among the training rows"]
    if leakage.distinct_rows < leakage.rows:
        sentences.append(f"only {leakage.distinct_rows:,} of all {leakage.rows:,} rows are distinct")
    if leakage.contradictory_rows and leakage.ceiling is not None:
        sentences.append(
            f"{leakage.contradictory_rows:,} rows contradict another with the same features: no model can be right "
            f"about more than {leakage.ceiling:.2%}"
        )
    return sentences
