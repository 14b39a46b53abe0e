"""Sessions that answer at the tokens of texts: what is said does not hang on how the texts are parted."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import onnxruntime
import pytest
from hypothesis import given
from hypothesis import strategies as st

from treadle.bundle import sequences
from treadle.bundle.graph import Graph
from treadle.bundle.sequences import SequenceSession, by_length
from treadle.errors import BundleError
from treadle.features.sequences import NOT_DUE, Line
from treadle.nn import to_arrays
from treadle.nn.sequence import SequenceNetwork, build_sequence_network
from treadle.nn.sequence_onnx import write
from treadle.recipe import Task
from treadle.sequence_recipe import SequenceRecipe

NUMBERS, TAGS, SLOTS = 11, 4, 3
LENGTHS = [3, 7, 1, 5, 2, 7, 4, 1]
TEXT = np.random.default_rng(0).integers(1, NUMBERS, 41).astype(np.int32)


class Asked:
    """A small network, and the session that asks it."""

    def __init__(self, task: Task, *, affixes: bool = False, **options: Any) -> None:
        recipe = SequenceRecipe.model_validate({"embedding_width": 3, "units": 4, **options})
        self.outputs = TAGS if task == "tagging" else NUMBERS
        built = build_sequence_network(
            task,
            recipe,
            numbers=NUMBERS,
            outputs=self.outputs,
            rng=np.random.default_rng(0),
            affixes=(7, 2) if affixes else None,
        )
        rng = np.random.default_rng(1)
        self.words = task != "tagging"
        self.network: SequenceNetwork = jax.tree.map(
            lambda leaf: leaf + jnp.asarray(rng.normal(0, 0.4, leaf.shape), jnp.float32), built
        )
        graph = Graph()
        write(self.network, graph, slots=SLOTS if affixes else 0, words=self.words, steps=task == "next_word")
        ort = onnxruntime.InferenceSession(graph.to_bytes())
        self.session = SequenceSession(ort, "toy", to_arrays(self.network))

    def expected(self, inputs: dict[str, np.ndarray]) -> np.ndarray:
        """What JAX says at every token."""
        scores = run(self.network, {name: jnp.asarray(array) for name, array in inputs.items()})
        return np.asarray(jax.nn.log_softmax(scores) if self.words else scores)


run = eqx.filter_jit(lambda network, inputs: network(inputs))


@pytest.fixture(scope="module")
def model() -> Asked:
    return Asked("next_word", units=(4, 2), learn_initial=True)


@pytest.fixture(scope="module")
def tagger() -> Asked:
    return Asked("tagging", affixes=True)


@pytest.fixture(scope="module")
def gaps() -> Asked:
    return Asked("fill_blank", tied=True, learn_initial=True)


@pytest.fixture(params=[None, 8], ids=["at once", "in parts"])
def parted(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether texts are read at once, or a few tokens at a time."""
    if request.param is not None:
        monkeypatch.setattr(sequences, "TOKENS", request.param)
        monkeypatch.setattr(sequences, "NUMBERS", 3 * NUMBERS)
        monkeypatch.setattr(sequences, "STEPS", 6)


def inputs_of(lengths: list[int], *, affixes: bool = False) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    there = np.arange(max(lengths)) < np.array(lengths)[:, None]
    tokens = np.where(there, rng.integers(1, NUMBERS, there.shape), 0).astype(np.int32)
    inputs = {"tokens": tokens, "lengths": np.array(lengths, np.int32)}
    slots = np.where(there[:, :, None], rng.integers(0, 7, (*there.shape, SLOTS)), -1).astype(np.int32)
    return inputs | {"affixes": slots} if affixes else inputs


# --- rows


