"""Which word is drawn: every rule beside a plain reading of its paper, and what is drawn beside its probabilities."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from treadle.bundle.sampling import Sampling, distribution, draw, read_sampling
from treadle.errors import GenerationError


def plain(logits: list[float], temperature: float, top_k: int | None, top_p: float) -> list[float]:
    """The rules word by word, in Python's own numbers."""
    top = max(logits)
    weights = [math.exp((logit - top) / temperature) for logit in logits]
    ranked = sorted(range(len(logits)), key=lambda number: (-logits[number], number))[:top_k]
    total = sum(weights[number] for number in ranked)
    kept, reached = [], 0.0
    for number in ranked:
        if reached >= top_p - 1e-6 and top_p < 1:
            break
        kept.append(number)
        reached += weights[number] / total
    total = sum(weights[number] for number in kept)
    return [weights[number] / total if number in kept else 0.0 for number in range(len(logits))]


@given(
    logits=st.lists(st.floats(-30, 0, width=32), min_size=1, max_size=12),
    temperature=st.floats(0.05, 20),
    top_k=st.none() | st.integers(1, 15),
    top_p=st.floats(0.01, 1),
)
def test_the_distribution_is_that_of_the_rules(
    logits: list[float], temperature: float, top_k: int | None, top_p: float
) -> None:
    sampling = Sampling(temperature=temperature, top_k=top_k, top_p=top_p)
    found = distribution(np.array(logits, np.float32), sampling)
    expected = np.array(plain(logits, temperature, top_k, top_p))
    # A word at the very edge of top_p may fall on either side by rounding.
    if (found > 0).sum() == (expected > 0).sum():
        np.testing.assert_allclose(found, expected, rtol=1e-9)
    else:
        assert abs((found > 0).sum() - (expected > 0).sum()) == 1
    assert found.sum() == pytest.approx(1)


SHARES = np.array([0.5, 0.25, 0.125, 0.0625, 0.0625])
LOGITS = np.log(SHARES).astype(np.float32)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, SHARES),
        ({"temperature": 0.0}, [1, 0, 0, 0, 0]),
        ({"temperature": 0.5}, SHARES**2 / (SHARES**2).sum()),
        ({"temperature": 1e-300}, [1, 0, 0, 0, 0]),
        ({"temperature": 1e300}, [0.2] * 5),
        ({"top_k": 1}, [1, 0, 0, 0, 0]),
        ({"top_k": 2}, [2 / 3, 1 / 3, 0, 0, 0]),
        ({"top_k": 4}, np.array([8, 4, 2, 1, 0]) / 15),
        ({"top_k": 99}, SHARES),
        ({"top_p": 0.4}, [1, 0, 0, 0, 0]),
        ({"top_p": 0.5}, [1, 0, 0, 0, 0]),
        ({"top_p": 0.51}, [2 / 3, 1 / 3, 0, 0, 0]),
        ({"top_p": 0.75}, [2 / 3, 1 / 3, 0, 0, 0]),
        ({"top_p": 1e-9}, [1, 0, 0, 0, 0]),
        # Of the two kept by top_k the first has two thirds.
        ({"top_k": 2, "top_p": 0.66}, [1, 0, 0, 0, 0]),
        ({"top_k": 2, "top_p": 0.67}, [2 / 3, 1 / 3, 0, 0, 0]),
        # At a temperature of 0.5 the first has 0.73.
        ({"temperature": 0.5, "top_p": 0.7}, [1, 0, 0, 0, 0]),
    ],
)
def test_worked_values(options: dict[str, Any], expected: list[float]) -> None:
    np.testing.assert_allclose(distribution(LOGITS, Sampling(**options)), expected, rtol=1e-6)


def test_of_equals_the_first_is_kept() -> None:
    equal = np.zeros(4, np.float32)
    assert distribution(equal, Sampling(temperature=0)).tolist() == [1, 0, 0, 0]
    assert distribution(equal, Sampling(top_k=2)).tolist() == [0.5, 0.5, 0, 0]


def test_what_may_not_be_said_is_never_drawn() -> None:
    masked = np.where(np.arange(5) == 0, -np.inf, LOGITS)
    for options in ({}, {"temperature": 0.0}, {"temperature": 9.0}, {"top_k": 9}, {"top_p": 0.9}):
        assert distribution(masked, Sampling(**options))[0] == 0


