"""What an evaluation found, as it stands in the bundle, in JSON and in the reports."""

from __future__ import annotations

from typing import Annotated, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from treadle.bundle.answers import Label
from treadle.evaluation.verdict import Outcome
from treadle.recipe import Task


class _Figures(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, use_attribute_docstrings=True)


Interval = tuple[float, float]


def rounded(value: float, digits: int = 9) -> float:
    """`value` with so many significant digits.

    Threads add up in an order of their own, which shows in the last digits; a bundle has to be the same every time.
    """
    return float(f"{value:.{digits}g}")


class Difference(_Figures):
    """The network's figure less an opponent's, on the same rows and resamples."""

    metric: str
    difference: float
    low: float
    high: float
    better: Literal["network", "opponent"] | None
    """Whose side of zero the whole interval lies on."""


class Bin(_Figures):
    """Rows to which about the same probability was given."""

    rows: int
    predicted: float
    """Mean probability."""
    observed: float
    """Share of the rows for which it came true."""


class Calibration(_Figures):
    """Whether probabilities are as frequent as they say."""

    about: Literal["positive", "answered"]
    """Probability of the positive class (two classes), or of the answered class."""
    bins: tuple[Bin, ...]
    error: float
    """Expected calibration error: mean distance of `predicted` from `observed`, weighted by rows."""


class Mistake(NamedTuple):
    """How often one class was taken for another."""

    truth: Label
    answer: Label
    times: int
    of: int
    """How often the truth was so."""


class Confusion(_Figures):
    """How often each class was answered for each class."""

    labels: tuple[Label, ...]
    counts: tuple[tuple[int, ...], ...]
    """counts[truth][answer]."""

    def mistakes(self, most: int) -> list[Mistake]:
        """What is most often taken for another, the commonest mistake first."""
        found = [
            Mistake(self.labels[truth], self.labels[answer], count, sum(counts))
            for truth, counts in enumerate(self.counts)
            for answer, count in enumerate(counts)
            if truth != answer and count
        ]
        return sorted(found, key=lambda mistake: -mistake.times)[:most]


class Curve(_Figures):
    """ROC curve of the positive class, thinned."""

    false_positive_rate: tuple[float, ...]
    true_positive_rate: tuple[float, ...]


class Histogram(_Figures):
    """Rows between neighbouring edges."""

    edges: tuple[float, ...]
    rows: tuple[int, ...]


class Residuals(_Figures):
    """Predictions beside the truth, in the target's units."""

    actual: tuple[float, ...]
    predicted: tuple[float, ...]
    """A sample of the rows, in the order of the test set."""
    errors: Histogram
    """Predicted less actual, over all rows; the outermost bins hold all beyond."""


class Evaluation(_Figures):
    """Figures of one network on rows it never saw."""

    task: Task
    target: str
    """The column that is answered, or the text whose own words are."""
    rows: int
    distinct_rows: int
    """Rows that differ in some feature: what a bootstrap resample draws."""
    skipped: int
    """Rows left out since they break the contract."""
    tokens: int | None = None
    """Where every token is answered: the words that are counted."""
    vocabulary: int | None = None
    """Where every token is answered: the words that a model tells apart."""
    min_count: int | None = None
    """How often training saw each of those, at least."""
    unknown_share: float | None = None
    """Share of the counted words that are none of those, which all count as one word."""
    labels: tuple[Label, ...] = ()
    positive: Label | None = None
    """The class that precision, recall, F1, ROC AUC and the Brier score speak of; none: the mean over all classes."""
    threshold: float | None = None
    primary: str
    """The metric of the verdict."""
    metrics: dict[str, float]
    intervals: dict[str, Interval]
    opponents: dict[str, dict[str, float]] = {}
    opponent_intervals: dict[str, dict[str, Interval]] = {}
    opponent_notes: dict[str, str] = {}
    """What was chosen for each opponent on the validation rows."""
    differences: dict[str, Difference] = {}
    verdict: str | None = None
    """None where there are no opponents."""
    outcome: Outcome | None = None
    resamples: int
    confidence: Annotated[float, Field(gt=0, lt=1)]
    calibration: Calibration | None = None
    confusion: Confusion | None = None
    roc: dict[str, Curve] = {}
    """Two classes: of the network (`network`) and of every opponent."""
    residuals: Residuals | None = None
