import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from treadle.nn.activations import ACTIVATIONS
from treadle.nn.categories import CategoryEmbedding
from treadle.nn.dropout import Dropout, keep_mask
from treadle.nn.ensemble import EnsembleLinear, EnsembleOutput
from treadle.nn.linear import Linear
from treadle.nn.normalization import BatchNorm, LayerNorm
from treadle.nn.numbers import PeriodicEmbedding, PiecewiseEmbedding, quantile_pieces


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_initial_weights_keep_the_size_of_signals_through_six_layers(name, rng):
    x = rng.normal(size=(200, 256)).astype(np.float32)
    for _ in range(6):
        x = ACTIVATIONS[name].function(Linear(256, 256, rng, ACTIVATIONS[name].gain)(x))
    assert 0.3 < float(jnp.sqrt(jnp.mean(x**2))) < 3.0


def test_layer_norm_of_a_worked_example():
    normalized = LayerNorm(4)(jnp.array([[2.0, 4.0, 6.0, 8.0]]))
    np.testing.assert_allclose(normalized[0], [-1.342, -0.447, 0.447, 1.342], atol=5e-4)


def test_batch_norm_learns_from_the_rows_present_alone(rng):
    x = rng.normal(3.0, 2.0, (6, 5)).astype(np.float32)
    present = np.array([1, 1, 1, 1, 0, 0], np.float32)
    layer = BatchNorm((5,))
    y, moved = layer.learn(x, present)
    mean, variance = x[:4].mean(axis=0), x[:4].var(axis=0)
    np.testing.assert_allclose(y[:4], (x[:4] - mean) / np.sqrt(variance + 1e-5), atol=1e-5)
    # 4 of 6 places are filled: the statistics move by 4/6 of the usual tenth.
    np.testing.assert_allclose(moved.running.mean, 4 / 60 * mean, rtol=1e-5)
    np.testing.assert_allclose(moved.running.variance, 1 + 4 / 60 * (variance - 1), rtol=1e-5)


def test_batch_norm_answers_by_its_running_statistics(rng):
    x = rng.normal(3.0, 2.0, (64, 5)).astype(np.float32)
    layer, learn = BatchNorm((5,)), jax.jit(BatchNorm.learn)
    for _ in range(200):
        _, layer = learn(layer, x, np.ones(64, np.float32))
    np.testing.assert_allclose(layer(x[:1]), layer(x)[:1], atol=1e-6)
    np.testing.assert_allclose(layer(x), learn(layer, x, np.ones(64, np.float32))[0], atol=1e-4)


def test_a_batch_of_one_row_stays_finite():
    y, _ = BatchNorm((3,)).learn(jnp.array([[5.0, 1.0, 2.0]]), jnp.ones(1))
    np.testing.assert_array_equal(y, np.zeros((1, 3)))


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_dropout_zeros_its_share_and_keeps_the_expected_value(rate):
    y = np.asarray(Dropout(rate)(jnp.ones((1000, 200)), jax.random.key(3)))
    assert (y == 0).mean() == pytest.approx(rate, abs=0.005)
    assert y.mean() == pytest.approx(1.0, abs=0.05)
    assert set(np.unique(y)) == {0.0, np.float32(1 / np.float32(1.0 - rate))}


def test_dropout_masks_look_random_along_rows_columns_and_keys():
    masks = np.stack([np.asarray(keep_mask(jax.random.key(seed), (256, 256), 0.5)) for seed in range(4)])
    signs = 2.0 * masks - 1.0
    for lag in (1, 2, 3, 16, 255):
        for axis in (0, 1, 2):
            shifted = np.roll(signs, lag, axis=axis)
            assert abs((signs * shifted).mean()) < 0.01 or (axis == 0 and lag % 4 == 0)
    # Five deviations of a mean of 256 fair coins.
    assert np.abs(signs.mean(axis=1)).max() < 5 / 16
    assert np.abs(signs.mean(axis=2)).max() < 5 / 16


