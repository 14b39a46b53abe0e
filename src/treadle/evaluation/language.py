"""Models of words by counts: interpolated modified Kneser-Ney of one, two or three words.

Source: Chen and Goodman 1999, An Empirical Study of Smoothing Techniques for Language Modeling, section 3:

    p(w | context) = (c(context w) - D(c(context w))) / c(context .) + gamma(context) p(w | context but its first word)

with D one of three discounts, for what was counted once, twice, and more often. The highest order counts occurrences;
each lower one counts the different tokens that stand before it (continuation counts), and occurrences where nothing
stands before it. Below the unigrams lies the uniform distribution over all that can be due at all.

A model learns from events: a context of two tokens and what followed it. Where only one token stands before, as at the
mark before a line, that one alone is the context: a second mark, as in section 2.1 there, would tell nothing new, and
what it foretells would be counted twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from treadle.evaluation.lines import Mask, Numbers

Keys = NDArray[np.int64]
Probabilities = NDArray[np.float64]
Discounts = tuple[float, float, float]
"""Taken off what was counted once, twice, and more often."""

NOTHING = -1
"""Stands in a context where no token does."""

FALLBACK = (0.5, 1.0, 1.5)
"""Discounts where the counts of counts give none, as those of tiny texts and of texts without rare words. They are
those of KenLM's lmplz --discount_fallback (Heafield et al. 2013)."""


def discounts_of(counts: Numbers) -> Discounts:
    """The discounts that the counts of counts give (Chen and Goodman 1999, equation 17 of section 3):
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

    runs: Keys
    """Known ones, rising: the key of a run is that of its context times `outputs`, and its last word."""
    counts: Numbers
    contexts: Keys
    """Known ones, rising."""
    kinds: Numbers
    """How many runs of each context were counted once, twice, and more often, shape (contexts, 3)."""
    totals: Probabilities
    """What the counts of each context add up to."""
    discounts: Discounts

    @classmethod
    def of(cls, runs: Keys, counts: Numbers, outputs: int) -> Order:
        """From distinct runs, rising, and how often each was counted."""
        contexts, which = np.unique(runs // outputs, return_inverse=True)
        kinds = np.bincount(3 * which + np.minimum(counts, 3) - 1, minlength=3 * len(contexts))
        totals = np.bincount(which, counts, len(contexts)).astype(np.float64)
        return cls(runs, counts, contexts, kinds.reshape(-1, 3), totals, discounts_of(counts))

    @cached_property
    def backoffs(self) -> Probabilities:
        """gamma of each context."""
        found: Probabilities = self.kinds @ np.array(self.discounts) / self.totals
        return found

    @cached_property
    def values(self) -> Probabilities:
        """The discounted share of each run."""
        taken = np.array(self.discounts)[np.minimum(self.counts, 3) - 1]
        which = np.repeat(np.arange(len(self.contexts)), self.kinds.sum(axis=1).astype(np.int64))
        found: Probabilities = (self.counts - taken) / self.totals[which]
        return found

    def backoff(self, contexts: Numbers) -> Probabilities:
        """gamma of these contexts; 1 for one that is not known."""
        place, known = find(self.contexts, contexts)
        found = np.ones(len(contexts))
        found[known] = self.backoffs[place[known]]
        return found


@dataclass(frozen=True)
class WordModel:
    """Interpolated modified Kneser-Ney."""

    possible: Mask
    """Which numbers can be due at all, shape (outputs,)."""
    orders: tuple[Order, ...]
    """From the unigrams up."""

    @classmethod
    def learn(cls, contexts: Numbers, targets: Numbers, possible: Mask, order: int) -> WordModel:
        """From events, with the discounts that their counts of counts give.

        Args:
            contexts: the last token but one, NOTHING where there is none, and the last, shape (events, 2).
            targets: what followed them, shape (events,).
            possible: which numbers can be due at all, shape (outputs,).
            order: 1 looks at no word before, 2 at one, 3 at two.
        """
        outputs = len(possible)
        before = np.minimum(np.count_nonzero(contexts != NOTHING, axis=1), order - 1)
        runs = np.empty(0, np.int64)
        found = []
        for length in range(order - 1, -1, -1):
            here = before == length
            occurring = keys_of(contexts[here], length, outputs) * outputs + targets[here]
            # Of what goes on further to the left, each different run once.
            runs, counts = np.unique(np.concatenate([occurring, runs % outputs ** (length + 1)]), return_counts=True)
            found.append(Order.of(runs, counts, outputs))
        return cls(possible, tuple(found[::-1]))

    def discounted(self, discounts: Sequence[Discounts]) -> WordModel:
        """The same counts with other discounts, from those of the unigrams up."""
        orders = zip(self.orders, discounts, strict=True)
        return WordModel(self.possible, tuple(replace(order, discounts=chosen) for order, chosen in orders))

    @property
    def outputs(self) -> int:
        """Numbers that are given a probability."""
        return len(self.possible)

    @cached_property
    def unigram(self) -> Probabilities:
        """Shape (outputs,)."""
        unigrams = self.orders[0]
        unigram: Probabilities = unigrams.backoff(np.zeros(1, np.int64)) * self.possible / self.possible.sum()
        unigram[unigrams.runs] += unigrams.values
        return unigram

    @cached_property
    def _words(self) -> tuple[Sparse, ...]:
        """Of each order, the words after each known context."""
        return tuple(Sparse.of(*np.divmod(order.runs, self.outputs), order.values) for order in self.orders)

    def following(self, contexts: Numbers) -> Probabilities:
        """Probabilities of what follows these contexts, shape (contexts, 2); answers shape (contexts, outputs)."""
        left = np.ones(len(contexts))
        shares = []
        for length in range(len(self.orders) - 1, 0, -1):
            keys = keys_of(contexts, length, self.outputs)
            where, values = self._words[length].find(keys)
            shares.append((where, values * left[where[0]]))
            left *= self.orders[length].backoff(keys)
        found = left[:, None] * self.unigram
        for where, values in shares:
            found[where] += values
        return found


def keys_of(contexts: Numbers, length: int, outputs: int) -> Keys:
    """A key for the last `length` tokens of each context; below zero, so that of no known one, where NOTHING is the
    first of them."""
    key = np.zeros(len(contexts), np.int64)
    for column in range(contexts.shape[1] - length, contexts.shape[1]):
        key = key * outputs + contexts[:, column]
    return key


def find(keys: Keys, wanted: Numbers) -> tuple[Keys, Mask]:
    """Where each wanted key is among the rising keys, and whether it is one of them."""
    if not len(keys):
        return np.zeros(len(wanted), np.int64), np.zeros(len(wanted), np.bool_)
    place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return place, keys[place] == wanted
