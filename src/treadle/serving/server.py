"""A server from bundles to the last answered request."""

from __future__ import annotations

import asyncio
import errno
import gc
import math
import signal
import socket
import sys
import threading
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic
from types import FrameType

import uvicorn
from fastapi import FastAPI

from treadle.bundle.predictor import Predictor
from treadle.errors import ServingError
from treadle.serving.app import create_app
from treadle.serving.http import http_protocol
from treadle.serving.reports import Readiness
from treadle.serving.settings import Settings

_BACKLOG = 2048
_TRIED_PORTS = 20
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def serve(paths: Sequence[str | Path], settings: Settings | None = None) -> None:
    """Serve the bundles at `paths` until SIGTERM or Ctrl-C, then finish the requests in progress.

    Raises:
        ServingError: the port is in use, the address is open to others without keys, or two bundles have one name.
        BundleError: a bundle cannot be loaded.
    """
    settings = settings or Settings()
    _refuse_exposure(settings)
    predictors = load_predictors(paths)
    listener = bind(settings.host, settings.port)
    app = create_app(predictors, settings)
    _announce(listener, settings, list(predictors))
    # What is loaded now lives as long as the server: collections need not look at it again.
    gc.collect()
    gc.freeze()
    _Server(configuration(app, settings), app.state.readiness, settings.drain_s).run([listener])


def load_predictors(paths: Sequence[str | Path]) -> dict[str, Predictor]:
    """The predictors of the bundles at `paths` by name, each having answered a first row.

    Raises:
        ServingError: no bundle, or two of one name.
        BundleError: a bundle cannot be loaded.
    """
    if not paths:
        raise ServingError("no bundle to serve; name at least one: treadle serve NAME.treadle")
    homes: dict[str, str | Path] = {}
    predictors: dict[str, Predictor] = {}
    for path in paths:
        predictor = Predictor.load(path)
        if predictor.name in homes:
            raise ServingError(
                f"{homes[predictor.name]} and {path} both hold a model named {predictor.name!r}; serve one of them, or "
                "train one under another name"
            )
        predictor.predict([predictor.contract.example_row()], "report")
        homes[predictor.name], predictors[predictor.name] = path, predictor
    return predictors


def bind(host: str, port: int) -> socket.socket:
    """A socket that listens at the address.

    Raises:
        ServingError: the port is in use or not allowed, or the address is none of this machine.
    """
    try:
        return _listen(host, port)
    except (socket.gaierror, UnicodeError) as error:
        raise ServingError(f"host {host!r} is no address: {error}") from None
    except OSError as error:
        raise ServingError(_why_not_bound(host, port, error)) from None


def _listen(host: str, port: int) -> socket.socket:
    family, kind, protocol, _, address = socket.getaddrinfo(
        host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    listener = socket.socket(family, kind, protocol)
    try:
        if sys.platform != "win32":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(_BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener


def _why_not_bound(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        free = _free_port(host, port)
        other = f", or take another: --port {free}" if free else ", or take another with --port"
        return f"port {port} on {host} is in use by another program; stop it{other}"
    if error.errno == errno.EACCES:
        return f"port {port} on {host} is not allowed to this user; take one above 1023: --port 8000"
    return f"cannot listen on {host} port {port}: {error.strerror}"


def _free_port(host: str, taken: int) -> int | None:
    for port in range(taken + 1, min(taken + _TRIED_PORTS, 65536)):
        with suppress(OSError):
            _listen(host, port).close()
            return port
    return None


def _refuse_exposure(settings: Settings) -> None:
    if settings.exposed and not settings.api_keys and not settings.allow_anonymous:
        raise ServingError(
            f"host {settings.host!r} can be reached from other machines: give API keys (--api-keys FILE or "
            "TREADLE_API_KEYS), listen on 127.0.0.1, or say --allow-anonymous"
        )


def _announce(listener: socket.socket, settings: Settings, names: list[str]) -> None:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    address = f"http://{host}:{listener.getsockname()[1]}"
    docs = f" (docs: {address}/docs)" if settings.docs else ""
    sys.stderr.write(f"serving {', '.join(sorted(names))} at {address}{docs}\n")
    sys.stderr.flush()


class _Server(uvicorn.Server):
    """uvicorn's server, which says that it is not ready before it closes its port, and then ends with success."""

    def __init__(self, config: uvicorn.Config, readiness: Readiness, drain_s: float) -> None:
        super().__init__(config)
        self._readiness = readiness
        self._drain_s = drain_s

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Handle the signals while the server runs; uvicorn's own would raise them again at the end."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self.handle_exit) for number in _SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to stop. Ctrl-C stops at once: no load balancer has to notice."""
        self._readiness.ready = False
        if sig == signal.SIGINT:
            self._drain_s = 0.0
        super().handle_exit(sig, frame)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Answer for a while as one that is not ready, then close the port and finish what is in progress."""
        self._readiness.ready = False
        start = monotonic()
        # Ctrl-C may cut the time short while it passes.
        while monotonic() - start < self._drain_s:
            await asyncio.sleep(0.02)
        await super().shutdown(sockets)


def configuration(app: FastAPI, settings: Settings) -> uvicorn.Config:
    """How uvicorn runs the application: uvloop and httptools where they are, no log but errors."""
    return uvicorn.Config(
        app,
        http=http_protocol(settings.max_head_bytes, settings.timeout_s),
        ws="none",
        lifespan="on",
        log_config=None,
        log_level="warning",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=math.ceil(settings.timeout_s) + 1,
    )
