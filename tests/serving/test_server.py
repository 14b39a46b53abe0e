"""Starting and stopping: processes, ports and signals."""

from __future__ import annotations

import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from treadle.errors import BundleError, ServingError
from treadle.serving.server import bind, load_predictors, serve
from treadle.serving.settings import Settings

_CODE = """
import sys
from treadle.serving.server import serve
from treadle.serving.settings import Settings
serve(sys.argv[2:], Settings(port=0, drain_s=float(sys.argv[1])))
"""


class Process:
    """`serve` in a process of its own."""

    def __init__(self, *bundles: Path, drain_s: float) -> None:
        arguments = [sys.executable, "-c", _CODE, str(drain_s), *map(str, bundles)]
        self.process = subprocess.Popen(arguments, stderr=subprocess.PIPE, text=True)
        assert self.process.stderr is not None
        self.announced = self.process.stderr.readline()
        found = re.search(r":(\d+) ", self.announced)
        assert found, self.announced
        self.port = int(found[1])

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def end(self) -> tuple[int, str]:
        """Exit code and the rest of stderr."""
        _, written = self.process.communicate(timeout=30)
        return self.process.returncode, written


@pytest.fixture
def start() -> Iterator[Callable[..., Process]]:
    started: list[Process] = []

    def run(*bundles: Path, drain_s: float = 0.0) -> Process:
        started.append(Process(*bundles, drain_s=drain_s))
        return started[-1]

    yield run
    for each in started:
        if each.process.poll() is None:
            each.process.kill()
            each.process.communicate()


def test_a_request_in_progress_is_finished_after_sigterm(start: Any, bundle_file: Path, request_bytes: Any) -> None:
    server = start(bundle_file)
    assert "serving customers at http://127.0.0.1:" in server.announced
    row = httpx.get(server.url("/schema")).json()["examples"][0]
    whole = request_bytes([row])
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
        connection.sendall(whole[:-5])
        while "in_progress 2.0" not in httpx.get(server.url("/metrics")).text:
            time.sleep(0.01)
        server.process.send_signal(signal.SIGTERM)
        while _listens(server.port):
            time.sleep(0.02)
        connection.sendall(whole[-5:])
        received = connection.recv(65536)
    assert received.startswith(b"HTTP/1.1 200")
    code, written = server.end()
    assert code == 0
    assert "Traceback" not in written


def test_it_says_that_it_is_not_ready_before_it_closes_its_port(start: Any, bundle_file: Path) -> None:
    server = start(bundle_file, drain_s=1.5)
    assert httpx.get(server.url("/health/ready")).status_code == 200
    server.process.send_signal(signal.SIGTERM)
    row = None
    while (ready := httpx.get(server.url("/health/ready"))).status_code == 200:
        time.sleep(0.01)
    assert (ready.status_code, ready.json()) == (503, {"ready": False})
    assert httpx.get(server.url("/v2/models/customers/ready")).status_code == 503
    row = httpx.get(server.url("/schema")).json()["examples"][0]
    assert httpx.post(server.url("/predict"), json={"rows": [row]}).status_code == 200
    assert server.end()[0] == 0


def test_ctrl_c_ends_it_at_once_and_quietly(start: Any, bundle_file: Path) -> None:
    server = start(bundle_file, drain_s=60.0)
    assert httpx.get(server.url("/health/live")).status_code == 200
    server.process.send_signal(signal.SIGINT)
    code, written = server.end()
    assert code == 0
    assert "Traceback" not in written


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_a_port_in_use_is_named_with_one_that_is_free(bundle_file: Path) -> None:
    with bind("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ServingError, match=f"port {port} on 127.0.0.1 is in use") as raised:
            serve([bundle_file], Settings(port=port))
    assert raised.value.exit_code == 7
    other = re.search(r"--port (\d+)", str(raised.value))
    assert other is not None
    bind("127.0.0.1", int(other[1])).close()


@pytest.mark.parametrize(
    ("host", "message"), [("no.such.host.invalid", "is no address"), ("a" * 300, "is no address"), ("192.0.2.1", "192")]
)
def test_hosts_that_are_not_this_machine(host: str, message: str) -> None:
    with pytest.raises(ServingError, match=message):
        bind(host, 0)


def test_beyond_this_machine_only_with_keys(bundle_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ServingError, match="TREADLE_API_KEYS"):
        serve([bundle_file], Settings(host="0.0.0.0"))
    served: list[Any] = []
    monkeypatch.setattr("uvicorn.Server.run", lambda _self, sockets: served.extend(sockets))
    monkeypatch.setattr("gc.freeze", lambda: None)
    serve([bundle_file], Settings(host="0.0.0.0", port=0, allow_anonymous=True))
    serve([bundle_file], Settings(host="0.0.0.0", port=0, api_keys=("a-long-enough-key-1",)))  # type: ignore[arg-type]
    assert len(served) == 2
    for listener in served:
        listener.close()


def test_bundles_of_one_name(bundle_file: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.treadle"
    shutil.copy(bundle_file, copy)
    with pytest.raises(ServingError, match=r"copy\.treadle both hold a model named 'customers'"):
        load_predictors([bundle_file, copy])


def test_no_bundle(tmp_path: Path) -> None:
    with pytest.raises(ServingError, match="no bundle to serve"):
        load_predictors([])
    with pytest.raises(BundleError):
        load_predictors([tmp_path / "absent.treadle"])
