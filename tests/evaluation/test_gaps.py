"""A word in a gap: its probability is that of the whole line with the word in it, over that with every word in it."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
import pytest

from treadle.evaluation.gaps import GapModel
from treadle.evaluation.language import WordModel

OUTPUTS, BEGIN, END = 9, 7, 8
POSSIBLE = np.array([number not in (0, BEGIN) for number in range(OUTPUTS)])
WORDS = np.array([1 <= number < BEGIN for number in range(OUTPUTS)])


def padded(line: list[int]) -> list[int]:
    return [BEGIN, BEGIN, *line, END]


@pytest.mark.parametrize("order", [1, 2, 3])
def test_it_is_the_probability_of_the_whole_line(slow_word_model: Any, order: int) -> None:
    random = np.random.default_rng(order)
    learnt = [random.integers(1, BEGIN, length).tolist() for length in random.integers(0, 8, 40)]
    events = [((line[at - 2], line[at - 1]), line[at]) for line in map(padded, learnt) for at in range(2, len(line))]
    contexts, following = np.array([context for context, _ in events]), np.array([word for _, word in events])
    model = GapModel(WordModel.learn(contexts, following, POSSIBLE, order), WORDS)
    slow = slow_word_model(events, np.flatnonzero(POSSIBLE).tolist(), order)

    def of_line(line: list[int]) -> float:
        return prod(slow.probability((line[at - 2], line[at - 1]), line[at]) for at in range(2, len(line)))

    lines = [learnt[0] or [3], [4], [1, 5], *(random.integers(1, BEGIN, 4).tolist() for _ in range(10))]
    gaps = [(padded(line), at) for line in lines for at in range(2, len(line) + 2)]
    left = np.array([line[at - 2 : at] for line, at in gaps])
    right = np.array([[*line[at + 1 : at + 3], -1][:2] for line, at in gaps])
    found = model.between(left, right)
    for (line, at), answered in zip(gaps, found, strict=True):
        whole = np.array(
            [of_line([*line[:at], word, *line[at + 1 :]]) if WORDS[word] else 0 for word in range(OUTPUTS)]
        )
        np.testing.assert_allclose(answered, whole / whole.sum(), rtol=1e-10)
