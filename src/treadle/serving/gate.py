"""The gate every request passes: keys, the number in progress, counting, and a line in the log.

It is plain ASGI: Starlette's middleware classes and FastAPI's dependencies cost more than a small network does.
"""

from __future__ import annotations

import json
import sys
from contextlib import suppress
from dataclasses import dataclass
from time import perf_counter, time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from treadle.serving.auth import ApiKeys
from treadle.serving.metrics import Metrics
from treadle.serving.refusals import RequestError
from treadle.serving.replies import send_refusal

OPEN_PATHS = frozenset({"/health/live", "/health/ready", "/v2/health/live", "/v2/health/ready"})
"""What is answered without a key: an orchestrator's probes show none."""


@dataclass
class Facts:
    """What is known of a request for the metrics and the log."""

    endpoint: str = "none"
    """Path of the route, with its parameters unfilled."""
    model: str = ""
    rows: int = 0
    words: int | None = None
    """Words written, where text was asked for."""
    status: int = 500


def facts_of(scope: Scope) -> Facts:
    """The facts of the request, to be filled in."""
    facts: Facts = scope["treadle"]
    return facts


class Gate:
    """Lets requests in and keeps account of them.

    Args:
        app: what is behind the gate.
        keys: who may ask.
        metrics: what is counted.
        max_requests: most requests in progress.
        log: whether to write a line per request.
    """

    def __init__(self, app: ASGIApp, keys: ApiKeys, metrics: Metrics, max_requests: int, *, log: bool) -> None:
        self._app = app
        self._keys = keys
        self._metrics = metrics
        self._max_requests = max_requests
        self._log = log
        self._in_progress = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start = perf_counter()
        facts = Facts()
        scope["treadle"] = facts

        async def send_noting(message: Message) -> None:
            if message["type"] == "http.response.start":
                facts.status = message["status"]
            await send(message)

        self._in_progress += 1
        self._metrics.in_progress.set(self._in_progress)
        try:
            refusal = self._refuse(scope)
            if refusal is None:
                await self._app(scope, receive, send_noting)
            else:
                await send_refusal(refusal, scope, receive, send_noting)
        finally:
            self._in_progress -= 1
            self._metrics.in_progress.set(self._in_progress)
            seconds = perf_counter() - start
            self._metrics.count_request(facts.endpoint, facts.model, facts.status, seconds)
            if self._log:
                _write_line(scope, facts, seconds)

    def _refuse(self, scope: Scope) -> RequestError | None:
        if scope["path"] in OPEN_PATHS:
            return None
        if not self._keys.admit(scope["headers"]):
            message = "an API key is needed: send it as 'Authorization: Bearer KEY' or 'X-API-Key: KEY'"
            return RequestError(401, "unauthorized", message, headers={"www-authenticate": "Bearer"})
        if self._in_progress > self._max_requests:
            message = f"{self._max_requests} requests are in progress already; try again later"
            return RequestError(503, "overloaded", message, headers={"retry-after": "1"})
        return None


def _write_line(scope: Scope, facts: Facts, seconds: float) -> None:
    client = scope["client"]
    line = {
        "time": round(time(), 3),
        "client": client[0] if client else None,
        "method": scope["method"],
        "path": scope["path"][:200],
        "status": facts.status,
        "ms": round(seconds * 1e3, 2),
    }
    if facts.model:
        asked = {"rows": facts.rows} if facts.words is None else {"words": facts.words}
        line |= {"model": facts.model, **asked}
    # A log that nobody reads any more is no reason to stop answering.
    with suppress(OSError):
        sys.stderr.write(json.dumps(line) + "\n")
