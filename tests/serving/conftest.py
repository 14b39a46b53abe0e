"""Small bundles of known weights, and real servers of them on loopback."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import uvicorn

from treadle.bundle.answers import ClassificationAnswers, RegressionAnswers
from treadle.bundle.bundle import Bundle
from treadle.bundle.graph import Graph
from treadle.bundle.predictor import Predictor
from treadle.data.contract import Contract, Field
from treadle.data.frames import from_rows
from treadle.features import Features
from treadle.recipe import FeaturesRecipe
from treadle.serving.app import create_app
from treadle.serving.server import bind, configuration
from treadle.serving.settings import Settings

COUNTRIES = ("France", "Germany", "Spain")
FEATURES = (
    Field(name="age", kind="number", integer=True, minimum=18, maximum=91, typical=37.0),
    Field(name="balance", kind="number", nullable=True, minimum=20_000, maximum=130_000, typical=50_000.0),
    Field(name="country", kind="category", categories=COUNTRIES, typical="Germany"),
    Field(name="stars", kind="category", categories=("1", "2", "3"), numeric_categories=True, typical="2"),
    Field(name="active", kind="boolean", minimum=0, maximum=1, typical=1.0),
    Field(name="since", kind="date", minimum=10_000, maximum=20_000, typical=15_000.0),
)


def rows_of(count: int, seed: int = 0) -> list[dict[str, Any]]:
    """Rows as JSON has them."""
    random = np.random.default_rng(seed)
    return [
        {
            "age": int(random.integers(18, 92)),
            "balance": round(float(random.normal(50_000, 20_000)), 2),
            "country": COUNTRIES[random.integers(3)],
            "stars": int(random.integers(1, 4)),
            "active": bool(random.integers(2)),
            "since": str(np.datetime64(int(random.integers(10_000, 20_000)), "D")),
        }
        for _ in range(count)
    ]


def make_bundle(name: str = "customers", labels: tuple[str | int | bool, ...] | None = (0, 1)) -> Bundle:
    """One layer of random weights; without labels a regression."""
    target = Field(
        name="left",
        kind="category" if labels else "number",
        role="target",
        categories=tuple(str(label).lower() for label in labels or ()),
        numeric_categories=bool(labels) and all(type(label) is int for label in labels or ()),
    )
    contract = Contract(fields=(*FEATURES, target))
    checked = contract.check(from_rows(rows_of(300)))
    features = Features.fit(contract, checked.columns, FeaturesRecipe())
    random = np.random.default_rng(1)
    graph = Graph()
    inputs = graph.input("numbers", np.float32, ["rows", len(features.number_names)])
    outputs = len(labels) if labels else 1
    shape = (len(features.number_names), outputs)
    weight = graph.constant(random.normal(0, 1, shape).astype(np.float32), "weight")
    bias = graph.constant(random.normal(0, 1, outputs).astype(np.float32), "bias")
    value = graph.add("Gemm", [inputs, weight, bias])
    graph.output("outputs", graph.add("Softmax", [value], {"axis": 1}) if labels else value)
    return Bundle(
        name=name,
        task="classification" if labels else "regression",
        recipe={"name": name, "data": {"source": "customers.csv", "target": "left"}},
        contract=contract,
        features=features,
        answers=ClassificationAnswers(labels=labels) if labels else RegressionAnswers(mean=100.0, scale=25.0),
        weights={each: graph.constants[each] for each in ("weight", "bias")},
        onnx=graph.to_bytes(),
    )


@pytest.fixture(scope="session")
def bundle_of() -> Callable[..., Bundle]:
    return make_bundle


@pytest.fixture(scope="session")
def make_rows() -> Callable[..., list[dict[str, Any]]]:
    return rows_of


@pytest.fixture(scope="session")
def predictor() -> Predictor:
    return Predictor(make_bundle())


class Served:
    """A running server: an HTTP client for it, and its port for talk below HTTP."""

    def __init__(self, port: int, app: Any) -> None:
        self.port = port
        self.app = app
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=20)

    def predict(self, document: Any, path: str = "/predict", **options: Any) -> httpx.Response:
        """POST a JSON document."""
        headers = {"content-type": "application/json", **options.pop("headers", {})}
        return self.http.post(path, content=json.dumps(document), headers=headers, **options)

    def talk(self, sent: bytes, *, patience: float = 5.0) -> bytes:
        """What comes back to these bytes until the server closes the connection."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=patience) as connection:
            connection.sendall(sent)
            received = b""
            while chunk := connection.recv(65536):
                received += chunk
            return received


@contextmanager
def run_server(
    predictors: dict[str, Predictor], settings: Settings, languages: dict[str, Any] | None = None
) -> Iterator[Served]:
    app = create_app(predictors, settings, languages)
    listener = bind("127.0.0.1", 0)
    server = uvicorn.Server(configuration(app, settings))
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    while not server.started:
        time.sleep(0.005)
    served = Served(listener.getsockname()[1], app)
    try:
        yield served
    finally:
        served.http.close()
        server.should_exit = True
        thread.join()


@pytest.fixture(scope="session")
def serving() -> Callable[..., AbstractContextManager[Served]]:
    def start(
        predictors: dict[str, Predictor] | None = None, languages: dict[str, Any] | None = None, **settings: Any
    ) -> AbstractContextManager[Served]:
        predictors = predictors or {"customers": Predictor(make_bundle())}
        return run_server(predictors, Settings(access_log=False, **settings), languages)

    return start


@pytest.fixture(scope="session")
def server(predictor: Predictor) -> Iterator[Served]:
    """One model, settings as they are by default."""
    with run_server({"customers": predictor}, Settings(access_log=False)) as served:
        yield served


@pytest.fixture(scope="session")
def bundle_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bundles") / "customers.treadle"
    make_bundle().save(path)
    return path


@pytest.fixture(scope="session")
def request_bytes() -> Callable[..., bytes]:
    """A request as it goes over the wire."""

    def write(rows: list[dict[str, Any]], *headers: str, path: str = "/predict") -> bytes:
        body = json.dumps({"rows": rows}).encode()
        lines = [f"POST {path} HTTP/1.1", "Host: x", "Content-Type: application/json", f"Content-Length: {len(body)}"]
        return "\r\n".join([*lines, *headers, "", ""]).encode() + body

    return write
