"""A model of words used from both sides of a gap: how well a word follows what stands before it, and how well what
stands behind follows the word.

By Bayes' rule the probability of the word in the gap, given all others, is the product of the probabilities of all runs
that hold it, over the sum of that product over all words. A model of runs of three words knows three such runs:
p(w | l2 l1) p(r1 | l1 w) p(r2 | w r1); one of two words knows p(w | l1) p(r1 | w).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from treadle.evaluation.language import Keys, Order, Probabilities, Sparse, WordModel
from treadle.evaluation.lines import Mask, Numbers


@dataclass(frozen=True)
class GapModel:
    """Which word stands in a gap."""

    model: WordModel
    words: Mask
    """Which numbers can stand in a gap, shape (outputs,)."""

    def between(self, left: Numbers, right: Numbers) -> Probabilities:
        """Probabilities of what stands in gaps.

        Args:
            left: the last token but one and the last before each gap, shape (gaps, 2).
            right: the first token and the second after it, shape (gaps, 2); the second is -1 where there is none.

        Returns:
            Shape (gaps, outputs).
        """
        found = self.model.following(left)
        order = len(self.model.orders)
        if order > 1:
            first = self._of_first(right[:, 0])
            found *= first if order == 2 else self._of_first_in_three(left[:, 1], right[:, 0], first)
        if order > 2:
            inside = np.flatnonzero(right[:, 1] >= 0)
            found[inside] *= self._of_second(right[inside, 0].astype(np.int64), right[inside, 1])
        found[:, ~self.words] = 0.0
        found /= found.sum(axis=1, keepdims=True)
        return found

    @property
    def _outputs(self) -> int:
        return self.model.outputs

    def _of_first(self, first: Numbers) -> Probabilities:
        """p(r1 | w) for every word w, shape (gaps, outputs)."""
        found = np.multiply.outer(self.model.unigram[first], self._backoffs)
        where, values = self._pairs_by_last.find(first)
        found[where] += values
        return found

    def _of_first_in_three(self, before: Numbers, first: Numbers, found: Probabilities) -> Probabilities:
        """p(r1 | l1 w) for every word w, from p(r1 | w)."""
        where, backoffs = self._backoffs_by_first.find(before)
        found[where] *= backoffs
        where, values = self._triples_by_ends.find(before.astype(np.int64) * self._outputs + first)
        found[where] += values
        return found

    def _of_second(self, first: Keys, second: Numbers) -> Probabilities:
        """p(r2 | w r1) for every word w."""
        pairs = self.model.orders[1]
        keys = first * self._outputs + second
        shorter = pairs.value(keys) + pairs.backoff(first) * self.model.unigram[second]
        found = np.repeat(shorter[:, None], self._outputs, axis=1)
        where, backoffs = self._backoffs_by_second.find(first)
        found[where] *= backoffs
        where, values = self._triples_by_rest.find(keys)
        found[where] += values
        return found

    @cached_property
    def _backoffs(self) -> Probabilities:
        return self.model.orders[1].backoff(np.arange(self._outputs))

    @cached_property
    def _pairs_by_last(self) -> Sparse:
        pairs = self.model.orders[1]
        word, last = np.divmod(pairs.runs, self._outputs)
        return Sparse.of(last, word, pairs.values)

    @property
    def _triples(self) -> Order:
        return self.model.orders[2]

    @cached_property
    def _backoffs_by_first(self) -> Sparse:
        first, word = np.divmod(self._triples.contexts, self._outputs)
        return Sparse.of(first, word, self._triples.backoffs)

    @cached_property
    def _backoffs_by_second(self) -> Sparse:
        word, second = np.divmod(self._triples.contexts, self._outputs)
        return Sparse.of(second, word, self._triples.backoffs)

    @cached_property
    def _triples_by_ends(self) -> Sparse:
        context, last = np.divmod(self._triples.runs, self._outputs)
        first, word = np.divmod(context, self._outputs)
        return Sparse.of(first * self._outputs + last, word, self._triples.values)

    @cached_property
    def _triples_by_rest(self) -> Sparse:
        word, rest = np.divmod(self._triples.runs, self._outputs**2)
        return Sparse.of(rest, word, self._triples.values)
