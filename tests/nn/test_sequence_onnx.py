"""Networks that answer at every token, in ONNX Runtime: the trained ones, asked anywhere, at once or step by step."""

from __future__ import annotations

from functools import cache
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
from treadle.nn import to_arrays
from treadle.nn.sequence import SequenceNetwork, build_sequence_network
from treadle.nn.sequence_onnx import write
from treadle.recipe import Task
from treadle.sequence_recipe import SequenceRecipe

NUMBERS, TAGS, SLOTS = 11, 4, 3
LENGTHS = [4, 1, 6, 2]
CELLS: list[dict[str, Any]] = [
    {"cell": "simple_rnn"},
    {"cell": "simple_rnn", "activation": "relu"},
    {"cell": "lstm"},
    {"cell": "peephole_lstm"},
    {"cell": "coupled_lstm"},
    {"cell": "gru"},
]


class Served:
    """A network none of whose weights is at a value that would hide a mistake, in JAX and in ONNX Runtime."""

    def __init__(self, task: Task, *, affixes: bool = False, **options: Any) -> None:
        recipe = SequenceRecipe.model_validate({"embedding_width": 3, "units": 4, **options})
        built = build_sequence_network(
            task,
            recipe,
            numbers=NUMBERS,
            outputs=TAGS if task == "tagging" else NUMBERS,
            rng=np.random.default_rng(0),
            affixes=(7, 2) if affixes else None,
        )
        rng = np.random.default_rng(1)
        self.words, self.steps = task != "tagging", task == "next_word"
        self.network: SequenceNetwork = jax.tree.map(
            lambda leaf: leaf + jnp.asarray(rng.normal(0, 0.4, leaf.shape), jnp.float32), built
        )
        graph = Graph()
        write(self.network, graph, slots=SLOTS if affixes else 0, words=self.words, steps=self.steps)
        self.constants = graph.constants
        self.session = onnxruntime.InferenceSession(graph.to_bytes())
        self.inputs = [each.name for each in self.session.get_inputs()]

    def expected(self, inputs: dict[str, np.ndarray]) -> np.ndarray:
        """What JAX says at every token, shape (rows, time, outputs): log-probabilities of words, scores of tags."""
        found = run(self.network, inputs)
        scores = found[0] if self.network.crf is not None else found
        return np.asarray(jax.nn.log_softmax(scores) if self.words else scores)

    def begin(self, rows: int) -> dict[str, np.ndarray]:
        """The states before the first token, as the graph takes them."""
        layers = [layer[0] for layer in self.network.recurrent.begin(rows)] if self.steps else []
        states = [np.asarray(state)[None] for layer in layers for state in layer]
        return {f"state_{place}": state for place, state in enumerate(states)}

    def ask(self, inputs: dict[str, np.ndarray], wanted: np.ndarray, states: dict[str, Any]) -> tuple[np.ndarray, Any]:
        """What is said at the wanted tokens, and the states after the last ones."""
        given = {name: inputs[name] for name in ("tokens", "lengths", "affixes") if name in self.inputs}
        names = [each.name for each in self.session.get_outputs()]
        found = dict(zip(names, self.session.run(names, given | states | {"wanted": wanted}), strict=True))
        return found.pop("outputs"), {name.removeprefix("next_"): state for name, state in found.items()}


run = eqx.filter_jit(lambda network, inputs: network(inputs))


def inputs_of(lengths: list[int], time: int | None = None, seed: int = 0) -> dict[str, np.ndarray]:
    """Random tokens with random affixes, padded as the features pad."""
    rng = np.random.default_rng(seed)
    there = np.arange(time or max(lengths)) < np.array(lengths)[:, None]
    tokens = np.where(there, rng.integers(1, NUMBERS, there.shape), 0).astype(np.int32)
    affixes = np.where(there[:, :, None], rng.integers(0, 7, (*there.shape, SLOTS)), -1).astype(np.int32)
    return {"tokens": tokens, "lengths": np.array(lengths, np.int32), "affixes": affixes}


def every(lengths: list[int], time: int) -> np.ndarray:
    return np.flatnonzero(np.arange(time) < np.array(lengths)[:, None])


def assert_same(served: Served, inputs: dict[str, np.ndarray]) -> None:
    rows, time = inputs["tokens"].shape
    wanted = every(inputs["lengths"].tolist(), time)
    found, _ = served.ask(inputs, wanted, served.begin(rows))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, served.expected(inputs).reshape(rows * time, -1)[wanted], atol=5e-6)


@pytest.mark.parametrize("cell", CELLS, ids=str)
@pytest.mark.parametrize("task", ["next_word", "tagging", "fill_blank"])
def test_every_task_and_cell(task: Task, cell: dict[str, Any]) -> None:
    served = Served(task, units=(4, 2), learn_initial=True, affixes=task == "tagging", **cell)
    inputs = inputs_of(LENGTHS)
    assert_same(served, inputs)
    junk = inputs_of([6] * 4, seed=4)["tokens"]
    behind = np.arange(6) >= inputs["lengths"][:, None]
    wanted = every(LENGTHS, 6)
    clean, _ = served.ask(inputs, wanted, served.begin(4))
    beside, _ = served.ask(inputs | {"tokens": np.where(behind, junk, inputs["tokens"])}, wanted, served.begin(4))
    np.testing.assert_allclose(beside, clean, atol=1e-6)


