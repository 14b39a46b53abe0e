"""The linear-chain conditional random field against the sum over every sequence of tags, one by one."""

from __future__ import annotations

from itertools import pairwise, product

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from treadle.nn.crf import SPREAD, Crf


def field(tags, seed=0, scale=1.0):
    rng = np.random.default_rng(seed)
    draw = [jnp.asarray((scale * rng.normal(size=shape)).astype(np.float32)) for shape in ((tags, tags), tags, tags)]
    return eqx.tree_at(lambda crf: (crf.transitions, crf.first, crf.last), Crf(tags), draw)


def batch(rows, time, tags, seed=1):
    rng = np.random.default_rng(seed)
    emissions = rng.normal(size=(rows, time, tags)).astype(np.float32)
    return emissions, rng.integers(0, tags, (rows, time)), rng.integers(0, time + 1, rows)


def score(parts, emissions, tags):
    transitions, first, last = parts
    return (
        first[tags[0]]
        + sum(emissions[step, tag] for step, tag in enumerate(tags))
        + sum(transitions[here, after] for here, after in pairwise(tags))
        + last[tags[-1]]
    )


def enumerated(parts, emissions, targets, lengths):
    """Negative log-likelihoods, shape (rows,), of float64."""
    parts, emissions = [np.asarray(part, np.float64) for part in parts], np.asarray(emissions, np.float64)
    losses = np.zeros(len(lengths))
    for row, length in enumerate(lengths):
        if length:
            every = product(range(emissions.shape[2]), repeat=length)
            scores = np.array([score(parts, emissions[row], tags) for tags in every])
            losses[row] = np.logaddexp.reduce(scores) - score(parts, emissions[row], targets[row, :length].tolist())
    return losses


def parts_of(crf):
    return crf.transitions, crf.first, crf.last


@jax.jit
def losses_of(crf, emissions, targets, lengths):
    return crf.negative_log_likelihood(emissions, targets, lengths)


@jax.jit
def gradients_of(crf, emissions, targets, lengths, weights):
    """Of a weighted sum of the losses, for the field and the emissions."""

    def loss(crf, emissions):
        return jnp.sum(crf.negative_log_likelihood(emissions, targets, lengths) * weights)

    return jax.grad(loss, argnums=(0, 1))(crf, emissions)


# Transitions near each other are summed as a product, those far from each other one by one.
@pytest.mark.parametrize("scale", [0.0, 1.0, 200.0])
@pytest.mark.parametrize(("time", "tags"), [(1, 3), (4, 3), (6, 2), (3, 1)])
def test_it_is_the_likelihood_among_all_sequences_of_tags(scale, time, tags):
    crf, (emissions, targets, lengths) = field(tags, scale=scale), batch(7, time, tags)
    spread = float(jnp.max(crf.transitions) - jnp.min(crf.transitions))
    assert tags == 1 or (spread > SPREAD) == (scale == 200.0)
    expected = enumerated(parts_of(crf), emissions, targets, lengths)
    found = losses_of(crf, emissions, targets, lengths)
    assert found.shape == (7,)
    assert found.dtype == jnp.float32
    np.testing.assert_allclose(found, expected, rtol=2e-6, atol=2e-6 * max(scale, 1.0))
    assert (lengths == 0).any()
    assert not np.asarray(found)[lengths == 0].any()


def test_likelihoods_of_all_tags_add_up_to_one():
    crf, (emissions, _, _) = field(3), batch(1, 4, 3)
    every = np.array(list(product(range(3), repeat=4)))
    losses = losses_of(crf, np.repeat(emissions, len(every), 0), every, np.full(len(every), 4))
    assert float(np.sum(np.exp(-losses))) == pytest.approx(1.0, abs=1e-5)


def test_untaught_it_is_a_softmax_at_every_token():
    emissions, targets, lengths = batch(6, 5, 4)
    chosen = np.take_along_axis(np.asarray(jax.nn.log_softmax(emissions)), targets[:, :, None], axis=2)[:, :, 0]
    expected = [-row[:length].sum() for row, length in zip(chosen, lengths, strict=True)]
    np.testing.assert_allclose(losses_of(Crf(4), emissions, targets, lengths), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("scale", [1.0, 40.0])
def test_gradients_are_those_of_finite_differences(scale):
    crf, (emissions, targets, lengths) = field(3, scale=scale), batch(5, 4, 3)
    emissions = emissions * np.float32(scale)
    weights = np.array([1.0, -2.0, 0.5, 3.0, 1.5])
    d_crf, d_emissions = gradients_of(crf, emissions, targets, lengths, weights.astype(np.float32))
    arrays = [np.asarray(part, np.float64) for part in (*parts_of(crf), emissions)]
    for place, found in enumerate([*parts_of(d_crf), d_emissions]):
        expected = np.zeros(found.shape)
        for index in np.ndindex(found.shape):
            either = []
            for step in (1e-5, -1e-5):
                moved = [array.copy() for array in arrays]
                moved[place][index] += step
                either.append(enumerated(moved[:3], moved[3], targets, lengths) @ weights)
            expected[index] = (either[0] - either[1]) / 2e-5
        np.testing.assert_allclose(found, expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("padding", [0.0, 7.0, np.nan, np.inf])
def test_what_stands_past_a_row_changes_nothing(padding):
    crf, (emissions, targets, lengths) = field(3), batch(5, 4, 3)
    lengths[0] = 0

    ones = np.ones(5, np.float32)
    losses = losses_of(crf, emissions, targets, lengths)
    d_crf, d_emissions = gradients_of(crf, emissions, targets, lengths, ones)
    past = np.arange(6) >= lengths[:, None]
    longer = np.pad(emissions, ((0, 0), (0, 2), (0, 0)))
    longer[past] = padding
    marked = np.pad(targets, ((0, 0), (0, 2)))
    marked[past] = -1
    padded = losses_of(crf, longer, marked, lengths)
    d_crf_padded, d_padded = gradients_of(crf, longer, marked, lengths, ones)
    np.testing.assert_allclose(padded, losses, rtol=1e-6)
    assert float(padded[0]) == 0.0
    for one, other in zip(parts_of(d_crf), parts_of(d_crf_padded), strict=True):
        np.testing.assert_allclose(other, one, atol=1e-5)
    np.testing.assert_allclose(d_padded[:, :4], d_emissions, atol=1e-6)
    assert not np.asarray(d_padded)[past].any()


def test_extreme_scores_stay_numbers():
    emissions, tags, lengths = batch(5, 4, 3)
    given = (field(3, scale=500.0), np.float32(5000.0) * emissions, tags, lengths)
    assert np.isfinite(losses_of(*given)).all()
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(gradients_of(*given, np.ones(5, np.float32))))


def test_a_taught_field_learns_that_tags_alternate():
    crf, given = Crf(3), (np.zeros((5, 4, 3), np.float32), np.tile([0, 1, 0, 1], (5, 1)), np.full(5, 4))
    assert losses_of(crf, *given) == pytest.approx(np.full(5, 4 * np.log(3)), rel=1e-5)
    for _ in range(100):
        slopes, _ = gradients_of(crf, *given, np.full(5, 0.2, np.float32))
        crf = jax.tree.map(lambda weight, slope: weight - slope, crf, slopes)
    assert (losses_of(crf, *given) < 0.1).all()
    assert crf.transitions[0, 1] > crf.transitions[0, 0]
    assert crf.first[0] > crf.first[1]
    assert crf.last[1] > crf.last[0]
