"""The application: routes from a path to what answers it, behind the gate."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from treadle import __version__
from treadle.bundle.generation import open_language
from treadle.bundle.language import StepModel
from treadle.bundle.predictor import Predictor
from treadle.errors import did_you_mean
from treadle.serving.auth import ApiKeys
from treadle.serving.endpoint import Endpoint
from treadle.serving.gate import Gate
from treadle.serving.generation import Generate
from treadle.serving.metrics import Metrics
from treadle.serving.models import Models
from treadle.serving.openapi import openapi_document
from treadle.serving.predictions import Predict
from treadle.serving.refusals import RequestError
from treadle.serving.replies import send_refusal
from treadle.serving.reports import Readiness, Reports
from treadle.serving.sessions import Sessions
from treadle.serving.settings import Settings

_THREADS = max(2, min(4, os.cpu_count() or 1))
"""For large requests, beside the loop; two at least, so that one of them does not hold up all others."""


def create_app(
    predictors: dict[str, Predictor], settings: Settings, languages: Mapping[str, StepModel] | None = None
) -> FastAPI:
    """The application that answers with `predictors`, by name, and writes with `languages`, by default those in them.

    FastAPI's own machinery for parameters and responses is left aside where rows pass: it would cost more than the
    network. `app.state.readiness` says whether /health/ready does.
    """
    metrics = Metrics()
    readiness = Readiness()
    pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="treadle-serving")
    if languages is None:
        languages = {name: open_language(each) for name, each in predictors.items() if each.task == "next_word"}
    models = Models(predictors, settings, metrics, pool, languages)
    sessions = Sessions(settings.max_sessions, settings.max_session_bytes, settings.session_idle_s)
    metrics.sessions.set_function(lambda: len(sessions))

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        yield
        readiness.ready = False
        pool.shutdown(cancel_futures=True)

    document = openapi_document(models, settings)
    generate = Generate(models, settings, pool, sessions)
    reports = Reports(models, metrics, readiness, document)
    routes = _routes(settings, Predict(models, settings, pool), generate, reports)
    app = FastAPI(
        title="Treadle",
        version=__version__,
        routes=list(routes),
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=lifespan,
    )
    app.openapi = lambda: document  # type: ignore[method-assign] # as FastAPI's manual says
    app.state.readiness = readiness
    app.add_exception_handler(HTTPException, _refuse_status)
    app.add_exception_handler(Exception, _fail)
    app.add_middleware(
        Gate,
        keys=ApiKeys(key.get_secret_value() for key in settings.api_keys),
        metrics=metrics,
        max_requests=settings.max_requests,
        log=settings.access_log,
    )
    if settings.cors_origins:
        # Outermost, so that a page may read refusals too; without credentials, whatever the origins are.
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_methods=["GET", "POST"],
            allow_headers=["authorization", "content-type", "x-api-key"],
            allow_credentials=False,
        )
    return app


def _routes(settings: Settings, predict: Predict, generate: Generate, reports: Reports) -> list[Route]:
    """The routes, those of predictions first: they are looked up in this order."""
    posts = {
        "/predict": predict.rows,
        "/models/{name}/predict": predict.rows,
        "/generate": generate.text,
        "/models/{name}/generate": generate.text,
        "/v2/models/{name}/infer": predict.tensors,
        "/v2/models/{name}/versions/{version}/infer": predict.tensors,
    }
    gets = {
        "/health/live": reports.live,
        "/health/ready": reports.ready,
        "/metrics": reports.metrics,
        "/models": reports.models,
        "/schema": reports.schema,
        "/models/{name}/schema": reports.schema,
        "/v2": reports.v2_server,
        "/v2/health/live": reports.live,
        "/v2/health/ready": reports.v2_ready,
        "/v2/models/{name}": reports.v2_model,
        "/v2/models/{name}/ready": reports.v2_model_ready,
        "/v2/models/{name}/versions/{version}": reports.v2_model,
        "/v2/models/{name}/versions/{version}/ready": reports.v2_model_ready,
    }
    if settings.docs:
        gets |= {"/": reports.home, "/docs": reports.docs, "/openapi.json": reports.openapi}
    return [
        *(Route(path, Endpoint(path, handle), methods=["POST"]) for path, handle in posts.items()),
        *(Route(path, Endpoint(path, handle), methods=["GET"]) for path, handle in gets.items()),
    ]


class _RefusalResponse(Response):
    """A refusal where Starlette wants a Response."""

    def __init__(self, refusal: RequestError) -> None:
        super().__init__(status_code=refusal.status)
        self._refusal = refusal

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send_refusal(self._refusal, scope, receive, send)


def _refuse_status(request: Request, error: Exception) -> Response:
    """What no route takes: an unknown path or another method."""
    assert isinstance(error, HTTPException)
    if error.status_code == 405:
        allowed = ", ".join(sorted((error.headers or {}).get("Allow", "").split(", ")))
        message = f"{request.url.path} takes {allowed}, not {request.method}"
        return _RefusalResponse(RequestError(405, "method_not_allowed", message, headers={"allow": allowed}))
    paths = [route.path for route in request.app.routes]
    message = f"nothing is at {request.url.path[:100]!r}{did_you_mean(request.url.path[:100], paths)}"
    return _RefusalResponse(RequestError(404, "not_found", message))


def _fail(_request: Request, _error: Exception) -> Response:
    """What nobody foresaw: the traceback goes to the log, which the caller does not see."""
    message = "the server failed to answer; its log says why"
    # uvicorn closes the connection when it has written the traceback.
    return _RefusalResponse(RequestError(500, "internal_error", message, headers={"connection": "close"}))
