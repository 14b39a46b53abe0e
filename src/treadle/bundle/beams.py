"""Beam search: the likeliest line, as far as a few lines in mind at a time can tell."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from treadle.bundle.language import State, StepModel
from treadle.bundle.sampling import NO_WORD, refuse_nan
from treadle.errors import GenerationError

Numbers = tuple[int, ...]


@dataclass(frozen=True)
class Found:
    """A line, or as much of one as was looked for."""

    numbers: Numbers
    log_probabilities: tuple[float, ...]
    """Of every token after those before it."""
    state: State
    """The state, of one row, before the last token is read."""

    @property
    def total(self) -> float:
        """The log-probability of the whole."""
        return sum(self.log_probabilities)

    @property
    def mean(self) -> float:
        """By which lines are compared: the sum alone would favour short ones."""
        return self.total / len(self.numbers)


def search(
    model: StepModel,
    state: State,
    log_probabilities: NDArray[np.float32],
    *,
    sayable: NDArray[np.bool_],
    ended: Callable[[Numbers], bool],
    beams: int,
    length: int,
) -> Found:
    """The line of the highest mean log-probability of a token, its end mark counted.

    Of the best 2 * beams continuations of all lines in mind, those that ended are set aside, if they are among the best
    `beams`, and the best `beams` others are read on. It stops once so many lines have ended and none in mind is
    likelier by the mean so far (Wu et al. 2016, Google's Neural Machine Translation System, section 7: length
    normalisation by division). Every line in mind is a row of the state, so that a word more is one step more.

    Args:
        model: what foretells.
        state: of one row.
        log_probabilities: of the first token, shape (1, outputs).
        sayable: which numbers may be said, shape (outputs,).
        ended: whether a line ends with the last of its tokens.
        beams: lines in mind.
        length: most tokens.

    Raises:
        GenerationError: the network gives no word a probability, or one that is no number.
    """
    lines = [Found((), (), state)]
    best: Found | None = None
    done = 0
    for left in range(length - 1, -1, -1):
        going: list[Found] = []
        parents: list[int] = []
        found = _continuations(lines, log_probabilities, sayable, 2 * beams)
        for rank, (parent, number, log_probability) in enumerate(found):
            line = lines[parent]
            before = tuple(array[:, [parent]] for array in state)
            longer = Found((*line.numbers, number), (*line.log_probabilities, log_probability), before)
            if left > 0 and not ended(longer.numbers):
                going.append(longer)
                parents.append(parent)
            elif rank < beams:
                best = longer if best is None or longer.mean > best.mean else best
                done += 1
        lines, parents = going[:beams], parents[:beams]
        if not lines or (best is not None and _is_settled(best, lines[0], length, enough=done >= beams)):
            break
        last = np.array([[line.numbers[-1]] for line in lines], np.int32)
        log_probabilities, state = model.advance(tuple(array[:, parents] for array in state), last)
    if best is None:
        raise GenerationError(NO_WORD)
    return best


def _is_settled(best: Found, going: Found, length: int, *, enough: bool) -> bool:
    """Whether the likeliest line in mind is no rival of the best that ended: as far as it goes, once enough lines have
    ended; before that, even if all its tokens to come were certain."""
    return best.mean >= (going.mean if enough else going.total / length)


def _continuations(
    lines: list[Found], log_probabilities: NDArray[np.float32], sayable: NDArray[np.bool_], most: int
) -> list[tuple[int, int, float]]:
    """Line, next number and its log-probability of the best continuations, the best first."""
    each = np.where(sayable, log_probabilities, -np.inf).astype(np.float64)
    sums = (each + np.array([[line.total] for line in lines])).ravel()
    refuse_nan(sums)
    bound = np.partition(sums, -most)[-most] if len(sums) > most else -np.inf
    places = np.flatnonzero((sums >= bound) & (sums > -np.inf))
    ranked = places[np.argsort(-sums[places], kind="stable")][:most]
    rows, numbers = np.divmod(ranked, each.shape[1])
    return list(zip(rows.tolist(), numbers.tolist(), each.ravel()[ranked].tolist(), strict=True))
