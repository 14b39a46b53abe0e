"""Texts that a language model wrote when its bundle was made, written again: anywhere, any time, the same words."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from treadle.bundle.generation import Continuation, Word
from treadle.bundle.golden import TOLERANCE, Written
from treadle.bundle.language import StepModel
from treadle.bundle.sampling import Sampling, distribution, read_sampling
from treadle.errors import BundleError

SAMPLINGS: tuple[dict[str, int | float], ...] = (
    {"length": 20, "temperature": 0.0},
    {"length": 20, "seed": 0},
    {"length": 20, "temperature": 0.7, "top_k": 40, "top_p": 0.9, "seed": 1},
)
"""How texts are written to be kept: the likeliest words, and words drawn from all and from a few."""

_SHOWN = 60
_CUT = 1e-6
"""How far below `top_p` a sum may be that counts as having reached it: see `sampling`."""

Floats = NDArray[np.float64]


def write_texts(model: StepModel, prompts: Sequence[str]) -> tuple[Written, ...]:
    """A text for each way of writing, after the first prompts; where there are fewer they begin again."""
    texts = []
    for place, chosen in enumerate(SAMPLINGS):
        # Lines that stand each by itself go on with another one, so that there is a word for all of the length.
        options = {**chosen, "lines": chosen["length"]} if model.marked else chosen
        prompt = prompts[place % len(prompts)] if prompts else ""
        words = _write(model, prompt, read_sampling(options))
        logs = tuple(math.log(word.probability) for word in words)
        texts.append(
            Written(prompt=prompt, sampling=options, words=tuple(word.word for word in words), log_probabilities=logs)
        )
    return tuple(texts)


def rewrite(model: StepModel, texts: Sequence[Written]) -> str:
    """Write texts again; what came of it, in words.

    Where another machine's last bits make another word the likeliest, or the one that is drawn, the words that were
    equal up to there count, and it is said: see `undecided`.

    Raises:
        BundleError: a word is another one, or its probability is; names the prompt and the word.
        GenerationError: the model writes no text in such a way.
    """
    if not texts:
        raise BundleError("there are no texts to write again")
    farthest, turned = 0.0, []
    for text in texts:
        words = _write(model, text.prompt, read_sampling(text.sampling))
        same = _alike(words, text)
        farthest = max([farthest, *(_require_near(words[place], place, text) for place in range(same))])
        if same == len(text.words) == len(words):
            continue
        where = f"after {text.prompt[:_SHOWN]!r} word {same + 1}"
        if not _could_turn(model, text, same):
            was = repr(text.words[same]) if same < len(text.words) else "not written"
            now = repr(words[same].word) if same < len(words) else "not written"
            raise BundleError(f"{where} was {was}, and is now {now}")
        turned.append(f"{where} hangs on a difference below {TOLERANCE:g}: what follows is not compared")
    count = f"{len(texts)} texts" if len(texts) > 1 else "1 text"
    how = f"word for word, within {farthest:.1g}" if not turned else f"within {farthest:.1g}"
    return "; ".join([f"{count} written again {how}", *turned])


def _write(model: StepModel, prompt: str, sampling: Sampling) -> list[Word]:
    continuation = Continuation(model)
    continuation.feed(prompt)
    return list(continuation.write(sampling))


def _alike(words: Sequence[Word], text: Written) -> int:
    """How many words at the beginning are those of the text."""
    for place, (word, was) in enumerate(zip(words, text.words, strict=False)):
        if word.word != was:
            return place
    return min(len(words), len(text.words))


def _require_near(word: Word, place: int, text: Written) -> float:
    """How far a word's log-probability is from what it was, relative where it is below -1."""
    was, now = text.log_probabilities[place], math.log(word.probability)
    away = abs(now - was) / max(1.0, abs(was))
    if not away <= TOLERANCE:
        raise BundleError(
            f"after {text.prompt[:_SHOWN]!r} word {place + 1}, {word.word!r}, had the log-probability {was:.7g}, and"
            f" has now {now:.7g}"
        )
    return away


def _could_turn(model: StepModel, text: Written, place: int) -> bool:
    """Whether the last bits decide which word is written at a place of a text."""
    sampling = read_sampling(text.sampling)
    continuation = Continuation(model)
    continuation.feed(text.prompt)
    if place:
        for _ in continuation.write(sampling.model_copy(update={"length": place})):
            pass
    logs = np.full(len(model.words), -np.inf)
    for word in continuation.likeliest(len(model.words)):
        logs[word.number] = math.log(word.probability) if word.probability else -np.inf
    chance = 0.0 if sampling.seed is None else float(np.random.default_rng(sampling.seed).random(place + 1)[place])
    return undecided(logs, sampling, chance, TOLERANCE)


def undecided(log_probabilities: Floats, sampling: Sampling, chance: float, tolerance: float) -> bool:
    """Whether a change of the log-probabilities within a tolerance could make another word be written.

    Args:
        log_probabilities: of every word, shape (outputs,); minus infinity where one may not be said.
        sampling: without beams.
        chance: in [0, 1), by which the word is drawn: see `sampling.draw`.
        tolerance: absolute, and relative for those below -1.
    """
    ranked = np.sort(log_probabilities)[::-1]
    ranked = ranked[ranked > -np.inf]
    slack = tolerance * np.maximum(1.0, np.abs(ranked))

    def near(place: int) -> bool:
        """Whether a word could change places with the next less likely one."""
        return place < len(ranked) and bool(ranked[place - 1] - ranked[place] <= slack[place - 1] + slack[place])

    if sampling.temperature == 0:
        return near(1)
    shares = distribution(log_probabilities, sampling)
    weights = np.exp((ranked - ranked[0]) / sampling.temperature)
    weights /= weights.sum()
    # By so much, at most, can a sum of shares change.
    reach = 2 * float(weights @ slack) / sampling.temperature
    few = sampling.top_k is not None or sampling.top_p < 1
    if few and near(int(np.count_nonzero(shares))):
        return True
    if sampling.top_p < 1:
        sums = np.cumsum(weights[: sampling.top_k])
        if np.any(np.abs(sums / sums[-1] - (sampling.top_p - _CUT)) <= reach):
            return True
    return bool(np.any(np.abs(np.cumsum(shares) - chance) <= reach))
