"""Answers as bytes on the wire."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

from starlette.types import Receive, Scope, Send

from treadle.serving.refusals import RequestError

JSON = "application/json"
EVENTS = "text/event-stream"
"""Server-sent events (HTML Living Standard, section 9.2)."""

_LINGER_S = 1.0
_LINGER_BYTES = 64 << 20

_SAFE = [(b"x-content-type-options", b"nosniff")]
_UNBUFFERED = (b"x-accel-buffering", b"no")
"""nginx would hold parts back until it has many."""
_LOCKED = (b"content-security-policy", b"default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'")
"""A page of ours runs no script and loads nothing, whatever a cell in it says."""


async def send_bytes(
    send: Send, body: bytes, media_type: str = JSON, status: int = 200, headers: dict[str, str] | None = None
) -> None:
    """Send a whole answer."""
    await _start(send, body, media_type, status, headers or {})
    await send({"type": "http.response.body", "body": body})


async def send_parts(send: Send, parts: AsyncIterator[bytes], media_type: str) -> None:
    """Send an answer part by part, of a length not known before its end."""
    headers = [(b"content-type", media_type.encode()), (b"cache-control", b"no-store"), *_SAFE]
    await send({"type": "http.response.start", "status": 200, "headers": [*headers, _UNBUFFERED]})
    async for part in parts:
        await send({"type": "http.response.body", "body": part, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def send_refusal(refusal: RequestError, scope: Scope, receive: Receive, send: Send) -> None:
    """Send a refusal: Treadle's own shape, or under /v2 the protocol's `{"error": message}`."""
    v2 = scope["path"] == "/v2" or scope["path"].startswith("/v2/")
    body = json.dumps({"error": str(refusal)}).encode() if v2 else refusal.body()
    if refusal.status not in (408, 413):
        await send_bytes(send, body, status=refusal.status, headers=refusal.headers)
        return
    # The body has not been read, and closing now would reset the connection under a caller who is still sending and
    # so has not read the answer: say that it ends, and for a short while drop what comes (RFC 9112, section 9.6).
    await _start(send, body, JSON, refusal.status, refusal.headers | {"connection": "close"})
    await send({"type": "http.response.body", "body": body, "more_body": True})
    await _drop_rest(receive)
    await send({"type": "http.response.body", "body": b""})


async def _start(send: Send, body: bytes, media_type: str, status: int, extra: dict[str, str]) -> None:
    headers = [(b"content-type", media_type.encode()), (b"content-length", str(len(body)).encode()), *_SAFE]
    if media_type.startswith("text/html"):
        headers.append(_LOCKED)
    headers += [(name.encode(), value.encode("latin-1")) for name, value in extra.items()]
    await send({"type": "http.response.start", "status": status, "headers": headers})


async def _drop_rest(receive: Receive) -> None:
    dropped = 0
    more = True
    try:
        async with asyncio.timeout(_LINGER_S):
            while more and dropped < _LINGER_BYTES:
                message = await receive()
                more = message.get("more_body", False)
                dropped += len(message.get("body", b""))
    except TimeoutError:
        return
