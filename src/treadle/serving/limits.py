"""How much a request may send: the body is counted while it arrives, so that too much is refused before it is held."""

from __future__ import annotations

import asyncio

from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope

from treadle.serving.refusals import RequestError


async def read_body(scope: Scope, receive: Receive, *, limit: int, timeout_s: float) -> bytes:
    """The request's body.

    Raises:
        RequestError: more than `limit` bytes (413), or not all of it within `timeout_s` seconds (408).
        ClientDisconnect: the caller went away.
    """
    for name, value in scope["headers"]:
        if name == b"content-length" and int(value) > limit:
            raise too_large(limit)
    chunks: list[bytes] = []
    size = 0
    more = True
    try:
        async with asyncio.timeout(timeout_s):
            while more:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise ClientDisconnect
                chunk: bytes = message.get("body", b"")
                size += len(chunk)
                if size > limit:
                    raise too_large(limit)
                chunks.append(chunk)
                more = message.get("more_body", False)
    except TimeoutError:
        raise RequestError(408, "body_timeout", f"the body did not arrive within {timeout_s:g} s") from None
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def too_large(limit: int) -> RequestError:
    """The refusal of a body of more than `limit` bytes."""
    return RequestError(
        413, "body_too_large", f"the body is larger than {limit} bytes; send fewer rows at once, or shorter texts"
    )


def too_many_rows(limit: int) -> RequestError:
    """The refusal of more than `limit` rows."""
    return RequestError(413, "too_many_rows", f"more than {limit} rows; send them in several requests")
