"""A word in a gap: the product of powers of what dictionaries say of both sides, and powers chosen on held-out gaps."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from treadle.evaluation import gaps
from treadle.evaluation.discounts import LEAST
from treadle.evaluation.gaps import BAYES, GapModel
from treadle.evaluation.language import NOTHING, WordModel
from treadle.evaluation.lines import Numbers

OUTPUTS, BEGIN, END = 9, 7, 8
WORDS = slice(1, BEGIN)
POSSIBLE = np.array([1 <= number < BEGIN for number in range(OUTPUTS)])


def chains(count: int, seed: int) -> list[list[int]]:
    """Each word is as a rule the one before it or the next."""
    random = np.random.default_rng(seed)
    steps = [random.choice([0, 1, 3], length, p=[0.3, 0.5, 0.2]) for length in random.integers(1, 9, count)]
    return [(1 + np.cumsum(step) % 6).tolist() for step in steps]


def topics(count: int, seed: int) -> list[list[int]]:
    """The words of a line are mostly small or mostly large, so that both sides of a gap tell the same."""
    random = np.random.default_rng(seed)
    shares = np.array([6, 5, 4, 1, 1, 1]) / 18
    lengths = random.integers(1, 9, count)
    return [(1 + random.choice(6, length, p=shares[:: random.choice([1, -1])])).tolist() for length in lengths]


def gaps_of(lines: list[list[int]]) -> tuple[Numbers, Numbers, Numbers]:
    """What stands before and behind each word, and the word."""
    found = []
    for line in lines:
        padded = [NOTHING, BEGIN, *line, END, NOTHING]
        found += [(*padded[at - 2 : at], padded[at + 2], padded[at + 1], padded[at]) for at in range(2, len(line) + 2)]
    table = np.array(found)
    return table[:, :2], table[:, 2:4], table[:, 4]


def learn(order: int, lines: list[list[int]]) -> GapModel:
    left, right, due = gaps_of(lines)
    before, behind = (WordModel.learn(side, due, POSSIBLE, order) for side in (left, right))
    return GapModel(before, behind, WordModel.learn(left, due, POSSIBLE, 1), WORDS)


def perplexity(model: GapModel, left: Numbers, right: Numbers, due: Numbers) -> float:
    return float(np.exp(-np.log(model.between(left, right)[np.arange(len(due)), due]).mean()))


@pytest.mark.parametrize("powers", [BAYES, (0.7, 0.9, -0.4), (0.0, 0.0, 0.0)], ids=str)
@pytest.mark.parametrize("order", [2, 3])
def test_it_is_the_product_over_both_sides(
    slow_word_model: Any, order: int, powers: tuple[float, float, float]
) -> None:
    lines = topics(30, order)
    left, right, due = gaps_of(lines)
    possible = np.flatnonzero(POSSIBLE).tolist()
    before, behind = (
        slow_word_model(
            [(tuple(pair), word) for pair, word in zip(side.tolist(), due.tolist(), strict=True)], possible, n
        )
        for side, n in ((left, order), (right, order))
    )
    alone = slow_word_model([((NOTHING, BEGIN), word) for word in due.tolist()], possible, 1)
    left, right, _ = gaps_of(chains(10, 7))
    found = replace(learn(order, lines), powers=powers).between(left, right)
    for each_left, each_right, answered in zip(left.tolist(), right.tolist(), found, strict=True):
        product = np.zeros(OUTPUTS)
        for word in possible:
            sides = before.probability(tuple(each_left), word), behind.probability(tuple(each_right), word)
            product[word] = np.prod(np.power([*sides, alone.probability((), word)], powers))
        np.testing.assert_allclose(answered, product / product.sum(), rtol=1e-10)


@pytest.mark.parametrize("order", [2, 3])
def test_no_powers_near_those_chosen_are_better(order: int) -> None:
    model, held_out = learn(order, topics(60, 1)), gaps_of(topics(150, 2))
    found = model.tuned(*held_out)
    least = perplexity(found, *held_out)
    assert least <= perplexity(model, *held_out)
    assert found.powers == tuple(np.round(found.powers, 3))
    for at, power in enumerate(BAYES):
        for step in (-0.05, 0.05):
            other = list(found.powers)
            other[at] = float(np.clip(other[at] + step, min(0, power), max(0, power)))
            first, second, third = other
            assert least <= perplexity(replace(model, powers=(first, second, third)), *held_out) + 1e-4


def test_few_words_choose_nothing() -> None:
    model, (left, right, due) = learn(2, topics(60, 1)), gaps_of(topics(150, 2))
    assert model.tuned(left[: LEAST - 1], right[: LEAST - 1], due[: LEAST - 1]).powers == BAYES
    assert model.tuned(left[:LEAST], right[:LEAST], due[:LEAST]).powers != BAYES


def test_of_very_many_words_some_choose(monkeypatch: pytest.MonkeyPatch) -> None:
    model, held_out = learn(2, topics(60, 1)), gaps_of(topics(300, 2))
    expected = model.tuned(*(each[::2] for each in held_out))
    monkeypatch.setattr(gaps, "MOST", -(-len(held_out[2]) * OUTPUTS // 2))
    assert model.tuned(*held_out).powers == expected.powers
    monkeypatch.setattr(gaps, "MOST", OUTPUTS)
    fewest = model.tuned(*(each[:: len(held_out[2]) // LEAST] for each in held_out))
    assert model.tuned(*held_out).powers == fewest.powers


def test_sides_that_only_the_word_between_joins_keep_the_powers_of_bayes() -> None:
    assert learn(2, chains(3000, 1)).tuned(*gaps_of(chains(3000, 2))).powers == pytest.approx(BAYES, abs=0.15)
