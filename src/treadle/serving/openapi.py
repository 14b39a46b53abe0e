"""The OpenAPI document, written from the contracts: it names this server's models, columns and limits."""

from __future__ import annotations

from typing import Any, get_args

from treadle import __version__
from treadle.bundle.predictor import OnBadRow
from treadle.serving import protocol_v2
from treadle.serving.models import Model, Models
from treadle.serving.options import Format
from treadle.serving.schemas import error_schema, predictions_schema, request_schema, row_schema
from treadle.serving.settings import Settings
from treadle.serving.text_schemas import EVENTS, order_schema, text_schema

_REFUSALS = {
    400: "The request cannot be read.",
    401: "No API key, or a wrong one.",
    404: "No such model, or session.",
    406: "No format that Accept allows.",
    408: "The body did not arrive in time.",
    409: "Another request went on with the session.",
    410: "The session is over.",
    413: "The body is too large, or has too many rows, or the prompt is too long.",
    415: "The body is of a type that is not read.",
    422: "Rows break the contract; details lists them.",
    503: "Too many requests are in progress.",
    504: "The answer took too long.",
}
_TENSOR = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "shape": {"type": "array", "items": {"type": "integer"}},
        "datatype": {"type": "string"},
        "data": {"type": "array"},
    },
    "required": ["name", "shape", "datatype", "data"],
}


def openapi_document(models: Models, settings: Settings) -> dict[str, Any]:
    """The document of an application that serves `models`, as JSON values."""
    schemas: dict[str, Any] = {"Error": error_schema(), "ErrorV2": _object({"error": {"type": "string"}})}
    paths: dict[str, Any] = {}
    all_models = list(models)
    for model in all_models:
        schemas[f"{model.name}.Row"] = _embedded(row_schema(model.predictor))
        schemas[f"{model.name}.Predictions"] = predictions_schema(model.predictor)
        paths |= _paths_of(model, settings, alone=len(all_models) == 1)
    document: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {"title": "Treadle", "version": __version__, "description": _describe(all_models, settings)},
        "paths": paths | _paths_of_server(settings),
        "components": {"schemas": schemas},
    }
    if settings.api_keys:
        document["components"]["securitySchemes"] = {
            "bearer": {"type": "http", "scheme": "bearer"},
            "header": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
        }
        document["security"] = [{"bearer": []}, {"header": []}]
    return document


def _describe(models: list[Model], settings: Settings) -> str:
    names = ", ".join(model.name for model in models)
    return (
        f"Predictions of {names}. A request may have {settings.max_rows} rows and {settings.max_body_bytes} bytes, "
        f"and is answered within {settings.timeout_s:g} s. Every refusal is a JSON object with a code, a message and "
        "details."
    )


def _paths_of(model: Model, settings: Settings, *, alone: bool) -> dict[str, Any]:
    predict = {"post": _predict(model, settings)}
    generate = {"post": _generate(model, settings)} if model.language is not None else {}
    schema = {"get": _get(f"JSON Schema of a row of {model.name}, with an example.", settings)}
    v2 = f"/v2/models/{model.name}"
    version = f"{v2}/versions/{model.version}"
    metadata = {"get": _get(f"Tensors of {model.name} (Open Inference Protocol).", settings, v2=True)}
    ready = {"get": _get(f"Whether {model.name} is ready (Open Inference Protocol).", settings, v2=True)}
    infer = {"post": _infer(model, settings)}
    short = {"/predict": predict, "/schema": schema} if alone else {}
    writes = {f"/models/{model.name}/generate": generate} if generate else {}
    return {
        **({"/generate": generate} if alone and generate else {}),
        **short,
        **writes,
        f"/models/{model.name}/predict": predict,
        f"/models/{model.name}/schema": schema,
        v2: metadata,
        f"{v2}/ready": ready,
        f"{v2}/infer": infer,
        version: metadata,
        f"{version}/ready": ready,
        f"{version}/infer": infer,
    }


def _paths_of_server(settings: Settings) -> dict[str, Any]:
    gets = {
        "/models": "The models served here.",
        "/health/live": "Whether the server runs.",
        "/health/ready": "Whether it wants requests: 503 once it has begun to stop.",
        "/metrics": "Counters in the text format of Prometheus.",
        "/openapi.json": "This document.",
    }
    paths = {path: {"get": _get(summary, settings)} for path, summary in gets.items()}
    v2_gets = {
        "/v2": "The server (Open Inference Protocol).",
        "/v2/health/live": "Whether the server runs (Open Inference Protocol).",
        "/v2/health/ready": "Whether it wants requests (Open Inference Protocol).",
    }
    return paths | {path: {"get": _get(summary, settings, v2=True)} for path, summary in v2_gets.items()}


