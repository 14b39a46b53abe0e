"""Lines and running text as examples: what is learnt of them is what their prefixes would teach one by one."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from hypothesis import given
from hypothesis import strategies as st

from treadle.errors import TrainingError
from treadle.features.sequences import NOT_DUE, Line
from treadle.nn import take_apart
from treadle.nn.sequence import SequenceNetwork, build_sequence_network
from treadle.sequence_recipe import SequenceRecipe
from treadle.tasks import TokenClassification
from treadle.training.examples import Batch, Examples, to_device
from treadle.training.sequences import line_examples, running_examples, running_validation
from treadle.training.step import make_step

OUTPUTS = 9
TASK = TokenClassification(OUTPUTS)
BEGIN, END = OUTPUTS - 2, OUTPUTS - 1
KEY = jax.random.key(0)


def stirred(network: SequenceNetwork, seed: int = 1) -> SequenceNetwork:
    """The network with no weight at a value, such as zero, that would hide a mistake."""
    rng = np.random.default_rng(seed)
    return jax.tree.map(lambda leaf: leaf + jnp.asarray(rng.normal(0, 0.3, leaf.shape), jnp.float32), network)


def network_of(*, streams: int = 0, stir: bool = True, **options: Any) -> SequenceNetwork:
    recipe = SequenceRecipe.model_validate({"embedding_width": 4, "units": 5, **options})
    network = build_sequence_network(
        "next_word", recipe, numbers=OUTPUTS, outputs=OUTPUTS, rng=np.random.default_rng(0), streams=streams
    )
    return stirred(network) if stir else network


def lines_of(lengths: list[int], *, marks: bool = True, seed: int = 0) -> list[Line]:
    """Random words, as the features would make lines of them."""
    rng = np.random.default_rng(seed)
    rows = [rng.integers(1, BEGIN, length).astype(np.int32) for length in lengths]
    rows = [np.array([BEGIN, *row, END], np.int32) for row in rows] if marks else rows
    return [Line(row[:-1], row[1:]) for row in rows]


def batch_of(examples: Examples, rows: slice = slice(None), width: int | None = None) -> Batch:
    every = to_device(examples)
    batch = every.take(jnp.arange(len(examples))[rows])
    grown = 0 if width is None else width - batch.targets.shape[1]
    tokens = jnp.pad(batch.inputs["tokens"], ((0, 0), (0, grown)))
    targets = jnp.pad(batch.targets, ((0, 0), (0, grown)), constant_values=NOT_DUE)
    return batch._replace(inputs=batch.inputs | {"tokens": tokens}, targets=targets)


RECORDER = optax.GradientTransformation(jnp.zeros_like, lambda gradient, _, weights: (0 * weights, gradient))
"""Changes no weight, and keeps the gradient as its state."""


class Lesson:
    """A step of training, compiled once for all networks of one structure: the loss, the gradient, what is carried."""

    def __init__(self, network: SequenceNetwork) -> None:
        self._step = jax.jit(make_step(TASK, network, RECORDER))
        self.carried: Any = None

    def __call__(self, network: SequenceNetwork, batch: Batch) -> tuple[float, np.ndarray]:
        weights = take_apart(network)
        if self.carried is not None:
            weights = weights._replace(untrained=self.carried)
        moved, gradient, loss = self._step(weights, weights.trained, batch, jnp.int32(0), KEY)
        self.carried = moved.untrained
        return float(loss), np.asarray(gradient)


# --- whole lines


def prefixes(lines: list[Line], width: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Every beginning of every line, padded, with the one word that follows it: the way of the notebooks."""
    rows = [(line.reads[: place + 1], due) for line in lines for place, due in enumerate(line.due)]
    tokens = np.array([np.pad(read, (0, width - len(read))) for read, _ in rows])
    return tokens, np.array([len(read) for read, _ in rows], np.int32), np.array([due for _, due in rows])


