"""From the network's raw outputs to answers a person asked for: labels, thresholds, units, tags, words."""

from __future__ import annotations

from functools import cached_property
from typing import Annotated, Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictFloat, StrictInt, StrictStr, model_validator

from treadle.bundle.tagging import NO_TAG, Chain, best_tags, probabilities
from treadle.errors import BundleError
from treadle.features.vocabulary import FIRST

Label = StrictBool | StrictInt | StrictFloat | StrictStr
"""A class in its own type: numbers stay numbers in JSON."""


class _Answers(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, use_attribute_docstrings=True)


class ClassificationAnswers(_Answers):
    """Labels from probabilities."""

    task: Literal["classification"] = "classification"
    labels: Annotated[tuple[Label, ...], Field(min_length=2)]
    """The classes, in the order of the network's outputs."""
    positive: Annotated[int, Field(ge=0)] | None = None
    """Index of the class that the threshold, precision, recall and F1 speak of (two classes)."""
    threshold: Annotated[float, Field(ge=0.0, le=1.0)] | None = None
    """Two classes: the probability from which the answer is the positive class; none: the likelier class."""

    @model_validator(mode="after")
    def _threshold_needs_two_classes(self) -> Self:
        if self.positive is not None and self.positive >= len(self.labels):
            raise ValueError(f"positive is class {self.positive}, but there are {len(self.labels)} classes")
        if self.threshold is not None and (self.positive is None or len(self.labels) != 2):
            raise ValueError("a threshold needs two classes, one of them positive")
        return self

    @property
    def outputs(self) -> int:
        """Columns of the network's raw outputs."""
        return len(self.labels)

    def choose(self, probabilities: NDArray[np.floating[Any]]) -> NDArray[np.int64]:
        """Index of the answered class, shape (rows,), from probabilities of shape (rows, classes)."""
        if self.threshold is None or self.positive is None:
            return np.asarray(np.argmax(probabilities, axis=1), np.int64)
        reached = probabilities[:, self.positive].astype(np.float64) >= self.threshold
        return np.where(reached, self.positive, 1 - self.positive)

    def answer(self, outputs: NDArray[np.float32]) -> dict[str, NDArray[Any]]:
        """Answers to raw outputs, which are probabilities of shape (rows, classes).

        Returns:
            label: the class, objects of shape (rows,); probability: that of the label, float64 (rows,);
            probabilities: of every class in the order of `labels`, float64 (rows, classes).
        """
        chosen = self.choose(outputs)
        probabilities = outputs.astype(np.float64)
        return {
            "label": self._objects[chosen],
            "probability": np.take_along_axis(probabilities, chosen[:, None], axis=1)[:, 0],
            "probabilities": probabilities,
        }

    @cached_property
    def _objects(self) -> NDArray[np.object_]:
        objects = np.empty(len(self.labels), object)
        objects[:] = self.labels
        return objects


