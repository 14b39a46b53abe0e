"""The ONNX graph builder: what it writes runs, is checked, and is the same every time."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest

from treadle.bundle.graph import Graph


def linear_graph() -> Graph:
    graph = Graph("linear")
    numbers = graph.input("numbers", np.float32, ["rows", 2])
    weight = graph.constant(np.array([[1.0], [2.0]], np.float32), "weight")
    bias = graph.constant(np.array([0.5], np.float32), "bias")
    graph.output("outputs", graph.add("Gemm", [numbers, weight, bias], {"alpha": 1.0, "transB": 0}))
    return graph


def test_the_model_runs_and_answers_what_the_graph_says() -> None:
    session = onnxruntime.InferenceSession(linear_graph().to_bytes())
    (outputs,) = session.run(["outputs"], {"numbers": np.array([[1.0, 10.0], [0.0, 0.0]], np.float32)})
    np.testing.assert_array_equal(outputs, [[21.5], [0.5]])


def test_the_same_calls_give_the_same_bytes() -> None:
    assert linear_graph().to_bytes() == linear_graph().to_bytes()


def test_equal_constants_of_one_hint_are_one_and_others_get_numbers() -> None:
    graph = Graph()
    one = graph.constant(1.0, "scalar")
    assert graph.constant(1.0, "scalar") == one
    assert graph.constant(2.0, "scalar") == "scalar_2"
    assert graph.constant(1, "scalar") == "scalar_3"
    assert {name: array.dtype for name, array in graph.constants.items()} == {
        "scalar": np.float32,
        "scalar_2": np.float32,
        "scalar_3": np.int64,
    }


def test_an_operator_with_several_results_gives_all_their_names() -> None:
    graph = Graph()
    numbers = graph.input("numbers", np.float32, ["rows", 4])
    left, right = graph.add_many("Split", [numbers], 2, {"axis": 1, "num_outputs": 2})
    graph.output("outputs", graph.add("Sub", [right, left]))
    session = onnxruntime.InferenceSession(graph.to_bytes())
    (outputs,) = session.run(None, {"numbers": np.array([[1, 2, 5, 9]], np.float32)})
    np.testing.assert_array_equal(outputs, [[4, 7]])


def test_an_unknown_value_a_taken_name_and_an_invalid_model_are_refused() -> None:
    graph = linear_graph()
    with pytest.raises(ValueError, match="no value 'absent'"):
        graph.add("Relu", ["absent"])
    with pytest.raises(ValueError, match="'numbers' is taken"):
        graph.input("numbers", np.float32, ["rows", 1])
    graph.add("NoSuchOperator", ["numbers"])
    with pytest.raises(ValueError, match="not a valid ONNX model"):
        graph.to_bytes()
