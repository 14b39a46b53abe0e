"""Rows over HTTP, answered by a real server."""

from __future__ import annotations

import csv
import io
import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from treadle.bundle.predictor import Predictor

Rows = list[dict[str, Any]]


def as_csv(rows: Rows) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def error_of(response: httpx.Response) -> dict[str, Any]:
    """The error of a refusal, which has one shape."""
    assert response.headers["content-type"] == "application/json"
    document = response.json()
    assert list(document) == ["error"]
    assert list(document["error"]) == ["code", "message", "details"]
    return document["error"]


def test_the_server_answers_what_the_predictor_answers(server: Any, predictor: Predictor, make_rows: Any) -> None:
    rows = make_rows(40)
    response = server.predict({"rows": rows})
    assert response.status_code == 200
    answer = response.json()
    expected = predictor.predict(rows).records()
    assert answer["model"] == "customers"
    assert answer["faults"] == []
    assert [each["row"] for each in answer["predictions"]] == list(range(1, 41))
    for given, wanted in zip(answer["predictions"], expected, strict=True):
        assert given["label"] == wanted["label"]
        assert given["probability"] == wanted["probability"]
        assert given["probabilities"] == dict(zip(("0", "1"), wanted["probabilities"], strict=True))


def test_order_and_other_columns_do_not_matter(server: Any, make_rows: Any) -> None:
    (row,) = make_rows(1)
    turned = dict(reversed(row.items())) | {"comment": "?", "left": [1, {"a": None}]}
    assert server.predict({"rows": [turned]}).json() == server.predict({"rows": [row]}).json()


def test_many_keys_of_many_rows_make_no_table_of_all_of_them(server: Any, make_rows: Any) -> None:
    rows = [row | {f"other{number}": 1} for number, row in enumerate(make_rows(3000))]
    assert len(server.predict({"rows": rows}).json()["predictions"]) == 3000


@pytest.mark.parametrize("labels", [("no", "yes"), (False, True), ("a", "b", "c"), None])
def test_labels_of_every_type_and_values(
    serving: Any, bundle_of: Any, make_rows: Any, labels: tuple[Any, ...] | None
) -> None:
    predictor = Predictor(bundle_of(labels=labels))
    with serving({"customers": predictor}) as served:
        (given,) = served.predict({"rows": make_rows(1)}).json()["predictions"]
    (wanted,) = predictor.predict(make_rows(1)).records()
    if labels is None:
        assert given == {"row": 1, "value": wanted["value"]}
    else:
        assert given["label"] is wanted["label"] or given["label"] == wanted["label"]
        assert list(given["probabilities"]) == [str(label).lower() for label in labels]


def test_csv_in_every_form_out(server: Any, predictor: Predictor, make_rows: Any) -> None:
    rows = make_rows(5)
    body = as_csv(rows)
    expected = predictor.predict(rows).records()
    headers = {"content-type": "text/csv"}
    answered = server.http.post("/predict", content=body, headers=headers).json()["predictions"]
    assert [each["label"] for each in answered] == [each["label"] for each in expected]

    response = server.http.post("/predict?format=csv", content=body, headers=headers)
    assert response.headers["content-type"] == "text/csv; charset=utf-8"
    assert response.headers["content-disposition"] == 'attachment; filename="customers-predictions.csv"'
    lines = list(csv.DictReader(io.StringIO(response.text)))
    assert list(lines[0]) == [*rows[0], "label", "probability", "probability_0", "probability_1"]
    assert [line["label"] for line in lines] == [str(each["label"]) for each in expected]

    response = server.http.post("/predict", content=body, headers=headers | {"accept": "text/html"})
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in response.headers["content-security-policy"]
    assert response.text.count("<tr>") == 6


@pytest.mark.parametrize(
    ("name", "kind", "delimiter"),
    [("rows.csv", "text/csv", ","), ("rows.csv", "application/vnd.ms-excel", ";"), ("rows.tsv", "", "\t")],
)
def test_an_uploaded_file(server: Any, make_rows: Any, name: str, kind: str, delimiter: str) -> None:
    rows = make_rows(3)
    body = as_csv(rows).replace(",", delimiter)
    response = server.http.post("/predict", files={"any": (name, body, kind or "application/octet-stream")})
    assert response.json() == server.predict({"rows": rows}).json()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "windows-1252"])
def test_csv_in_the_encoding_that_it_names(server: Any, make_rows: Any, encoding: str) -> None:
    (row,) = make_rows(1)
    body = as_csv([row | {"country": "Österreich"}]).encode(encoding)
    kind = f"text/csv; charset={encoding.removesuffix('-sig')}"
    response = server.http.post("/predict?format=csv", content=body, headers={"content-type": kind})
    assert "Österreich" in response.text


def test_too_many_columns(server: Any) -> None:
    names = ",".join(f"column{number}" for number in range(150_000))
    body = f"{names}\n{',' * 149_999}\n".encode()
    response = server.http.post("/predict", content=body, headers={"content-type": "text/csv"})
    assert response.status_code == 413
    assert error_of(response)["code"] == "too_many_columns"


