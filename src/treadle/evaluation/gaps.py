"""Models of words used from both sides of a gap: what follows the words before it, and what precedes those behind it.

If the two sides told nothing of each other but through the word between them, its probability would be, by Bayes' rule,
in proportion to p(w | left) p(w | right) / p(w). They do tell of each other, so each factor has a power of its own
(log-linear interpolation, Klakow 1998), from 0 to that of Bayes' rule: the powers of least perplexity on the validation
rows.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from treadle.evaluation.discounts import LEAST
from treadle.evaluation.language import Probabilities, WordModel
from treadle.evaluation.lines import Numbers

MOST = 2**22
"""Probabilities that are enough to choose by, of at least so many words as it takes."""

BAYES = (1.0, 1.0, -1.0)


@dataclass(frozen=True)
class GapModel:
    """Which word stands in a gap."""

    before: WordModel
    """Of what follows the words before a gap."""
    behind: WordModel
    """Of what precedes the words behind a gap."""
    alone: WordModel
    """Of each word's share."""
    words: slice
    """The numbers that can stand in a gap: those that can be due in all three models."""
    powers: tuple[float, float, float] = BAYES
    """Of the probabilities by the three."""

    def between(self, left: Numbers, right: Numbers) -> Probabilities:
        """Probabilities of what stands in gaps.

        Args:
            left: the last token but one and the last before each gap, shape (gaps, 2).
            right: the second token and the first behind it, shape (gaps, 2).

        Returns:
            Shape (gaps, outputs).
        """
        before, behind, alone = self._logarithms(left, right)
        found = np.zeros((len(left), self.alone.outputs))
        found[:, self.words] = _product(before, behind, alone, np.array(self.powers))
        return found

    def tuned(self, left: Numbers, right: Numbers, due: Numbers) -> GapModel:
        """The model with the powers of least perplexity, to three decimals; the model itself where there are too few
        words to choose by.

        Args:
            left: before gaps in the validation rows, as for `between`.
            right: behind them.
            due: the words in them, shape (gaps,).
        """
        # SciPy comes with scikit-learn, and loads slowly.
        from scipy.optimize import minimize

        if len(due) < LEAST:
            return self
        step = min(-(-len(due) * self.alone.outputs // MOST), len(due) // LEAST)
        before, behind, alone = self._logarithms(left[::step], right[::step])
        place = due[::step].astype(np.int64) - self.words.start
        each = np.arange(len(place))
        of_due = np.stack([before[each, place], behind[each, place], alone[place]])

        def surprise(powers: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
            shares = _product(before, behind, alone, powers)
            expected = np.stack([(shares * before).sum(axis=1), (shares * behind).sum(axis=1), shares @ alone])
            return float(-np.log(shares[each, place]).mean()), (expected - of_due).mean(axis=1)

        bounds = [(min(0.0, power), max(0.0, power)) for power in BAYES]
        found = minimize(surprise, BAYES, jac=True, method="L-BFGS-B", bounds=bounds)
        first, second, third = np.round(found.x, 3).tolist()
        return replace(self, powers=(first, second, third))

    def _logarithms(self, left: Numbers, right: Numbers) -> tuple[Probabilities, Probabilities, Probabilities]:
        """Of the probabilities by the three models, shapes (gaps, words) twice and (words,)."""
        before, behind = self.before.following(left), self.behind.following(right)
        return np.log(before[:, self.words]), np.log(behind[:, self.words]), np.log(self.alone.unigram[self.words])


def _product(
    before: Probabilities, behind: Probabilities, alone: Probabilities, powers: NDArray[np.float64]
) -> Probabilities:
    """What is in proportion to the product of the powers and adds up to one, shape (gaps, words)."""
    found: Probabilities = before * powers[0]
    found += behind * powers[1]
    found += alone * powers[2]
    found -= found.max(axis=1, keepdims=True)
    np.exp(found, out=found)
    found /= found.sum(axis=1, keepdims=True)
    return found
