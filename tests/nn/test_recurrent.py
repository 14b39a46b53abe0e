"""Recurrent layers: equal to Keras, to ONNX Runtime, to finite differences and to one another."""

import json
from contextlib import contextmanager
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.test_util
import numpy as np
import onnxruntime
import pytest
from jax.flatten_util import ravel_pytree

from treadle.bundle.graph import Graph
from treadle.kernels import library
from treadle.nn import recurrent_onnx
from treadle.nn.recurrent import CELLS
from treadle.nn.recurrent_layers import Direction, RecurrentNetwork, orthogonal

KERAS = json.loads(Path(__file__).with_name("keras_recurrent.json").read_text())  # by write_keras_recurrent.py
LENGTHS = jnp.array([5, 0, 2, 1], jnp.int32)
cells = pytest.mark.parametrize("cell", CELLS)


@contextmanager
def computing(way, monkeypatch):
    """As users compute, or by the scan in either precision."""
    with jax.enable_x64(way == "scan, float64"), monkeypatch.context() as patch:
        if way != "users":
            patch.setattr(library, "load", lambda: library.Engine(False, "none"))
        yield


ways = pytest.mark.parametrize(("way", "within"), [("users", 1e-5), ("scan, float64", 1e-7)])


def stirred(network, seed=0):
    """The network with no weight at a value, such as zero, that would hide a mistake."""
    rng = np.random.default_rng(seed)
    return jax.tree.map(lambda leaf: leaf + jnp.asarray(rng.normal(0, 0.3, leaf.shape), leaf.dtype), network)


def network(cell, features=3, units=4, seed=0, **options):
    return stirred(RecurrentNetwork(cell, features, units, np.random.default_rng(seed), **options), seed + 1)


def steps(time=5, features=3, batch=4, seed=5):
    return np.random.default_rng(seed).normal(size=(time, batch, features)).astype(np.float32)


def in_float64(network):
    return jax.tree.map(lambda leaf: jnp.asarray(np.asarray(leaf, np.float64)), network)


# --- Keras


def keras_direction(cell, reverse):
    weight, recurrent, bias = (np.asarray(array) for array in KERAS["cells"][cell]["weights"][int(reverse)])
    direction = Direction(cell, 3, 4, np.random.default_rng(0), reverse=reverse, learn_initial=False)
    vectors = np.zeros((0, 4))
    if cell == "gru":
        # Two biases: of the sums of z and r only their sum plays a part.
        bias, vectors = bias[0] + np.pad(bias[1][:8], (0, 4)), bias[1][None, 8:]
    arrays = tuple(jnp.asarray(array) for array in (weight, recurrent, bias, vectors))
    return eqx.tree_at(lambda d: (d.weight, d.recurrent_weight, d.bias, d.vectors), direction, arrays)


def keras_inputs(cell):
    xs = jnp.asarray(KERAS["xs"]).swapaxes(0, 1)
    initial = [tuple(jnp.asarray(state) for state in states) for states in KERAS["cells"][cell]["initial"]]
    return xs, jnp.asarray(KERAS["lengths"], jnp.int32), initial


@ways
@pytest.mark.parametrize("cell", KERAS["cells"])
def test_keras_reads_the_same_from_both_ends(cell, way, within, monkeypatch):
    with computing(way, monkeypatch):
        xs, lengths, initial = keras_inputs(cell)
        layer = tuple(keras_direction(cell, reverse) for reverse in (False, True))
        net = RecurrentNetwork(cell, 3, 4, np.random.default_rng(0))
        net = eqx.tree_at(lambda net: net.layers, net, (layer,))
        read = eqx.filter_jit(net)(xs, lengths, (tuple(initial),))
    expected = KERAS["cells"][cell]
    np.testing.assert_allclose(read.outputs.swapaxes(0, 1), expected["outputs"], atol=within)
    found = [state for states in read.states[0] for state in states]
    np.testing.assert_allclose(np.stack(found), expected["states"], atol=within)


