"""The graph in a model's bytes: read as every other reader of them reads it, or not at all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from treadle.bundle.model import UnknownError, read_model
from treadle.bundle.wire import field, fields


def lookup() -> onnx.ModelProto:
    graph = helper.make_graph(
        [helper.make_node("Gather", ["table", "codes"], ["rows"], axis=0)],
        "lookup",
        [helper.make_tensor_value_info("codes", onnx.TensorProto.INT32, ["rows"])],
        [helper.make_tensor_value_info("rows", onnx.TensorProto.FLOAT, ["rows", 2])],
        [numpy_helper.from_array(np.ones((3, 2), np.float32), "table")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)


@pytest.mark.parametrize(
    ("message", "name"),
    [
        (lambda model: model, "graph"),
        (lambda model: model, "ir_version"),
        (lambda model: model.graph, "name"),
        (lambda model: model.graph.initializer[0], "name"),
        (lambda model: model.graph.initializer[0], "raw_data"),
        (lambda model: model.graph.initializer[0], "data_type"),
        (lambda model: model.graph.node[0], "op_type"),
        (lambda model: model.graph.node[0].attribute[0], "i"),
        (lambda model: model.graph.input[0], "name"),
        (lambda model: model.graph.input[0], "type"),
        (lambda model: model.graph.input[0].type, "tensor_type"),
        (lambda model: model.graph.input[0].type.tensor_type, "elem_type"),
        (lambda model: model.graph.input[0].type.tensor_type.shape.dim[0], "dim_param"),
    ],
)
def test_a_field_that_stands_twice_is_refused(message: Callable[[Any], Any], name: str) -> None:
    model = lookup()
    whole = model.SerializeToString()
    assert read_model(whole).constants.keys() == {"table"}
    once = message(model)
    number = once.DESCRIPTOR.fields_by_name[name].number
    again = [field(*part) for part in fields(memoryview(once.SerializeToString())) if part[0] == number]
    twice = replaced(whole, once.SerializeToString(), once.SerializeToString() + b"".join(*again))
    assert twice is not None
    assert onnx.load_from_string(twice)
    with pytest.raises(UnknownError, match=f"field {number} of a .* twice"):
        read_model(twice)


def test_an_attribute_that_stands_twice_is_refused() -> None:
    model = lookup()
    model.graph.node[0].attribute.append(model.graph.node[0].attribute[0])
    with pytest.raises(UnknownError, match="two attributes of one name"):
        read_model(model.SerializeToString())


def replaced(message: bytes, old: bytes, new: bytes) -> bytes | None:
    """A message with the first that is `old`, itself or one in it, replaced; None where none is."""
    if message == old:
        return new
    try:
        parts = list(fields(memoryview(message)))
    except (IndexError, ValueError):
        return None
    for place, (number, content) in enumerate(parts):
        inner = None if isinstance(content, int) else replaced(bytes(content), old, new)
        if inner is not None:
            parts[place] = (number, memoryview(inner))
            return b"".join(b"".join(field(*part)) for part in parts)
    return None
