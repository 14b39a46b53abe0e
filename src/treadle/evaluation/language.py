"""Models of words by counts: interpolated modified Kneser-Ney of one, two or three words.

Source: Chen and Goodman 1999, An Empirical Study of Smoothing Techniques for Language Modeling, section 3:

    p(w | context) = (c(context w) - D(c(context w))) / c(context .) + gamma(context) p(w | context but its first word)

with D one of three discounts, for what was counted once, twice, and more often. The highest order counts occurrences;
each lower one counts the different words that stand before it (continuation counts). Below the unigrams lies the
uniform distribution over all that can be due at all.

A model learns from events: a context of two tokens and what followed it. Where fewer than two tokens stand before, the
mark before a line fills up, so that each line begins with two such marks, as in section 2.1 there.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from treadle.evaluation.lines import Mask, Numbers

Keys = NDArray[np.int64]
Probabilities = NDArray[np.float64]

FALLBACK = (0.5, 1.0, 1.5)
"""Discounts where the counts of counts give none, as those of tiny texts and of texts without rare words. They are
those of KenLM's lmplz --discount_fallback (Heafield et al. 2013)."""


def discounts_of(counts: Numbers) -> tuple[float, float, float]:
    """The discounts of what was counted once, twice, and more often (Chen and Goodman 1999, equation 17 of section 3):
    D1 = 1 - 2 Y n2 / n1, D2 = 2 - 3 Y n3 / n2, D3 = 3 - 4 Y n4 / n3, with Y = n1 / (n1 + 2 n2) and ni runs of words
    that were counted i times."""
    n1, n2, n3, n4 = (np.bincount(np.minimum(counts, 5), minlength=6)[1:5]).tolist()
    if not n1 or not n2 or not n3 or not n4:
        return FALLBACK
    y = n1 / (n1 + 2 * n2)
    found = (1 - 2 * y * n2 / n1, 2 - 3 * y * n3 / n2, 3 - 4 * y * n4 / n3)
    return found if all(0 < discount < count for discount, count in zip(found, (1, 2, 3), strict=True)) else FALLBACK


@dataclass(frozen=True)
class Sparse:
    """A value for some of the words, by key."""

    keys: Keys
    """Rising."""
    starts: Keys
    """Where the words of each key start, and the end; shape (keys + 1,)."""
    words: Keys
    values: Probabilities

    @classmethod
    def of(cls, keys: Keys, words: Keys, values: Probabilities) -> Sparse:
        """From the same entries in any order, shape (entries,) each."""
        order = np.lexsort((words, keys))
        distinct, first = np.unique(keys[order], return_index=True)
        return cls(distinct, np.append(first, len(keys)), words[order], values[order])

    def find(self, keys: Numbers) -> tuple[tuple[Keys, Keys], Probabilities]:
        """All entries of these keys, as the place of the key and the word, and their values."""
        if not len(self.keys):
            nothing = np.empty(0, np.int64)
            return (nothing, nothing), np.empty(0)
        place = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
        length = np.where(self.keys[place] == keys, np.diff(self.starts)[place], 0)
        which = np.repeat(np.arange(len(keys)), length)
        entry = np.arange(len(which)) - np.repeat(np.cumsum(length) - length - self.starts[place], length)
        return (which, self.words[entry]), self.values[entry]


@dataclass(frozen=True)
class Order:
    """Runs of so many words."""

    discounts: tuple[float, float, float]
    contexts: Keys
    """Known ones, rising."""
    backoffs: Probabilities
    """gamma of each of them."""
    runs: Keys
    """Known ones, rising: the key of a run is that of its context times `outputs`, and its last word."""
    values: Probabilities
    """The discounted share of each of them."""

    @classmethod
    def of(cls, runs: Keys, counts: Keys, outputs: int) -> Order:
        """From distinct runs, rising, and how often each was counted."""
        discounts = discounts_of(counts)
        contexts, which = np.unique(runs // outputs, return_inverse=True)
        taken = np.array(discounts)[np.minimum(counts, 3) - 1]
        total = np.bincount(which, counts)
        return cls(discounts, contexts, np.bincount(which, taken) / total, runs, (counts - taken) / total[which])

    def backoff(self, contexts: Numbers) -> Probabilities:
        """gamma of these contexts; 1 for one that is not known."""
        return _look_up(self.contexts, self.backoffs, contexts, otherwise=1.0)

    def value(self, runs: Numbers) -> Probabilities:
        """The discounted shares of these runs; 0 for one that is not known."""
        return _look_up(self.runs, self.values, runs, otherwise=0.0)


@dataclass(frozen=True)
class WordModel:
    """Interpolated modified Kneser-Ney."""

    outputs: int
    possible: Mask
    """Which numbers can be due at all, shape (outputs,)."""
    orders: tuple[Order, ...]
    """From the unigrams up."""
    unigram: Probabilities
    """Shape (outputs,)."""

    @classmethod
    def learn(cls, contexts: Numbers, targets: Numbers, possible: Mask, order: int) -> WordModel:
        """From events.

        Args:
            contexts: the last token but one and the last, shape (events, 2).
            targets: what followed them, shape (events,).
            possible: which numbers can be due at all, shape (outputs,).
            order: 1 looks at no word before, 2 at one, 3 at two.
        """
        outputs = len(possible)
        before = _last(contexts, order - 1, outputs)
        runs, counts = np.unique(before * outputs + targets, return_counts=True)
        found = [Order.of(runs, counts, outputs)]
        for length in range(order - 1, 0, -1):
            # Each known run without its first word, as often as there are different first words.
            runs, counts = np.unique(runs % outputs**length, return_counts=True)
            found.append(Order.of(runs, counts, outputs))
        unigrams = found[-1]
        unigram = unigrams.backoff(np.zeros(1, np.int64)) * possible / possible.sum()
        unigram[unigrams.runs] += unigrams.values
        return cls(outputs, possible, tuple(found[::-1]), unigram)

    @cached_property
    def _words(self) -> tuple[Sparse, ...]:
        """Of each order, the words after each known context."""
        return tuple(Sparse.of(*np.divmod(order.runs, self.outputs), order.values) for order in self.orders)

    def following(self, contexts: Numbers) -> Probabilities:
        """Probabilities of what follows these contexts, shape (contexts, 2); answers shape (contexts, outputs)."""
        left = np.ones(len(contexts))
        shares = []
        for length in range(len(self.orders) - 1, 0, -1):
            keys = _last(contexts, length, self.outputs)
            where, values = self._words[length].find(keys)
            shares.append((where, values * left[where[0]]))
            left *= self.orders[length].backoff(keys)
        found = left[:, None] * self.unigram
        for where, values in shares:
            found[where] += values
        return found


def _last(contexts: Numbers, length: int, outputs: int) -> Keys:
    """A key for the last `length` tokens of each context."""
    key = np.zeros(len(contexts), np.int64)
    for column in range(contexts.shape[1] - length, contexts.shape[1]):
        key = key * outputs + contexts[:, column]
    return key


def _look_up(keys: Keys, values: Probabilities, wanted: Numbers, otherwise: float) -> Probabilities:
    """The value of each wanted key; `otherwise` for one that is not among the rising keys."""
    if not len(keys):
        return np.full(len(wanted), otherwise)
    place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[place] == wanted, values[place], otherwise)
