"""Rows of tokens in numbers, as networks that answer at every token and their opponents read them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from treadle.features.vocabulary import FIRST, PADDING

Numbers = NDArray[np.integer[Any]]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Lines:
    """Rows of tokens in numbers, and what is due at each."""

    inputs: tuple[NDArray[np.int32], ...]
    """Of each row, what a model reads, its marks included."""
    targets: tuple[NDArray[np.int32], ...]
    """Of each row, what is due. next_word: the token after each input; fill_blank: the word at each place that can be
    a gap, so at the inputs without the first and the last; tagging: the code of each tag, -1 for one that training
    did not see."""
    texts: NDArray[np.object_]
    """What was read of each row, by which equal rows are known; of a tagged sentence, its words parted by blanks."""

    def __post_init__(self) -> None:
        assert len(self.inputs) == len(self.targets) == len(self.texts)

    def __len__(self) -> int:
        return len(self.texts)

    @property
    def row(self) -> NDArray[np.int64]:
        """The row of each target, shape (targets,)."""
        return np.repeat(np.arange(len(self)), [len(due) for due in self.targets])

    @property
    def due(self) -> NDArray[np.int32]:
        """All targets, one row after the other, shape (targets,)."""
        return np.concatenate([np.empty(0, np.int32), *self.targets])

    @property
    def read(self) -> NDArray[np.int32]:
        """All inputs, one row after the other, shape (inputs,)."""
        return np.concatenate([np.empty(0, np.int32), *self.inputs])


@dataclass(frozen=True)
class SequenceTerms:
    """What the numbers mean."""

    size: int
    """Numbers of the vocabulary: padding, unknown and the known words (`Vocabulary.size`)."""
    min_count: int = 1
    """How often a word was seen in training, at least, to be a known one."""
    running: bool = False
    """Each row goes on where the one before it ended (next_word)."""
    labels: tuple[str, ...] = ()
    """The tags, by their codes (tagging)."""
    seen: frozenset[str] = frozenset()
    """The words of the training rows as they are written (tagging): see `words_of`. Where they are not known there are
    none, and accuracy over unseen words is not measured."""

    @property
    def begin(self) -> int:
        """The number of the mark before a line."""
        return self.size

    @property
    def end(self) -> int:
        """The number of the mark after a line."""
        return self.size + 1

    @property
    def outputs(self) -> int:
        """Numbers that a model of words gives a probability to: those of the vocabulary and the two marks."""
        return self.size + 2

    @property
    def words(self) -> slice:
        """The numbers that may be answered where a word is asked for: neither padding nor unknown, and no mark."""
        return slice(FIRST, self.size)

    def possible(self, targets: Numbers) -> Mask:
        """Which numbers can be due at all, shape (outputs,): all but padding and the mark before a line, and the mark
        after it only where it is among the `targets`."""
        possible = np.ones(self.outputs, np.bool_)
        possible[[PADDING, self.begin]] = False
        possible[self.end] = bool(np.any(targets == self.end))
        return possible


def words_of(lines: Lines) -> frozenset[str]:
    """The words of tagged sentences as they are written."""
    return frozenset(word for text in lines.texts for word in text.split(" "))


def unseen(lines: Lines, seen: frozenset[str]) -> Mask:
    """Whether each word of tagged sentences is none of those `seen` in training, shape (targets,); of none where these
    are not known."""
    if not seen:
        return np.zeros(len(lines.due), np.bool_)
    words = [word for text, due in zip(lines.texts, lines.targets, strict=True) if len(due) for word in text.split(" ")]
    assert len(words) == len(lines.due)
    return np.fromiter((word not in seen for word in words), np.bool_, len(words))
