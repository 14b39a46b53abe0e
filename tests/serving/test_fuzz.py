"""Whatever is sent, the answer is a small JSON document and never a 500."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

MANY = settings(max_examples=150, deadline=None)
FEW = settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
NAMES = ("age", "balance", "country", "stars", "active", "since")

cells = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(min_value=10**300, max_value=10**400),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(
        ["1e999", "nan", "1_000", "-0", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "\ud800"]
    ),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
)
rows = st.fixed_dictionaries(dict.fromkeys(NAMES, cells)) | st.dictionaries(
    st.sampled_from(NAMES) | st.text(max_size=4), cells, max_size=8
)
documents = st.recursive(cells, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner))
tensors = st.fixed_dictionaries(
    {
        "name": st.sampled_from(NAMES) | cells,
        "shape": st.lists(st.integers(0, 3) | cells, max_size=3) | cells,
        "datatype": st.sampled_from(["FP64", "BYTES", "BOOL", "INT64"]) | cells,
        "data": st.lists(cells, max_size=3) | cells,
    },
    optional={"parameters": documents},
)
options = st.sampled_from(
    ["", "?on_bad_row=skip", "?on_bad_row=report", "?format=csv&on_bad_row=report", "?format=html"]
)


def check(server: Any, path: str, body: bytes, kind: str = "application/json") -> int:
    response = server.http.post(path, content=body, headers={"content-type": kind})
    assert response.status_code < 500, response.text
    if response.status_code >= 400:
        assert response.json()["error"]
        assert len(response.content) < 100_000
    return int(response.status_code)


@MANY
@given(st.lists(rows, max_size=4), options)
def test_rows(server: Any, sent: list[Any], option: str) -> None:
    check(server, f"/predict{option}", json.dumps({"rows": sent}).encode())


@FEW
@given(st.lists(rows, min_size=40, max_size=45), options)
def test_more_rows_than_are_read_one_by_one(server: Any, sent: list[Any], option: str) -> None:
    check(server, f"/predict{option}", json.dumps({"rows": sent}).encode())


@MANY
@given(documents)
def test_any_document(server: Any, sent: Any) -> None:
    body = json.dumps(sent).encode()
    assert check(server, "/predict", body) in (400, 422)
    assert check(server, "/v2/models/customers/infer", body) in (400, 422)


@MANY
@given(st.lists(tensors, max_size=7), st.dictionaries(st.sampled_from(["id", "outputs", "parameters"]), documents))
def test_any_tensors(server: Any, sent: list[Any], others: dict[str, Any]) -> None:
    check(server, "/v2/models/customers/infer", json.dumps({"inputs": sent, **others}).encode())


@MANY
@given(
    st.binary(max_size=300) | st.text(alphabet='ab,;"\n\r\t=1\x00', max_size=60).map(str.encode),
    st.sampled_from(
        ["application/json", "text/csv", "text/csv; charset=utf-16", "multipart/form-data; boundary=ab", "x"]
    ),
)
def test_any_bytes(server: Any, body: bytes, kind: str) -> None:
    check(server, "/predict", body, kind)


@pytest.mark.parametrize("option", ["", "?on_bad_row=report", "?format=csv&on_bad_row=skip", "?format=html"])
@FEW
@given(st.lists(st.fixed_dictionaries({name: st.text(alphabet='a1,"\n=-', max_size=5) for name in NAMES}), min_size=1))
def test_any_csv(server: Any, option: str, sent: list[dict[str, str]]) -> None:
    lines = [NAMES, *(row.values() for row in sent)]
    text = "\n".join(",".join('"' + cell.replace('"', '""') + '"' for cell in line) for line in lines)
    assert check(server, f"/predict{option}", text.encode(), "text/csv") in (200, 422)