def test_utf_16_without_a_byte_order_mark(server: Any) -> None:
    headers = {"content-type": "text/csv; charset=utf-16"}
    response = server.http.post("/predict", content="age\n1\n".encode("utf-16-le"), headers=headers)
    assert response.status_code == 422
    assert "BOM" in error_of(response)["message"]


def test_formulas_in_downloads_are_text(server: Any, make_rows: Any) -> None:
    rows = make_rows(4)
    for row, cell in zip(rows, ["=1+1", "+cmd|' /C calc'!A0", "@SUM(A1)", "\t=x"], strict=True):
        row["country"] = cell
    response = server.predict({"rows": rows}, params={"format": "csv"})
    cells = [line["country"] for line in csv.DictReader(io.StringIO(response.text))]
    assert cells == ["'=1+1", "'+cmd|' /C calc'!A0", "'@SUM(A1)", "'\t=x"]
    assert json.loads(json.dumps(rows))[0]["country"] == "=1+1"


def test_cells_are_escaped_on_a_page(server: Any, make_rows: Any) -> None:
    (row,) = make_rows(1)
    row["country"] = "<script>alert(1)</script>"
    response = server.predict({"rows": [row]}, params={"format": "html"})
    assert "<script" not in response.text
    assert "&lt;script&gt;" in response.text


def test_half_a_surrogate_pair_and_an_endless_cell(server: Any, make_rows: Any) -> None:
    for cell in ("\ud800", "x" * 2_000_000):
        (row,) = make_rows(1)
        row["country"] = cell
        for form in ("json", "csv", "html"):
            body = json.dumps({"rows": [row]}).encode()
            response = server.http.post(
                f"/predict?format={form}", content=body, headers={"content-type": "application/json"}
            )
            assert response.status_code == 200


class TestBadRows:
    @pytest.fixture
    def rows(self, make_rows: Any) -> Rows:
        rows: Rows = make_rows(5)
        rows[1]["age"] = "old"
        rows[3]["since"] = "yesterday"
        rows[3]["active"] = None
        return rows

    def test_fail(self, server: Any, rows: Rows) -> None:
        response = server.predict({"rows": rows})
        assert response.status_code == 422
        error = error_of(response)
        assert error["code"] == "bad_rows"
        assert "2 rows cannot be answered" in error["message"]
        assert [(each["row"], each["column"], each["value"]) for each in error["details"]] == [
            (2, "age", "old"),
            (4, "active", ""),
            (4, "since", "yesterday"),
        ]
        assert all(each["reason"] for each in error["details"])

    def test_skip(self, server: Any, rows: Rows) -> None:
        answer = server.predict({"rows": rows}, params={"on_bad_row": "skip"}).json()
        assert [each["row"] for each in answer["predictions"]] == [1, 3, 5]
        assert [each["row"] for each in answer["faults"]] == [2, 4, 4]

    def test_report(self, server: Any, rows: Rows) -> None:
        answer = server.predict({"rows": rows}, params={"on_bad_row": "report"}).json()
        assert [each["label"] is None for each in answer["predictions"]] == [False, True, False, True, False]
        assert answer["predictions"][1] == {"row": 2, "label": None, "probability": None, "probabilities": None}
        assert len(answer["faults"]) == 3

    @pytest.mark.parametrize(("on_bad_row", "lines"), [("skip", 3), ("report", 5)])
    def test_csv(self, server: Any, rows: Rows, on_bad_row: str, lines: int) -> None:
        response = server.predict({"rows": rows}, params={"on_bad_row": on_bad_row, "format": "csv"})
        read = list(csv.DictReader(io.StringIO(response.text)))
        assert len(read) == lines
        if on_bad_row == "report":
            assert "is no number" in read[1]["fault"]
            assert read[1]["label"] == ""

    def test_a_number_too_far_away_is_a_bad_row_and_no_nan(self, server: Any, make_rows: Any) -> None:
        (row,) = make_rows(1)
        response = server.predict({"rows": [row | {"balance": 1e300}]})
        assert response.status_code in (200, 422)
        assert "NaN" not in response.text

    def test_many_faults_are_listed_in_part(self, server: Any, make_rows: Any) -> None:
        response = server.predict({"rows": [row | {"age": "x" * 500} for row in make_rows(3000)]})
        error = error_of(response)
        assert "3000 rows" in error["message"]
        assert len(error["details"]) == 1000
        assert len(error["details"][0]["value"]) < 300


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ([], "must be a JSON object, not an array"),
        (None, "not null"),
        (7, "not a number"),
        ({}, '{"rows"'),
        ({"rows": {}}, '{"rows"'),
        ({"rows": []}, "rows is empty"),
        ({"rows": [1]}, "row 1 is a number"),
        ({"rows": [{}, None]}, "row 2 is null"),
        ({"row": {}}, "did you mean 'rows'"),
        ({"rows": [{}], "extra": 1}, "unknown key 'extra'"),
    ],
)
def test_documents_of_another_shape(server: Any, document: Any, message: str) -> None:
    response = server.predict(document)
    assert response.status_code == 400
    assert message in error_of(response)["message"]


