"""Kneser-Ney against the formulas written with dictionaries, and against figures worked by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from treadle.evaluation.language import FALLBACK, NOTHING, Sparse, WordModel, discounts_of

OUTPUTS = 9
BEGIN, END = 7, 8
POSSIBLE = np.array([number not in (0, BEGIN) for number in range(OUTPUTS)])

Events = list[tuple[tuple[int, int], int]]
CONTEXTS = [(left, right) for left in (NOTHING, *range(OUTPUTS)) for right in range(OUTPUTS)]

texts = st.lists(st.lists(st.integers(1, 6), max_size=12), max_size=12)
shares = st.floats(0.01, 1)
discounts = st.lists(
    st.tuples(shares, shares.map(lambda share: 2 * share), shares.map(lambda share: 3 * share)), min_size=3, max_size=3
)


def events_of(lines: list[list[int]]) -> Events:
    found = []
    for line in lines:
        padded = [NOTHING, BEGIN, *line, END]
        found += [((padded[at - 2], padded[at - 1]), padded[at]) for at in range(2, len(padded))]
    return found


def learn(events: Events, order: int) -> WordModel:
    contexts = np.array([context for context, _ in events], np.int32).reshape(-1, 2)
    return WordModel.learn(contexts, np.array([word for _, word in events], np.int32), POSSIBLE, order)


@pytest.mark.parametrize("order", [1, 2, 3])
@settings(max_examples=40, deadline=None)
@given(lines=texts)
def test_it_is_what_the_formulas_say(slow_word_model: Any, order: int, lines: list[list[int]]) -> None:
    events = events_of(lines)
    slow = slow_word_model(events, np.flatnonzero(POSSIBLE).tolist(), order)
    found = learn(events, order).following(np.array(CONTEXTS))
    expected = [[slow.probability(context, word) for word in range(OUTPUTS)] for context in CONTEXTS]
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("order", [1, 2, 3])
@settings(max_examples=20, deadline=None)
@given(lines=texts, chosen=discounts)
def test_other_discounts_change_nothing_else(
    slow_word_model: Any, order: int, lines: list[list[int]], chosen: list[tuple[float, float, float]]
) -> None:
    events = events_of(lines)
    slow = slow_word_model(events, np.flatnonzero(POSSIBLE).tolist(), order, chosen[:order])
    found = learn(events, order).discounted(chosen[:order]).following(np.array(CONTEXTS))
    expected = [[slow.probability(context, word) for word in range(OUTPUTS)] for context in CONTEXTS]
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-15)


@pytest.mark.parametrize("order", [1, 2, 3])
@given(lines=texts, chosen=discounts)
def test_probabilities_add_up_to_one_over_all_that_can_be_due(
    order: int, lines: list[list[int]], chosen: list[tuple[float, float, float]]
) -> None:
    model = learn(events_of(lines), order)
    for discounted in (model, model.discounted(chosen[:order])):
        found = discounted.following(np.array(CONTEXTS))
        assert found.sum(axis=1) == pytest.approx(np.ones(len(CONTEXTS)))
        assert (found[:, POSSIBLE] > 0).all()
        assert (found[:, ~POSSIBLE] == 0).all()


def test_discounts_worked_by_hand() -> None:
    # n1 = 4, n2 = 3, n3 = 2, n4 = 1: Y = 4 / 10.
    counts = np.array([1] * 4 + [2] * 3 + [3] * 2 + [4] + [9, 30])
    assert discounts_of(counts) == pytest.approx((1 - 0.8 * 3 / 4, 2 - 1.2 * 2 / 3, 3 - 1.6 * 1 / 2))


@pytest.mark.parametrize(
    "counts",
    [[], [1, 1, 2, 3], [5, 6], [1] * 3 + [2] + [3] * 9 + [4], [1] * 3 + [2, 3] + [4] * 9],
    ids=["none", "no four", "none rare", "second below zero", "third below zero"],
)
def test_discounts_that_counts_of_counts_do_not_give(counts: list[int]) -> None:
    assert discounts_of(np.array(counts, np.int64)) == FALLBACK


def test_a_bigram_worked_by_hand() -> None:
    # "2 3", "2 3", "2 4": after 2 stand 3 twice and 4 once; fallback discounts 0.5, 1 and 1.5.
    found = learn(events_of([[2, 3], [2, 3], [2, 4]]), 2).following(np.array([[BEGIN, 2], [2, 6]]))
    # Different words stand before 2, 3, 4 (one each) and the end (two): 5 pairs.
    uniform = 1 / 7
    gamma = (0.5 + 0.5 + 0.5 + 1) / 5
    three, end = 0.5 / 5 + gamma * uniform, 1 / 5 + gamma * uniform
    assert found[0, 3] == pytest.approx((2 - 1) / 3 + 1.5 / 3 * three)
    assert found[0, END] == pytest.approx(1.5 / 3 * end)
    assert found[1, 3] == pytest.approx(three)


def test_what_nothing_stands_before_counts_as_often_as_it_occurs() -> None:
    # 2 begins three lines and 3 one; the context of the mark before a line is only that mark.
    lines = [[2, 3], [2, 3], [2, 4], [3]]
    found = learn(events_of(lines), 3).following(np.array([[NOTHING, BEGIN], [BEGIN, 2], [NOTHING, 2]]))
    uniform = 1 / 7
    # Different tokens stand before 2 (one), 3 (two), 4 (one) and the end (two): 6 pairs.
    gamma = (0.5 + 1 + 0.5 + 1) / 6
    two, three = 0.5 / 6 + gamma * uniform, 1 / 6 + gamma * uniform
    assert found[0, 2] == pytest.approx((3 - 1.5) / 4 + (1.5 + 0.5) / 4 * two)
    assert found[0, 3] == pytest.approx((1 - 0.5) / 4 + (1.5 + 0.5) / 4 * three)
    # 2 stands behind one different token, so that the pairs 2 3 and 2 4 count once each.
    after_two = 0.5 / 2 + (0.5 + 0.5) / 2 * three
    assert found[2, 3] == pytest.approx(after_two)
    assert found[1, 3] == pytest.approx((2 - 1) / 3 + (1 + 0.5) / 3 * after_two)


def test_entries_are_found_by_key() -> None:
    sparse = Sparse.of(np.array([5, 2, 5, 9]), np.array([1, 4, 0, 7]), np.array([0.1, 0.2, 0.3, 0.4]))
    (which, words), values = sparse.find(np.array([9, 3, 5, 2, 5, 10]))
    assert which.tolist() == [0, 2, 2, 3, 4, 4]
    assert words.tolist() == [7, 0, 1, 4, 0, 1]
    assert values.tolist() == [0.4, 0.3, 0.1, 0.2, 0.3, 0.1]
