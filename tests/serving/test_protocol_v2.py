"""The Open Inference Protocol over HTTP; what is expected is taken from its specification."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from treadle.bundle.predictor import Predictor

INFER = "/v2/models/customers/infer"
TYPES = {"age": "FP64", "balance": "FP64", "country": "BYTES", "stars": "BYTES", "active": "BOOL", "since": "BYTES"}


def request_of(rows: list[dict[str, Any]]) -> dict[str, Any]:
    inputs = [
        {
            "name": name,
            "shape": [len(rows)],
            "datatype": datatype,
            "data": [str(row[name]) if datatype == "BYTES" else row[name] for row in rows],
        }
        for name, datatype in TYPES.items()
    ]
    return {"inputs": inputs}


def test_health_and_metadata(server: Any) -> None:
    live, ready = server.http.get("/v2/health/live"), server.http.get("/v2/health/ready")
    assert (live.status_code, live.json()) == (200, {"live": True})
    assert (ready.status_code, ready.json()) == (200, {"live": True, "ready": True})
    metadata = server.http.get("/v2").json()
    assert metadata["name"] == "treadle"
    assert metadata["extensions"] == []
    assert server.http.get("/v2/models/customers/ready").json() == {"name": "customers", "ready": True}


def test_model_metadata_names_true_types(server: Any) -> None:
    metadata = server.http.get("/v2/models/customers").json()
    assert {each["name"]: each["datatype"] for each in metadata["inputs"]} == TYPES
    assert all(each["shape"] == [-1] for each in metadata["inputs"])
    assert metadata["outputs"] == [
        {"name": "label", "datatype": "INT64", "shape": [-1]},
        {"name": "probability", "datatype": "FP64", "shape": [-1]},
        {"name": "probabilities", "datatype": "FP64", "shape": [-1, 2]},
    ]
    (version,) = metadata["versions"]
    versioned = f"/v2/models/customers/versions/{version}"
    assert server.http.get(versioned).json() == metadata
    assert server.http.get(f"{versioned}/ready").json()["ready"] is True
    response = server.http.get("/v2/models/customers/versions/9")
    assert response.status_code == 404
    assert version in response.json()["error"]


@pytest.mark.parametrize(
    ("labels", "datatype"),
    [((False, True), "BOOL"), (("no", "yes"), "BYTES"), ((1, 2, 3), "INT64"), ((0.5, 1), "FP64"), (None, "FP64")],
)
def test_outputs_have_the_type_of_the_labels(
    serving: Any, bundle_of: Any, make_rows: Any, labels: tuple[Any, ...] | None, datatype: str
) -> None:
    predictor = Predictor(bundle_of(labels=labels))
    with serving({"customers": predictor}) as served:
        metadata = served.http.get("/v2/models/customers").json()
        answer = served.predict(request_of(make_rows(3)), INFER).json()
    described = {each["name"]: (each["datatype"], [3, *each["shape"][1:]]) for each in metadata["outputs"]}
    assert {each["name"]: (each["datatype"], each["shape"]) for each in answer["outputs"]} == described
    expected = predictor.predict(make_rows(3)).columns
    assert answer["outputs"][0]["datatype"] == datatype
    for output in answer["outputs"]:
        assert output["data"] == expected[output["name"]].reshape(-1).tolist()


def test_the_same_rows_have_the_same_answer_in_both_forms(server: Any, make_rows: Any) -> None:
    rows = make_rows(7)
    request = request_of(rows) | {"id": "42", "outputs": [{"name": "probabilities"}, {"name": "label"}]}
    answer = server.predict(request, INFER).json()
    assert (answer["id"], answer["model_name"]) == ("42", "customers")
    assert answer["model_version"] == server.http.get("/v2/models/customers").json()["versions"][0]
    probabilities, label = answer["outputs"]
    plain = server.predict({"rows": rows}).json()["predictions"]
    assert label["data"] == [each["label"] for each in plain]
    assert np.reshape(probabilities["data"], probabilities["shape"]).tolist() == [
        list(each["probabilities"].values()) for each in plain
    ]


def test_columns_of_one_and_nested_data(server: Any, make_rows: Any) -> None:
    request = request_of(make_rows(3))
    expected = server.predict(request, INFER).json()
    for tensor in request["inputs"]:
        tensor["shape"] = [3, 1]
    assert server.predict(request, INFER).json() == expected
    for tensor in request["inputs"]:
        tensor["data"] = [[cell] for cell in tensor["data"]]
    assert server.predict(request, INFER).json() == expected


def test_other_types_that_hold_the_same_values(server: Any, make_rows: Any) -> None:
    rows = make_rows(2)
    request = request_of(rows)
    expected = server.predict(request, INFER).json()
    by_name = {tensor["name"]: tensor for tensor in request["inputs"]}
    by_name["age"]["datatype"] = "INT32"
    by_name["stars"] |= {"datatype": "INT64", "data": [row["stars"] for row in rows]}
    by_name["active"] |= {"datatype": "UINT8", "data": [int(row["active"]) for row in rows]}
    assert server.predict(request, INFER).json() == expected


def test_null_is_a_missing_cell(server: Any, make_rows: Any) -> None:
    (row,) = make_rows(1)
    request = request_of([row | {"balance": None}])
    assert server.predict(request, INFER).status_code == 200
    request = request_of([row | {"age": None}])
    response = server.predict(request, INFER)
    assert response.status_code == 400
    assert "'age'" in response.json()["error"]


def test_parameters_are_hints(server: Any, make_rows: Any) -> None:
    request = request_of(make_rows(1)) | {"parameters": {"priority": 1, "binary_data_output": False}}
    request["inputs"][0]["parameters"] = {"content_type": "np"}
    assert server.predict(request, INFER).status_code == 200


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"inputs": None}, "inputs must be an array"),
        ({"inputs": []}, "inputs must be an array"),
        ({"inputs": [1]}, r"inputs[0] must be a JSON object"),
        ({"id": 42}, "id must be a string"),
        ({"outputs": [{"name": "lable"}]}, "did you mean 'label'"),
        ({"outputs": [{"name": "label"}, {"name": "label"}]}, "asked for twice"),
        ({"outputs": {"name": "label"}}, "outputs must be an array"),
        ({"parameters": {"binary_data_output": True}}, "an extension that this server does not have"),
        ({"parameters": {"a": []}}, "must be a string, a number or a boolean"),
        ({"parameters": []}, "parameters must be an object"),
        ({"input": []}, "did you mean 'inputs'"),
    ],
)
def test_requests_that_break_the_protocol(server: Any, make_rows: Any, change: dict[str, Any], message: str) -> None:
    response = server.predict(request_of(make_rows(1)) | change, INFER)
    assert response.status_code == 400
    assert list(response.json()) == ["error"]
    assert message in response.json()["error"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": "agee"}, "did you mean 'age'"),
        ({"name": 3}, "name must be a string"),
        ({"name": "balance"}, "given twice"),
        ({"datatype": "FP65"}, "one of FP16, FP32, FP64, INT16"),
        ({"datatype": "BYTES"}, "is a number: its datatype must be"),
        ({"datatype": None}, "its datatype must be"),
        ({"shape": [2]}, "shape says 2 elements, data has 1"),
        ({"shape": [1, 2]}, "[rows] or [rows, 1], not [1, 2]"),
        ({"shape": [1, 1, 1]}, "[rows] or [rows, 1]"),
        ({"shape": []}, "[rows] or [rows, 1]"),
        ({"shape": [-1]}, "array of sizes"),
        ({"shape": [True]}, "array of sizes"),
        ({"shape": 1}, "array of sizes"),
        ({"data": "1"}, "data must be an array, not a string"),
        ({"data": ["old"]}, "element 0 is a string, which is no FP64"),
        ({"data": [True]}, "element 0 is a boolean"),
        ({"data": [[1]]}, "element 0 is an array"),
        ({"datatype": "INT8", "data": [1.5]}, "element 0 is a number, which is no INT8"),
        ({"shape": [0], "data": []}, "different numbers of rows"),
        ({"shape": [2], "data": [1, 2]}, "different numbers of rows"),
        ({"extra": 1}, "unknown key 'extra'"),
        ({"parameters": {"binary_data_size": 8}}, "an extension"),
    ],
)
def test_tensors_that_break_the_protocol(server: Any, make_rows: Any, change: dict[str, Any], message: str) -> None:
    request = request_of(make_rows(1))
    request["inputs"] = [request["inputs"][1], request["inputs"][0] | change, *request["inputs"][2:]]
    response = server.predict(request, INFER)
    assert response.status_code == 400
    assert message in response.json()["error"]


def test_a_missing_tensor_and_binary_data(server: Any, make_rows: Any) -> None:
    request = request_of(make_rows(1))
    del request["inputs"][0]
    response = server.predict(request, INFER)
    assert response.status_code == 422
    assert "'age'" in response.json()["error"]
    response = server.predict(request, INFER, headers={"Inference-Header-Content-Length": "10"})
    assert response.status_code == 400
    assert "binary tensor data" in response.json()["error"]
    assert server.http.post("/v2/models/nobody/infer", json={}).json()["error"].startswith("no model 'nobody'")
    assert list(server.http.get("/v2/nothing").json()) == ["error"]
