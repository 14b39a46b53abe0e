"""Texts over HTTP: what is read of them, and what is said of those that cannot be read."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import jsonschema
import numpy as np
import pytest

from treadle.bundle.answers import ClassificationAnswers
from treadle.bundle.bundle import Bundle
from treadle.bundle.graph import Graph
from treadle.bundle.predictor import Predictor
from treadle.data.contract import Contract, Field
from treadle.data.frames import from_rows
from treadle.features import Features
from treadle.recipe import FeaturesRecipe

LENGTH = 8
GOOD, BAD = "good lovely", "bad dull"
UNREAD = "the text holds nothing that training saw: the answer does not rest on it"
EMPTY = "is empty: there is nothing to read, and every training row had a text"
OTHER = "is no text; it must be a string"


def make_texts() -> Bundle:
    """Counts good and bad words among the first eight: three good ones and no bad one are praise at exp(3) to 1."""
    fields = (
        Field(name="text", kind="text", minimum=3, maximum=40),
        Field(name="stars", kind="number", minimum=1, maximum=5, typical=3.0),
        Field(name="label", kind="category", role="target", categories=("blame", "praise")),
    )
    contract = Contract(fields=fields)
    rows = from_rows(
        [{"text": f"the film, {mood} !", "stars": 1 + 4 * place} for place, mood in enumerate((GOOD, BAD))]
    )
    recipe = FeaturesRecipe.model_validate({"scaling": "none", "text": {"length": LENGTH}})
    features = Features.fit(contract, contract.check(rows).columns, recipe)
    assert features.text is not None
    assert features.text.vocabulary.tokens is not None
    words = features.text.vocabulary.tokens
    scores = np.array([[(word in BAD.split()), (word in GOOD.split())] for word in words], np.float32)
    graph = Graph()
    graph.input("numbers", np.float32, ["rows", 1])
    tokens = graph.input("tokens", np.int32, ["rows", "time"])
    graph.input("lengths", np.int32, ["rows"])
    found = graph.add("Gather", [graph.constant(scores, "scores"), tokens])
    total = graph.add("ReduceSum", [found, graph.constant(np.array([1]), "time")], {"keepdims": 0})
    graph.output("outputs", graph.add("Softmax", [total], {"axis": 1}))
    return Bundle(
        name="films",
        task="classification",
        recipe={"name": "films", "data": {"source": "films.csv", "target": "label"}},
        contract=contract,
        features=features,
        answers=ClassificationAnswers(labels=("blame", "praise")),
        weights={"scores": scores},
        onnx=graph.to_bytes(),
    )


@pytest.fixture(scope="module")
def films(serving: Any) -> Iterator[Any]:
    with serving({"films": Predictor(make_texts())}) as served:
        yield served


def of(*texts: object) -> dict[str, Any]:
    return {"rows": [{"text": text, "stars": 3} for text in texts]}


def praise(response: httpx.Response) -> list[float]:
    """Log-odds of praise: good words less bad words."""
    assert response.status_code == 200, response.text
    return [
        round(float(np.log(row["probabilities"]["praise"] / row["probabilities"]["blame"])), 3)
        for row in response.json()["predictions"]
    ]


@pytest.mark.parametrize(
    ("text", "score"),
    [
        ("GOOD, lovely!", 2.0),
        ("good 😀👍🏽 فيلم \u202b lovely", 2.0),
        ("good\x00lovely\x1bgood", 3.0),
        ("good \ud83d dull", 0.0),
        ("dull " * 2_000_000, -8.0),
        ("x" * 10_000_000, 0.0),
        ("<" * 10_000_000, 0.0),
    ],
    ids=lambda value: str(value)[:12].encode("ascii", "replace").decode(),
)
def test_texts_of_all_kinds_are_answered(films: Any, text: str, score: float) -> None:
    assert praise(films.predict(of(text))) == [score]


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        ("", EMPTY),
        (" \n\t", EMPTY),
        (None, EMPTY),
        (5, OTHER),
        (5.5, OTHER),
        (True, OTHER),
        (["good"], OTHER),
        ({"a": 1}, OTHER),
    ],
)
def test_what_is_no_text_is_refused_with_row_and_column(films: Any, cell: object, reason: str) -> None:
    response = films.predict(of("good", cell))
    assert response.status_code == 422
    (fault,) = response.json()["error"]["details"]
    assert (fault["row"], fault["column"], fault["reason"]) == (2, "text", reason)
    reported = films.predict(of("good", cell), params={"on_bad_row": "report"}).json()
    assert [row["label"] for row in reported["predictions"]] == ["praise", None]


def test_nan_is_no_json(films: Any) -> None:
    body = b'{"rows": [{"text": NaN, "stars": 3}]}'
    response = films.http.post("/predict", content=body, headers={"content-type": "application/json"})
    assert response.status_code == 400
    assert response.json()["error"]["message"] == "NaN is not JSON; send null where a value is missing"


@pytest.mark.parametrize("text", ["zzz yyy", "?-?", "\u200b\ufeff", "😀"])
def test_a_text_of_nothing_known_is_answered_with_a_notice(films: Any, text: str) -> None:
    response = films.predict(of("good", text))
    assert praise(response) == [1.0, 0.0]
    assert response.json()["notices"] == [{"row": 2, "reason": UNREAD}]
    page = films.predict(of("good", text), params={"format": "html"})
    assert f"<p>Row 2: {UNREAD}.</p>" in page.text


def test_each_of_several_requests_gets_its_own_notices(serving: Any) -> None:
    answers: dict[int, Any] = {}

    def ask(served: Any, number: int) -> None:
        texts = ["good", "zzz"] if number % 2 else ["bad", "dull"]
        body = json.dumps(of(*texts)).encode()
        address = f"http://127.0.0.1:{served.port}/predict"
        answers[number] = httpx.post(address, content=body, headers={"content-type": "application/json"}).json()

    with serving({"films": Predictor(make_texts())}, batch_wait_s=0.2) as served:
        threads = [threading.Thread(target=ask, args=(served, number)) for number in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    for number, answer in answers.items():
        assert answer["notices"] == ([{"row": 2, "reason": UNREAD}] if number % 2 else [])


def test_a_row_without_its_text_is_told_which_column_is_missing(films: Any) -> None:
    response = films.predict({"rows": [{"txt": "good", "stars": 3}]})
    assert response.status_code == 422
    assert response.json()["error"]["message"] == "request: no column 'text'; did you mean 'txt'?"


def test_an_uploaded_file_of_texts(films: Any) -> None:
    body = 'stars,text\n3,"good, lovely\nfilm"\n4,zzz\n5,فيلم good\n'
    upload = {"file": ("films.csv", body.encode(), "text/csv")}
    response = films.http.post("/predict", files=upload)
    assert praise(response) == [2.0, 0.0, 1.0]
    assert response.json()["notices"] == [{"row": 2, "reason": UNREAD}]
    page = films.http.post("/predict?format=html", files=upload)
    assert "<td dir='auto'>فيلم good</td>" in page.text


def test_bytes_that_are_not_utf_8(films: Any) -> None:
    body = '{"rows": [{"text": "café", "stars": 3}]}'.encode("cp1252")
    response = films.http.post("/predict", content=body, headers={"content-type": "application/json"})
    assert (response.status_code, response.json()["error"]["message"]) == (400, "the body is not UTF-8: byte 23")
    body = "text,stars\ngood,3\ncafé good,3\n".encode("cp1252")
    response = films.http.post("/predict", content=body, headers={"content-type": "text/csv"})
    assert response.status_code == 422
    assert response.json()["error"]["message"] == (
        "the text is not utf-8: byte 21 (line 3); name its charset in Content-Type, as in text/csv;"
        " charset=windows-1252"
    )
    named = {"content-type": "text/csv; charset=windows-1252"}
    assert praise(films.http.post("/predict", content=body, headers=named)) == [1.0, 1.0]


def test_too_much_text_is_refused(films: Any) -> None:
    response = films.predict(of("good " * 3_500_000))
    assert response.status_code == 413
    assert response.json()["error"]["message"] == (
        "the body is larger than 16777216 bytes; send fewer rows at once, or shorter texts"
    )
    body = ("text,stars\n" + "good " * 300_000 + ",3\n").encode()
    response = films.http.post("/predict", content=body, headers={"content-type": "text/csv"})
    assert response.status_code == 422
    assert "line 2: a cell has more than 1,048,576 characters" in response.json()["error"]["message"]


def test_texts_as_tensors(films: Any) -> None:
    inputs = {each["name"]: each["datatype"] for each in films.http.get("/v2/models/films").json()["inputs"]}
    assert inputs == {"text": "BYTES", "stars": "FP64"}

    def infer(*texts: object) -> httpx.Response:
        tensors = [
            {"name": "text", "shape": [len(texts)], "datatype": "BYTES", "data": list(texts)},
            {"name": "stars", "shape": [len(texts)], "datatype": "FP64", "data": [3] * len(texts)},
        ]
        answered: httpx.Response = films.predict({"inputs": tensors}, "/v2/models/films/infer")
        return answered

    outputs = infer("good", "dull dull").json()["outputs"]
    assert outputs[0]["data"] == ["praise", "blame"]
    assert infer(5).json() == {"error": "input 'text': element 0 is a number, which is no BYTES"}
    assert infer("").json() == {"error": f"1 row cannot be answered: row 1, column 'text': '' {EMPTY}"}


def test_the_examples_of_the_documentation_are_answered(films: Any) -> None:
    document = films.http.get("/openapi.json").json()
    for path in ("/predict", "/v2/models/films/infer"):
        content = document["paths"][path]["post"]["requestBody"]["content"]["application/json"]
        assert films.predict(content["example"], path).status_code == 200
    answer = films.predict(of("good", "zzz")).json()
    schemas = {"components": document["components"]}
    jsonschema.validate(answer, {"$ref": "#/components/schemas/films.Predictions", **schemas})
