"""The losses of what is due at every token, against float64 and against the sum over every sequence of tags."""

from __future__ import annotations

from itertools import pairwise, product

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from treadle.nn.crf import Crf
from treadle.tasks import FieldClassification, Objective, TokenClassification
from treadle.tasks.tokens import cross_entropy

DUE = np.array([[2, 0, -1], [-1, -1, -1], [3, 3, 1], [1, -1, 0]], np.int32)
SCORES = np.random.default_rng(0).normal(0, 2, (4, 3, 4)).astype(np.float32)
TOKENS = TokenClassification(4)


def logs_of(scores: np.ndarray) -> np.ndarray:
    scores = scores.astype(np.float64)
    return scores - np.logaddexp.reduce(scores, axis=-1, keepdims=True)


def test_the_loss_of_a_row_is_the_sum_over_what_is_due() -> None:
    logs = logs_of(SCORES)
    expected = [-sum(logs[row, step, due] for step, due in enumerate(DUE[row]) if due >= 0) for row in range(4)]
    for losses in (TOKENS.training_losses, TOKENS.answer_losses):
        np.testing.assert_allclose(losses(jnp.asarray(SCORES), jnp.asarray(DUE)), expected, rtol=1e-6)
    assert TOKENS.answers(jnp.asarray(DUE)).tolist() == [2, 0, 3, 2]
    assert FieldClassification(4).answers(jnp.asarray(DUE)).tolist() == [2, 0, 3, 2]
    objective: Objective = TOKENS
    assert objective.outputs == 4


def test_gradients_are_shares_less_what_is_due_and_none_where_nothing_is() -> None:
    weights = np.array([1.0, 2.0, -0.5, 3.0], np.float32)
    found = jax.grad(lambda scores: jnp.sum(TOKENS.training_losses(scores, jnp.asarray(DUE)) * weights))(SCORES)
    expected = np.exp(logs_of(SCORES)) - np.eye(4)[np.maximum(DUE, 0)]
    expected *= (DUE >= 0)[:, :, None] * weights[:, None, None]
    np.testing.assert_allclose(found, expected, atol=1e-6)


@given(
    scores=st.lists(st.floats(-80, 80, width=32), min_size=2, max_size=6),
    due=st.integers(0, 5),
    asked=st.floats(-3, 3, width=32),
)
def test_the_cross_entropy_of_any_scores(scores: list[float], due: int, asked: float) -> None:
    row, due = np.array(scores, np.float32), due % len(scores)
    loss, pull_back = jax.vjp(lambda row: cross_entropy(row, jnp.int32(due)), row)
    np.testing.assert_allclose(loss, -logs_of(row)[due], rtol=1e-5, atol=2e-5)
    expected = (np.exp(logs_of(row)) - np.eye(len(row))[due]) * asked
    np.testing.assert_allclose(pull_back(jnp.float32(asked))[0], expected, atol=1e-4)


def test_scores_too_large_for_exponentials() -> None:
    scores, due = jnp.array([[[1e4, 0.0], [0.0, 1e4]]]), jnp.array([[0, 0]])
    loss, gradient = jax.value_and_grad(lambda scores: TOKENS.training_losses(scores, due)[0])(scores)
    assert loss == pytest.approx(1e4)
    assert gradient.tolist() == [[[0, 0], [-1, 1]]]


# --- tags of a sentence together


def field(tags: int) -> Crf:
    rng = np.random.default_rng(1)
    drawn = [jnp.asarray(rng.normal(size=shape), jnp.float32) for shape in ((tags, tags), tags, tags)]
    return eqx.tree_at(lambda crf: (crf.transitions, crf.first, crf.last), Crf(tags), drawn)


def test_the_loss_of_a_sentence_is_that_of_its_tags_among_all_sequences() -> None:
    crf, task = field(3), FieldClassification(3)
    scores = np.random.default_rng(2).normal(size=(3, 4, 3)).astype(np.float32)
    due = np.array([[0, 2, 1, 1], [2, -1, -1, -1], [1, 0, -1, -1]], np.int32)
    transitions, first, last = (np.asarray(each, np.float64) for each in (crf.transitions, crf.first, crf.last))

    def score(row: int, tags: tuple[int, ...]) -> float:
        own = sum(scores[row, step, tag].astype(np.float64) for step, tag in enumerate(tags))
        return float(own + first[tags[0]] + sum(transitions[pair] for pair in pairwise(tags)) + last[tags[-1]])

    expected = []
    for row in range(3):
        tags = tuple(due[row][due[row] >= 0].tolist())
        every = [score(row, each) for each in product(range(3), repeat=len(tags))]
        expected.append(np.logaddexp.reduce(every) - score(row, tags))
    for losses in (task.training_losses, task.answer_losses):
        np.testing.assert_allclose(losses((jnp.asarray(scores), crf), jnp.asarray(due)), expected, rtol=1e-5)


def test_tags_that_nothing_ties_are_foretold_one_by_one() -> None:
    scores, due = (
        jnp.asarray(SCORES),
        jnp.asarray(np.where(np.arange(3) < [[2], [0], [3], [1]], np.maximum(DUE, 0), -1)),
    )
    together = FieldClassification(4).training_losses((scores, Crf(4)), due)
    np.testing.assert_allclose(together, TOKENS.training_losses(scores, due), rtol=1e-5, atol=1e-6)