@ways
@pytest.mark.parametrize("cell", KERAS["cells"])
def test_gradients_are_those_of_keras(cell, way, within, monkeypatch):
    with computing(way, monkeypatch):
        xs, lengths, initial = keras_inputs(cell)
        direction = keras_direction(cell, False)

        def asked(direction, xs, initial):
            outputs, states = direction(xs, lengths, initial, None)
            arrays = (outputs.swapaxes(0, 1), *states)
            return sum(jnp.sum(jnp.cos(1.7 * jnp.arange(a.size)).reshape(a.shape) * a) for a in arrays)

        d_direction, d_xs, d_initial = jax.jit(jax.grad(asked, argnums=(0, 1, 2)))(direction, xs, initial[0])
    expected = KERAS["cells"][cell]["gradients"]
    np.testing.assert_allclose(d_xs.swapaxes(0, 1), expected["xs"], atol=20 * within)
    np.testing.assert_allclose(np.stack(d_initial), expected["initial"], atol=20 * within)
    d_bias = np.asarray(d_direction.bias)
    if cell == "gru":
        d_bias = np.stack([d_bias, np.concatenate([d_bias[:8], d_direction.vectors[0]])])
    found = (d_direction.weight, d_direction.recurrent_weight, d_bias)
    for ours, theirs in zip(found, expected["weights"], strict=True):
        np.testing.assert_allclose(ours, theirs, atol=20 * within)


# --- ONNX Runtime


@cells
def test_onnx_runtimes_operators_are_the_equations_in_float64(cell):
    net, xs = network(cell, layers=2, bidirectional=True, learn_initial=True), steps()
    graph = Graph()
    x = graph.input("x", np.float32, ["time", "rows", 3])
    lengths = graph.input("lengths", np.int32, ["rows"])
    written = recurrent_onnx.write(net, graph, x, lengths, "network")
    graph.output("outputs", written.outputs, np.float32, ["time", "rows", net.width])
    graph.output("last", written.last, np.float32, ["rows", net.width])
    for layer, states in enumerate(written.states):
        for place, state in enumerate(states):
            graph.output(f"{layer} {place}", state, np.float32, ["directions", "rows", 4])
    session = onnxruntime.InferenceSession(graph.to_bytes())
    outputs, last, *states = session.run(None, {"x": xs, "lengths": np.asarray(LENGTHS)})
    with jax.enable_x64(True):
        read = eqx.filter_jit(in_float64(net))(jnp.asarray(xs, jnp.float64), LENGTHS)
    np.testing.assert_allclose(outputs, read.outputs, atol=2e-6)
    np.testing.assert_allclose(last, read.last, atol=2e-6)
    expected = [np.stack(parts) for layer in read.states for parts in zip(*layer, strict=True)]
    for found, state in zip(states, expected, strict=True):
        np.testing.assert_allclose(found, state, atol=2e-6)


@pytest.mark.parametrize("reverse", [False, True])
def test_onnx_runtime_takes_one_direction_and_carries_states_on(reverse):
    net, xs = network("peephole_lstm"), steps()
    direction = Direction("peephole_lstm", 3, 4, np.random.default_rng(0), reverse=reverse, learn_initial=False)
    net = eqx.tree_at(lambda net: net.layers, net, ((stirred(direction),),))
    graph = Graph()
    x = graph.input("x", np.float32, ["time", "rows", 3])
    lengths = graph.input("lengths", np.int32, ["rows"])
    begin = [[graph.input(name, np.float32, [1, "rows", 4]) for name in ("h", "c")]]
    written = recurrent_onnx.write(net, graph, x, lengths, "network", initial=begin)
    graph.output("outputs", written.outputs, np.float32, ["time", "rows", 4])
    graph.output("memory", written.states[0][1], np.float32, [1, "rows", 4])
    h, c = steps(2, 4, seed=6)
    given = {"x": xs, "lengths": np.asarray(LENGTHS), "h": h[None], "c": c[None]}
    outputs, memory = onnxruntime.InferenceSession(graph.to_bytes()).run(None, given)
    read = net(jnp.asarray(xs), LENGTHS, (((jnp.asarray(h), jnp.asarray(c)),),))
    np.testing.assert_allclose(outputs, read.outputs, atol=2e-6)
    np.testing.assert_allclose(memory[0], read.states[0][0][1], atol=2e-6)


