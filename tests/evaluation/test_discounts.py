"""Discounts chosen on held-out words: the gradient against differences, the choice against its neighbours."""

from __future__ import annotations

import numpy as np
import pytest

from treadle.evaluation import discounts
from treadle.evaluation.discounts import LARGEST, LEAST, SMALLEST, HeldOut, tuned
from treadle.evaluation.language import NOTHING, WordModel
from treadle.evaluation.lines import Numbers

OUTPUTS = 42
POSSIBLE = np.array([2 <= number < 40 for number in range(OUTPUTS)])


def events(count: int, seed: int) -> tuple[Numbers, Numbers]:
    """Words of which each is as a rule near the one before; a third of the contexts are a mark alone."""
    random = np.random.default_rng(seed)
    last = 2 + random.zipf(1.3, count) % 38
    contexts = np.stack([2 + random.zipf(1.5, count) % 38, last], axis=1)
    contexts[random.random(count) < 0.3] = NOTHING, 40
    return contexts, 2 + (last + random.zipf(1.6, count)) % 38


def learn(order: int, seed: int = 0) -> WordModel:
    return WordModel.learn(*events(400, seed), POSSIBLE, order)


def perplexity(model: WordModel, contexts: Numbers, targets: Numbers) -> float:
    probabilities = model.following(contexts)[np.arange(len(targets)), targets]
    return float(np.exp(-np.log(probabilities).mean()))


def taken(model: WordModel) -> list[list[float]]:
    return [list(order.discounts) for order in model.orders]


@pytest.mark.parametrize("order", [1, 2, 3])
def test_surprise_is_that_of_the_model_with_these_discounts(order: int) -> None:
    model, (contexts, targets) = learn(order), events(200, 1)
    chosen = np.random.default_rng(order).uniform(SMALLEST, LARGEST, (order, 3))
    surprise, _ = HeldOut.of(model, contexts, targets, np.ones(200, np.int64)).surprise(chosen.ravel())
    assert np.exp(surprise) == pytest.approx(
        perplexity(model.discounted([tuple(d) for d in chosen]), contexts, targets)
    )


@pytest.mark.parametrize("order", [1, 2, 3])
def test_the_gradient_is_what_small_differences_make(order: int) -> None:
    contexts, targets = events(200, 1)
    times = np.random.default_rng(5).integers(1, 5, 200)
    held_out = HeldOut.of(learn(order), contexts, targets, times)
    chosen = np.random.default_rng(order).uniform(SMALLEST, LARGEST, (order, 3)).ravel()
    _, gradient = held_out.surprise(chosen)
    steps = 1e-6 * np.eye(3 * order)
    differences = [held_out.surprise(chosen + step)[0] - held_out.surprise(chosen - step)[0] for step in steps]
    np.testing.assert_allclose(gradient, np.array(differences) / 2e-6, rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize("order", [1, 2, 3])
def test_no_discounts_near_those_chosen_are_better(order: int) -> None:
    model, held_out = learn(order), events(600, 1)
    found = tuned(model, *held_out)
    least = perplexity(found, *held_out)
    assert least <= perplexity(model, *held_out)
    for at in range(order):
        for kind in range(3):
            for step in (-0.05, 0.05):
                other = taken(found)
                other[at][kind] = float(np.clip(other[at][kind] + step, SMALLEST[kind], LARGEST[kind]))
                assert least <= perplexity(model.discounted([(a, b, c) for a, b, c in other]), *held_out) + 1e-4


def test_chosen_discounts_are_short_and_within_bounds() -> None:
    found = np.array(taken(tuned(learn(3), *events(600, 1))))
    assert (found >= SMALLEST).all()
    assert (found <= LARGEST).all()
    np.testing.assert_array_equal(found, np.round(found, 3))


def test_few_words_choose_nothing() -> None:
    model = learn(3)
    assert tuned(model, *events(LEAST - 1, 1)) is model
    assert tuned(model, *events(LEAST, 1)) is not model


def test_of_very_many_words_some_choose(monkeypatch: pytest.MonkeyPatch) -> None:
    model, (contexts, targets) = learn(2), events(1000, 1)
    expected = tuned(model, contexts[::3], targets[::3])
    monkeypatch.setattr(discounts, "MOST", 400)
    assert taken(tuned(model, contexts, targets)) == taken(expected)
