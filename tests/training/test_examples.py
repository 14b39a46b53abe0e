"""Batches of lines: what they are cut to, and words that are taken for unknown."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from treadle.features.sequences import NOT_DUE
from treadle.features.vocabulary import UNKNOWN
from treadle.nn import take_apart
from treadle.nn.dropout import chances
from treadle.nn.sequence import build_sequence_network
from treadle.sequence_recipe import SequenceRecipe
from treadle.tasks import TokenClassification
from treadle.training import Examples
from treadle.training.examples import Batch, to_device
from treadle.training.step import make_step

KEY = jax.random.key(3)
TOKENS = np.array([[2, 3, 4, 0], [5, 2, 0, 0], [3, 3, 3, 3]], np.int32)
DUE = np.array([[3, 4, NOT_DUE, NOT_DUE], [NOT_DUE, 5, NOT_DUE, NOT_DUE], [2, 3, 4, 5]], np.int32)
LENGTHS = np.array([3, 2, 4], np.int32)


def batch_of(read: np.ndarray | float, due: np.ndarray | float) -> Batch:
    """The lines above, with these chances of every token to be taken for unknown."""
    noise = {"noise_read": np.where(TOKENS > 0, read, 0.0), "noise_due": np.where(DUE >= 0, due, 0.0)}
    inputs = {"tokens": TOKENS, "lengths": LENGTHS} | {key: array.astype(np.float32) for key, array in noise.items()}
    return to_device(Examples(inputs, DUE)).take(jnp.array([0, 1, 2]))


def test_a_chance_is_the_share_of_hits() -> None:
    shares = jnp.asarray(np.repeat([0.0, 0.05, 0.5, 1.0], 20_000), jnp.float32)
    hits = np.asarray(chances(KEY, shares)).reshape(4, 20_000)
    np.testing.assert_allclose(hits.mean(axis=1), [0, 0.05, 0.5, 1], atol=0.01)
    assert hits[0].sum() == 0
    assert hits[3].all()
    assert not np.array_equal(chances(jax.random.key(4), shares), chances(KEY, shares))
    # Neighbours do not hang together.
    assert np.corrcoef(hits[2, :-1], hits[2, 1:])[0, 1] == pytest.approx(0, abs=0.03)


def test_words_are_taken_for_unknown_as_read_and_as_due() -> None:
    untouched = batch_of(0.0, 0.0).noised(KEY)
    assert untouched.inputs.keys() == {"tokens", "lengths"}
    np.testing.assert_array_equal(untouched.inputs["tokens"], TOKENS)
    np.testing.assert_array_equal(untouched.targets, DUE)
    all_unknown = batch_of(1.0, 1.0).noised(KEY)
    np.testing.assert_array_equal(all_unknown.inputs["tokens"], np.where(TOKENS > 0, UNKNOWN, 0))
    np.testing.assert_array_equal(all_unknown.targets, np.where(DUE >= 0, UNKNOWN, NOT_DUE))
    only_read = batch_of(1.0, 0.0).noised(KEY)
    np.testing.assert_array_equal(only_read.targets, DUE)
    assert (only_read.inputs["tokens"][0, :3] == UNKNOWN).all()


def test_every_token_has_a_chance_of_its_own() -> None:
    drawn = jax.vmap(batch_of(np.arange(12).reshape(3, 4) / 12, 0.25).noised)(jax.random.split(KEY, 2000))
    read = np.asarray(drawn.inputs["tokens"] == UNKNOWN).mean(axis=0)
    np.testing.assert_allclose(read, np.where(TOKENS > 0, np.arange(12).reshape(3, 4) / 12, 0), atol=0.04)
    np.testing.assert_allclose(
        np.asarray(drawn.targets == UNKNOWN).mean(axis=0), np.where(DUE >= 0, 0.25, 0), atol=0.04
    )
    both = np.asarray((drawn.inputs["tokens"] == UNKNOWN) & (drawn.targets == UNKNOWN)).mean(axis=0)
    np.testing.assert_allclose(both, read * np.where(DUE >= 0, 0.25, 0), atol=0.04)


def test_what_has_an_axis_of_tokens_is_cut_with_them() -> None:
    batch = batch_of(0.5, 0.5)
    inputs = batch.inputs | {"affixes": jnp.zeros((3, 4, 5)), "starts": jnp.ones(3)}
    cut = batch._replace(inputs=inputs).cut(2)
    shapes = {name: array.shape for name, array in cut.inputs.items()}
    along = dict.fromkeys(("tokens", "noise_read", "noise_due"), (3, 2))
    assert shapes == along | {"affixes": (3, 2, 5), "lengths": (3,), "starts": (3,)}
    assert cut.targets.shape == (3, 2)
    assert cut.inputs["lengths"].tolist() == [2, 2, 2]


def test_a_step_learns_from_the_words_that_are_left() -> None:
    recipe = SequenceRecipe(embedding_width=3, units=4)
    network = build_sequence_network("next_word", recipe, numbers=7, outputs=7, rng=np.random.default_rng(0))
    sgd, weights = optax.sgd(0.5), take_apart(network)
    step = jax.jit(make_step(TokenClassification(7), network, sgd))
    place, state = jnp.int32(0), sgd.init(weights.trained)
    noised = batch_of(0.6, 0.6)
    key, noise_key = jax.random.split(KEY)
    found, _, loss = step(weights, state, noised, place, KEY)
    plain = noised.noised(noise_key)
    assert (plain.targets != noised.targets).any()
    expected, _, expected_loss = step(weights, state, plain, place, key)
    np.testing.assert_allclose(loss, expected_loss, rtol=1e-6)
    np.testing.assert_allclose(found.trained, expected.trained, atol=1e-7)