@pytest.mark.parametrize("options", [{}, {"temperature": 0.7}, {"top_k": 3}, {"top_p": 0.8}])
def test_words_are_drawn_as_often_as_their_probabilities_say(options: dict[str, Any]) -> None:
    probabilities = distribution(LOGITS, Sampling(**options))
    random = np.random.default_rng(5)
    drawn = np.bincount([draw(probabilities, random) for _ in range(20_000)], minlength=5)
    assert drawn[probabilities == 0].sum() == 0
    kept = probabilities > 0
    assert stats.chisquare(drawn[kept], 20_000 * probabilities[kept]).pvalue > 0.001


def test_the_ends_of_the_unit_interval_draw_a_word_that_has_a_probability() -> None:
    class Fixed:
        def __init__(self, value: float) -> None:
            self.value = value

        def random(self) -> float:
            return self.value

    probabilities = np.array([0.0, 0.1, 0.2, 0.7, 0.0])
    assert draw(probabilities, Fixed(0.0)) == 1  # type: ignore[arg-type]
    assert draw(probabilities, Fixed(np.nextafter(1.0, 0.0))) == 3  # type: ignore[arg-type]


def test_a_network_without_numbers_is_refused() -> None:
    with pytest.raises(GenerationError, match="no number"):
        distribution(np.array([0.0, np.nan], np.float32), Sampling())
    with pytest.raises(GenerationError, match="no word a probability"):
        distribution(np.full(3, -np.inf), Sampling())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"temperature": -1}, "temperature: should be at least 0, not -1"),
        ({"temperature": math.nan}, "temperature: should be a finite number, not NaN"),
        ({"temperature": "hot"}, 'temperature: should be a number, not "hot"'),
        ({"top_p": 0}, "top_p: should be above 0, not 0"),
        ({"top_p": 1.1}, "top_p: should be at most 1, not 1.1"),
        ({"top_k": 0}, "top_k: should be above 0, not 0"),
        ({"top_k": True}, "top_k: should be a whole number, not true"),
        ({"top_k": 2.5}, "top_k: should be a whole number, not 2.5"),
        ({"beams": 0}, "beams: should be above 0, not 0"),
        ({"length": -1}, "length: should be at least 0, not -1"),
        ({"lines": 0}, "lines: should be above 0, not 0"),
        ({"seed": -1}, "seed: should be at least 0, not -1"),
        ({"seed": 2**63}, "seed: should be below 9.22337e+18, not 9223372036854775808"),
        ({"stop": ""}, "stop: is empty"),
        ({"stop": 5}, "stop: should be text (in quotes), not 5"),
        ({"top_q": 0.5}, "unknown key 'top_q'; did you mean 'top_p'?"),
        ({"beams": 3, "temperature": 0.7}, "temperature would not be used: it needs beams: 1"),
        ({"beams": 3, "top_k": 5, "seed": 1}, "top_k would not be used: it needs beams: 1"),
        ({"beams": 3, "top_k": 5, "seed": 1}, "seed would not be used: it needs beams: 1"),
        ({"temperature": 0, "top_p": 0.9}, "top_p would not be used: it needs a temperature above 0"),
        ({"temperature": 0, "seed": 4}, "seed would not be used: it needs a temperature above 0"),
        ({"length": 0, "temperature": 0.5}, "temperature would not be used: it needs a length above 0"),
        ({"length": 0, "lines": 2}, "lines would not be used: it needs a length above 0"),
    ],
)
def test_what_cannot_be_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(GenerationError) as caught:
        read_sampling(options)
    assert message in str(caught.value)


def test_what_can_be_is_read() -> None:
    found = read_sampling({"temperature": 0, "length": 5, "stop": "."})
    assert (found.temperature, found.length, found.stop, found.draws) == (0.0, 5, ".", False)
    assert read_sampling({"beams": 4, "lines": 2}).draws is False
    assert read_sampling({}) == Sampling()


def test_a_seed_is_drawn_only_where_one_is_used() -> None:
    assert Sampling(seed=7).seeded().seed == 7
    assert Sampling(temperature=0).seeded().seed is None
    assert Sampling(beams=2).seeded().seed is None
    assert Sampling(length=0).seeded().seed is None
    assert {Sampling().seeded().seed for _ in range(4)} != {None}
    assert len({Sampling().seeded().seed for _ in range(4)}) > 1
