"""Networks that read texts: equal to their equations in float64 and to ONNX Runtime, whatever the padding."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from treadle.bundle.graph import Graph
from treadle.nn import TableNetwork, build_table_network, to_arrays
from treadle.nn.convolution import Convolution
from treadle.nn.dropout import keep_mask
from treadle.nn.pooling import AttentionPooling, MaxPooling, MeanPooling
from treadle.nn.text import TextEncoder
from treadle.nn.tokens import Runs, TokenEmbedding
from treadle.recipe import ModelRecipe
from treadle.text_recipe import EncoderRecipe

NUMBERS = 30
ENCODERS: list[dict[str, Any]] = [
    {},
    {"ngrams": 3, "buckets": 17},
    {"pooling": "attention"},
    {"pooling": "max", "ngrams": 2, "buckets": 5},
    {"encoder": "convolution", "widths": (1, 2, 5), "units": 4},
    {"encoder": "convolution", "widths": (3,), "units": 3, "pooling": "attention"},
    {"encoder": "one_hot_convolution", "widths": (1, 2, 5), "units": 3},
    {"encoder": "one_hot_convolution", "widths": (3,), "units": 2, "pooling": "mean"},
    {"encoder": "simple_rnn", "units": 5},
    {"encoder": "simple_rnn", "units": 5, "activation": "relu", "pooling": "mean"},
    {"encoder": "lstm", "units": 3, "layers": 2, "bidirectional": True},
    {"encoder": "lstm", "units": 3, "bidirectional": True, "pooling": "max"},
    {"encoder": "peephole_lstm", "units": 4},
    {"encoder": "coupled_lstm", "units": 4, "pooling": "attention"},
    {"encoder": "gru", "units": 4, "learn_initial": True},
]


def encoder(settings_: dict[str, Any], width: int = 3, seed: int = 0) -> TextEncoder:
    width_ = {} if settings_.get("encoder") == "one_hot_convolution" else {"embedding_width": width}
    recipe = EncoderRecipe.model_validate(width_ | settings_)
    return TextEncoder(recipe, NUMBERS, np.random.default_rng(seed))


def texts(lengths: list[int], time: int | None = None, seed: int = 0) -> dict[str, np.ndarray]:
    """Random tokens, padded with zeros."""
    rng = np.random.default_rng(seed)
    tokens = np.zeros((len(lengths), time or max(lengths)), np.int32)
    for row, length in enumerate(lengths):
        tokens[row, :length] = rng.integers(1, NUMBERS, length)
    return {"tokens": tokens, "lengths": np.array(lengths, np.int32)}


def served(network: TextEncoder, batch: dict[str, np.ndarray]) -> np.ndarray:
    graph = Graph()
    tokens, lengths = graph.input("tokens", np.int32, ["rows", "time"]), graph.input("lengths", np.int32, ["rows"])
    graph.output("outputs", network.write(graph, tokens, lengths, "text"))
    return np.asarray(onnxruntime.InferenceSession(graph.to_bytes()).run(["outputs"], batch)[0])


# --- the equations, in float64


def test_the_mean_the_maximum_and_the_weighted_mean_of_the_steps() -> None:
    rng = np.random.default_rng(0)
    states = rng.normal(size=(3, 5, 4))
    present = np.arange(5) < np.array([5, 1, 3])[:, None]
    attention = AttentionPooling(4, rng)
    weight, bias, query = (
        np.asarray(x, np.float64) for x in (attention.linear.weight, attention.linear.bias + 0.1, attention.query)
    )
    attention = eqx.tree_at(lambda layer: layer.linear.bias, attention, jnp.asarray(bias, jnp.float32))
    for row in range(3):
        kept = states[row, present[row]]
        scores = np.tanh(kept @ weight + bias) @ query
        shares = np.exp(scores) / np.exp(scores).sum()
        for pooling, expected in (
            (MeanPooling(), kept.mean(axis=0)),
            (MaxPooling(), kept.max(axis=0)),
            (attention, shares @ kept),
        ):
            np.testing.assert_allclose(pooling(jnp.asarray(states), present)[row], expected, atol=1e-6)
        np.testing.assert_allclose(
            attention.weights(jnp.asarray(states), present)[row, present[row]], shares, atol=1e-6
        )
    assert not attention.weights(jnp.asarray(states), present)[~present].any()


@pytest.mark.parametrize("neighbours", [1, 2, 3, 4])
def test_a_filter_reads_its_neighbours(neighbours: int) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, 6, 3))
    layer = Convolution((neighbours,), 3, 5, rng)
    weight = np.asarray(layer.banks[0].linear.weight, np.float64).reshape(neighbours, 3, 5)
    before = (neighbours - 1) // 2
    y = np.asarray(layer(jnp.asarray(x, jnp.float32)))
    for step in range(6):
        near = [(place, step - before + place) for place in range(neighbours)]
        total = sum(x[:, at] @ weight[place] for place, at in near if 0 <= at < 6)
        np.testing.assert_allclose(y[:, step], np.maximum(total, 0), atol=1e-6)


def test_a_one_hot_filter_has_a_vector_for_every_token_in_every_place() -> None:
    network = encoder({"encoder": "one_hot_convolution", "widths": (2, 3), "units": 4})
    network = eqx.tree_at(lambda network: network.convolution.bias, network, jnp.linspace(-0.01, 0.01, 8))
    table = np.asarray(network.embedding.weight, np.float64).reshape(NUMBERS, 5, 4)
    bias = np.linspace(-0.01, 0.01, 8).reshape(2, 4)
    batch = texts([6, 1])
    for row, length in enumerate([6, 1]):
        tokens, pooled = batch["tokens"][row], []
        for bank, (first, places) in enumerate([(0, (0, 1)), (2, (-1, 0, 1))]):
            sums = [
                sum(
                    table[tokens[step + shift], first + j]
                    for j, shift in enumerate(places)
                    if 0 <= step + shift < length
                )
                for step in range(length)
            ]
            pooled.append(np.maximum(np.array(sums) + bias[bank], 0).max(axis=0))
        np.testing.assert_allclose(network(**batch)[row], np.concatenate(pooled), atol=1e-7)


def test_a_bag_is_the_mean_of_the_vectors_of_tokens_and_runs() -> None:
    network = encoder({"ngrams": 3, "buckets": 11})
    batch = texts([4, 1, 2])
    weight = np.asarray(network.embedding.weight, np.float64)
    salts = np.asarray(network.runs.hashes.salts, np.int64)  # type: ignore[union-attr]
    for row, length in enumerate([4, 1, 2]):
        tokens = batch["tokens"][row, :length].tolist()
        numbers = []
        for size in (1, 2, 3):
            for start in range(length - size + 1):
                run = tokens[start : start + size]
                bucket = NUMBERS + sum(int(salts[place, token]) for place, token in enumerate(run)) % 11
                numbers.append(run[0] if size == 1 else bucket)
        np.testing.assert_allclose(network(**batch)[row], weight[numbers].mean(axis=0), atol=1e-6)


def test_runs_tell_the_order_of_tokens() -> None:
    runs = Runs(2, NUMBERS, 2**20, np.random.default_rng(0))
    pairs = np.array([[a, b] for a in range(NUMBERS) for b in range(NUMBERS)], np.int32)
    numbers, present = runs(pairs, np.full(len(pairs), 2))
    assert len(np.unique(numbers[:, 2])) > 0.99 * len(pairs)
    assert present[:, :3].all()
    assert not present[:, 3].any()


def test_embeddings_begin_at_given_vectors() -> None:
    vectors = np.full((5, 4), np.nan, np.float32)
    vectors[2] = [1.0, -1.0, 2.0, -2.0]
    weight = np.asarray(TokenEmbedding(7, 4, np.random.default_rng(0), vectors).weight)
    np.testing.assert_array_equal(weight[2], vectors[2])
    assert 0.5 < weight[[0, 1, 3, 4, 5, 6]].std() < 3.0
    without = TokenEmbedding(5, 4, np.random.default_rng(0), np.full((5, 4), np.nan, np.float32))
    np.testing.assert_array_equal(without.weight, TokenEmbedding(5, 4, np.random.default_rng(0)).weight)


# --- padding and company


@pytest.mark.parametrize("settings_", ENCODERS, ids=str)
def test_what_stands_behind_a_text_changes_nothing(settings_: dict[str, Any]) -> None:
    network, batch = encoder(settings_), texts([1, 5, 9, 3])
    expected = np.asarray(network(**batch))
    junk = np.random.default_rng(1).integers(1, NUMBERS, (4, 7)).astype(np.int32)
    wider = np.concatenate([batch["tokens"], junk], axis=1)
    wider[:, :9] = np.where(np.arange(9) < batch["lengths"][:, None], wider[:, :9], 7)
    np.testing.assert_allclose(network(wider, batch["lengths"]), expected, atol=1e-6)
    np.testing.assert_allclose(served(network, {"tokens": wider, "lengths": batch["lengths"]}), expected, atol=1e-5)
    alone = {"tokens": batch["tokens"][3:, :3], "lengths": batch["lengths"][3:]}
    np.testing.assert_allclose(network(**alone)[0], expected[3], atol=1e-6)
    np.testing.assert_allclose(served(network, alone)[0], expected[3], atol=1e-5)


@pytest.mark.parametrize("settings_", ENCODERS, ids=str)
def test_nothing_is_learnt_from_what_stands_behind_a_text(settings_: dict[str, Any]) -> None:
    network, batch = encoder(settings_), texts([2, 4])
    batch["tokens"] = np.where(np.arange(9) < batch["lengths"][:, None], np.pad(batch["tokens"], ((0, 0), (0, 5))), 29)
    gradient = eqx.filter_grad(lambda network: jnp.sum(jnp.square(network(**batch))))(network)
    assert not np.asarray(gradient.embedding.weight)[29].any()
    assert all(np.isfinite(array).all() for array in to_arrays(gradient).values())


@settings(max_examples=10, deadline=None, derandomize=True)
@given(
    lengths=st.lists(st.integers(1, 12), min_size=1, max_size=5),
    extra=st.integers(0, 4),
    settings_=st.sampled_from(ENCODERS),
)
def test_the_served_network_is_the_trained_one(lengths: list[int], extra: int, settings_: dict[str, Any]) -> None:
    network, batch = encoder(settings_), texts(lengths, max(lengths) + extra)
    np.testing.assert_allclose(served(network, batch), network(**batch), atol=1e-5)


# --- training


@pytest.mark.parametrize("settings_", [ENCODERS[place] for place in (0, 1, 4, 6, 10)], ids=str)
def test_dropout_drops_in_training_alone_and_keeps_the_mean(settings_: dict[str, Any]) -> None:
    batch = texts([12] * 4)
    network = encoder(settings_ | {"token_dropout": 0.3, "dropout": 0.2})
    keys = jax.random.split(jax.random.key(0), 400)
    drawn = jax.vmap(lambda key: network.learn(**batch, key=key))(keys)
    assert np.asarray(drawn).std(axis=0).mean() > 0
    np.testing.assert_array_equal(network(**batch), network(**batch))
    if settings_ in ({}, ENCODERS[1]):
        # Only a bag is linear in what drops out.
        near = 5 * np.asarray(drawn).std(axis=0) / np.sqrt(len(keys))
        assert (np.abs(np.asarray(drawn).mean(axis=0) - network(**batch)) < near + 1e-6).all()


@pytest.mark.parametrize("rate", [0.0, 0.3])
def test_a_first_layer_reads_tokens_as_it_reads_their_vectors(rate: float) -> None:
    network = encoder({"encoder": "gru", "units": 4, "layers": 2, "bidirectional": True, "token_dropout": rate})
    batch, key = texts([4, 1, 9, 3]), jax.random.key(5)
    kept = keep_mask(jax.random.split(key, 4)[0], batch["tokens"].shape, 1.0 - rate)

    def read(network: TextEncoder) -> jax.Array:
        return network.learn(**batch, key=key)

    def combine(network: TextEncoder) -> jax.Array:
        vectors, present = network.embed(**batch)
        return network.combine(jnp.where(kept[..., None], vectors / (1.0 - rate), 0), batch["lengths"], present)

    asked = np.cos(np.arange(4.0 * network.width)).reshape(4, -1)
    results = [
        eqx.filter_jit(eqx.filter_value_and_grad(lambda network, run=run: jnp.sum(run(network) * asked)))(network)
        for run in (read, combine)
    ]
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-5), *results)


def test_text_stands_beside_the_columns_of_a_table() -> None:
    model = ModelRecipe.model_validate({"hidden": (5,), "members": 2, "text": {"embedding_width": 4}})
    rng = np.random.default_rng(0)
    network: TableNetwork = build_table_network(
        model, number_columns=2, cardinalities=(3,), outputs=1, train_numbers=None, rng=rng, vocabulary=NUMBERS
    )
    batch: dict[str, Any] = texts([3, 1]) | {
        "numbers": rng.normal(size=(2, 2)).astype(np.float32),
        "codes": np.array([[0], [2]], np.int32),
    }
    whole = network(batch)
    for name in ("numbers", "codes", "tokens"):
        changed = batch | {name: np.roll(batch[name], 1, axis=0)}
        assert not np.allclose(network(changed), whole)
    graph = Graph()
    graph.output("outputs", network.write(graph), np.float32, ["rows", "members", 1])
    found = onnxruntime.InferenceSession(graph.to_bytes()).run(None, batch)[0]
    np.testing.assert_allclose(found, whole, atol=1e-5)
