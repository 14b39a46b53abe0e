"""Vectors of affixes: sums of rows of the table, none of what is not there, the same in ONNX Runtime."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import onnxruntime
import pytest

from treadle.bundle.graph import Graph
from treadle.nn.affixes import AffixEmbedding


def embedding(buckets=11, width=4):
    return AffixEmbedding(buckets, width, np.random.default_rng(0))


def numbers(*shape, buckets=11):
    """Affixes of words, with some that are none."""
    found = np.random.default_rng(1).integers(-1, buckets, shape).astype(np.int32)
    found[0, -1] = -1
    return found


def expected(weight, affixes):
    sums = np.zeros((*affixes.shape[:-1], weight.shape[1]))
    for place in np.ndindex(affixes.shape):
        if affixes[place] >= 0:
            sums[place[:-1]] += weight[affixes[place]]
    return sums


@pytest.mark.parametrize("shape", [(3, 5, 7), (1, 1, 1), (6, 2, 13)])
def test_a_word_has_the_sum_of_its_affixes_vectors(shape):
    layer, affixes = embedding(), numbers(*shape)
    found = eqx.filter_jit(layer)(jnp.asarray(affixes))
    assert found.dtype == jnp.float32
    np.testing.assert_allclose(found, expected(np.asarray(layer.weight), affixes), atol=1e-6)
    assert not np.asarray(found)[0, -1].any()


def test_only_vectors_that_are_read_learn():
    layer, affixes = embedding(), numbers(2, 3, 3)
    gradient = jax.grad(lambda layer: jnp.sum(layer(jnp.asarray(affixes))))(layer)
    counts = np.bincount(affixes[affixes >= 0], minlength=11)
    np.testing.assert_allclose(gradient.weight, np.tile(counts[:, None], (1, 4)))


@pytest.mark.parametrize("shape", [(3, 5, 7), (1, 1, 1)])
def test_onnx_runtime_gives_the_same_vectors(shape):
    layer = embedding()
    graph = Graph()
    value = graph.input("affixes", np.int32, ["rows", "time", shape[2]])
    graph.output("vectors", layer.write(graph, value, "affixes"), shape=["rows", "time", "width"])
    session = onnxruntime.InferenceSession(graph.to_bytes(), providers=["CPUExecutionProvider"])
    np.testing.assert_array_equal(graph.constants["affixes.weight"], layer.weight)
    for affixes in (numbers(*shape), np.full(shape, -1, np.int32), np.full(shape, -5, np.int32)):
        served = session.run(None, {"affixes": affixes})[0]
        assert served.dtype == np.float32
        np.testing.assert_allclose(served, layer(jnp.asarray(affixes)), atol=1e-6)


def test_other_seeds_begin_elsewhere_and_the_same_seed_where_it_did():
    first, again = embedding(), embedding()
    np.testing.assert_array_equal(first.weight, again.weight)
    other = AffixEmbedding(11, 4, np.random.default_rng(7))
    assert not np.array_equal(first.weight, other.weight)
