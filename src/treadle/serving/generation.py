"""The endpoint that writes: a prompt in, a text out, whole or word by word."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope

from treadle.bundle.generation import Continuation, Word, choices_of, document_of, text_of
from treadle.errors import GenerationError, TreadleError
from treadle.serving import threads
from treadle.serving.endpoint import Answer, Stream
from treadle.serving.gate import Facts, facts_of
from treadle.serving.limits import read_body
from treadle.serving.models import Model, Models
from treadle.serving.orders import Order, read_order
from treadle.serving.refusals import RequestError, refusal_of
from treadle.serving.replies import EVENTS
from treadle.serving.sessions import Opened, Sessions
from treadle.serving.settings import Settings

SLICE_S = 0.01
"""Seconds that a text is read or written on before others have their turn in the thread."""


_FED = object()


@dataclass(frozen=True)
class Generate:
    """Answers POST requests for a text."""

    models: Models
    settings: Settings
    pool: ThreadPoolExecutor
    sessions: Sessions

    async def text(self, scope: Scope, receive: Receive) -> Answer | Stream:
        """`POST /generate` and `POST /models/{name}/generate`."""
        model = self.models.of(scope)
        language = model.language
        if language is None:
            message = (
                f"model {model.name!r} is for {model.predictor.task} and writes no text; send rows to "
                f"/models/{model.name}/predict"
            )
            raise RequestError(400, "writes_no_text", message)
        body = await read_body(scope, receive, limit=self.settings.max_body_bytes, timeout_s=self.settings.timeout_s)
        order = await threads.run(
            self.pool,
            lambda: read_order(scope, body, self.settings, len(language.words)),
            large=len(body) > threads.LARGE_BODY,
        )
        opened = None if order.session is None else self.sessions.open(order.session, model.name)
        text = Continuation(language) if opened is None else opened.kept.fork()
        try:
            writing = _Writing(order, text, text.feeding(order.prompt), text.write(order.sampling))
        except GenerationError as error:
            raise RequestError(400, "bad_option", str(error)) from None
        facts = facts_of(scope)
        facts.words = 0
        request = _Request(self, model, opened, writing, facts, receive)
        return Stream(request.events(), EVENTS) if order.stream else Answer(await request.whole())


@dataclass
class _Writing:
    """A text as far as it is written."""

    order: Order
    text: Continuation
    fed: Iterator[None]
    """The parts of the prompt that are not taken in yet."""
    rest: Iterator[Word]
    """The words to come."""
    words: list[Word] = field(default_factory=list)
    choices: list[Word] = field(default_factory=list)
    """Words that may come next, once all is written."""
    reads: bool = True
    """Whether some of the prompt may not have been read yet."""

    def go_on(self) -> tuple[list[Word], bool]:
        """Take the prompt in, read or write for a while; the new words, and whether there is more to do."""
        end = perf_counter() + SLICE_S
        new: list[Word] = []
        while perf_counter() < end:
            if self.reads:
                self.reads = next(self.fed, _FED) is not _FED or self.text.read_on()
                continue
            word = next(self.rest, None)
            if word is None:
                self.choices = self.text.likeliest(self.order.likeliest) if self.order.likeliest else []
                return new, False
            new.append(word)
            self.words.append(word)
        return new, True


@dataclass(frozen=True)
class _Request:
    """A request while its text is written."""

    server: Generate
    model: Model
    opened: Opened | None
    writing: _Writing
    facts: Facts
    receive: Receive

    async def whole(self) -> bytes:
        """The text as one JSON document."""
        async with aclosing(self._slices()) as slices:
            async for _ in slices:
                pass
        document = {"model": self.model.name, **document_of(self.writing.words), **self._end()}
        return json.dumps(document, allow_nan=False).encode()

    async def events(self) -> AsyncGenerator[bytes, None]:
        """An event for every word, and a last one, `done` or `error`."""
        try:
            async with aclosing(self._slices()) as slices:
                async for words in slices:
                    yield b"".join(_event("word", word) for word in choices_of(words))
            end = {"model": self.model.name, "text": text_of(self.writing.words), **self._end()}
            yield _event("done", end)
        except TreadleError as error:
            refusal = refusal_of(error)
            self.facts.status = refusal.status
            yield b"event: error\ndata: " + refusal.body() + b"\n\n"

    async def _slices(self) -> AsyncGenerator[list[Word], None]:
        """The words, some at a time, until all are written, the caller goes away, or time is up."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self.server.settings.timeout_s
        gone = asyncio.ensure_future(_disconnect(self.receive))
        try:
            more = True
            while more:
                if gone.done():
                    raise ClientDisconnect
                async with asyncio.timeout_at(deadline):
                    words, more = await loop.run_in_executor(self.server.pool, self.writing.go_on)
                self.facts.words = len(self.writing.words)
                self.model.metrics.count_words(len(words))
                if words:
                    yield words
        except TimeoutError:
            message = (
                f"not written within {self.server.settings.timeout_s:g} s; ask for fewer words at once, or send a long "
                "prompt part by part in a session"
            )
            raise RequestError(504, "timeout", message) from None
        finally:
            gone.cancel()

    def _end(self) -> dict[str, Any]:
        """What is said once all is written, and the text kept."""
        order, text = self.writing.order, self.writing.text
        session = self.server.sessions.keep(text, self.model.name, self.opened) if order.keep else None
        end = {"stopped": text.stopped, "seed": order.sampling.seed, "notices": list(text.notices), "session": session}
        return end | ({"likeliest": choices_of(self.writing.choices)} if order.likeliest else {})


async def _disconnect(receive: Receive) -> None:
    """Return once the caller has gone away."""
    while (await receive())["type"] != "http.disconnect":
        pass


def _event(name: str, document: dict[str, Any]) -> bytes:
    return f"event: {name}\ndata: {json.dumps(document, allow_nan=False)}\n\n".encode()
