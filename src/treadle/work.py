"""What training a recipe takes, whatever the task: the road from prepared data to a judged bundle."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

from treadle.bundle.bundle import Bundle
from treadle.data.split import Leakage
from treadle.errors import TrainingError
from treadle.evaluation.evaluation import Evaluation
from treadle.recipe import Recipe
from treadle.training import Progress, Trained

N = TypeVar("N")
Say = Callable[[str], None]
Tell = Callable[[Progress], None]


@dataclass(frozen=True)
class Keeping:
    """Where training keeps what it has reached."""

    checkpoint: Path
    resume: bool
    tensorboard: Path | None


class Work(Protocol[N]):
    """The data of a recipe, read and parted, and what is to be done with them."""

    @property
    def recipe(self) -> Recipe:
        """With the task decided."""
        ...

    @property
    def notices(self) -> tuple[str, ...]:
        """What is worth knowing of the data."""
        ...

    @property
    def unit(self) -> str:
        """What a row is, in the plural: rows, lines, sentences."""
        ...

    @property
    def rows(self) -> dict[str, int]:
        """Rows of each set."""
        ...

    @property
    def leakage(self) -> Leakage:
        """What of the test rows was seen in training."""
        ...

    def train(self, keeping: Keeping, say: Say, progress: Tell | None) -> Trained[N]:
        """The trained network."""
        ...

    def bundle(self, network: N) -> Bundle:
        """What is kept of it."""
        ...

    def judge(self, bundle: Bundle, path: Path) -> Evaluation:
        """Save the bundle at `path`, judged through the predictor of the saved file."""
        ...

    def examples(self) -> str:
        """Some test rows, in a form in which they can be asked."""
        ...


def silent(_: str) -> None:
    """Say nothing."""


def unwritable(path: Path, error: OSError) -> TrainingError:
    """The refusal of a file that cannot be written."""
    return TrainingError(f"{path}: cannot be written: {error.strerror or error}")