class RegressionAnswers(_Answers):
    """Values in the user's units from outputs on the scaled target. Nothing is clipped."""

    task: Literal["regression"] = "regression"
    mean: float
    """What was subtracted from the target in training."""
    scale: Annotated[float, Field(gt=0.0)]
    """What it was divided by."""

    @property
    def outputs(self) -> int:
        """Columns of the network's raw outputs."""
        return 1

    def answer(self, outputs: NDArray[np.float32]) -> dict[str, NDArray[Any]]:
        """Answers to raw outputs of shape (rows, 1): `value`, float64 (rows,), in the units of the target."""
        return {"value": outputs[:, 0].astype(np.float64) * self.scale + self.mean}

    def scaled(self, values: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
        """The target as the network learns it, shape (rows,): the inverse of `answer`."""
        return (values.astype(np.float64) - self.mean) / self.scale


class TaggingAnswers(_Answers):
    """A tag for every token of a sentence."""

    task: Literal["tagging"] = "tagging"
    labels: Annotated[tuple[StrictStr, ...], Field(min_length=1)]
    """The tags, in the order of the network's outputs."""
    transitions: tuple[tuple[float, ...], ...] | None = None
    """Score of every tag after every other, a row for the one before; where tags are chosen together."""
    first: tuple[float, ...] | None = None
    """Score of every tag as a sentence's first."""
    last: tuple[float, ...] | None = None
    """Score of every tag as a sentence's last."""

    @model_validator(mode="after")
    def _chains_are_whole(self) -> Self:
        tags, parts = len(self.labels), (self.transitions, self.first, self.last)
        if parts == (None, None, None):
            return self
        if self.transitions is None or self.first is None or self.last is None:
            raise ValueError("transitions, first and last need each other")
        if {len(self.transitions), *map(len, self.transitions), len(self.first), len(self.last)} != {tags}:
            raise ValueError(f"transitions, first and last must each have {tags} scores, one for every tag")
        return self

    @property
    def outputs(self) -> int:
        """Columns of the network's raw outputs."""
        return len(self.labels)

    @cached_property
    def chain(self) -> Chain | None:
        """What neighbouring tags say of each other; None where every token is answered by itself."""
        if self.transitions is None or self.first is None or self.last is None:
            return None
        return Chain(np.array(self.transitions), np.array(self.first), np.array(self.last))

    def choose(self, outputs: NDArray[np.floating[Any]], lengths: NDArray[np.integer[Any]]) -> NDArray[np.int64]:
        """Indices of the answered tags, shape (rows, time), -1 behind a sentence's end; see `best_tags`."""
        return best_tags(outputs, lengths, self.chain)

    def answer(self, outputs: NDArray[np.float32], lengths: NDArray[np.integer[Any]]) -> dict[str, NDArray[Any]]:
        """Answers to raw outputs, which are scores of shape (rows, time, tags), of sentences of `lengths` tokens.

        Returns:
            tags: a list of tags for every sentence, objects of shape (rows,); probabilities: a list of the
            probabilities of these tags, each whatever the other tags are, objects of shape (rows,).
        """
        chosen = self.choose(outputs, lengths)
        every = probabilities(outputs, lengths, self.chain)
        own = np.take_along_axis(every, np.maximum(chosen, 0)[:, :, None], axis=2)[:, :, 0]
        present = chosen != NO_TAG
        tags = [self.labels[index] for index in chosen[present].tolist()]
        return {"tags": _lists(tags, lengths), "probabilities": _lists(own[present].tolist(), lengths)}


class WordAnswers(_Answers):
    """Words of the vocabulary, the likeliest first."""

    task: Literal["next_word", "fill_blank"]
    outputs: Annotated[int, Field(ge=FIRST + 3)]
    """Columns of the network's raw outputs: the vocabulary's numbers, then the marks before and after a line."""
    most: Annotated[int, Field(ge=1)] = 5
    """Words that are told."""

    def answer(self, outputs: NDArray[np.float32], words: tuple[str, ...]) -> dict[str, NDArray[Any]]:
        """Answers to raw outputs, which are log-probabilities of shape (rows, outputs).

        Padding, the unknown word and the marks are no words and never answered, however likely; the words keep the
        probabilities that the network gives them beside those.

        Args:
            outputs: the log-probabilities, finite.
            words: the vocabulary, the token of every number.

        Returns:
            word: the likeliest word, objects of shape (rows,); probability: of that, float64 (rows,); words: lists of
            the `most` likeliest words, fewer where there are not so many, objects of shape (rows,); probabilities:
            lists of theirs, objects of shape (rows,).

        Raises:
            BundleError: the vocabulary is not that of these outputs.
        """
        if len(words) + 2 != self.outputs:
            raise BundleError(
                f"the network answers {self.outputs - 2} tokens, but the vocabulary has {len(words)}; train the bundle "
                "again"
            )
        numbers, logs = _largest(outputs[:, FIRST:-2], self.most)
        shares = np.exp(logs.astype(np.float64))
        told = [words[FIRST + number] for number in numbers.ravel().tolist()]
        counts = np.full(len(numbers), numbers.shape[1])
        lists, likeliest = _lists(told, counts), np.empty(len(numbers), object)
        likeliest[:] = told[:: numbers.shape[1]]
        return {
            "word": likeliest,
            "probability": shares[:, 0],
            "words": lists,
            "probabilities": _lists(shares.ravel().tolist(), counts),
        }


RowAnswers = ClassificationAnswers | RegressionAnswers
"""One for a row of a table."""
AnyAnswers = RowAnswers | TaggingAnswers | WordAnswers
Answers = Annotated[AnyAnswers, Field(discriminator="task")]


def _lists(cells: list[Any], lengths: NDArray[np.integer[Any]]) -> NDArray[np.object_]:
    """Cells of all rows, one row after the other, as a list for every row, shape (rows,)."""
    lists = np.empty(len(lengths), object)
    ends = np.cumsum(lengths).tolist()
    for row, (start, end) in enumerate(zip([0, *ends], ends, strict=False)):
        lists[row] = cells[start:end]
    return lists


def _largest(values: NDArray[np.floating[Any]], most: int) -> tuple[NDArray[np.int64], NDArray[np.floating[Any]]]:
    """Places and values of the largest of every row, falling, shape (rows, most or fewer); of equals the first."""
    left, every = values.copy(), np.arange(len(values))
    numbers = np.empty((len(values), min(most, values.shape[1])), np.int64)
    # For the few that are asked, looking through all anew is quicker than sorting them.
    for place in range(numbers.shape[1]):
        numbers[:, place] = left.argmax(axis=1)
        left[every, numbers[:, place]] = -np.inf
    return numbers, np.take_along_axis(values, numbers, axis=1)


def best_threshold(
    probabilities: NDArray[np.floating[Any]], positive: NDArray[np.bool_], metric: Literal["f1", "accuracy"]
) -> float:
    """The threshold that maximises `metric` on rows the network was not trained on, exactly.

    The metric changes only where the threshold passes one of the probabilities, so every interval between neighbours
    is tried. Of equally good intervals the nearest to 0.5 is taken; it answers 0.5 if it holds it, else its middle.

    Args:
        probabilities: of the positive class, shape (rows,).
        positive: whether each row is of the positive class, shape (rows,).
        metric: what to maximise.
    """
    levels, level_of_row = np.unique(probabilities.astype(np.float64), return_inverse=True)
    # A threshold in (edge i, edge i + 1] answers "positive" for every row of level i and above.
    lows, highs = np.concatenate([[0.0], levels]), np.concatenate([levels, [1.0]])
    positives = np.bincount(level_of_row, weights=positive, minlength=len(levels))
    rows = np.bincount(level_of_row, minlength=len(levels))
    hits = _sums_from(positives)
    answered = _sums_from(rows)
    total = positives.sum()
    if metric == "f1":
        score = 2 * hits / np.maximum(answered + total, 1)
    else:
        score = (hits + len(positive) - total - (answered - hits)) / max(len(positive), 1)
    middles = (lows + highs) / 2
    middles = np.where(middles > lows, middles, highs)
    middles = np.where((lows < 0.5) & (highs >= 0.5), 0.5, middles)
    possible = (highs > lows) | (np.arange(len(lows)) == 0)
    best = np.flatnonzero(possible & (score == score[possible].max()))
    return float(middles[best[np.argmin(np.abs(middles[best] - 0.5))]])


def _sums_from(counts: NDArray[Any]) -> NDArray[np.float64]:
    """Sum of `counts` from each index to the end, and 0 after the end."""
    return np.concatenate([np.cumsum(counts[::-1])[::-1], [0]]).astype(np.float64)