SETTINGS: list[tuple[Task, dict[str, Any]]] = [
    ("next_word", {"tied": True}),
    ("next_word", {"tied": True, "units": 3}),
    ("next_word", {"layers": 3}),
    ("fill_blank", {"tied": True}),
    ("fill_blank", {"layers": 2}),
    ("tagging", {"bidirectional": False}),
    ("tagging", {"crf": True, "affixes": True}),
    ("tagging", {"crf": True, "layers": 2}),
]


@pytest.mark.parametrize(("task", "options"), SETTINGS, ids=str)
def test_every_way_to_answer(task: Task, options: dict[str, Any]) -> None:
    served = Served(task, **options)
    assert_same(served, inputs_of(LENGTHS))
    # A batch of one row, of one token, and one padded further than its longest row.
    for inputs in (inputs_of([5]), inputs_of([1]), inputs_of([1, 1, 1]), inputs_of([2, 1], time=5)):
        assert_same(served, inputs)
    # What has one name in the model and among the weights is one array: `treadle verify` compares them.
    arrays = to_arrays(served.network)
    shared = arrays.keys() & served.constants.keys()
    assert {"embedding.weight", "bias" if options.get("tied") else "output.bias"} <= shared
    for name in shared:
        np.testing.assert_array_equal(served.constants[name], arrays[name], err_msg=name, strict=True)


@cache
def kept(place: int) -> Served:
    return [Served("next_word"), Served("tagging", affixes=True), Served("fill_blank", tied=True)][place]


@settings(max_examples=15)
@given(
    lengths=st.lists(st.integers(1, 8), min_size=3, max_size=3),
    place=st.integers(0, 2),
    chosen=st.lists(st.floats(0, 0.999), max_size=9),
)
def test_answers_are_those_that_are_wanted(lengths: list[int], place: int, chosen: list[float]) -> None:
    served, inputs, there = kept(place), inputs_of(lengths, 8), every(lengths, 8)
    wanted = there[[int(share * len(there)) for share in chosen]]  # in any order, some twice, or none
    found, _ = served.ask(inputs, wanted, served.begin(3))
    expected = served.expected(inputs).reshape(24, -1)
    assert found.shape == (len(chosen), expected.shape[1])
    np.testing.assert_allclose(found, expected[wanted], atol=5e-6)


# --- step by step


@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_steps_one_by_one_are_the_whole_line_at_once(cell: dict[str, Any]) -> None:
    served = Served("next_word", units=(4, 2), learn_initial=True, tied=True, **cell)
    inputs = inputs_of([6, 6, 6])
    expected, whole = served.expected(inputs), served.ask(inputs, np.arange(18), served.begin(3))[1]
    states = served.begin(3)
    assert states.keys() == {name for name in served.inputs if name.startswith("state_")} == whole.keys()
    for step in range(6):
        one = {"tokens": inputs["tokens"][:, [step]], "lengths": np.ones(3, np.int32)}
        found, states = served.ask(one, np.arange(3), states)
        np.testing.assert_allclose(found, expected[:, step], atol=5e-6)
    for name, state in whole.items():
        assert state.shape[:2] == (1, 3)
        np.testing.assert_allclose(states[name], state, atol=2e-6)


@pytest.mark.parametrize("cell", [CELLS[0], CELLS[3], CELLS[5]], ids=str)
def test_states_are_those_after_the_last_token_of_every_row(cell: dict[str, Any]) -> None:
    served = Served("next_word", layers=2, **cell)
    inputs = inputs_of(LENGTHS)
    _, together = served.ask(inputs, np.empty(0, np.int64), served.begin(4))
    for row, length in enumerate(LENGTHS):
        alone = {"tokens": inputs["tokens"][[row], :length], "lengths": inputs["lengths"][[row]]}
        _, states = served.ask(alone, np.array([length - 1]), served.begin(1))
        for name, state in states.items():
            np.testing.assert_allclose(together[name][:, [row]], state, atol=2e-6)


def test_a_row_that_has_ended_keeps_its_state() -> None:
    served = Served("next_word", layers=2)
    inputs = inputs_of([3, 2])
    _, states = served.ask(inputs, np.array([0]), served.begin(2))
    idle = {"tokens": np.array([[4], [0]], np.int32), "lengths": np.array([1, 0], np.int32)}
    _, after = served.ask(idle, np.array([0]), states)
    for name, state in after.items():
        np.testing.assert_array_equal(state[:, 1], states[name][:, 1])
        assert (state[:, 0] != states[name][:, 0]).any()


def test_networks_that_cannot_be_taken_further_take_no_states() -> None:
    for task in ("tagging", "fill_blank"):
        served = Served(task)  # type: ignore[arg-type]
        assert served.inputs == ["tokens", "lengths", "wanted"]
        assert [each.name for each in served.session.get_outputs()] == ["outputs"]
