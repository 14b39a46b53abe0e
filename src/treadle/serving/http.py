"""HTTP below the application: what is no HTTP, or has no end of headers, is refused in the same words as the rest."""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from treadle.serving.refusals import RequestError


class HttpProtocol(HttpToolsProtocol):
    """uvicorn's protocol with limits on the head of a request, and with JSON for requests it cannot read."""

    max_head_bytes = 64 << 10
    head_timeout_s = 30.0
    _head_bytes = 0
    _head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn has it
        """A caller connected, who has to say something."""
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection ended."""
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse what came, and end the connection if the head has grown too large."""
        self._head_bytes += len(data)
        super().data_received(data)
        if self._head_bytes > self.max_head_bytes and not self.transport.is_closing():
            message = f"the request's headers are larger than {self.max_head_bytes} bytes"
            self._refuse(RequestError(431, "headers_too_large", message))

    def on_message_begin(self) -> None:
        """The head of a request begins, the first or a later one of the connection."""
        super().on_message_begin()
        self._await_head()

    def on_headers_complete(self) -> None:
        """The head ends: what is counted from here on is body."""
        self._head_bytes = 0
        self._stop_waiting()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """A part of the body came. Chunk sizes and trailers between parts count as head."""
        self._head_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The request ends, and the head of the next may follow in the same data."""
        self._head_bytes = 0
        super().on_message_complete()

    def _await_head(self) -> None:
        if self._head_timer is None:
            self._head_timer = self.loop.call_later(self.head_timeout_s, self._end_waiting)

    def _stop_waiting(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _end_waiting(self) -> None:
        self._head_timer = None
        if self.cycle is not None and not self.cycle.response_complete:
            # An earlier request of this connection is still being answered.
            self._await_head()
        elif not self.transport.is_closing():
            message = f"the request's headers did not arrive within {self.head_timeout_s:g} s"
            self._refuse(RequestError(408, "headers_timeout", message))

    def send_400_response(self, msg: str) -> None:
        """Refuse what is not HTTP."""
        self._refuse(RequestError(400, "bad_request", msg))

    def _refuse(self, refusal: RequestError) -> None:
        body = refusal.body()
        self.transport.write(
            STATUS_LINE[refusal.status]
            + b"content-type: application/json\r\nconnection: close\r\ncontent-length: %d\r\n\r\n" % len(body)
            + body
        )
        self.transport.close()


def http_protocol(max_head_bytes: int, head_timeout_s: float) -> type[HttpProtocol]:
    """The protocol with its limits, as the class that uvicorn asks for."""
    limits = {"max_head_bytes": max_head_bytes, "head_timeout_s": head_timeout_s}
    return type("LimitedHttpProtocol", (HttpProtocol,), limits)
