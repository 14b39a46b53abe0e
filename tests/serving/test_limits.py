"""Too much, too slow, too many, and what is no HTTP."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from treadle.bundle.predictor import Predictions, Predictor
from treadle.data.table import Table


@pytest.fixture(scope="module")
def small(serving: Any) -> Iterator[Any]:
    """A server that takes 4,000 bytes, 20 rows and half a second."""
    with serving(max_body_bytes=4000, max_rows=20, timeout_s=0.5, max_head_bytes=4000) as served:
        yield served


def refusal_in(received: bytes) -> tuple[int, str]:
    head, _, body = received.partition(b"\r\n\r\n")
    assert b"content-type: application/json" in head
    return int(head.split()[1]), json.loads(body)["error"]["code"]


def test_a_declared_body_is_refused_before_it_comes(small: Any) -> None:
    head = b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 4001\r\n\r\n"
    received = small.talk(head)
    assert refusal_in(received) == (413, "body_too_large")
    assert b"connection: close" in received
    expecting = head.replace(b"Host", b"Expect: 100-continue\r\nHost")
    assert refusal_in(small.talk(expecting)) == (413, "body_too_large")


def test_a_chunked_body_is_refused_when_it_has_grown_too_large(small: Any) -> None:
    head = b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunk = b"3e8\r\n" + b"x" * 1000 + b"\r\n"
    assert refusal_in(small.talk(head + 5 * chunk)) == (413, "body_too_large")


def test_a_caller_who_sends_on_can_read_the_refusal(small: Any) -> None:
    response = small.http.post("/predict", content=b"x" * 3_000_000, headers={"content-type": "text/csv"})
    assert response.status_code == 413
    assert response.json()["error"]["code"] == "body_too_large"


def test_too_many_rows(small: Any) -> None:
    response = small.predict({"rows": [{"age": 1}] * 21})
    assert (response.status_code, response.json()["error"]["code"]) == (413, "too_many_rows")
    text = "age\n" + "1\n" * 21
    response = small.http.post("/predict", content=text, headers={"content-type": "text/csv"})
    assert (response.status_code, response.json()["error"]["code"]) == (413, "too_many_rows")
    tensor = {"name": "age", "shape": [21], "datatype": "FP64", "data": [1] * 21}
    response = small.predict({"inputs": [tensor]}, "/v2/models/customers/infer")
    assert response.status_code == 413
    assert "more than 20 rows" in response.json()["error"]


def test_a_body_that_does_not_come(small: Any) -> None:
    head = b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
    assert refusal_in(small.talk(head)) == (408, "body_timeout")


def test_headers_that_do_not_come(small: Any) -> None:
    assert refusal_in(small.talk(b"")) == (408, "headers_timeout")
    assert refusal_in(small.talk(b"POST /predict HTTP/1.1\r\nHost:")) == (408, "headers_timeout")
    first = b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n"
    answered, late = small.talk(first + b"GET / HT").split(b"HTTP/1.1 ")[1:]
    assert answered.startswith(b"200")
    assert late.startswith(b"408")


def test_headers_without_end(small: Any) -> None:
    assert refusal_in(small.talk(b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"a" * 8000)) == (431, "headers_too_large")
    many = b"".join(b"A%d: a\r\n" % number for number in range(1000))
    assert refusal_in(small.talk(b"GET / HTTP/1.1\r\nHost: x\r\n" + many)) == (431, "headers_too_large")
    assert refusal_in(small.talk(b"GET /" + b"a" * 8000)) == (431, "headers_too_large")


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"HELLO\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET / HTTP/1.1\r\nno colon here\r\n\r\n",
        b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: ten\r\n\r\n",
        b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"POST /predict HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
        b"GET http://[:::/ HTTP/1.1\r\nHost: x\r\n\r\n",
    ],
)
def test_what_is_no_http(small: Any, sent: bytes) -> None:
    assert refusal_in(small.talk(sent)) == (400, "bad_request")


def test_strange_paths_are_not_found(small: Any) -> None:
    for path in (b"/%ff%00", b"//", b"/../../etc/passwd", b"/models/%2e%2e/schema", b"/" + b"a/" * 900):
        received = small.talk(b"GET " + path + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert refusal_in(received)[0] == 404


def test_requests_one_after_another_on_one_connection(server: Any, request_bytes: Any, make_rows: Any) -> None:
    bad = request_bytes([{"age": 1}])
    good = request_bytes(make_rows(1))
    received = server.talk(good + bad + good + request_bytes(make_rows(1), "Connection: close"))
    statuses = [int(part.split()[0]) for part in received.split(b"HTTP/1.1 ")[1:]]
    assert statuses == [200, 422, 200, 200]


def test_a_caller_who_leaves_harms_nobody(server: Any, request_bytes: Any, make_rows: Any) -> None:
    whole = request_bytes(make_rows(5))
    for cut in (10, 120, len(whole) - 1, len(whole)):
        with socket.create_connection(("127.0.0.1", server.port)) as connection:
            connection.sendall(whole[:cut])
    assert server.predict({"rows": make_rows(1)}).status_code == 200


class Stuck:
    """A predictor that answers only when it is let."""

    def __init__(self, predictor: Predictor) -> None:
        self._predictor = predictor
        self.entered = threading.Semaphore(0)
        self.let = threading.Event()
        self.name, self.task, self.contract = predictor.name, predictor.task, predictor.contract
        self.answers, self.bundle = predictor.answers, predictor.bundle

    def predict_table(self, table: Table, on_bad_row: Any = "fail") -> Predictions:
        self.entered.release()
        assert self.let.wait(20)
        return self._predictor.predict_table(table, on_bad_row)


def test_an_answer_that_takes_too_long(serving: Any, predictor: Predictor, make_rows: Any) -> None:
    stuck = Stuck(predictor)
    with serving({"customers": stuck}, timeout_s=0.3, max_batch=1) as served:
        response = served.predict({"rows": make_rows(2)})
        stuck.let.set()
        assert (response.status_code, response.json()["error"]["code"]) == (504, "timeout")
        assert served.predict({"rows": make_rows(2)}).status_code == 200


def test_too_many_requests_at_once(serving: Any, predictor: Predictor, make_rows: Any, request_bytes: Any) -> None:
    stuck = Stuck(predictor)
    with serving({"customers": stuck}, max_requests=2, max_batch=1) as served:
        waiting = [socket.create_connection(("127.0.0.1", served.port)) for _ in range(2)]
        for connection in waiting:
            connection.sendall(request_bytes(make_rows(2)))
            assert stuck.entered.acquire(timeout=20)
        response = served.predict({"rows": make_rows(2)})
        assert (response.status_code, response.json()["error"]["code"]) == (503, "overloaded")
        assert response.headers["retry-after"] == "1"
        assert served.http.get("/health/live").status_code == 200
        stuck.let.set()
        for connection in waiting:
            assert connection.recv(12) == b"HTTP/1.1 200"
            connection.close()
        while "in_progress 1.0" not in served.http.get("/metrics").text:
            time.sleep(0.01)
        assert served.predict({"rows": make_rows(2)}).status_code == 200