def _get(summary: str, settings: Settings, *, v2: bool = False) -> dict[str, Any]:
    return {"summary": summary, "responses": {"200": {"description": "OK."}, **_refusals((), settings, v2=v2)}}


def _predict(model: Model, settings: Settings) -> dict[str, Any]:
    row = row_schema(model.predictor)["examples"][0]
    text = {"type": "string"}
    file = {"type": "string", "contentMediaType": "text/csv"}
    return {
        "summary": f"{_what(model)} with {model.name}.",
        "parameters": [
            _choice("format", get_args(Format), "How to answer; default: what Accept asks for, else json."),
            _choice("on_bad_row", get_args(OnBadRow), "Rows that break the contract: refuse all, skip, or report."),
        ],
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": request_schema(_reference(f"{model.name}.Row")),
                    "example": {"rows": [row]},
                },
                "text/csv": {"schema": text},
                "multipart/form-data": {"schema": _object({"file": file})},
            },
        },
        "responses": {
            "200": {
                "description": "The answers, in the order of the rows.",
                "content": {
                    "application/json": {"schema": _reference(f"{model.name}.Predictions")},
                    "text/csv": {"schema": text},
                    "text/html": {"schema": text},
                },
            },
            **_refusals((400, 404, 406, 408, 413, 415, 422, 503, 504), settings, v2=False),
        },
    }


def _what(model: Model) -> str:
    contract = model.predictor.contract
    if contract.has_target:
        return f"Predict {contract.target.name}"
    return "Foretell the next word" if model.predictor.task == "next_word" else "Say the missing word"


def _generate(model: Model, settings: Settings) -> dict[str, Any]:
    example = {"prompt": "", "length": min(20, settings.max_words), "temperature": 0.8, "seed": 1}
    return {
        "summary": f"Write a text with {model.name}, or go on with one.",
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": order_schema(settings), "example": example}},
        },
        "responses": {
            "200": {
                "description": f"The text. {EVENTS}",
                "content": {
                    "application/json": {"schema": text_schema(model.name)},
                    "text/event-stream": {"schema": {"type": "string"}},
                },
            },
            **_refusals((400, 404, 406, 408, 409, 410, 413, 415, 503, 504), settings, v2=False),
        },
    }


def _infer(model: Model, settings: Settings) -> dict[str, Any]:
    tensors = {"type": "array", "items": _TENSOR}
    wanted = {"type": "array", "items": _object({"name": {"type": "string"}})}
    asked = {"id": {"type": "string"}, "parameters": {"type": "object"}, "inputs": tensors, "outputs": wanted}
    told = {"model_name": {"type": "string"}, "model_version": {"type": "string"}, "id": {"type": "string"}}
    example = protocol_v2.example_request(model.predictor, row_schema(model.predictor)["examples"][0])
    return {
        "summary": f"Infer with {model.name} (Open Inference Protocol).",
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": _object(asked, required=("inputs",)), "example": example},
            },
        },
        "responses": {
            "200": {
                "description": "A tensor per output.",
                "content": {
                    "application/json": {
                        "schema": _object(told | {"outputs": tensors}, required=("model_name", "outputs"))
                    }
                },
            },
            **_refusals((400, 404, 408, 413, 503, 504), settings, v2=True),
        },
    }


def _refusals(statuses: tuple[int, ...], settings: Settings, *, v2: bool) -> dict[str, Any]:
    if settings.api_keys:
        statuses = (*statuses, 401)
    content = {"application/json": {"schema": _reference("ErrorV2" if v2 else "Error")}}
    return {str(status): {"description": _REFUSALS[status], "content": content} for status in sorted(statuses)}


def _choice(name: str, values: tuple[str, ...], description: str) -> dict[str, Any]:
    schema = {"type": "string", "enum": list(values)}
    return {"name": name, "in": "query", "required": False, "description": description, "schema": schema}


def _reference(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def _object(properties: dict[str, Any], required: tuple[str, ...] | None = None) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties if required is None else required),
    }


def _embedded(schema: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in schema.items() if key != "$schema"}
