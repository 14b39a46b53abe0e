import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import pytest
from hypothesis import settings

# How long an example takes says more of the machine's load than of the code.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

PASSWORD = "shuttle-4711"


def _programs() -> Path:
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: int(folder.parent.name))
    found = [folder for folder in folders if (folder / "initdb").exists()]
    if found:
        return found[-1]
    on_path = shutil.which("initdb")
    if on_path is None:
        pytest.fail("these tests start a PostgreSQL server, and none is installed: apt-get install postgresql")
    return Path(on_path).resolve().parent


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def postgresql():
    """The address of a PostgreSQL server that lives as long as the tests."""
    programs = _programs()
    # PostgreSQL refuses to run as root.
    user = "postgres" if os.geteuid() == 0 else None
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        (folder / "password").write_text(PASSWORD)
        if user:
            for path in (folder, folder / "password"):
                shutil.chown(path, user)
        initdb = [programs / "initdb", "-D", folder / "data", "-U", "weaver", "-A", "scram-sha-256"]
        subprocess.run(
            [*initdb, f"--pwfile={folder / 'password'}", "-E", "UTF8", "--locale=C", "--no-sync"],
            check=True, user=user, cwd=folder, stdout=subprocess.DEVNULL,
        )  # fmt: skip
        port = _free_port()
        settings = ["-h", "127.0.0.1", "-p", str(port), "-k", folder, "-c", "fsync=off"]
        with (folder / "log").open("wb") as log:
            server = subprocess.Popen(
                [programs / "postgres", "-D", folder / "data", *settings],
                user=user, cwd=folder, stdout=log, stderr=log,
            )  # fmt: skip
        try:
            _wait(server, port, folder / "log")
            yield f"postgresql://weaver:{PASSWORD}@127.0.0.1:{port}/postgres"
        finally:
            server.send_signal(signal.SIGINT)
            server.wait(30)


def _wait(server: subprocess.Popen[bytes], port: int, log: Path) -> None:
    import psycopg

    for _ in range(300):
        if server.poll() is not None:
            break
        try:
            psycopg.connect(f"host=127.0.0.1 port={port} user=weaver password={PASSWORD} dbname=postgres").close()
        except psycopg.OperationalError:
            time.sleep(0.1)
        else:
            return
    pytest.fail(f"PostgreSQL did not start:\n{log.read_text()}")
