"""Requests per second of a served bundle: one worker, 8 connections over loopback, one row a request.

    python -m benchmarks.serving BUNDLE [--requests 20000] [--connections 8]

The server runs in a process of its own; this one makes the load, and so takes its share of the same cores.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import signal
import subprocess
import sys
from pathlib import Path
from time import perf_counter
from urllib.request import urlopen

import numpy as np
import uvloop

from benchmarks.figures import Figure, publish

_START = "from treadle.serving.server import serve; from treadle.serving.settings import Settings; import sys; "
_SERVE = "serve([sys.argv[1]], Settings(port=0, access_log=bool(int(sys.argv[2]))))"


class _Caller(asyncio.Protocol):
    """A connection that sends the next request as soon as the last is answered."""

    def __init__(self, request: bytes, count: int) -> None:
        self._request = request
        self._left = count
        self._received = b""
        self._sent = 0.0
        self.seconds: list[float] = []
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._transport = transport
        self._send()

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, separator, body = self._received.partition(b"\r\n\r\n")
        if not separator or len(body) < int(head.partition(b"content-length: ")[2].partition(b"\r")[0]):
            return
        self.seconds.append(perf_counter() - self._sent)
        if not head.startswith(b"HTTP/1.1 200"):
            self.done.set_exception(SystemExit(self._received.decode()))
            return
        self._received = b""
        self._left -= 1
        if self._left:
            self._send()
        else:
            self._transport.close()
            self.done.set_result(None)

    def _send(self) -> None:
        self._sent = perf_counter()
        self._transport.write(self._request)


async def _load(port: int, request: bytes, requests: int, connections: int) -> tuple[float, np.ndarray]:
    """Seconds in all, and of every request."""
    loop = asyncio.get_running_loop()
    start = perf_counter()
    opened = [
        await loop.create_connection(lambda: _Caller(request, requests // connections), "127.0.0.1", port)
        for _ in range(connections)
    ]
    await asyncio.gather(*(caller.done for _, caller in opened))
    return perf_counter() - start, np.concatenate([caller.seconds for _, caller in opened])


def measure(bundle: Path, requests: int, connections: int, *, log: bool = True) -> tuple[float, float, float, int]:
    """Requests per second, median and 99th percentile in milliseconds, and columns of a row."""
    server = subprocess.Popen(
        [sys.executable, "-c", _START + _SERVE, str(bundle), str(int(log))], stderr=subprocess.PIPE, text=True
    )
    assert server.stderr is not None
    try:
        started = re.search(r"http://127\.0\.0\.1:(\d+)", server.stderr.readline())
        assert started is not None, "the server did not start"
        drain = subprocess.Popen(["cat"], stdin=server.stderr, stdout=subprocess.DEVNULL)
        port = int(started[1])
        with urlopen(f"http://127.0.0.1:{port}/schema") as answer:
            row = json.load(answer)["examples"][0]
        body = json.dumps({"rows": [row]}).encode()
        head = (
            f"POST /predict HTTP/1.1\r\nHost: treadle\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
        )
        request = head.encode() + b"\r\n\r\n" + body
        uvloop.run(_load(port, request, requests // 10, connections))
        seconds, each = uvloop.run(_load(port, request, requests, connections))
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait()
    drain.wait()
    median, slow = np.percentile(each, [50, 99]) * 1e3
    return len(each) / seconds, float(median), float(slow), len(row)


def main() -> None:
    """Measure, print, and keep the figures."""
    parser = argparse.ArgumentParser(description="Requests per second of a served bundle.")
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--requests", type=int, default=20_000)
    parser.add_argument("--connections", type=int, default=8)
    chosen = parser.parse_args()
    rate, median, slow, columns = measure(chosen.bundle, chosen.requests, chosen.connections)
    load = f"{chosen.connections} connections, one row of {columns} columns a request"
    figures = [
        Figure(f"requests/s, {load}", f"{rate:,.0f}", "at least 800", rate >= 800),
        Figure("median latency", f"{median:.2f} ms"),
        Figure("99th percentile of latency", f"{slow:.2f} ms", "under 30 ms", slow < 30),
    ]
    publish("REST: one worker over loopback", "python -m benchmarks.serving BUNDLE", figures)


if __name__ == "__main__":
    main()
