"""What a server tells about itself."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
from typing import Any

import httpx
import jsonschema
import pytest

from treadle.bundle.predictor import Predictor
from treadle.serving.app import create_app
from treadle.serving.settings import Settings

KEY = "key-of-the-test-0123"


def resolved(document: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    return {**schema, "components": document["components"]}


@pytest.mark.parametrize("labels", [(0, 1), ("no", "maybe", "yes"), (False, True), None])
def test_the_example_can_be_posted_back(serving: Any, bundle_of: Any, labels: tuple[Any, ...] | None) -> None:
    with serving({"customers": Predictor(bundle_of(labels=labels))}) as served:
        schema = served.http.get("/schema").json()
        (example,) = schema["examples"]
        jsonschema.validate(example, schema)
        response = served.predict({"rows": [example]})
        assert response.status_code == 200
        document = served.http.get("/openapi.json").json()
        described = document["components"]["schemas"]["customers.Predictions"]
        jsonschema.validate(response.json(), resolved(document, described))
        reported = served.predict({"rows": [example, {}]}, params={"on_bad_row": "report"}).json()
        jsonschema.validate(reported, resolved(document, described))
        for path in ("/predict", "/v2/models/customers/infer"):
            content = document["paths"][path]["post"]["requestBody"]["content"]["application/json"]
            jsonschema.validate(content["example"], resolved(document, content["schema"]))
            answer = served.predict(content["example"], path)
            assert answer.status_code == 200
            told = document["paths"][path]["post"]["responses"]["200"]["content"]["application/json"]["schema"]
            jsonschema.validate(answer.json(), resolved(document, told))


def test_the_example_is_the_typical_row(server: Any) -> None:
    schema = server.http.get("/models/customers/schema").json()
    assert schema["examples"] == [
        {"age": 37, "balance": 50_000, "country": "Germany", "stars": 2, "active": True, "since": "2011-01-26"}
    ]
    assert schema["required"] == list(schema["properties"])


def test_every_documented_path_is_there(server: Any) -> None:
    document = server.http.get("/openapi.json").json()
    assert document["openapi"] == "3.1.0"
    for path, operations in document["paths"].items():
        for verb, operation in operations.items():
            response = server.http.request(verb, path, content=b"{}", headers={"content-type": "application/json"})
            assert response.status_code == (200 if verb == "get" else 400)
            assert operation["summary"]
            if verb == "post":
                refused = operation["responses"]["400"]["content"]["application/json"]["schema"]
                jsonschema.validate(response.json(), resolved(document, refused))


def test_fastapi_knows_the_document(server: Any) -> None:
    assert server.app.openapi() == server.http.get("/openapi.json").json()


def test_models(server: Any) -> None:
    (model,) = server.http.get("/models").json()["models"]
    assert (model["name"], model["task"], model["target"]) == ("customers", "classification", "left")
    assert model["labels"] == [0, 1]
    assert server.http.get(model["schema"]).status_code == 200
    assert re.fullmatch("[0-9a-f]{12}", model["version"])


def test_docs_stand_alone(server: Any) -> None:
    response = server.http.get("/", follow_redirects=True)
    assert response.url.path == "/docs"
    page = response.text
    assert "<script" not in page
    assert not re.search(r"(?:src|href)=['\"](?!/)", page)
    assert "http://HOST:PORT/predict" in page
    for path in server.http.get("/openapi.json").json()["paths"]:
        assert path in page
    assert "script" not in response.headers["content-security-policy"]


def test_docs_can_be_turned_off(serving: Any) -> None:
    with serving(docs=False) as served:
        assert [served.http.get(path).status_code for path in ("/", "/docs", "/openapi.json")] == [404, 404, 404]


def test_health(server: Any) -> None:
    assert server.http.get("/health/live").json() == {"live": True}
    assert server.http.get("/health/ready").json() == {"ready": True}
    assert server.http.head("/health/live").content == b""


def test_metrics(serving: Any, make_rows: Any) -> None:
    with serving() as served, serving() as other:
        served.predict({"rows": make_rows(3)})
        served.predict({"rows": [{**make_rows(1)[0], "age": "old"}]})
        served.http.get("/nowhere")
        text = served.http.get("/metrics").text
        for line in (
            'treadle_requests_total{endpoint="/predict",model="customers",status="200"} 1.0',
            'treadle_requests_total{endpoint="/predict",model="customers",status="422"} 1.0',
            'treadle_requests_total{endpoint="none",model="",status="404"} 1.0',
            'treadle_request_seconds_count{endpoint="/predict",model="customers"} 2.0',
            'treadle_rows_total{model="customers"} 4.0',
            'treadle_faults_total{model="customers"} 1.0',
            'treadle_batch_rows_sum{model="customers"} 4.0',
            "treadle_requests_in_progress 1.0",
        ):
            assert f"\n{line}\n" in text
        assert 'status="422"' not in other.http.get("/metrics").text


def test_keys(serving: Any, make_rows: Any) -> None:
    with serving(api_keys=(KEY,)) as served:
        rows = {"rows": make_rows(1)}
        response = served.predict(rows)
        assert (response.status_code, response.json()["error"]["code"]) == (401, "unauthorized")
        assert response.headers["www-authenticate"] == "Bearer"
        for headers in ({"X-API-Key": KEY}, {"Authorization": f"Bearer {KEY}"}):
            assert served.predict(rows, headers=headers).status_code == 200
        assert served.predict(rows, headers={"X-API-Key": KEY[:-1]}).status_code == 401
        for path in ("/docs", "/metrics", "/models", "/v2", "/nowhere"):
            assert served.http.get(path).status_code == 401
        for path in ("/health/live", "/health/ready", "/v2/health/live", "/v2/health/ready"):
            assert served.http.get(path).status_code == 200
        document = served.http.get("/openapi.json", headers={"X-API-Key": KEY}).json()
        assert document["security"] == [{"bearer": []}, {"header": []}]
        assert KEY not in json.dumps(document)


def test_other_origins_are_let_in_only_when_named(serving: Any, make_rows: Any) -> None:
    asked = {"Origin": "https://shop.example", "Access-Control-Request-Method": "POST"}
    with serving() as served:
        assert "access-control-allow-origin" not in served.http.get("/models", headers=asked).headers
    with serving(cors_origins=("https://shop.example",), api_keys=(KEY,)) as served:
        response = served.http.options("/predict", headers=asked)
        assert response.status_code == 200
        assert response.headers["access-control-allow-origin"] == "https://shop.example"
        assert "access-control-allow-credentials" not in response.headers
        refused = served.predict({"rows": []}, headers={"Origin": "https://shop.example"})
        assert (refused.status_code, refused.headers["access-control-allow-origin"]) == (401, "https://shop.example")
        other = served.http.options("/predict", headers=asked | {"Origin": "https://evil.example"})
        assert "access-control-allow-origin" not in other.headers


def test_what_nobody_foresaw_shows_no_trace(serving: Any, predictor: Predictor, make_rows: Any, caplog: Any) -> None:
    class Broken:
        name, task, contract = predictor.name, predictor.task, predictor.contract
        answers, bundle = predictor.answers, predictor.bundle

        def predict_table(self, _table: Any, on_bad_row: str = "fail") -> Any:
            raise ZeroDivisionError("secret")

    with serving({"customers": Broken()}) as served:
        response = served.predict({"rows": make_rows(1)})
        assert response.status_code == 500
        assert response.json()["error"]["code"] == "internal_error"
        assert "secret" not in response.text
        assert served.http.get("/health/live").status_code == 200
    assert "ZeroDivisionError" in caplog.text


def test_the_log_has_a_line_per_request(capfd: Any, predictor: Predictor, make_rows: Any) -> None:
    async def ask() -> None:
        application = create_app({"customers": predictor}, Settings())
        async with httpx.AsyncClient(transport=httpx.ASGITransport(application), base_url="http://test") as http:
            await http.post("/predict", json={"rows": make_rows(2)})
            await http.get("/a%0Ab?key=secret")

    asyncio.run(ask())
    lines = [json.loads(line) for line in capfd.readouterr().err.splitlines()]
    assert [(line["method"], line["path"], line["status"]) for line in lines] == [
        ("POST", "/predict", 200),
        ("GET", "/a\nb", 404),
    ]
    assert (lines[0]["model"], lines[0]["rows"]) == ("customers", 2)
    assert lines[0]["ms"] > 0


def test_serving_imports_nothing_of_training() -> None:
    code = (
        "import sys, treadle.serving.server; "
        "print([name for name in ('jax', 'sklearn', 'polars', 'pandas', 'onnx', 'sqlalchemy') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
