"""The endpoints that tell about the server and its models, and predict nothing."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from starlette.types import Receive, Scope

from treadle.serving import protocol_v2
from treadle.serving.docs import docs_page
from treadle.serving.endpoint import Answer
from treadle.serving.metrics import CONTENT_TYPE, Metrics
from treadle.serving.models import Models
from treadle.serving.pages import HTML
from treadle.serving.schemas import describe, row_schema


@dataclass
class Readiness:
    """Whether the server wants more requests: not once it has begun to stop."""

    ready: bool = True


class Reports:
    """Answers GET requests about the server."""

    def __init__(self, models: Models, metrics: Metrics, readiness: Readiness, document: dict[str, Any]) -> None:
        self._models = models
        self._metrics = metrics
        self._readiness = readiness
        self._openapi = Answer(json.dumps(document).encode())
        self._docs = Answer(docs_page(document).encode(), HTML)

    async def home(self, _scope: Scope, _receive: Receive) -> Answer:
        """`GET /` leads to the documentation."""
        return Answer(b"", status=307, headers={"location": "/docs"})

    async def live(self, _scope: Scope, _receive: Receive) -> Answer:
        """`GET /health/live`."""
        return _json({"live": True})

    async def ready(self, _scope: Scope, _receive: Receive) -> Answer:
        """`GET /health/ready`."""
        ready = self._readiness.ready
        return _json({"ready": ready}, 200 if ready else 503)

    async def v2_ready(self, _scope: Scope, _receive: Receive) -> Answer:
        """`GET /v2/health/ready`; the specification's text says `live`, its implementations say `ready`."""
        ready = self._readiness.ready
        return _json({"live": True, "ready": ready}, 200 if ready else 503)

    async def models(self, _scope: Scope, _receive: Receive) -> Answer:
        """`GET /models`."""
        return _json({"models": [describe(model) for model in self._models]})

    async def schema(self, scope: Scope, _receive: Receive) -> Answer:
        """`GET /schema` and `GET /models/{name}/schema`."""
        return _json(row_schema(self._models.of(scope).predictor))

    async def metrics(self, _scope: Scope, _receive: Receive) -> Answer:
        """`GET /metrics`."""
        return Answer(self._metrics.render(), CONTENT_TYPE)

    async def openapi(self, _scope: Scope, _receive: Receive) -> Answer:
        """`GET /openapi.json`."""
        return self._openapi

    async def docs(self, _scope: Scope, _receive: Receive) -> Answer:
        """`GET /docs`."""
        return self._docs

    async def v2_server(self, _scope: Scope, _receive: Receive) -> Answer:
        """`GET /v2`."""
        return _json(protocol_v2.server_metadata())

    async def v2_model(self, scope: Scope, _receive: Receive) -> Answer:
        """`GET /v2/models/{name}[/versions/{version}]`."""
        model = self._models.of(scope)
        return _json(protocol_v2.model_metadata(model.predictor, model.version))

    async def v2_model_ready(self, scope: Scope, _receive: Receive) -> Answer:
        """`GET /v2/models/{name}[/versions/{version}]/ready`."""
        ready = self._readiness.ready
        return _json({"name": self._models.of(scope).name, "ready": ready}, 200 if ready else 503)


def _json(document: object, status: int = 200) -> Answer:
    return Answer(json.dumps(document).encode(), status=status)
