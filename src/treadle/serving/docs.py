"""The page at /docs: the OpenAPI document for people, without a script or an outside address."""

from __future__ import annotations

import json
from html import escape
from typing import Any

from treadle.serving.pages import page


def docs_page(document: dict[str, Any]) -> str:
    """The page for `document`."""
    keys = "securitySchemes" in document["components"]
    sections = [
        f"<p>{escape(document['info']['description'])}</p>",
        "<p>The same for programs: <a href='/openapi.json'>/openapi.json</a>.</p>",
        *(
            _operation(path, verb, operation, keys=keys)
            for path, operations in document["paths"].items()
            for verb, operation in operations.items()
        ),
        "<h2>Schemas</h2>",
        *(_details(escape(name), _code(schema)) for name, schema in document["components"]["schemas"].items()),
    ]
    return page(f"{document['info']['title']} {document['info']['version']}", "\n".join(sections))


def _operation(path: str, verb: str, operation: dict[str, Any], *, keys: bool) -> str:
    parts = [_parameters(operation.get("parameters", []))]
    body = operation.get("requestBody")
    if body is not None:
        example = body["content"]["application/json"]["example"]
        parts += ["<h3>Try it</h3>", f"<pre>{escape(_curl(path, example, keys=keys))}</pre>", "<h3>Body</h3>"]
        parts += [_media_type(kind, content) for kind, content in body["content"].items()]
    parts.append("<h3>Answers</h3>")
    parts += [_response(status, response) for status, response in operation["responses"].items()]
    heading = f"<code class='verb'>{verb.upper()}</code> <code>{escape(path)}</code> {escape(operation['summary'])}"
    return _details(heading, "\n".join(parts))


def _parameters(parameters: list[dict[str, Any]]) -> str:
    if not parameters:
        return ""
    rows = "".join(
        f"<tr><td><code>{escape(each['name'])}</code></td><td>{escape(' | '.join(each['schema']['enum']))}</td>"
        f"<td>{escape(each['description'])}</td></tr>"
        for each in parameters
    )
    return f"<h3>Options</h3><table>{rows}</table>"


def _curl(path: str, example: object, *, keys: bool) -> str:
    key = " -H 'Authorization: Bearer KEY'" if keys else ""
    text = json.dumps(example, ensure_ascii=False).replace("'", "'\\''")
    return f"curl{key} -H 'Content-Type: application/json' \\\n  -d '{text}' http://HOST:PORT{path}"


def _media_type(kind: str, content: dict[str, Any]) -> str:
    return f"<p><code>{escape(kind)}</code></p>{_code(content['schema'])}"


def _response(status: str, response: dict[str, Any]) -> str:
    kinds = ", ".join(response.get("content", {}))
    return f"<p><b>{status}</b> {escape(response['description'])} <code>{escape(kinds)}</code></p>"


def _details(summary: str, body: str) -> str:
    return f"<details><summary>{summary}</summary>\n{body}</details>"


def _code(document: object) -> str:
    return f"<pre>{escape(json.dumps(document, indent=2, ensure_ascii=False))}</pre>"