# --- finite differences


# Of every cell by itself: tests/kernels.
@pytest.mark.parametrize(
    ("cell", "options"),
    [
        ("peephole_lstm", {"layers": 2, "dropout": 0.2, "learn_initial": True}),
        ("gru", {"bidirectional": True, "recurrent_dropout": 0.4}),
    ],
)
def test_gradients_of_whole_networks_are_those_of_finite_differences(cell, options):
    with jax.enable_x64(True):
        net = in_float64(network(cell, features=2, units=3, **options))
        xs = jnp.asarray(steps(4, 2), jnp.float64)
        arrays, rest = eqx.partition(net, eqx.is_array)
        vector, put_together = ravel_pytree((arrays, xs))

        @jax.jit
        def run(vector):
            arrays, xs = put_together(vector)
            return ravel_pytree(eqx.combine(arrays, rest).learn(xs, jnp.minimum(LENGTHS, 4), jax.random.key(3)))[0]

        jax.test_util.check_grads(run, (vector,), order=1, modes=["rev"], rtol=1e-5, atol=1e-6)


# --- cells among themselves


def twin(direction, cell, **arrays):
    """A direction of another cell with the weights of `direction`, but for those given."""
    other = Direction(cell, 3, 4, np.random.default_rng(0), reverse=direction.reverse, learn_initial=False)
    weights = {"weight": direction.weight, "recurrent_weight": direction.recurrent_weight, "bias": direction.bias}
    return eqx.tree_at(
        lambda d: (d.weight, d.recurrent_weight, d.bias, d.vectors),
        other,
        tuple((weights | {"vectors": other.vectors} | arrays).values()),
    )


@eqx.filter_jit
def read(way, direction, xs):
    """Traced anew for every way."""
    return direction(xs, LENGTHS, None, None)


@pytest.mark.parametrize("way", ["users", "scan"])
def test_a_peephole_lstm_whose_peepholes_are_zero_is_an_lstm(way, monkeypatch):
    lstm = stirred(Direction("lstm", 3, 4, np.random.default_rng(0), reverse=True, learn_initial=False))
    peephole, xs = twin(lstm, "peephole_lstm", vectors=jnp.zeros((3, 4))), jnp.asarray(steps())
    with computing(way, monkeypatch):
        jax.tree.map(
            lambda a, b: np.testing.assert_allclose(a, b, atol=1e-6),
            read(way, peephole, xs),
            read(way, lstm, xs),
        )
        seeing = eqx.tree_at(lambda d: d.vectors, peephole, jnp.full((3, 4), 0.5))
        assert not np.allclose(read(way, seeing, xs)[0], read(way, lstm, xs)[0], atol=1e-3)


@pytest.mark.parametrize("way", ["users", "scan"])
def test_a_coupled_lstm_is_an_lstm_whose_input_gate_opens_as_its_forget_gate_closes(way, monkeypatch):
    coupled = stirred(Direction("coupled_lstm", 3, 4, np.random.default_rng(0), reverse=False, learn_initial=False))

    def with_input_gate(array):
        return jnp.concatenate([-array[..., :4], array], axis=-1)  # 1 - sigmoid(f) = sigmoid(-f)

    names = ("weight", "recurrent_weight", "bias")
    lstm = twin(coupled, "lstm", **{name: with_input_gate(getattr(coupled, name)) for name in names})
    xs = jnp.asarray(steps())
    with computing(way, monkeypatch):
        jax.tree.map(
            lambda a, b: np.testing.assert_allclose(a, b, atol=1e-6),
            read(way, lstm, xs),
            read(way, coupled, xs),
        )


# --- layers


