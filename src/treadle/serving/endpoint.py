"""An endpoint: a function from a request to an answer, with every refusal told in the same way."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass, field

from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

from treadle.errors import TreadleError
from treadle.serving.gate import facts_of
from treadle.serving.refusals import refusal_of
from treadle.serving.replies import JSON, send_bytes, send_parts, send_refusal

_CLIENT_WENT_AWAY = 499


@dataclass(frozen=True)
class Answer:
    """What is sent back."""

    body: bytes
    media_type: str = JSON
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Stream:
    """What is sent back part by part, as it comes to be."""

    parts: AsyncGenerator[bytes, None]
    media_type: str


Handle = Callable[[Scope, Receive], Awaitable[Answer | Stream]]


class Endpoint:
    """A route's ASGI application. Classes are called by Starlette as they are, without a Request being made.

    Args:
        path: the route's path, parameters unfilled, as metrics name it.
        handle: answers a request; what it streams tells its own refusals.
    """

    def __init__(self, path: str, handle: Handle) -> None:
        self._path = path
        self._handle = handle

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        facts = facts_of(scope)
        facts.endpoint = self._path
        try:
            answer = await self._handle(scope, receive)
            if isinstance(answer, Stream):
                async with aclosing(answer.parts):
                    await send_parts(send, answer.parts, answer.media_type)
                return
        except TreadleError as error:
            await send_refusal(refusal_of(error), scope, receive, send)
        except ClientDisconnect:
            facts.status = _CLIENT_WENT_AWAY
        else:
            await send_bytes(send, answer.body, answer.media_type, answer.status, answer.headers)


def fixed(body: bytes, media_type: str = JSON) -> Handle:
    """Answers every request with the same bytes."""
    answer = Answer(body, media_type)

    async def handle(_scope: Scope, _receive: Receive) -> Answer:
        return answer

    return handle
