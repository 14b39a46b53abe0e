"""HTTP below the application: what is no HTTP, or has no end of headers, is refused in the same words as the rest."""

from __future__ import annotations

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from treadle.serving.refusals import RequestError


class HttpProtocol(HttpToolsProtocol):
    """uvicorn's protocol with a limit on the head of a request, and with JSON for requests it cannot read."""

    max_head_bytes = 64 << 10
    _head_bytes = 0

    def data_received(self, data: bytes) -> None:
        """Parse what came, and end the connection if the head has grown too large."""
        self._head_bytes += len(data)
        super().data_received(data)
        if self._head_bytes > self.max_head_bytes and not self.transport.is_closing():
            message = f"the request's headers are larger than {self.max_head_bytes} bytes"
            self._refuse(RequestError(431, "headers_too_large", message))

    def on_headers_complete(self) -> None:
        """The head ends: what is counted from here on is body."""
        self._head_bytes = 0
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """A part of the body came. Chunk sizes and trailers between parts count as head."""
        self._head_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The request ends, and the head of the next may follow in the same data."""
        self._head_bytes = 0
        super().on_message_complete()

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


def http_protocol(max_head_bytes: int) -> type[HttpProtocol]:
    """The protocol with its limit, as the class that uvicorn asks for."""
    return type("LimitedHttpProtocol", (HttpProtocol,), {"max_head_bytes": max_head_bytes})
