"""The discounts of a model of words that foretell the validation rows best.

The counts of counts give discounts for a text that goes on as the training text does. New lines with words that
training did not know are not quite that, so the discounts are searched for on held-out words, as Chen and Goodman 1999
did too: those of least perplexity, by L-BFGS-B (Byrd et al. 1995) from the exact gradient.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from treadle.evaluation.language import Order, Probabilities, WordModel, find, keys_of
from treadle.evaluation.lines import Numbers

LEAST = 300
"""Words that it takes to choose by: what fewer prefer is mostly chance."""

MOST = 2**18
"""Words that are enough to choose by."""

LARGEST = np.array([1.0, 2.0, 3.0])
"""Discounts that leave nothing of what was counted once, twice and thrice."""
SMALLEST = 0.01 * LARGEST
"""A discount of zero would leave nothing for words that did not follow in training."""


def tuned(model: WordModel, contexts: Numbers, targets: Numbers) -> WordModel:
    """The model with the discounts of least perplexity, to three decimals; the model itself where there are too few
    words to choose by.

    Args:
        model: learnt from training rows.
        contexts: of words of the validation rows, shape (events, 2).
        targets: these words, shape (events,).
    """
    # SciPy comes with scikit-learn, and loads slowly.
    from scipy.optimize import minimize

    if len(targets) < LEAST:
        return model
    step = -(-len(targets) // MOST)
    events, times = np.unique(np.column_stack([contexts, targets])[::step], axis=0, return_counts=True)
    held_out = HeldOut.of(model, events[:, :2], events[:, 2], times)
    start = np.clip([order.discounts for order in model.orders], SMALLEST, LARGEST)
    bounds = [(low, high) for low, high in zip(SMALLEST, LARGEST, strict=True)] * len(start)
    found = minimize(held_out.surprise, start.ravel(), jac=True, method="L-BFGS-B", bounds=bounds)
    chosen = np.round(found.x, 3).reshape(-1, 3).tolist()
    return model.discounted([(once, twice, more) for once, twice, more in chosen])


@dataclass(frozen=True)
class Part:
    """What an order with the discounts d makes of `below`, the probabilities by the order below it:
    own - taken @ d + (unknown + kinds @ d) * below."""

    own: Probabilities
    """Each event's share of what its context was counted, shape (events,); 0 for one that training did not see."""
    taken: Probabilities
    """1 at the discount that is taken off it, over the counts of its context, shape (events, 3)."""
    unknown: Probabilities
    """1 where training did not see the context, and 0 elsewhere, shape (events,)."""
    kinds: Probabilities
    """How many runs of its context were counted once, twice, and more often, over its counts, shape (events, 3)."""

    @classmethod
    def at(cls, order: Order, contexts: Numbers, runs: Numbers) -> Part:
        """At events of these keys."""
        place, known = find(order.contexts, contexts)
        totals, kinds = np.ones(len(contexts)), np.zeros((len(contexts), 3))
        totals[known], kinds[known] = order.totals[place[known]], order.kinds[place[known]]
        place, seen = find(order.runs, runs)
        counts = np.zeros(len(runs), np.int64)
        counts[seen] = order.counts[place[seen]]
        taken = (np.minimum(counts, 3)[:, None] == np.array([1, 2, 3])) / totals[:, None]
        return cls(counts / totals, taken, (~known).astype(np.float64), kinds / totals[:, None])


@dataclass(frozen=True)
class HeldOut:
    """Events by which discounts are chosen."""

    parts: tuple[Part, ...]
    """Of each order, from the unigrams up."""
    times: Probabilities
    """How often each event occurs, as shares."""
    uniform: float

    @classmethod
    def of(cls, model: WordModel, contexts: Numbers, targets: Numbers, times: Numbers) -> HeldOut:
        """Distinct events, and how often each occurs."""
        parts = []
        for length, order in enumerate(model.orders):
            keys = keys_of(contexts, length, model.outputs)
            parts.append(Part.at(order, keys, keys * model.outputs + targets))
        return cls(tuple(parts), times / times.sum(), 1 / int(model.possible.sum()))

    def surprise(self, discounts: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        """The mean negative logarithm of the events' probabilities, and its gradient; `discounts` has the shape
        (3 orders,)."""
        by_order = discounts.reshape(-1, 3)
        below = [np.full(len(self.times), self.uniform)]
        passed = []
        for part, d in zip(self.parts, by_order, strict=True):
            passed.append(part.unknown + part.kinds @ d)
            below.append(part.own - part.taken @ d + passed[-1] * below[-1])
        probability = below.pop()
        slope = -self.times / probability
        gradient = np.empty_like(by_order)
        for at in range(len(self.parts) - 1, -1, -1):
            part = self.parts[at]
            gradient[at] = (slope * below[at]) @ part.kinds - slope @ part.taken
            slope = slope * passed[at]
        return float(-self.times @ np.log(probability)), gradient.ravel()