@jax.jit
@jax.value_and_grad
def prefix_loss(network: SequenceNetwork, tokens: Any, lengths: Any, due: Any) -> jax.Array:
    """Cross-entropy of one answer a row, from the last state."""
    vectors = network.embedding.weight[tokens].swapaxes(0, 1)
    assert network.output is not None
    scores = network.recurrent(vectors, lengths).last @ network.output.weight + network.output.bias
    return -jnp.mean(jax.nn.log_softmax(scores)[jnp.arange(len(due)), due])


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_lines_teach_what_every_prefix_of_them_teaches_by_itself(cell: str, layers: int) -> None:
    network = network_of(cell=cell, layers=layers)
    lesson = Lesson(network)
    for marks, lengths in ((True, [1, 5, 2, 6]), (False, [2, 7, 3, 6])):
        lines = lines_of(lengths, marks=marks)
        loss, gradient = lesson(network, batch_of(line_examples(lines), width=7))
        tokens, ends, due = prefixes(lines, 7)
        assert len(due) == (18 if marks else 14)
        # Of one number of rows, so that it is compiled once.
        again = np.resize(np.arange(len(due)), 126)
        expected, expected_gradient = prefix_loss(network, tokens[again], ends[again], due[again])
        np.testing.assert_allclose(loss, expected, rtol=1e-6)
        np.testing.assert_allclose(gradient, take_apart(expected_gradient).trained, atol=1e-7, rtol=1e-5)
        assert np.abs(gradient).max() > 0.01


def scores_of(network: SequenceNetwork, batch: Batch) -> np.ndarray:
    return np.asarray(eqx.filter_jit(lambda network, inputs: network(inputs))(network, batch.inputs), np.float64)


def loss_of(scores: np.ndarray, due: np.ndarray) -> float:
    """Mean cross-entropy over what is due, in float64."""
    shares = np.exp(scores - scores.max(axis=-1, keepdims=True))
    shares /= shares.sum(axis=-1, keepdims=True)
    return float(np.mean([-np.log(shares[place][due[place]]) for place in zip(*np.nonzero(due >= 0), strict=True)]))


def test_the_loss_is_the_mean_over_what_is_due_in_the_rows_that_are_there() -> None:
    network, lines = network_of(), lines_of([1, 5, 2, 6])
    lines[1].due[2:4] = NOT_DUE
    lines[3].due[:] = NOT_DUE
    batch, lesson = batch_of(line_examples(lines)), Lesson(network)
    due = np.asarray(batch.targets)
    assert (due >= 0).sum() == 2 + 4 + 3
    loss, gradient = lesson(network, batch)
    assert loss == pytest.approx(loss_of(scores_of(network, batch), due), rel=1e-5)
    # A line in which nothing is due teaches nothing; nor does a row that only fills the batch up.
    filled = batch._replace(present=jnp.array([1.0, 1.0, 0.0, 0.0]))
    loss, gradient = lesson(network, filled)
    assert loss == pytest.approx(loss_of(scores_of(network, batch)[:2], due[:2]), rel=1e-5)
    other = batch_of(line_examples([*lines[:2], *lines_of([6, 1], seed=9)]), width=7)
    loss_beside_others, gradient_beside_others = lesson(network, other._replace(present=filled.present))
    assert loss_beside_others == pytest.approx(loss, rel=1e-6)
    np.testing.assert_allclose(gradient_beside_others, gradient, atol=1e-7)
    nothing, no_gradient = lesson(network, batch._replace(present=jnp.zeros(4)))
    assert nothing == 0.0
    assert not no_gradient.any()


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_a_line_changes_nothing_of_the_others(cell: str) -> None:
    network, lines = network_of(cell=cell, learn_initial=True), lines_of([3, 6, 1, 4])

    @eqx.filter_jit
    def losses(network: SequenceNetwork, batch: Batch) -> tuple[jax.Array, SequenceNetwork]:
        each = TASK.training_losses(network.learn(batch.inputs, batch.present, KEY)[0], batch.targets)
        others = eqx.filter_grad(
            lambda net: jnp.sum(TASK.training_losses(net.learn(batch.inputs, batch.present, KEY)[0], batch.targets)[1:])
        )(network)
        return each, others

    before, gradient = losses(network, batch_of(line_examples(lines)))
    lines[0] = lines_of([6], seed=7)[0]
    after, gradient_after = losses(network, batch_of(line_examples(lines)))
    np.testing.assert_allclose(after[1:], before[1:], rtol=1e-6)
    assert after[0] != before[0]
    jax.tree.map(lambda one, two: np.testing.assert_allclose(one, two, atol=1e-6), gradient_after, gradient)


