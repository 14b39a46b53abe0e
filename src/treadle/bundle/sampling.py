"""Which of the words that may come next is written: the likeliest, or one drawn by chance."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Annotated, Any, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, ValidationError, model_validator

from treadle.errors import GenerationError
from treadle.faults import faults
from treadle.section import Positive, Section, unused

Floats = NDArray[np.floating[Any]]

NO_WORD = "the network gives no word a probability, so that nothing can be written"

_ROUNDING = 1e-6
"""Shares of float32 log-probabilities add up to `top_p` no closer than this."""
_SEEDS = 2**32


class Sampling(Section):
    """How a text is written, and where it stops."""

    temperature: Annotated[float, Field(ge=0.0)] = 1.0
    """Log-probabilities are divided by it before a word is drawn: below 1 likely words become likelier, above 1 rare
    ones do, and 0 always takes the likeliest (greedy; of equals the more frequent in training)."""
    top_k: Positive | None = None
    """Draw among this many of the likeliest words only (Fan et al. 2018, section 5.4)."""
    top_p: Annotated[float, Field(gt=0.0, le=1.0)] = 1.0
    """Draw among the fewest words, the likeliest first, whose probabilities reach this sum (nucleus sampling, Holtzman
    et al. 2020, section 3.1); after `temperature` and `top_k`."""
    beams: Positive = 1
    """Above 1: draw nothing, but look for the likeliest line with so many lines in mind at every word."""
    length: Annotated[int, Field(ge=0)] = 100
    """Most words, ends of lines among them; pieces or characters where the network reads those. 0 writes nothing."""
    lines: Positive | None = None
    """Stop at the end of this many lines. Without it a text of separate lines stops at the end of one, a running text
    only at `length`."""
    stop: str | None = None
    """Stop once this stands in what was written, as '.' at the end of a sentence."""
    seed: Annotated[int, Field(ge=0, lt=2**63)] | None = None
    """The same seed draws the same words; without one every text is another."""

    @model_validator(mode="after")
    def _no_unused_options(self) -> Self:
        drawn = ("temperature", "top_k", "top_p", "seed")
        unused(self, (*drawn, "beams", "lines", "stop"), used=self.length > 0, needs="a length above 0")
        unused(self, drawn, used=self.beams == 1, needs="beams: 1")
        unused(self, drawn[1:], used=self.temperature > 0, needs="a temperature above 0")
        if self.stop == "":
            raise ValueError("stop: is empty, so that nothing would be written; leave it out")
        return self

    @property
    def draws(self) -> bool:
        """Whether chance has a say."""
        return self.temperature > 0 and self.beams == 1 and self.length > 0

    def seeded(self) -> Sampling:
        """The same with a seed, drawn if there is none, so that it can be told what would write the text again."""
        if self.seed is not None or not self.draws:
            return self
        return self.model_copy(update={"seed": secrets.randbelow(_SEEDS)})


def read_sampling(options: Mapping[str, Any]) -> Sampling:
    """The sampling that `options` ask for; numbers must be numbers.

    Raises:
        GenerationError: with a line for every option that is unknown, out of range, or would not be used.
    """
    try:
        return Sampling.model_validate(dict(options), strict=True)
    except ValidationError as error:
        raise GenerationError("\n".join(faults(error, options, Sampling))) from None


def distribution(log_probabilities: Floats, sampling: Sampling) -> NDArray[np.float64]:
    """The probabilities by which the next word is drawn.

    Args:
        log_probabilities: of every word, shape (outputs,); minus infinity where one may not be said.
        sampling: its temperature, top_k and top_p.

    Returns:
        float64 of shape (outputs,), of sum 1; 0 for words that are left out.

    Raises:
        GenerationError: no word has a probability, or one is no number.
    """
    logits = np.asarray(log_probabilities, np.float64)
    refuse_nan(logits)
    likeliest = logits.max(initial=-np.inf)
    if likeliest == -np.inf:
        raise GenerationError(NO_WORD)
    if sampling.temperature == 0:
        return np.asarray(np.arange(len(logits)) == np.argmax(logits), np.float64)
    with np.errstate(over="ignore"):
        weights = np.exp((logits - likeliest) / sampling.temperature)
    if sampling.top_k is not None or sampling.top_p < 1:
        ranked = np.argsort(-logits, kind="stable")
        weights[ranked[_kept(weights[ranked], sampling) :]] = 0
    return np.asarray(weights / weights.sum(), np.float64)


def _kept(weights: NDArray[np.float64], sampling: Sampling) -> int:
    """How many of the weights, the largest first, stay."""
    most = min(sampling.top_k or len(weights), len(weights))
    if sampling.top_p == 1:
        return most
    sums = np.cumsum(weights[:most])
    return int(np.searchsorted(sums, (sampling.top_p - _ROUNDING) * sums[-1])) + 1


def refuse_nan(log_probabilities: Floats) -> None:
    """Refuse a network whose answers are no numbers.

    Raises:
        GenerationError: one of `log_probabilities` is NaN.
    """
    if np.isnan(log_probabilities).any():
        raise GenerationError("the network's answer is no number: its weights are not finite; train it again")


def draw(probabilities: NDArray[np.float64], random: np.random.Generator) -> int:
    """A number by its probability: the inverse of the cumulative distribution at one uniform draw."""
    sums = np.cumsum(probabilities)
    return int(np.searchsorted(sums / sums[-1], random.random(), side="right"))
