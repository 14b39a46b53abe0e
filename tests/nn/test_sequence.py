"""Networks that answer at every token: equal to their equations in float64, whatever stands around a row."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from treadle.nn import to_arrays
from treadle.nn.sequence import SMALLEST_SHARE, SequenceNetwork, build_sequence_network
from treadle.recipe import Task
from treadle.sequence_recipe import SequenceRecipe
from treadle.tasks import TokenClassification

NUMBERS, TAGS, SLOTS = 11, 4, 3
LENGTHS = [4, 1, 6]
Arrays = dict[str, np.ndarray]


def built(task: Task, **options: Any) -> SequenceNetwork:
    recipe = SequenceRecipe.model_validate({"embedding_width": 3, "units": 4, **options})
    return build_sequence_network(
        task,
        recipe,
        numbers=NUMBERS,
        outputs=TAGS if task == "tagging" else NUMBERS,
        rng=np.random.default_rng(0),
        affixes=(7, 2) if task == "tagging" else None,
    )


def network_of(task: Task, **options: Any) -> SequenceNetwork:
    """A network with no weight at a value, such as zero, that would hide a mistake."""
    rng = np.random.default_rng(1)
    stir = lambda leaf: leaf + jnp.asarray(rng.normal(0, 0.4, leaf.shape), jnp.float32)  # noqa: E731
    network: SequenceNetwork = jax.tree.map(stir, built(task, **options))
    return network


def inputs_of(lengths: list[int], time: int | None = None, seed: int = 0) -> dict[str, np.ndarray]:
    """Random tokens with random affixes, padded as the features pad."""
    rng = np.random.default_rng(seed)
    there = np.arange(time or max(lengths)) < np.array(lengths)[:, None]
    tokens = np.where(there, rng.integers(1, NUMBERS, there.shape), 0).astype(np.int32)
    affixes = np.where(there[:, :, None], rng.integers(0, 7, (*there.shape, SLOTS)), -1).astype(np.int32)
    return {"tokens": tokens, "lengths": np.array(lengths, np.int32), "affixes": affixes}


run = eqx.filter_jit(lambda network, inputs: network(inputs))
learn = eqx.filter_jit(lambda network, inputs, key: network.learn(inputs, jnp.ones(len(inputs["lengths"])), key)[0])


# --- the equations, in float64


def sigmoid(x: np.ndarray) -> np.ndarray:
    return np.asarray(1 / (1 + np.exp(-x)))


def lstm(arrays: Arrays, name: str, xs: np.ndarray, *, reverse: bool = False) -> np.ndarray:
    """Hidden states of a row, (time, width) to (time, units), as Gers et al. 2000 write them."""
    weight, recurrent, bias = (arrays[f"{name}.{part}"] for part in ("weight", "recurrent_weight", "bias"))
    h, c = arrays.get(f"{name}.initial", np.zeros((2, len(recurrent))))
    hidden = np.zeros((len(xs), len(recurrent)))
    for step in reversed(range(len(xs))) if reverse else range(len(xs)):
        i, f, g, o = np.split(xs[step] @ weight + h @ recurrent + bias, 4)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        hidden[step] = h
    return hidden


def layers(arrays: Arrays, name: str, xs: np.ndarray, *, reverse: bool = False) -> np.ndarray:
    """Layer upon layer, those of two directions side by side."""
    for layer in range(sum(f"{name}.layers.{n}.0.bias" in arrays for n in range(9))):
        prefix = f"{name}.layers.{layer}"
        ahead = lstm(arrays, f"{prefix}.0", xs, reverse=reverse)
        both = f"{prefix}.1.bias" in arrays
        xs = np.hstack([ahead, lstm(arrays, f"{prefix}.1", xs, reverse=True)]) if both else ahead
    return xs


def scores(network: SequenceNetwork, inputs: dict[str, np.ndarray], row: int) -> np.ndarray:
    """Of every token of a row, shape (length, outputs)."""
    arrays = {name: np.asarray(array, np.float64) for name, array in to_arrays(network).items()}
    length = inputs["lengths"][row]
    xs = arrays["embedding.weight"][inputs["tokens"][row, :length]]
    if "affixes.weight" in arrays:
        parts = [arrays["affixes.weight"][slots].sum(axis=0) for slots in inputs["affixes"][row, :length]]
        xs = np.hstack([xs, parts])
    hidden = layers(arrays, "recurrent", xs)
    if network.backward is not None:
        behind = layers(arrays, "backward", xs, reverse=True)
        before = [hidden[at - 1] if at > 0 else 0 * hidden[0] for at in range(length)]
        after = [behind[at + 1] if at < length - 1 else 0 * behind[0] for at in range(length)]
        hidden = np.hstack([before, after])
    if "projection.weight" in arrays:
        hidden = hidden @ arrays["projection.weight"] + arrays["projection.bias"]
    if "output.weight" in arrays:
        return np.asarray(hidden @ arrays["output.weight"] + arrays["output.bias"])
    return np.asarray(hidden @ arrays["embedding.weight"].T + arrays["bias"])


NETWORKS: dict[str, tuple[Task, dict[str, Any]]] = {
    "language model": ("next_word", {}),
    "two layers with learnt beginnings": ("next_word", {"units": (5, 2), "learn_initial": True}),
    "tied": ("next_word", {"units": (4, 3), "tied": True}),
    "tied by a projection": ("next_word", {"tied": True}),
    "tagger with affixes": ("tagging", {"layers": 2}),
    "tagger that reads on": ("tagging", {"bidirectional": False}),
    "field of tags": ("tagging", {"crf": True}),
    "gaps": ("fill_blank", {"learn_initial": True}),
    "gaps, tied": ("fill_blank", {"layers": 2, "tied": True}),
}
networks = pytest.mark.parametrize("name", NETWORKS)


def answered(network: SequenceNetwork, inputs: dict[str, Any]) -> np.ndarray:
    found = run(network, inputs)
    if network.crf is not None:
        found, field = found
        for name in ("transitions", "first", "last"):
            np.testing.assert_array_equal(getattr(field, name), getattr(network.crf, name))
    return np.asarray(found)


@networks
def test_scores_are_those_of_float64(name: str) -> None:
    task, options = NETWORKS[name]
    network, inputs = network_of(task, **options), inputs_of(LENGTHS)
    found = answered(network, inputs)
    assert found.shape == (3, 6, TAGS if task == "tagging" else NUMBERS)
    for row, length in enumerate(LENGTHS):
        np.testing.assert_allclose(found[row, :length], scores(network, inputs, row), atol=2e-6)
    assert (network.projection is not None) == (name in ("tied by a projection", "gaps, tied"))


@networks
def test_what_stands_around_a_row_changes_nothing(name: str) -> None:
    task, options = NETWORKS[name]
    network, inputs = network_of(task, **options), inputs_of(LENGTHS)
    found = answered(network, inputs)
    junk = inputs_of([8, 8, 8], seed=5)
    there = np.arange(6) < inputs["lengths"][:, None]
    wider = junk | {"lengths": inputs["lengths"]}
    wider["tokens"][:, :6][there] = inputs["tokens"][there]
    wider["affixes"][:, :6][there] = inputs["affixes"][there]
    beside = answered(network, wider)
    for row, length in enumerate(LENGTHS):
        np.testing.assert_allclose(beside[row, :length], found[row, :length], atol=1e-6)
    alone = {key: array[2:] for key, array in inputs.items()}
    np.testing.assert_allclose(answered(network, alone)[0], found[2], atol=1e-6)


# --- Keras


def weights_of(network: SequenceNetwork) -> list[Any]:
    """In the order of Keras."""
    cells = [(cell.weight, cell.recurrent_weight, cell.bias) for (cell,) in network.recurrent.layers]
    assert network.output is not None
    return [network.embedding.weight, *cells[0], *cells[1], network.output.weight, network.output.bias]


def test_lines_are_foretold_and_learnt_as_keras_does_their_beginnings() -> None:
    document = json.loads(Path(__file__).with_name("keras_recurrent.json").read_text())  # by write_keras_recurrent.py
    keras, words = document["next_word"], 7
    recipe = SequenceRecipe(embedding_width=3, units=(4, 5))
    rng = np.random.default_rng(0)
    network = build_sequence_network("next_word", recipe, numbers=words, outputs=words, rng=rng)
    given = [jnp.asarray(weight, jnp.float32) for weight in keras["weights"]]
    network = eqx.tree_at(weights_of, network, given)
    lines = keras["lines"]
    lengths = np.array([len(line) - 1 for line in lines], np.int32)
    tokens, due = np.zeros((3, 5), np.int32), np.full((3, 5), -1)
    for row, line in enumerate(lines):
        tokens[row, : lengths[row]], due[row, : lengths[row]] = line[:-1], line[1:]

    @eqx.filter_jit
    @eqx.filter_value_and_grad(has_aux=True)
    def loss_of(network: SequenceNetwork) -> tuple[jax.Array, jax.Array]:
        found = network({"tokens": jnp.asarray(tokens), "lengths": jnp.asarray(lengths)})
        return jnp.sum(TokenClassification(words).training_losses(found, jnp.asarray(due))) / lengths.sum(), found

    (loss, found), gradient = loss_of(network)
    np.testing.assert_allclose(jax.nn.softmax(found)[due >= 0], keras["probabilities"], atol=1e-6)
    assert loss == pytest.approx(keras["loss"], rel=1e-6)
    for ours, theirs in zip(weights_of(gradient), keras["gradients"], strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-6)


# --- what an answer hangs on


def moved(task: Task, options: dict[str, Any], place: int, other: int) -> np.ndarray:
    """At which tokens of a row of 6 the scores move when the token at `place` is another one."""
    network, inputs = network_of(task, **options), inputs_of([6])
    before = answered(network, inputs)
    tokens = inputs["tokens"].copy()
    tokens[0, place] = 1 + (tokens[0, place] - 1 + other) % (NUMBERS - 1)
    return np.abs(answered(network, inputs | {"tokens": tokens}) - before)[0].max(axis=1)


@settings(max_examples=12)
@given(place=st.integers(0, 5), other=st.integers(1, NUMBERS - 2), tied=st.booleans())
def test_the_word_in_a_gap_is_not_seen_but_every_other_word_is(place: int, other: int, tied: bool) -> None:
    by = moved("fill_blank", {"tied": tied}, place, other)
    assert by[place] == 0.0
    assert (np.delete(by, place) > 1e-7).all()


@settings(max_examples=12)
@given(place=st.integers(0, 5), other=st.integers(1, NUMBERS - 2), tied=st.booleans())
def test_the_next_word_hangs_on_those_before_it_alone(place: int, other: int, tied: bool) -> None:
    by = moved("next_word", {"layers": 2, "tied": tied}, place, other)
    assert not by[:place].any()
    assert (by[place:] > 1e-7).all()


@pytest.mark.parametrize(("both", "first"), [(True, 0), (False, 3)])
def test_a_tag_hangs_on_the_words_that_are_read(both: bool, first: int) -> None:
    by = moved("tagging", {"bidirectional": both}, 3, 1)
    assert not by[:first].any()
    assert (by[first:] > 1e-7).all()


# --- training


KEYS = jax.random.split(jax.random.key(0), 300)


def drawn(network: SequenceNetwork, inputs: dict[str, np.ndarray]) -> np.ndarray:
    """What training answers with each of the keys."""
    draw = eqx.filter_jit(eqx.filter_vmap(lambda key: network.learn(inputs, jnp.ones(len(inputs["lengths"])), key)[0]))
    return np.asarray(draw(KEYS))


def share_of(found: np.ndarray, dropped: np.ndarray, kept: np.ndarray) -> float:
    """How many draws came to what is `dropped`, where all others came to what is `kept`."""
    near_dropped, near_kept = (np.abs(found - each).max(axis=(1, 2, 3)) < 2e-6 for each in (dropped, kept))
    assert (near_dropped ^ near_kept).all()
    return float(near_dropped.mean())


TWO, ONE = inputs_of([2]), inputs_of([1])
"""A row of two tokens and one of a single token, for networks with one unit."""


def narrow(**options: Any) -> SequenceNetwork:
    return network_of("next_word", cell="simple_rnn", units=1, embedding_width=1, **options)


def test_nothing_drops_out_where_nothing_is_asked_for() -> None:
    network, inputs = network_of("next_word", layers=2), inputs_of(LENGTHS)
    np.testing.assert_allclose(learn(network, inputs, KEYS[0]), run(network, inputs), atol=1e-6)


def test_dropped_weights_are_recurrent_ones_and_the_others_grow() -> None:
    network = narrow(weight_dropout=0.25)
    weight = lambda network: network.recurrent.layers[0][0].recurrent_weight  # noqa: E731
    none, grown = (answered(eqx.tree_at(weight, network, factor * weight(network)), TWO) for factor in (0.0, 4 / 3))
    found = drawn(network, TWO)
    # No weight but that of the step before plays a part at the first token.
    np.testing.assert_allclose(found[:, :, 0], np.broadcast_to(none[:, 0], found[:, :, 0].shape), atol=1e-6)
    assert share_of(found, none, grown) == pytest.approx(0.25, abs=0.08)


def test_weights_drop_out_one_by_one_the_same_for_the_whole_batch() -> None:
    network = network_of("next_word", units=8, weight_dropout=0.5)
    direction = network.recurrent.layers[0][0]
    [thinned] = network.recurrent._thinned((direction,), KEYS[0])
    kept = np.asarray(thinned.recurrent_weight) != 0
    assert 0.4 < kept.mean() < 0.6
    np.testing.assert_allclose(thinned.recurrent_weight, 2 * direction.recurrent_weight * kept)
    for name in ("weight", "bias"):
        np.testing.assert_array_equal(getattr(thinned, name), getattr(direction, name))
    twice = {name: np.repeat(array, 2, axis=0) for name, array in inputs_of([6]).items()}
    one, other = learn(network, twice, KEYS[0])
    np.testing.assert_allclose(one, other, atol=1e-6)


def test_a_token_that_drops_out_is_read_as_nothing() -> None:
    network = narrow(token_dropout=0.3)
    without = eqx.tree_at(lambda network: network.embedding.weight, network, jnp.zeros((NUMBERS, 1)))
    share = share_of(drawn(network, ONE), answered(without, ONE), answered(network, ONE))
    assert share == pytest.approx(0.3, abs=0.08)


def test_a_token_that_drops_out_keeps_its_affixes() -> None:
    network = network_of("tagging", units=1, token_dropout=0.4, bidirectional=False)
    without = eqx.tree_at(lambda network: network.embedding.weight, network, jnp.zeros((NUMBERS, 3)))
    share = share_of(drawn(network, ONE), answered(without, ONE), answered(network, ONE))
    assert share == pytest.approx(0.4, abs=0.09)


def test_values_of_vectors_that_drop_out_leave_the_others_larger() -> None:
    network = narrow(embedding_dropout=0.2)
    table = lambda network: network.embedding.weight  # noqa: E731
    none, grown = (answered(eqx.tree_at(table, network, factor * table(network)), ONE) for factor in (0.0, 1.25))
    assert share_of(drawn(network, ONE), none, grown) == pytest.approx(0.2, abs=0.08)


def test_what_the_answer_is_made_of_drops_out() -> None:
    network = narrow(dropout=0.4)
    assert network.output is not None
    weight = lambda network: network.output.weight  # noqa: E731
    none, grown = (answered(eqx.tree_at(weight, network, factor * weight(network)), ONE) for factor in (0.0, 5 / 3))
    assert share_of(drawn(network, ONE), none, grown) == pytest.approx(0.4, abs=0.08)


# --- the beginning


@pytest.mark.parametrize("tied", [False, True])
def test_answers_begin_at_the_shares_of_what_training_foretells(tied: bool) -> None:
    shares = np.array([0.5, 0.25, 0.0, 0.25, *[0.0] * (NUMBERS - 4)])
    recipe = SequenceRecipe(units=4, embedding_width=3, tied=tied)
    rng = np.random.default_rng(0)
    network = build_sequence_network("next_word", recipe, numbers=NUMBERS, outputs=NUMBERS, rng=rng, shares=shares)
    expected = np.log(np.where(shares > 0, shares, SMALLEST_SHARE))
    found = network.bias if network.output is None else network.output.bias
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    untouched = built("next_word", tied=tied)
    begun = untouched.bias if untouched.output is None else untouched.output.bias
    assert begun is not None
    assert not np.asarray(begun).any()
    answers = np.exp(answered(network, inputs_of([3])))
    np.testing.assert_allclose(answers / answers.sum(axis=2, keepdims=True), np.tile(shares, (1, 3, 1)), atol=0.3)


def test_words_begin_at_given_vectors_and_marks_at_their_own() -> None:
    vectors = np.full((NUMBERS - 2, 3), np.nan, np.float32)
    vectors[4] = [1.0, -2.0, 3.0]
    network = build_sequence_network(
        "next_word",
        SequenceRecipe(units=4, embedding_width=3),
        numbers=NUMBERS,
        outputs=NUMBERS,
        rng=np.random.default_rng(0),
        vectors=vectors,
    )
    weight = np.asarray(network.embedding.weight)
    assert weight.shape == (NUMBERS, 3)
    np.testing.assert_array_equal(weight[4], vectors[4])
    assert np.isfinite(weight).all()
    assert (np.abs(weight).sum(axis=1) > 0).all()


def test_cells_and_widths_are_those_of_the_recipe() -> None:
    for cell, kind in [("simple_rnn", "simple_relu"), ("gru", "gru"), ("coupled_lstm", "coupled_lstm")]:
        activation = {"activation": "relu"} if cell == "simple_rnn" else {}
        network = built("tagging", cell=cell, units=(6, 2), **activation)
        assert [[direction.cell for direction in layer] for layer in network.recurrent.layers] == [[kind] * 2] * 2
        assert [layer[0].units for layer in network.recurrent.layers] == [6, 2]
        assert len(network.recurrent.layers[0][0].weight) == 3 + 2
        assert len(network.recurrent.layers[1][0].weight) == 12
    gaps = built("fill_blank")
    assert gaps.backward is not None
    assert [gaps.recurrent.layers[0][0].reverse, gaps.backward.layers[0][0].reverse] == [False, True]
    assert gaps.output is not None
    assert gaps.output.weight.shape == (8, NUMBERS)