def test_affixes_stand_beside_their_lines() -> None:
    affixes = np.arange(12, dtype=np.int32).reshape(2, 2, 3)
    lines = [Line(np.array([3, 4], np.int32), np.array([1, NOT_DUE], np.int32)), lines_of([1], marks=False)[0]]
    lines[1] = Line(np.array([5], np.int32), np.array([0], np.int32))
    examples = line_examples(lines, affixes)
    assert examples.inputs["tokens"].tolist() == [[3, 4], [5, 0]]
    assert examples.targets.tolist() == [[1, NOT_DUE], [0, NOT_DUE]]
    np.testing.assert_array_equal(examples.inputs["affixes"], affixes)
    assert not examples.in_order


# --- running text


def stream_of(length: int, seed: int = 3) -> Line:
    text = np.random.default_rng(seed).integers(1, OUTPUTS, length + 1).astype(np.int32)
    return Line(text[:-1], text[1:])


@given(length=st.integers(1, 90), streams=st.integers(1, 7), unroll=st.integers(1, 9))
def test_streams_hold_every_token_once_but_for_a_rest(length: int, streams: int, unroll: int) -> None:
    line = stream_of(length)
    if length < streams:
        with pytest.raises(TrainingError, match=rf"training.batch_size: {length} tokens cannot be read as {streams}"):
            running_examples(line, streams, unroll)
        return
    examples = running_examples(line, streams, unroll)
    assert examples.in_order
    rows, each = len(examples) // streams, length // streams
    assert len(examples) == rows * streams
    assert examples.inputs["tokens"].shape == examples.targets.shape == (len(examples), unroll)
    assert examples.inputs["starts"].tolist() == [1] * streams + [0] * (len(examples) - streams)
    read, due = [], []
    for stream in range(streams):
        for row in range(stream, len(examples), streams):
            end = examples.inputs["lengths"][row]
            assert end == unroll or row >= len(examples) - streams
            read.extend(examples.inputs["tokens"][row, :end].tolist())
            due.extend(examples.targets[row, :end].tolist())
            assert not examples.inputs["tokens"][row, end:].any()
            assert (examples.targets[row, end:] == NOT_DUE).all()
    assert read == line.reads[: streams * each].tolist()
    assert due == line.due[: streams * each].tolist()
    assert length - len(read) < streams


@given(length=st.integers(1, 90), unroll=st.integers(1, 9))
def test_every_token_of_running_text_is_validated_once(length: int, unroll: int) -> None:
    line = stream_of(length)
    examples = running_validation(line, unroll)
    assert not examples.in_order
    assert examples.targets[examples.targets >= 0].tolist() == line.due.tolist()
    start = 0
    for row, (end, due) in enumerate(zip(examples.inputs["lengths"].tolist(), examples.targets, strict=True)):
        early = int(np.argmax(due >= 0))
        assert early == min(unroll, start)
        assert examples.inputs["tokens"][row, :end].tolist() == line.reads[start - early : start - early + end].tolist()
        start += end - early
        assert end - early <= 4 * unroll
    assert start == length


