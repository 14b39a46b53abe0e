"""Rows of the tasks that answer at the tokens of a text, over HTTP."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest

from treadle.bundle.predictor import Predictor

ASKED = {
    "next_word": ["the king is", "", "zounds"],
    "fill_blank": ["the ___ is dead", "___", "zounds ___ hark"],
    "tagging": ["the king is dead .", "king", "zounds hark"],
}


@pytest.fixture(scope="module", params=ASKED)
def predictor(request: pytest.FixtureRequest, verses_of: Any) -> Predictor:
    return Predictor(verses_of(request.param))


@pytest.fixture(scope="module")
def served(serving: Any, predictor: Predictor) -> Iterator[Any]:
    with serving({"verses": predictor}) as running:
        yield running


@pytest.fixture
def rows(predictor: Predictor) -> list[dict[str, Any]]:
    return [{"line": line} for line in ASKED[predictor.task] if line or predictor.contract.features[0].nullable]


def test_rows_are_answered_as_by_the_predictor(served: Any, predictor: Predictor, rows: list[dict[str, Any]]) -> None:
    document = served.predict({"rows": rows}).json()
    records = predictor.predict(rows).records()
    assert [{key: value for key, value in row.items() if key != "row"} for row in document["predictions"]] == records
    text = served.predict({"rows": rows}, params={"format": "csv"}).text
    assert len(list(csv.DictReader(io.StringIO(text)))) == len(rows)
    assert served.predict({"rows": rows}, params={"format": "html"}).status_code == 200


def test_the_documents_say_what_is_so(served: Any, predictor: Predictor, rows: list[dict[str, Any]]) -> None:
    document = served.http.get("/openapi.json").json()
    described = document["components"]["schemas"]["verses.Predictions"] | {"components": document["components"]}
    jsonschema.validate(served.predict({"rows": rows}).json(), described)
    reported = served.predict({"rows": [*rows, {"line": 5}]}, params={"on_bad_row": "report"}).json()
    jsonschema.validate(reported, described)
    assert reported["faults"][0]["reason"] == "is no text; it must be a string"
    [model] = served.http.get("/models").json()["models"]
    target = "kinds" if predictor.task == "tagging" else None
    assert (model["task"], model["target"], model.get("labels")) == (
        predictor.task,
        target,
        ["NOUN", "OTHER"] if target else None,
    )
    for path in ("/predict", "/v2/models/verses/infer"):
        post = document["paths"][path]["post"]
        content = post["requestBody"]["content"]["application/json"]
        assert served.predict(content["example"], path).status_code == 200


def test_tensors(served: Any, predictor: Predictor, rows: list[dict[str, Any]]) -> None:
    cells = [row["line"] for row in rows]
    request = {"inputs": [{"name": "line", "datatype": "BYTES", "shape": [len(cells)], "data": cells}]}
    response = served.predict(request, "/v2/models/verses/infer").json()
    described = {each["name"]: each for each in served.http.get("/v2/models/verses").json()["outputs"]}
    records = predictor.predict(rows).records()
    for output in response["outputs"]:
        told = described[output["name"]]
        assert output["datatype"] == told["datatype"]
        assert output["shape"] == [len(cells), *told["shape"][1:]]
        column = [record[output["name"]] for record in records]
        if output["name"] == "tags":
            column = [" ".join(tags) for tags in column]
        elif isinstance(column[0], list):
            column = [cell for row in column for cell in row]
        assert output["data"] == column


def test_only_a_language_model_writes(served: Any, predictor: Predictor) -> None:
    response = served.predict({"length": 3, "seed": 1}, "/generate")
    paths = served.http.get("/openapi.json").json()["paths"]
    if predictor.task == "next_word":
        assert (response.status_code, 0 < len(response.json()["words"]) <= 3) == (200, True)
        assert "/generate" in paths
    else:
        assert (response.status_code, response.json()["error"]["code"]) == (400, "writes_no_text")
        assert f"is for {predictor.task} and writes no text" in response.json()["error"]["message"]
        assert "/generate" not in paths