@cells
def test_padding_and_mates_change_nothing(cell):
    net, xs = network(cell, layers=2, bidirectional=True), jnp.asarray(steps())
    read = net(xs, LENGTHS)
    longer = net(jnp.pad(xs, ((0, 3), (0, 0), (0, 0)), constant_values=9.0), LENGTHS)
    np.testing.assert_allclose(longer.last, read.last, atol=1e-6)
    np.testing.assert_allclose(longer.outputs[:5], read.outputs, atol=1e-6)
    alone = net(xs[:2, 2:3], LENGTHS[2:3])
    np.testing.assert_allclose(alone.last, read.last[2:3], atol=1e-6)
    np.testing.assert_allclose(alone.outputs, read.outputs[:2, 2:3], atol=1e-6)


@cells
def test_states_carried_on_in_two_halves_are_one_pass(cell):
    net, xs = network(cell, layers=2, learn_initial=True), jnp.asarray(steps())
    whole = net(xs, LENGTHS)
    first = net(xs[:2], jnp.minimum(LENGTHS, 2))
    second = net(xs[2:], jnp.maximum(LENGTHS - 2, 0), first.states)
    np.testing.assert_allclose(jnp.concatenate([first.outputs, second.outputs]), whole.outputs, atol=1e-6)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-6), second.states, whole.states)
    np.testing.assert_allclose(second.last, whole.last, atol=1e-6)


@cells
def test_a_row_without_steps_answers_the_learnt_initial_state(cell):
    net = network(cell, bidirectional=True, learn_initial=True)
    read = net(jnp.asarray(steps()), LENGTHS)
    learnt = np.concatenate([direction.initial[0] for direction in net.layers[0]])
    np.testing.assert_array_equal(read.last[1], learnt)
    assert not np.any(read.outputs[:, 1])


def test_recurrent_dropout_is_one_mask_for_all_steps():
    net = network("simple_relu", units=16, recurrent_dropout=0.5)
    direction, xs = net.layers[0][0], jnp.asarray(steps())
    learnt = net.learn(xs, LENGTHS, jax.random.key(0))
    ones = jnp.ones((4, 16))
    mask = net.recurrent_dropout(ones, jax.random.fold_in(jax.random.fold_in(jax.random.key(0), 0), 1))
    state, outputs = jnp.zeros((4, 16)), []
    for x in xs:
        state = jax.nn.relu(x @ direction.weight + direction.bias + (state * mask) @ direction.recurrent_weight)
        outputs.append(state)
    present = np.arange(5)[:, None, None] < LENGTHS[:, None]
    np.testing.assert_allclose(learnt.outputs, jnp.stack(outputs) * present, atol=1e-5)
    assert 0.2 < (mask == 0).mean() < 0.8
    other = net.learn(xs, LENGTHS, jax.random.key(1))
    assert not np.allclose(other.last, learnt.last)


def test_dropout_between_layers_is_drawn_anew_at_every_step_and_in_training_alone():
    net, xs = network("simple_tanh", layers=2, dropout=0.5), jnp.asarray(steps())
    plain = network("simple_tanh", layers=2)
    jax.tree.map(np.testing.assert_array_equal, net(xs, LENGTHS), plain(xs, LENGTHS))
    learnt = net.learn(xs, LENGTHS, jax.random.key(0))
    jax.tree.map(np.testing.assert_array_equal, learnt.states[0], plain(xs, LENGTHS).states[0])
    assert not np.allclose(learnt.last[0], plain(xs, LENGTHS).last[0])


def test_first_weights_turn_the_state_and_remember():
    rotation = orthogonal(np.random.default_rng(0), 6).astype(np.float64)
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(6), atol=1e-6)
    direction = Direction("lstm", 3, 6, np.random.default_rng(0), reverse=False, learn_initial=True)
    for gate in np.split(np.asarray(direction.recurrent_weight), 4, axis=1):
        np.testing.assert_allclose(gate @ gate.T, np.eye(6), atol=1e-5)
    np.testing.assert_array_equal(direction.bias.reshape(4, 6), np.array([[0], [1], [0], [0]]) * np.ones((4, 6)))
    assert not np.any(direction.initial)