def test_the_unseen_category_starts_at_zero(rng):
    embedding = CategoryEmbedding((3, 5), 4, rng)
    vectors = embedding(jnp.array([[2, 4], [0, 1]], jnp.int32))
    np.testing.assert_array_equal(vectors[0], np.zeros(8))
    np.testing.assert_array_equal(vectors[1], np.concatenate([embedding.weight[0], embedding.weight[3 + 1]]))
    assert np.abs(vectors[1]).min() > 0


def test_pieces_hold_equally_many_rows_and_go_on_outside_the_range():
    numbers = np.arange(0, 101, dtype=np.float32)[:, None]
    pieces = quantile_pieces(numbers, 4)
    np.testing.assert_allclose(
        pieces(np.array([[-25.0], [0.0], [10.0], [60.0], [100.0], [125.0]], np.float32))[:, 0],
        [[-1, 0, 0, 0], [0, 0, 0, 0], [0.4, 0, 0, 0], [1, 1, 0.4, 0], [1, 1, 1, 1], [1, 1, 1, 2]],
        atol=1e-6,
    )


def test_pieces_of_few_distinct_values_leave_the_rest_at_zero():
    numbers = np.array([[0, 5], [1, 5], [0, 5], [1, 5]], np.float32)
    pieces = quantile_pieces(numbers, 3)
    np.testing.assert_allclose(pieces(numbers[:2]), [[[0, 0, 0], [0, 0, 0]], [[1, 0, 0], [0, 0, 0]]], atol=1e-6)


def test_a_piecewise_embedding_starts_linear_and_can_bend(rng):
    numbers = rng.normal(size=(500, 2)).astype(np.float32)
    embedding = PiecewiseEmbedding(numbers, 8, 3, rng)
    x = np.array([[-1.0, 2.0], [0.0, 0.0], [1.0, -2.0]], np.float32)
    y = np.asarray(embedding(x))
    np.testing.assert_allclose(y[0] - y[1], y[1] - y[2], atol=1e-5)
    bent = eqx.tree_at(lambda e: e.weight, embedding, jnp.asarray(rng.normal(size=(2, 8, 3)).astype(np.float32)))
    expected = y + np.einsum("rnp,npw->rnw", embedding.pieces(x), bent.weight).reshape(3, 6)
    np.testing.assert_allclose(bent(x), expected, atol=1e-5)


def test_a_periodic_embedding_is_its_formula(rng):
    embedding = PeriodicEmbedding(2, 4, 0.5, 3, rng)
    x = rng.normal(size=(5, 2)).astype(np.float32)
    for column in range(2):
        angle = 2 * np.pi * np.outer(x[:, column].astype(np.float64), np.asarray(embedding.frequencies)[column])
        waves = np.concatenate([np.sin(angle), np.cos(angle)], axis=1)
        expected = np.maximum(waves @ np.asarray(embedding.weight, np.float64)[column], 0.0)
        np.testing.assert_allclose(embedding(x)[:, 3 * column : 3 * column + 3], expected, atol=1e-5)


def test_members_start_as_the_shared_network_seen_through_random_signs(rng):
    first = EnsembleLinear(4, 6, 5, rng, first=True)
    assert set(np.unique(first.input_scale)) == {-1.0, 1.0}
    x = rng.normal(size=(3, 6)).astype(np.float32)
    for member in range(4):
        expected = (x * np.asarray(first.input_scale)[member]) @ np.asarray(first.weight)
        np.testing.assert_allclose(first(x)[:, member], expected, atol=1e-5)
    later = EnsembleLinear(4, 5, 5, rng, first=False)
    h = rng.normal(size=(3, 4, 5)).astype(np.float32)
    np.testing.assert_allclose(later(h), h @ np.asarray(later.weight), atol=1e-5)


def test_members_answer_through_output_layers_of_their_own(rng):
    output = EnsembleOutput(4, 5, 2, rng)
    h = rng.normal(size=(3, 4, 5)).astype(np.float32)
    for member in range(4):
        np.testing.assert_allclose(output(h)[:, member], h[:, member] @ np.asarray(output.weight)[member], atol=1e-5)
