"""Networks in stages: answers as ONNX Runtime's of the whole model, or the whole model where a layer is not known."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import helper, numpy_helper

from treadle.bundle.bundle import Bundle
from treadle.bundle.golden import record
from treadle.bundle.graph import Graph
from treadle.bundle.layers import ReadError
from treadle.bundle.model import UnknownError
from treadle.bundle.predictor import Predictor
from treadle.bundle.session import open_session
from treadle.bundle.stages import Stages, open_stages
from treadle.bundle.verify import verify
from treadle.data.sources import from_rows
from treadle.errors import BundleError
from treadle.native.reader import Reader
from treadle.nn.sequence import build_sequence_network
from treadle.nn.sequence_onnx import write
from treadle.nn.text import TextEncoder
from treadle.recipe import Task
from treadle.sequence_recipe import SequenceRecipe
from treadle.text_recipe import EncoderRecipe

NUMBERS, UNITS, FEATURES = 30, 5, 3
LENGTHS = np.array([7, 1, 4, 7], np.int32)
TOKENS = np.random.default_rng(0).integers(1, NUMBERS, (4, 7)).astype(np.int32)
TEXTS = {"tokens": TOKENS * (np.arange(7) < LENGTHS[:, None]), "lengths": LENGTHS}
NAMES = {"tokens": ["rows", "time"], "lengths": ["rows"]}


def whole(model: bytes) -> Any:
    return onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])


def require_alike(model: bytes, inputs: dict[str, np.ndarray]) -> Stages:
    """Stages that answer as the whole model, under the same names, in the same shapes."""
    stages, session = open_stages(model, whole), whole(model)
    for ours, theirs in (
        (stages.get_inputs(), session.get_inputs()),
        (stages.get_outputs(), session.get_outputs()),
    ):
        assert [value.name for value in ours] == [value.name for value in theirs]
        assert [value.shape[-1] for value in ours if value.shape] == [value.shape[-1] for value in theirs]
    for found, due in zip(stages.run(None, inputs), session.run(None, inputs), strict=True):
        assert found.dtype == due.dtype
        np.testing.assert_allclose(found, due, atol=3e-6)
    return stages


def stirred(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.5, shape).astype(np.float32)


# --- networks as they are made


def encoder(**options: Any) -> bytes:
    recipe = EncoderRecipe.model_validate({"embedding_width": FEATURES, "units": UNITS, **options})
    graph = Graph()
    tokens, lengths = (graph.input(name, np.int32, shape) for name, shape in NAMES.items())
    network = TextEncoder(recipe, NUMBERS, np.random.default_rng(0))
    graph.output("outputs", network.write(graph, tokens, lengths, "text"))
    return graph.to_bytes()


@pytest.mark.parametrize("pooling", ["last", "mean", "max", "attention"])
@pytest.mark.parametrize(
    "options",
    [
        {"encoder": "simple_rnn"},
        {"encoder": "simple_rnn", "activation": "relu", "bidirectional": True},
        {"encoder": "lstm", "layers": 2, "bidirectional": True, "learn_initial": True},
        {"encoder": "peephole_lstm", "bidirectional": True},
        {"encoder": "coupled_lstm", "layers": 2},
        {"encoder": "gru", "bidirectional": True, "learn_initial": True},
    ],
)
def test_encoders_of_texts(library: ctypes.CDLL | None, options: dict[str, Any], pooling: str) -> None:
    if library is not None:
        require_alike(encoder(**options, pooling=pooling), TEXTS)


@pytest.mark.parametrize(
    ("task", "options"),
    [
        ("next_word", {"cell": "lstm", "units": (6, 4), "learn_initial": True}),
        ("next_word", {"cell": "gru", "tied": True, "units": FEATURES}),
        ("fill_blank", {"cell": "peephole_lstm", "learn_initial": True}),
        ("tagging", {"cell": "lstm"}),
    ],
)
def test_networks_that_answer_at_every_token(library: ctypes.CDLL | None, task: Task, options: dict[str, Any]) -> None:
    recipe = SequenceRecipe.model_validate({"embedding_width": FEATURES, "units": UNITS, **options})
    affixes, steps = (7, 2) if task == "tagging" else None, task == "next_word"
    outputs = 6 if task == "tagging" else NUMBERS
    rng = np.random.default_rng(0)
    network = build_sequence_network(task, recipe, numbers=NUMBERS, outputs=outputs, rng=rng, affixes=affixes)
    graph = Graph()
    write(network, graph, slots=4 if affixes else 0, words=not affixes, steps=steps)
    inputs = {**TEXTS, "wanted": np.array([6, 2, 27])}
    if affixes:
        inputs["affixes"] = rng.integers(-1, 7, (4, 7, 4)).astype(np.int32)
    model = graph.to_bytes()
    for value in whole(model).get_inputs():
        if value.name.startswith("state_"):
            inputs[value.name] = stirred((1, 4, value.shape[2]))
    # A row with nothing more to read keeps its states.
    inputs["lengths"] = np.array([7, 0, 4, 7], np.int32)
    if library is not None:
        require_alike(model, inputs)


def test_a_whole_bundle_opens_in_stages(library: ctypes.CDLL | None, verses_of: Callable[..., Bundle]) -> None:
    bundle = verses_of("next_word")
    assert isinstance(open_session(bundle), Stages) == (library is not None)
    assert not isinstance(open_session(bundle, staged=False), Stages)


# --- operators as others write them

OPERATORS = {"RNN": 1, "LSTM": 4, "GRU": 3}


def operator(
    name: str, *, directions: int = 1, inputs: dict[int, str] | None = None, outputs: int = 2, **attributes: Any
) -> onnx.ModelProto:
    """A model of one recurrent operator, with every output that it has."""
    gates, states = OPERATORS[name], 2 if name == "LSTM" else 1
    arrays = {
        "W": stirred((directions, gates * UNITS, FEATURES), 1),
        "R": stirred((directions, gates * UNITS, UNITS), 2),
        "B": stirred((directions, 2 * gates * UNITS), 3),
        "P": stirred((directions, 3 * UNITS), 4),
    }
    given = ["x", "W", "R", "B", "lengths", *[""] * 3]
    for place, value in (inputs or {}).items():
        given[place] = value
    while not given[-1]:
        given.pop()
    made = [f"y{place}" for place in range(1 + states)][:outputs]
    kind = onnx.TensorProto.FLOAT
    values = [
        helper.make_tensor_value_info("x", kind, ["time", "rows", FEATURES]),
        helper.make_tensor_value_info("lengths", onnx.TensorProto.INT32, ["rows"]),
        helper.make_tensor_value_info("h", kind, [directions, "rows", UNITS]),
        helper.make_tensor_value_info("w", kind, [directions, gates * UNITS, FEATURES]),
    ]
    nodes = [
        helper.make_node(name, given, made, hidden_size=UNITS, **attributes),
        *(helper.make_node("Identity", [value], [f"o{value}"]) for value in made),
    ]
    graph = helper.make_graph(
        nodes,
        "one",
        [value for value in values if value.name in given],
        [helper.make_tensor_value_info(f"o{value}", kind, None) for value in made],
        [numpy_helper.from_array(array, key) for key, array in arrays.items() if key in given],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)


# No row without steps: for these ONNX Runtimes answer in different ways.
STEPS = {"x": stirred((6, 4, FEATURES)), "lengths": np.array([6, 2, 3, 1], np.int32)}


@pytest.mark.parametrize(
    "options",
    [
        {"name": "RNN", "inputs": {3: ""}},
        {"name": "RNN", "activations": ["Tanh", "Tanh"], "directions": 2, "direction": "bidirectional"},
        {"name": "RNN", "activations": ["Relu"], "direction": "reverse"},
        {"name": "LSTM", "input_forget": 0, "outputs": 3},
        {"name": "LSTM", "inputs": {7: "P"}, "outputs": 3, "direction": "forward"},
        {"name": "LSTM", "input_forget": 1, "directions": 2, "direction": "bidirectional", "outputs": 3},
        {"name": "GRU", "linear_before_reset": 1, "directions": 2, "direction": "bidirectional"},
        {"name": "GRU", "linear_before_reset": 1, "outputs": 1},
    ],
)
def test_operators_with_other_biases_and_outputs(library: ctypes.CDLL | None, options: dict[str, Any]) -> None:
    if library is not None:
        require_alike(operator(**options).SerializeToString(), STEPS)


def test_an_initial_state_is_begun_with(library: ctypes.CDLL | None) -> None:
    model = operator("RNN", inputs={5: "h"}, outputs=1).SerializeToString()
    if library is None:
        return
    # A row without steps, too: where its state is not asked for, all answer alike.
    steps = {**STEPS, "lengths": np.array([6, 0, 3, 1], np.int32)}
    stages = require_alike(model, {**steps, "h": stirred((1, 4, UNITS))})
    for directions in (0, 2):
        state = stirred((directions, 4, UNITS))
        with pytest.raises(Exception, match="INVALID_ARGUMENT"):
            whole(model).run(None, {**steps, "h": state})
        with pytest.raises(ReadError, match="a state is not of 1 directions"):
            stages.run(None, {**steps, "h": state})


@pytest.mark.parametrize(
    "options",
    [
        {"name": "RNN", "clip": 3.0},
        {"name": "RNN", "activations": ["Sigmoid"]},
        {"name": "RNN", "activations": ["Tanh", "Relu"], "directions": 2, "direction": "bidirectional"},
        {"name": "RNN", "inputs": {4: ""}},
        {"name": "RNN", "inputs": {1: "w"}},
        {"name": "LSTM", "inputs": {5: "h"}},
        {"name": "RNN", "inputs": {5: "h"}},
        {"name": "LSTM", "inputs": {7: "P"}, "input_forget": 1},
        {"name": "LSTM", "activations": ["Sigmoid", "Tanh", "Tanh"]},
        {"name": "GRU"},
        {"name": "GRU", "linear_before_reset": 0},
    ],
)
def test_what_the_engine_does_not_know_is_left_to_onnx_runtime(options: dict[str, Any]) -> None:
    model = operator(**options).SerializeToString()
    assert whole(model)
    with pytest.raises(UnknownError):
        open_stages(model, whole)


def changed(change: Callable[[onnx.ModelProto], object]) -> bytes:
    model = operator("RNN", outputs=1)
    change(model)
    return bytes(model.SerializeToString())


def turn_round(model: onnx.ModelProto) -> None:
    nodes = list(model.graph.node)[::-1]
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def look_up(model: onnx.ModelProto) -> None:
    """Inputs out of a table that is wider than the weights."""
    model.graph.input[0].CopyFrom(helper.make_tensor_value_info("codes", onnx.TensorProto.INT32, ["time", "rows"]))
    model.graph.initializer.append(numpy_helper.from_array(stirred((4, FEATURES + 1)), "table"))
    model.graph.node.insert(0, helper.make_node("Gather", ["table", "codes"], ["x"]))


@pytest.mark.parametrize(
    "model",
    [
        b"",
        b"no model",
        changed(turn_round),
        changed(look_up),
        changed(
            lambda model: model.graph.initializer[1].CopyFrom(numpy_helper.from_array(np.array(1, np.float32), "R"))
        ),
        changed(lambda model: model.graph.initializer[0].dims.__setitem__(0, 7)),
        changed(lambda model: model.graph.node[0].output.__setitem__(0, "x")),
        changed(lambda model: model.graph.initializer.append(model.graph.initializer[0])),
        changed(lambda model: model.graph.initializer[1].CopyFrom(numpy_helper.from_array(stirred((1, 4, 4)), "R"))),
        changed(lambda model: model.graph.initializer[0].ClearField("raw_data")),
        changed(lambda model: model.graph.node[0].attribute.append(helper.make_attribute("hidden_size", 9))),
        changed(lambda model: model.graph.node[0].__setattr__("domain", "somebody.else")),
        changed(lambda model: model.graph.output.append(helper.make_tensor_value_info("W", 1, None))),
        changed(lambda model: model.functions.add()),
        changed(lambda model: model.graph.sparse_initializer.add()),
        changed(lambda model: model.graph.input[0].type.Clear()),
    ],
)
def test_a_model_that_is_not_as_treadle_writes_it_is_left_to_onnx_runtime(model: bytes) -> None:
    with pytest.raises(UnknownError):
        open_stages(model, whole)


def test_a_network_without_recurrent_layers_is_left_to_onnx_runtime(bundle: Bundle) -> None:
    with pytest.raises(UnknownError, match="no recurrent layers"):
        open_stages(bundle.onnx, whole)


def test_the_engine_can_be_switched_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TREADLE_KERNELS", "scan")
    with pytest.raises(UnknownError, match="engine: switched off by TREADLE_KERNELS"):
        open_stages(encoder(encoder="gru"), whole)


def test_an_error_of_our_own_is_not_taken_for_a_model_that_is_not_known(
    library: ctypes.CDLL | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise ValueError("a bug")

    monkeypatch.setattr(Reader, "__init__", fail)
    if library is not None:
        with pytest.raises(ValueError, match="a bug"):
            open_stages(encoder(encoder="gru"), whole)


# --- while they run


@pytest.mark.parametrize(
    "wrong",
    [
        {"tokens": TOKENS + NUMBERS},
        {"tokens": TOKENS - 2 * NUMBERS},
        {"lengths": LENGTHS + 1},
        {"lengths": LENGTHS - 2},
        {"lengths": LENGTHS[:3]},
        {"lengths": LENGTHS.astype(np.int64)},
        {"tokens": TOKENS[0]},
        {"tokens": TOKENS.astype(np.float32)},
    ],
)
def test_values_that_onnx_runtime_refuses_are_refused(
    library: ctypes.CDLL | None, wrong: dict[str, np.ndarray]
) -> None:
    model = encoder(encoder="lstm", pooling="last")
    with pytest.raises(Exception, match=r"INVALID_ARGUMENT|Fail"):
        whole(model).run(None, TEXTS | wrong)
    if library is not None:
        stages = open_stages(model, whole)
        with pytest.raises(ReadError):
            stages.run(None, TEXTS | wrong)


def test_a_number_below_0_stands_for_a_row_from_the_end(library: ctypes.CDLL | None) -> None:
    if library is not None:
        require_alike(encoder(encoder="lstm"), {"tokens": TOKENS - NUMBERS // 2, "lengths": LENGTHS})


def test_several_threads_ask_at_once(library: ctypes.CDLL | None) -> None:
    if library is None:
        return
    stages = open_stages(encoder(encoder="lstm", layers=2, pooling="mean"), whole)
    batches = [{"tokens": np.roll(TOKENS, row), "lengths": np.roll(LENGTHS, row)} for row in range(16)]
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda batch: stages.run(("outputs",), batch)[0], batches))
    for outputs, batch in zip(found, batches, strict=True):
        np.testing.assert_array_equal(outputs, stages.run(("outputs",), batch)[0])


# --- verified


def test_verify_compares_the_engine_with_onnx_runtime(
    library: ctypes.CDLL | None, verses_of: Callable[..., Bundle], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = verses_of("fill_blank")
    rows = from_rows([{"line": f"the {who} ___ the play ."} for who in ("king", "queen", "play", "ghost")])
    bundle = replace(bundle, golden=record(Predictor(bundle), rows))
    bundle.save(tmp_path / "a.treadle")
    verification = verify(tmp_path / "a.treadle")
    assert verification.passed
    told = {check.name: check.detail for check in verification.checks}
    assert ("recurrent layers" in told) == (library is not None)
    assert ("its recurrent layers by the compiled engine, sha256 " in told["network"]) == (library is not None)
    read = Reader.read

    def read_wrongly(self: Reader, *arguments: Any, **options: Any) -> Any:
        outputs, states = read(self, *arguments, **options)
        return outputs + np.float32(0.01), states

    monkeypatch.setattr(Reader, "read", read_wrongly)
    failed = {check.name: check.detail for check in verify(tmp_path / "a.treadle").checks if not check.passed}
    assert ("recurrent layers" in failed) == (library is not None)
    assert "by ONNX Runtime alone" in failed.get("recurrent layers", "by ONNX Runtime alone")
    monkeypatch.setenv("TREADLE_KERNELS", "scan")
    told = {check.name: check.detail for check in verify(tmp_path / "a.treadle").checks}
    assert "by ONNX Runtime as a whole (engine: switched off by TREADLE_KERNELS), sha256 " in told["network"]


def test_an_error_while_reading_names_the_bundle(
    library: ctypes.CDLL | None, verses_of: Callable[..., Bundle], monkeypatch: pytest.MonkeyPatch
) -> None:
    predictor = Predictor(verses_of("fill_blank"))

    def refuse(*_: Any, **__: Any) -> Any:
        raise ValueError("inputs: something else is due")

    monkeypatch.setattr(Reader, "read", refuse)
    if library is not None:
        with pytest.raises(BundleError, match=r"bundle 'verses': its network cannot be run: inputs: something else"):
            predictor.predict({"line": "the king ___ here ."})
