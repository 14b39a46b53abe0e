"""The Open Inference Protocol, version 2, over REST: a tensor per feature in, a tensor per answer out.

Source: kserve/open-inference-protocol, specification/protocol/inference_rest.md. Treadle adds what the protocol leaves
open: null in a tensor's data is a missing cell, a tensor has the shape [rows] or [rows, 1], and the tags of a sentence
are one text, with blanks between them.
"""

from __future__ import annotations

import json
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from treadle import __version__
from treadle.bundle.answers import ClassificationAnswers, RegressionAnswers, TaggingAnswers, WordAnswers
from treadle.bundle.faulty import count_faulty
from treadle.bundle.predictor import Predictions, Predictor
from treadle.data.cells import canonical_text
from treadle.data.table import Table
from treadle.data.tokens import as_cell, as_token
from treadle.errors import did_you_mean
from treadle.features.vocabulary import FIRST
from treadle.recipe import Kind
from treadle.serving.documents import name_of_type, require_object
from treadle.serving.limits import too_many_rows
from treadle.serving.refusals import RequestError

PLATFORM = "treadle_onnx"

_INTEGERS = {f"{sign}INT{bits}" for sign in ("", "U") for bits in (8, 16, 32, 64)}
_FLOATS = {"FP16", "FP32", "FP64"}
_TRUE_TYPES: dict[Kind, str] = {
    "number": "FP64",
    "category": "BYTES",
    "boolean": "BOOL",
    "date": "BYTES",
    "text": "BYTES",
}
_TAKEN_TYPES: dict[Kind, set[str]] = {
    "number": _FLOATS | _INTEGERS,
    "category": {"BYTES", "BOOL"} | _FLOATS | _INTEGERS,
    "boolean": {"BOOL", "BYTES"} | _INTEGERS,
    "date": {"BYTES"},
    "text": {"BYTES"},
}
_NOT_OURS = ("binary_data", "binary_data_output", "binary_data_size", "shared_memory_region", "classification")


def server_metadata() -> dict[str, Any]:
    """What `GET /v2` says."""
    return {"name": "treadle", "version": __version__, "extensions": []}


def model_metadata(predictor: Predictor, version: str) -> dict[str, Any]:
    """What `GET /v2/models/NAME` says: the inputs are the features a user knows, not those of the network."""
    inputs = [
        {"name": field.name, "datatype": _TRUE_TYPES[field.kind], "shape": [-1]}
        for field in predictor.contract.features
    ]
    outputs = [
        {"name": name, "datatype": datatype, "shape": [-1, *tail]} for name, datatype, tail in _outputs(predictor)
    ]
    return {
        "name": predictor.name,
        "versions": [version],
        "platform": PLATFORM,
        "inputs": inputs,
        "outputs": outputs,
    }


def example_request(predictor: Predictor, row: dict[str, Any]) -> dict[str, Any]:
    """An inference request of one row."""
    inputs = []
    for field in predictor.contract.features:
        datatype = _TRUE_TYPES[field.kind]
        cell = (
            canonical_text(row[field.name]) if datatype == "BYTES" and row[field.name] is not None else row[field.name]
        )
        inputs.append({"name": field.name, "shape": [1], "datatype": datatype, "data": [cell]})
    return {"inputs": inputs}


def _outputs(predictor: Predictor) -> list[tuple[str, str, list[int]]]:
    """Name, datatype and shape after the rows of every output."""
    answers = predictor.answers
    if isinstance(answers, RegressionAnswers):
        return [("value", "FP64", [])]
    if isinstance(answers, TaggingAnswers):
        # A tensor has no rows of different lengths.
        return [("tags", "BYTES", [])]
    if isinstance(answers, WordAnswers):
        most = min(answers.most, answers.outputs - FIRST - 2)
        return [
            ("word", "BYTES", []),
            ("probability", "FP64", []),
            ("words", "BYTES", [most]),
            ("probabilities", "FP64", [most]),
        ]
    return [
        ("label", _label_type(answers), []),
        ("probability", "FP64", []),
        ("probabilities", "FP64", [len(answers.labels)]),
    ]


def _label_type(answers: ClassificationAnswers) -> str:
    types = set(map(type, answers.labels))
    if types == {bool}:
        return "BOOL"
    if types == {int}:
        return "INT64"
    return "FP64" if types <= {int, float} else "BYTES"


def read_request(document: object, predictor: Predictor, max_rows: int) -> tuple[Table, list[str], str | None]:
    """The rows of an inference request, the outputs it wants, and its id.

    Raises:
        RequestError: the request breaks the protocol (400), or has too many rows (413).
    """
    request = require_object(document, "the request", ("id", "parameters", "inputs", "outputs"))
    request_id = request.get("id")
    if request_id is not None and not isinstance(request_id, str):
        raise _refuse("id must be a string")
    _check_parameters(request, "the request")
    columns = _read_inputs(request.get("inputs"), predictor)
    rows = {len(column) for column in columns.values()}
    if len(rows) != 1:
        raise _refuse("the inputs have different numbers of rows")
    if rows == {0}:
        raise _refuse("the inputs have no rows")
    if max(rows) > max_rows:
        raise too_many_rows(max_rows)
    return Table.of(columns, source="request"), _read_outputs(request.get("outputs"), predictor), request_id


