"""Beam search beside looking at every line there is."""

from __future__ import annotations

from itertools import pairwise, product
from typing import Any

import numpy as np
import pytest

from treadle.bundle.beams import Found, Numbers, search
from treadle.errors import GenerationError

LENGTH = 4


def find(model: Any, beams: int, *, length: int = LENGTH, stop: int | None = None) -> Found:
    logits, state = model.advance(model.start(), np.array([[model.begin]], np.int32))
    sayable = np.ones(model.outputs, bool)
    sayable[[0, 1, model.begin]] = False

    def ended(numbers: Numbers) -> bool:
        return numbers[-1] in (model.end, stop)

    return search(model, state, logits, sayable=sayable, ended=ended, beams=beams, length=length)


def all_lines(model: Any, length: int, stop: int | None = None) -> dict[Numbers, list[float]]:
    """Log-probabilities of the tokens of every line that ends, or that is as long as may be."""
    words = [number for number in range(2, model.outputs) if number != model.begin]
    lines = {}
    for size in range(1, length + 1):
        for numbers in product(words, repeat=size):
            ends = [number in (model.end, stop) for number in numbers]
            if not any(ends[:-1]) and (ends[-1] or size == length):
                before = [(0, model.begin), (model.begin, numbers[0]), *pairwise(numbers)]
                lines[numbers] = [
                    float(model.table[pair][number]) for pair, number in zip(before, numbers, strict=False)
                ]
    return lines


@pytest.mark.parametrize("seed", range(8))
def test_with_room_for_every_line_it_finds_the_best_of_all(toy: Any, seed: int) -> None:
    model = toy(("a", "b", "c"), seed=seed, sharp=2)
    lines = all_lines(model, LENGTH)
    best = max(lines, key=lambda numbers: np.mean(lines[numbers]))
    found = find(model, beams=3**LENGTH)
    assert found.numbers == best
    np.testing.assert_allclose(found.log_probabilities, lines[best], rtol=1e-6)


@pytest.mark.parametrize("seed", range(4))
def test_a_mark_ends_a_line_too(toy: Any, seed: int) -> None:
    model = toy(("a", "b", "."), seed=seed)
    lines = all_lines(model, LENGTH, stop=4)
    assert find(model, 3**LENGTH, stop=4).numbers == max(lines, key=lambda numbers: np.mean(lines[numbers]))


def plain_search(model: Any, beams: int, length: int) -> Numbers:
    """The same search, one line at a time, that stops only once as many lines have ended as it has in mind."""
    going, ended = [((), ())], []
    for step in range(length):
        longer = []
        for numbers, logs in going:
            says = model.says(model.begin, *numbers)
            longer += [
                ((*numbers, number), (*logs, says[number]))
                for number in range(2, model.outputs)
                if number != model.begin
            ]
        longer.sort(key=lambda line: -sum(line[1]))
        done = [line for line in longer if line[0][-1] == model.end or step == length - 1]
        going = [line for line in longer[: 2 * beams] if line not in done][:beams]
        ended += [line for line in longer[:beams] if line in done]
        if len(ended) >= beams and max(map(mean, ended)) >= max(map(mean, going), default=-np.inf):
            break
    return max(ended, key=mean)[0]


def mean(line: tuple[Numbers, tuple[float, ...]]) -> float:
    return sum(line[1]) / len(line[1])


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("beams", [2, 3])
def test_with_little_room_it_finds_what_a_plain_search_does(toy: Any, seed: int, beams: int) -> None:
    model = toy(seed=seed, sharp=1.5)
    assert find(model, beams, length=7).numbers == plain_search(model, beams, 7)


def test_short_lines_are_not_favoured(toy: Any) -> None:
    model = toy(("a", "b"), sharp=0)
    table = np.full_like(model.table, -20.0)
    end, a = model.end, 2
    # The end at once has the higher probability, 0.5; but of the longer line every token has 0.7.
    table[0, model.begin, [end, a]] = np.log([0.5, 0.4])
    table[model.begin, a, a] = table[a, a, a] = np.log(0.9)
    table[a, a, end] = np.log(0.05)
    model.table = table
    assert find(model, 2, length=6).numbers == (a,) * 6


def test_a_word_more_is_one_step_more_and_every_line_is_a_row(toy: Any) -> None:
    model = toy(sharp=0.1)
    model.table[..., model.end] = -50
    found = find(model, 3, length=6)
    assert len(found.numbers) == 6
    assert [np.shape(call) for call in model.calls] == [(1, 1), *[(3, 1)] * 5]
    assert find(model, 3, length=1).numbers[0] == int(np.argmax(model.says(model.begin)[2:-2])) + 2


def test_it_looks_no_further_once_enough_lines_have_ended(toy: Any) -> None:
    model = toy(sharp=0.1)
    model.table[..., model.end] = -1.0
    find(model, 2, length=500)
    assert len(model.calls) < 6


def test_it_gives_the_state_before_the_last_token(toy: Any) -> None:
    model = toy(seed=3)
    found = find(model, 4, length=5)
    expected = model.start()
    for number in (model.begin, *found.numbers[:-1]):
        _, expected = model.advance(expected, np.array([[number]], np.int32))
    np.testing.assert_array_equal(found.state[0], expected[0])


def test_a_network_without_numbers_is_refused(toy: Any) -> None:
    model = toy()
    model.table[:] = -np.inf
    with pytest.raises(GenerationError, match="no word a probability"):
        find(model, 2)
    model.table[:] = np.nan
    with pytest.raises(GenerationError, match="no number"):
        find(model, 2)
