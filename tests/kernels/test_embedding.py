import jax
import jax.numpy as jnp
import numpy as np
import pytest

from treadle import kernels
from treadle.kernels import library


@pytest.fixture(params=["fused", "plain"])
def lookup(request, kernels_ready, monkeypatch):
    if request.param == "plain":
        monkeypatch.setattr(library, "load", lambda: library.Engine(False, "none"))
    return kernels.lookup


@pytest.mark.parametrize("shape", [(7,), (3, 4), (2, 0), (2, 3, 5)])
@pytest.mark.parametrize(("words", "width"), [(1, 1), (6, 5), (9, 40)])
def test_rows_and_their_gradient(lookup, shape, words, width):
    rng = np.random.default_rng(0)
    table = rng.normal(size=(words, width)).astype(np.float32)
    codes = rng.integers(-1, words, shape).astype(np.int32)
    asked = rng.normal(size=(*shape, width)).astype(np.float32)
    rows = lookup(jnp.asarray(table), jnp.asarray(codes))
    expected = np.where((codes >= 0)[..., None], table[codes], 0)
    np.testing.assert_array_equal(rows, expected)
    gradient = jax.jit(jax.grad(lambda table: jnp.sum(lookup(table, codes) * asked)))(table)
    sums = np.zeros_like(table)
    np.add.at(sums, codes[codes >= 0], asked[codes >= 0])
    np.testing.assert_allclose(gradient, sums, atol=1e-5)


def test_codes_outside_the_table_are_no_word(lookup):
    table = jnp.ones((3, 2))
    rows = lookup(table, jnp.array([3, -7, 2**31 - 1, 0]))
    np.testing.assert_array_equal(rows[:, 0], [0, 0, 0, 1])


def test_it_maps_over_tables(lookup):
    tables = jnp.arange(12.0, dtype=jnp.float32).reshape(2, 3, 2)
    codes = jnp.array([2, 0])
    rows = jax.vmap(lookup, in_axes=(0, None))(tables, codes)
    np.testing.assert_array_equal(rows, tables[:, codes])
    gradient = jax.vmap(jax.grad(lambda table: jnp.sum(lookup(table, codes) ** 2)))(tables)
    np.testing.assert_array_equal(gradient[:, 1], 0)
    np.testing.assert_array_equal(gradient[:, 2], 2 * tables[:, 2])