@pytest.mark.usefixtures("parted")
def test_tags_of_all_tokens_in_the_order_of_the_rows(tagger: Asked) -> None:
    inputs = inputs_of(LENGTHS, affixes=True)
    found, expected = tagger.session.run(inputs, TAGS), tagger.expected(inputs)
    assert found.shape == (8, 7, TAGS)
    there = np.arange(7) < inputs["lengths"][:, None]
    np.testing.assert_allclose(found[there], expected[there], atol=5e-6)
    assert not found[~there].any()
    np.testing.assert_allclose(tagger.session.block(inputs), found, atol=2e-6)


@pytest.mark.usefixtures("parted")
@pytest.mark.parametrize("name", ["model", "gaps"])
def test_one_answer_a_row_where_a_place_is_named(name: str, request: pytest.FixtureRequest) -> None:
    asked: Asked = request.getfixturevalue(name)
    inputs, places = inputs_of(LENGTHS), np.array([0, 6, 0, 2, 1, 3, 3, 0], np.int32)
    found = asked.session.run(inputs | {"places": places}, NUMBERS)
    np.testing.assert_allclose(found, asked.expected(inputs)[np.arange(8), places], atol=5e-6)
    np.testing.assert_allclose(np.exp(found).sum(axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(asked.session.block(inputs | {"places": places}), found, atol=2e-6)


def test_no_rows_have_no_answers(model: Asked, tagger: Asked) -> None:
    none = {"tokens": np.zeros((0, 1), np.int32), "lengths": np.zeros(0, np.int32)}
    assert model.session.run(none | {"places": none["lengths"]}, NUMBERS).shape == (0, NUMBERS)
    assert tagger.session.run(none | {"affixes": np.zeros((0, 1, SLOTS), np.int32)}, TAGS).shape == (0, 1, TAGS)


def lines_of(lengths: list[int], seed: int = 0) -> list[Line]:
    """Lines in which here and there nothing is due."""
    rng = np.random.default_rng(seed)
    rows = [rng.integers(1, NUMBERS, length).astype(np.int32) for length in lengths]
    return [Line(row, np.where(rng.random(len(row)) < 0.3, NOT_DUE, row[::-1]).astype(np.int32)) for row in rows]


@pytest.mark.usefixtures("parted")
@pytest.mark.parametrize("name", ["model", "gaps"])
def test_whatever_is_due_is_answered_once(name: str, request: pytest.FixtureRequest) -> None:
    asked: Asked = request.getfixturevalue(name)
    lines = lines_of([*LENGTHS, 0])
    lines[3].due[:] = NOT_DUE
    inputs = inputs_of([*LENGTHS, 0])
    for row, line in enumerate(lines):
        inputs["tokens"][row, : len(line.reads)] = line.reads
    expected = asked.expected(inputs)
    found: dict[int, list[tuple[int, np.ndarray]]] = {row: [] for row in range(9)}
    for said in asked.session.due(lines, NUMBERS):
        assert said.outputs.shape == (len(said.rows), NUMBERS)
        for row, due, outputs in zip(said.rows.tolist(), said.due.tolist(), said.outputs, strict=True):
            found[row].append((due, outputs))
    for row, line in enumerate(lines):
        places = np.flatnonzero(line.due >= 0)
        assert [due for due, _ in found[row]] == line.due[places].tolist()
        for place, (_, outputs) in zip(places, found[row], strict=True):
            np.testing.assert_allclose(outputs, expected[row, place], atol=5e-6)


def test_no_more_is_asked_at_once_than_may_be(model: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sequences, "TOKENS", 8)
    monkeypatch.setattr(sequences, "NUMBERS", 3 * NUMBERS)
    step, sizes = model.session.step, list[tuple[int, int]]()

    def seen(inputs: Any, wanted: Any, states: Any) -> Any:
        sizes.append((inputs["tokens"].size, len(wanted)))
        return step(inputs, wanted, states)

    monkeypatch.setattr(model.session, "step", seen)
    list(model.session.due(lines_of(LENGTHS), NUMBERS))
    list(model.session.read_on(Line(TEXT[:-1], TEXT[1:]), NUMBERS))
    model.session.run(inputs_of(LENGTHS) | {"places": np.zeros(8, np.int32)}, NUMBERS)
    assert max(tokens for tokens, _ in sizes) <= 8
    assert max(wanted for _, wanted in sizes) <= 3


@given(lengths=st.lists(st.integers(0, 40), max_size=30), rows=st.integers(1, 9), tokens=st.integers(1, 100))
def test_rows_of_like_length_stand_together(lengths: list[int], rows: int, tokens: int) -> None:
    blocks = list(by_length(np.array(lengths, np.int32), rows=rows, tokens=tokens))
    assert sorted(row for block in blocks for row in block.tolist()) == list(range(len(lengths)))
    longest = [[lengths[row] for row in block] for block in blocks]
    assert all(len(block) == 1 or len(block) * max(block) <= tokens for block in longest)
    assert all(len(block) <= rows for block in blocks)
    assert all(min(block) >= max(after) for block, after in pairwise(longest))


# --- step by step


@pytest.mark.usefixtures("parted")
@pytest.mark.parametrize("end", [1, 6, 7, 40])
def test_a_long_text_in_parts_is_one_pass(model: Asked, end: int) -> None:
    due = np.where(np.arange(end) % 5 == 2, NOT_DUE, TEXT[1 : end + 1]).astype(np.int32)
    said = list(model.session.read_on(Line(TEXT[:end], due), NUMBERS))
    whole = model.expected({"tokens": TEXT[None, :end], "lengths": np.array([end], np.int32)})[0]
    np.testing.assert_allclose(np.concatenate([part.outputs for part in said]), whole[due >= 0], atol=5e-6)
    assert np.concatenate([part.due for part in said]).tolist() == due[due >= 0].tolist()
    assert not np.concatenate([part.rows for part in said]).any()


def test_texts_begin_at_the_learnt_states(model: Asked) -> None:
    states = model.session.start(3)
    assert [state.shape for state in states] == [(1, 3, 4), (1, 3, 4), (1, 3, 2), (1, 3, 2)]
    learnt = [np.asarray(state) for (cell,) in model.network.recurrent.layers for state in cell.initial]
    for state, expected in zip(states, learnt, strict=True):
        np.testing.assert_array_equal(state, np.broadcast_to(expected, state.shape))
    zeros = Asked("next_word", cell="gru").session.start(2)
    assert [state.shape for state in zeros] == [(1, 2, 4)]
    assert not zeros[0].any()


def test_steps_one_by_one_are_all_at_once_whoever_the_mates_are(model: Asked) -> None:
    tokens = TEXT[:12].reshape(2, 6)
    expected = model.expected({"tokens": tokens, "lengths": np.array([6, 6], np.int32)})
    states = model.session.start(2)
    for place in range(6):
        one = {"tokens": tokens[:, [place]], "lengths": np.ones(2, np.int32)}
        said, states = model.session.step(one, np.array([0, 1]), states)
        np.testing.assert_allclose(said, expected[:, place], atol=5e-6)


def test_the_states_of_many_layers_stay_in_their_order() -> None:
    deep = Asked("next_word", units=(2, 3, 4, 5, 6, 7))
    assert deep.session.states == tuple(f"state_{place}" for place in range(12))
    assert [state.shape[2] for state in deep.session.start(1)] == [2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7]
    inputs = {"tokens": TEXT[None, :6], "lengths": np.array([6], np.int32)}
    said = list(deep.session.read_on(Line(TEXT[:6], TEXT[1:7]), NUMBERS))
    np.testing.assert_allclose(said[0].outputs, deep.expected(inputs)[0], atol=5e-6)


def test_a_network_that_cannot_be_run_is_named(model: Asked) -> None:
    inputs = {"tokens": np.array([[NUMBERS]], np.int32), "lengths": np.ones(1, np.int32)}
    with pytest.raises(BundleError, match="bundle 'toy': its network cannot be run: "):
        model.session.at(inputs, np.array([0]))