def _read_inputs(inputs: object, predictor: Predictor) -> dict[str, NDArray[Any]]:
    if not isinstance(inputs, list) or not inputs:
        raise _refuse("inputs must be an array of one tensor per feature")
    kinds = {field.name: field.kind for field in predictor.contract.features}
    columns: dict[str, NDArray[Any]] = {}
    for place, document in enumerate(inputs):
        tensor = require_object(document, f"inputs[{place}]", ("name", "shape", "datatype", "parameters", "data"))
        name = _name_of(tensor, f"inputs[{place}]", tuple(kinds))
        if name in columns:
            raise _refuse(f"input {name!r} is given twice")
        _check_parameters(tensor, f"input {name!r}")
        columns[name] = _read_tensor(tensor, name, kinds[name])
    return columns


def _read_tensor(tensor: dict[str, Any], name: str, kind: Kind) -> NDArray[np.object_]:
    datatype = tensor.get("datatype")
    if not isinstance(datatype, str) or datatype not in _TAKEN_TYPES[kind]:
        taken = ", ".join(sorted(_TAKEN_TYPES[kind]))
        raise _refuse(f"input {name!r} is a {kind}: its datatype must be one of {taken}")
    shape, data = tensor.get("shape"), tensor.get("data")
    if not isinstance(shape, list) or not all(type(size) is int and size >= 0 for size in shape):
        raise _refuse(f"input {name!r}: shape must be an array of sizes, [rows] or [rows, 1]")
    if len(shape) not in (1, 2) or shape[1:] not in ([], [1]):
        raise _refuse(f"input {name!r}: shape must be [rows] or [rows, 1], not {shape[:8]}")
    if not isinstance(data, list):
        raise _refuse(f"input {name!r}: data must be an array, not {name_of_type(data)}")
    if len(shape) == 2 and all(type(row) is list and len(row) == 1 for row in data):
        data = [row[0] for row in data]
    if len(data) != shape[0]:
        raise _refuse(f"input {name!r}: shape says {shape[0]} elements, data has {len(data)}")
    _check_elements(data, name, datatype)
    cells = np.empty(len(data), object)
    cells[:] = data
    return cells


def _check_elements(data: list[Any], name: str, datatype: str) -> None:
    allowed = _types_of(datatype)
    if set(map(type, data)) <= allowed:
        return
    place = next(place for place, element in enumerate(data) if type(element) not in allowed)
    raise _refuse(f"input {name!r}: element {place} is {name_of_type(data[place])}, which is no {datatype}")


def _types_of(datatype: str) -> set[type]:
    if datatype in _FLOATS:
        return {int, float, type(None)}
    if datatype in _INTEGERS:
        return {int, type(None)}
    return {bool if datatype == "BOOL" else str, type(None)}


def _read_outputs(outputs: object, predictor: Predictor) -> list[str]:
    known = tuple(name for name, _, _ in _outputs(predictor))
    if outputs is None:
        return list(known)
    if not isinstance(outputs, list):
        raise _refuse("outputs must be an array of objects with a name")
    names = []
    for place, document in enumerate(outputs):
        output = require_object(document, f"outputs[{place}]", ("name", "parameters"))
        names.append(_name_of(output, f"outputs[{place}]", known))
        _check_parameters(output, f"output {names[-1]!r}")
    if len(set(names)) != len(names):
        raise _refuse("an output is asked for twice")
    return names or list(known)


def _name_of(tensor: dict[str, Any], where: str, known: tuple[str, ...]) -> str:
    name = tensor.get("name")
    if not isinstance(name, str):
        raise _refuse(f"{where}: name must be a string")
    if name not in known:
        raise _refuse(f"{where}: no tensor {name[:100]!r}{did_you_mean(name[:100], known)}")
    return name


def _check_parameters(owner: dict[str, Any], where: str) -> None:
    """Parameters are hints that Treadle has no use for; those that would change what is sent are refused."""
    parameters = owner.get("parameters")
    if parameters is None:
        return
    if not isinstance(parameters, dict):
        raise _refuse(f"{where}: parameters must be an object")
    for name, value in parameters.items():
        if not isinstance(value, str | int | float | bool):
            raise _refuse(f"{where}: parameter {name[:100]!r} must be a string, a number or a boolean")
        if name in _NOT_OURS and value is not False:
            raise _refuse(f"{where}: parameter {name!r} belongs to an extension that this server does not have")


def write_response(
    predictor: Predictor, version: str, predictions: Predictions, wanted: list[str], request_id: str | None
) -> bytes:
    """The inference response.

    Raises:
        RequestError: a row broke the contract (400): tensors have no place for a row without an answer.
    """
    if predictions.faults:
        listed = "; ".join(map(str, predictions.faults[:10]))
        raise _refuse(f"{count_faulty(predictions.faults)}: {listed}")
    described = {name: (datatype, tail) for name, datatype, tail in _outputs(predictor)}
    outputs = []
    for name in wanted:
        datatype, tail = described[name]
        data = _flat(predictions.columns[name], joined=name == "tags")
        outputs.append(
            {
                "name": name,
                "datatype": datatype,
                "shape": [len(predictions), *tail],
                "data": list(map(str, data)) if datatype == "BYTES" else data,
            }
        )
    response: dict[str, Any] = {"model_name": predictor.name, "model_version": version}
    if request_id is not None:
        response["id"] = request_id
    response["outputs"] = outputs
    return json.dumps(response, allow_nan=False).encode()


def _flat(column: NDArray[Any], *, joined: bool) -> list[Any]:
    """All elements, row by row; `joined` makes one text of a row's, as they stand in a cell of a table."""
    if column.dtype != object or not len(column) or not isinstance(column[0], list):
        flat: list[Any] = column.reshape(-1).tolist()
        return flat
    return [as_cell(map(as_token, row)) for row in column] if joined else list(chain.from_iterable(column))


def _refuse(message: str) -> RequestError:
    return RequestError(400, "bad_request", message)
