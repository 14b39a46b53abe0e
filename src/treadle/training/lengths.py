"""Texts of about one length together, so that little padding is computed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from treadle.training.examples import Examples, in_batches

MOST_WIDTHS = 6
"""Widths that a step is compiled for; more would save little and take longer to compile."""
_CANDIDATES = 256


@dataclass(frozen=True, eq=False)
class Reading:
    """To how many tokens the texts of a batch are padded."""

    widths: tuple[int, ...]
    """Rising."""
    train: NDArray[np.int32]
    """Which of the widths each training row needs, shape (rows,)."""
    validation: NDArray[np.int32]

    @classmethod
    def of(cls, train: Examples, validation: Examples) -> Self | None:
        """The widths with which the training rows need the fewest steps; None where no text is read."""
        if "lengths" not in train.inputs:
            return None
        lengths, answered = train.inputs["lengths"], validation.inputs["lengths"]
        widths = best_widths(lengths, MOST_WIDTHS)
        if answered.max() > widths[-1]:
            widths = (*widths, int(answered.max()))
        edges = np.array(widths)
        return cls(
            widths,
            np.searchsorted(edges, lengths).astype(np.int32),
            np.searchsorted(edges, answered).astype(np.int32),
        )


def by_width(
    order: NDArray[np.integer], places: NDArray[np.int32], batch: int
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """The rows in batches of like width, and the place of each batch's width.

    Args:
        order: rows, those of one width in the order in which they are drawn.
        places: which width each row needs, shape (rows,).
        batch: rows of a batch; the last one may have fewer.
    """
    sorted_rows = order[np.argsort(places[order], kind="stable")]
    batches = in_batches(sorted_rows, batch)
    # Rising, so that the last row of each batch is one of its widest.
    last = np.minimum(np.arange(1, len(batches) + 1) * batch, len(order)) - 1
    return batches, places[sorted_rows[last]]


def best_widths(lengths: NDArray[np.integer], most: int) -> tuple[int, ...]:
    """At most so many widths, rising, for which the sum over rows of the least width that holds a row is smallest."""
    ends, counts = np.unique(lengths, return_counts=True)
    if len(ends) > _CANDIDATES:
        # Neighbouring lengths share a candidate, each with about as many rows.
        chosen = np.unique(np.quantile(lengths, np.linspace(0.0, 1.0, _CANDIDATES), method="higher"))
        counts = np.diff(np.searchsorted(np.sort(lengths), chosen, side="right"), prepend=0)
        ends = chosen
    rows = np.concatenate([[0], np.cumsum(counts)])
    # cost[i, j]: steps of the rows between candidates i and j, padded to that of j.
    between = rows[None, 1:] - rows[:-1, None]
    cost = np.where(between > 0, between * ends[None, :], np.inf).astype(np.float64)
    total = np.concatenate([[0.0], np.full(len(ends), np.inf)])
    cuts = []
    for _ in range(min(most, len(ends))):
        sums = total[:-1, None] + cost
        cuts.append(sums.argmin(axis=0))
        total = np.concatenate([[np.inf], sums.min(axis=0)])
    found, place = [], len(ends)
    for step in reversed(cuts):
        found.append(int(ends[place - 1]))
        place = int(step[place - 1])
    return tuple(sorted(found))