SETTINGS: list[dict[str, Any]] = [
    {"cell": "lstm", "layers": 2},
    {"cell": "gru", "learn_initial": True},
]


@pytest.mark.parametrize("options", SETTINGS, ids=str)
def test_running_text_in_parts_is_one_long_pass(options: dict[str, Any]) -> None:
    network, line = network_of(streams=3, **options), stream_of(3 * 17 + 2)
    examples, lesson = running_examples(line, 3, 5), Lesson(network_of(streams=3, **options))
    parts = [batch_of(examples, slice(start, start + 3)) for start in range(0, len(examples), 3)]
    answers = [(np.asarray(part.targets) >= 0).sum() for part in parts]
    for _ in range(2):  # the second time, every stream starts anew
        losses = [lesson(network, part)[0] for part in parts]
        whole = line_examples([Line(*(part[17 * row : 17 * (row + 1)] for part in line)) for row in range(3)])
        scores = scores_of(network, batch_of(whole))
        ends = [slice(5 * place, 5 * place + 5) for place in range(4)]
        expected = [loss_of(scores[:, end], whole.targets[:, end]) for end in ends]
        assert answers == [15, 15, 15, 6]
        np.testing.assert_allclose(losses, expected, rtol=2e-6)


@pytest.mark.parametrize("options", SETTINGS, ids=str)
def test_gradients_stop_where_a_part_begins(options: dict[str, Any]) -> None:
    network, line = network_of(streams=2, **options), stream_of(12)
    examples, lesson = running_examples(line, 2, 3), Lesson(network)
    first, second = (batch_of(examples, slice(start, start + 2)) for start in (0, 2))
    lesson(network, first)
    _, gradient = lesson(network, second)

    @eqx.filter_jit
    def unrolled(network: SequenceNetwork, *, stop: bool) -> jax.Array:
        vectors = network.embedding.weight[jnp.concatenate([part.inputs["tokens"] for part in (first, second)], 1).T]
        read = network.recurrent(vectors[:3], first.inputs["lengths"])
        states = jax.lax.stop_gradient(read.states) if stop else read.states
        outputs = network.recurrent(vectors[3:], second.inputs["lengths"], states).outputs.swapaxes(0, 1)
        assert network.output is not None
        logs = jax.nn.log_softmax(outputs @ network.output.weight + network.output.bias)
        return -jnp.mean(jnp.take_along_axis(logs, second.targets[:, :, None], 2))

    stopped, through = (
        np.asarray(take_apart(eqx.filter_grad(unrolled)(network, stop=stop)).trained) for stop in (True, False)
    )
    np.testing.assert_allclose(gradient, stopped, atol=1e-7, rtol=1e-5)
    assert np.abs(gradient - through).max() > 1e-3


def test_only_what_starts_starts_anew() -> None:
    network, examples = network_of(streams=3, learn_initial=True), running_examples(stream_of(30), 3, 5)
    first, second = (batch_of(examples, slice(start, start + 3)) for start in (0, 3))
    _, moved = network.learn(first.inputs, first.present, KEY)
    some = second.inputs | {"starts": jnp.array([0, 1, 0])}
    scores = np.asarray(moved.learn(some, second.present, KEY)[0])
    anew = np.asarray(network(second.inputs))
    going_on = np.asarray(moved.learn(second.inputs, second.present, KEY)[0])
    np.testing.assert_allclose(scores[1], anew[1], atol=1e-6)
    np.testing.assert_allclose(scores[[0, 2]], going_on[[0, 2]], atol=1e-6)
    assert np.abs(going_on - anew).max(axis=(1, 2)).min() > 1e-3


def test_what_is_carried_is_not_trained_and_not_kept() -> None:
    network = network_of(streams=3, layers=2)
    assert network.carried is not None
    assert take_apart(network).trained.size == take_apart(network_of(layers=2)).trained.size
    assert network.settled().carried is None
    assert network_of().settled().carried is None
