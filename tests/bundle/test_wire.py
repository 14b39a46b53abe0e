"""Tensors read from the bytes of an ONNX model, without the `onnx` package."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from treadle.bundle.graph import Graph
from treadle.bundle.wire import field, fields, refuse_external_data, tensors
from treadle.errors import BundleError


def model(constants: list[TensorProto], nodes: list[onnx.NodeProto] | None = None, **extra: Any) -> bytes:
    graph = helper.make_graph(nodes or [], "g", [], [], constants, **extra)
    return bytes(helper.make_model(graph).SerializeToString())


def external() -> TensorProto:
    tensor = numpy_helper.from_array(np.zeros(3, np.float32), "outside")
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../../etc/passwd")
    return tensor


def test_constants_of_a_graph_come_back() -> None:
    graph = Graph()
    arrays = {
        "matrix": np.arange(6, dtype=np.float32).reshape(2, 3),
        "axes": np.array([-1, 2**40], np.int64),
        "codes": np.array([[-5]], np.int32),
        "scalar": np.float32(0.5),
        "flags": np.array([True, False]),
        "none": np.empty((0, 4), np.float32),
    }
    for name, array in arrays.items():
        graph.constant(np.asarray(array), name)
    graph.output("outputs", graph.constant(np.zeros((1, 1), np.float32), "zero"))
    found = {tensor.name: tensor for tensor in tensors(graph.to_bytes())}
    assert not any(tensor.external for tensor in found.values())
    for name, array in arrays.items():
        read = found[name].array
        assert read is not None
        assert read.dtype == np.asarray(array).dtype
        np.testing.assert_array_equal(read, array)


def _in_attribute() -> bytes:
    return model([], [helper.make_node("Constant", [], ["c"], value=external())])


def _in_subgraph() -> bytes:
    branch = helper.make_graph([], "branch", [], [], [external()])
    return model([], [helper.make_node("If", ["c"], ["y"], then_branch=branch, else_branch=branch)])


def _in_sparse() -> bytes:
    indices = numpy_helper.from_array(np.zeros(3, np.int64), "i")
    return model([], sparse_initializer=[helper.make_sparse_tensor(external(), indices, [9])])


def _in_function() -> bytes:
    node = helper.make_node("Constant", [], ["y"], value=external())
    function = helper.make_function("own", "f", [], ["y"], [node], [helper.make_opsetid("", 20)])
    graph = helper.make_graph([helper.make_node("f", [], ["y"], domain="own")], "g", [], [])
    return bytes(helper.make_model(graph, functions=[function]).SerializeToString())


@pytest.mark.parametrize(
    "bytes_of", [lambda: model([external()]), _in_attribute, _in_subgraph, _in_sparse, _in_function]
)
def test_numbers_in_another_file_are_refused_wherever_they_hide(bytes_of: Any) -> None:
    with pytest.raises(BundleError, match=r"constant 'outside' of model\.onnx lies in another file"):
        refuse_external_data(bytes_of(), "x")


def test_external_data_without_the_flag_is_refused_too() -> None:
    tensor = external()
    tensor.data_location = TensorProto.DEFAULT
    with pytest.raises(BundleError, match="another file"):
        refuse_external_data(model([tensor]), "x")


def test_other_bytes_are_no_model() -> None:
    whole = model([numpy_helper.from_array(np.zeros(3, np.float32), "w")])
    for broken in (b"\xff" * 20, b"hello, world", whole[:-1], b"\x3a\x80"):
        with pytest.raises(BundleError, match=r"model\.onnx is not an ONNX model"):
            refuse_external_data(broken, "x")
    deep = b""
    for _ in range(60):
        node = b"\x32" + _length(deep) + deep  # AttributeProto.g
        attribute = b"\x2a" + _length(node) + node  # NodeProto.attribute
        deep = b"\x0a" + _length(attribute) + attribute  # GraphProto.node
    with pytest.raises(BundleError, match="nested too deeply"):
        refuse_external_data(b"\x3a" + _length(deep) + deep, "x")


def _length(content: bytes) -> bytes:
    value, encoded = len(content), bytearray()
    while value >= 0x80:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*encoded, value])


@given(st.lists(st.tuples(st.integers(1, 300), st.integers(0, 2**63) | st.binary(max_size=200))))
def test_fields_that_are_written_come_back(pairs: list[tuple[int, int | bytes]]) -> None:
    message = b"".join(part for number, value in pairs for part in field(number, value))
    found = [
        (number, value if isinstance(value, int) else bytes(value)) for number, value in fields(memoryview(message))
    ]
    assert found == pairs
    inner = list(fields(memoryview(b"".join(field(7, [b"ab", memoryview(message)])))))
    assert [(number, bytes(value)) for number, value in inner if not isinstance(value, int)] == [(7, b"ab" + message)]