def test_a_missing_column_is_named(server: Any, make_rows: Any) -> None:
    (row,) = make_rows(1)
    row["Age"] = row.pop("age")
    response = server.predict({"rows": [row]})
    assert response.status_code == 422
    error = error_of(response)
    assert error["code"] == "contract"
    assert "'age'" in error["message"]
    assert "did you mean 'Age'" in error["message"]


@pytest.mark.parametrize(
    ("headers", "message"),
    [
        ({}, "no Content-Type"),
        ({"content-type": "application/xml"}, "application/xml"),
        ({"content-type": "application/json; charset=utf-16"}, "send UTF-8"),
        ({"content-type": "text/csv; charset=punycode"}, "punycode"),
        ({"content-type": "application/json", "content-encoding": "gzip"}, "compressed"),
    ],
)
def test_content_that_is_not_read(server: Any, headers: dict[str, str], message: str) -> None:
    response = server.http.post("/predict", content=b"{}", headers=headers)
    assert response.status_code == 415
    assert message in error_of(response)["message"]


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        ("", 400, "empty"),
        ("age,balance\n", 422, "no rows"),
        ("age,age\n1,2\n", 422, "'age'"),
        ("age,balance\n1\n", 422, "row 1 has 1 cells"),
        ('age,balance\n"1,2\n', 422, "quote"),
        ("age,balance\n\xff\xfe", 422, "not utf-8"),
    ],
)
def test_csv_that_is_no_table(server: Any, body: str, status: int, message: str) -> None:
    response = server.http.post("/predict", content=body.encode("latin-1"), headers={"content-type": "text/csv"})
    assert response.status_code == status
    assert message in error_of(response)["message"]


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", "multipart/form-data"),
        (b"", "multipart/form-data; boundary=b"),
        (b"nonsense", "multipart/form-data; boundary=b"),
        (
            b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\nno file\r\n--b--\r\n',
            "multipart/form-data; boundary=b",
        ),
        (b"--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--\r\n", "multipart/form-data; boundary=b"),
        (b"--b\r\n" + b"x" * 5000, "multipart/form-data; boundary=b"),
        (b"--b--", "multipart/form-data; boundary=\xff"),
    ],
)
def test_uploads_that_are_none(server: Any, body: bytes, kind: str) -> None:
    headers = {"content-type": kind.encode("latin-1")}
    response = server.http.post("/predict", content=body, headers=headers)
    assert response.status_code == 400
    assert "upload" in error_of(response)["message"]


def test_paths_methods_and_options(server: Any, make_rows: Any) -> None:
    response = server.http.get("/predict")
    assert (response.status_code, response.headers["allow"]) == (405, "POST")
    assert error_of(response)["code"] == "method_not_allowed"
    response = server.http.post("/predikt", json={})
    assert response.status_code == 404
    assert "did you mean '/predict'" in error_of(response)["message"]
    response = server.http.post("/models/customer/predict", json={})
    assert response.status_code == 404
    assert "did you mean 'customers'" in error_of(response)["message"]
    response = server.predict({"rows": make_rows(1)}, params={"fromat": "csv"})
    assert response.status_code == 400
    assert "did you mean 'format'" in error_of(response)["message"]
    assert server.predict({"rows": make_rows(1)}, headers={"accept": "image/png"}).status_code == 406


def test_several_models(serving: Any, bundle_of: Any, make_rows: Any) -> None:
    predictors = {name: Predictor(bundle_of(name, labels)) for name, labels in (("shop", (0, 1)), ("bank", None))}
    with serving(predictors) as served:
        for name in predictors:
            answer = served.http.post(f"/models/{name}/predict", json={"rows": make_rows(1)}).json()
            assert answer["model"] == name
        response = served.predict({"rows": make_rows(1)})
        assert response.status_code == 404
        assert "/models/bank/predict, /models/shop/predict" in error_of(response)["message"]
        assert [each["name"] for each in served.http.get("/models").json()["models"]] == ["shop", "bank"]


def test_many_callers_at_once_get_each_their_own(server: Any, predictor: Predictor, make_rows: Any) -> None:
    def ask(seed: int) -> bool:
        rows = make_rows(1 + seed % 3, seed=seed)
        broken = seed % 7 == 0
        if broken:
            rows[0]["age"] = "old"
        with httpx.Client(base_url=f"http://127.0.0.1:{server.port}", timeout=20) as http:
            response = http.post("/predict", json={"rows": rows})
        if broken:
            return response.status_code == 422
        labels = [each["probability"] for each in response.json()["predictions"]]
        return labels == [each["probability"] for each in predictor.predict(rows).records()]

    with ThreadPoolExecutor(8) as callers:
        assert all(callers.map(ask, range(100)))
