"""Starting the screens: what is wrong is said before the server starts, and it ends cleanly."""

from __future__ import annotations

import importlib.util
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from treadle.errors import BundleError, MissingExtraError, ServingError
from treadle.studio.launch import found_bundles, launch

Serve = Callable[..., tuple[subprocess.Popen[bytes], str]]


def test_a_port_in_use_is_named_with_a_free_one(paths: dict[str, Path]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ServingError, match=rf"port {port} on 127.0.0.1 is in use.*--port \d+"):
            launch([paths["bank"]], port=port, browser=False)


def test_an_address_of_another_machine_is_refused(paths: dict[str, Path]) -> None:
    with pytest.raises(ServingError, match=r"cannot listen on 203\.0\.113\.1:8501"):
        launch([paths["bank"]], host="203.0.113.1", browser=False)


def test_without_streamlit_the_extra_is_named(paths: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"pip install '.+\[app\]'"):
        launch([paths["bank"]])


def test_a_broken_bundle_is_refused_before_the_server_starts(paths: dict[str, Path], tmp_path: Path) -> None:
    broken = tmp_path / "broken.treadle"
    content = bytearray(paths["bank"].read_bytes())
    content[len(content) // 2] ^= 1
    broken.write_bytes(content)
    with pytest.raises(BundleError, match=r"broken\.treadle"):
        launch([paths["bank"], broken], browser=False)
    with pytest.raises(BundleError, match="no such bundle"):
        launch([tmp_path / "absent.treadle"], browser=False)


def test_bundles_are_found_under_runs_the_newest_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BundleError, match="none found under runs/; train one"):
        launch([], browser=False)
    for age, name in enumerate(("new", "old")):
        path = tmp_path / "runs" / name / f"{name}.treadle"
        path.parent.mkdir(parents=True)
        path.touch()
        os.utime(path, (1e9 - age, 1e9 - age))
    assert [path.stem for path in found_bundles(Path("runs"))] == ["new", "old"]


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_cleanly(serve: Serve, paths: dict[str, Path], ending: signal.Signals) -> None:
    process, _ = serve(paths["bank"])
    process.send_signal(ending)
    output, _ = process.communicate(timeout=20)
    assert process.returncode == 0
    assert b"Traceback" not in output


def test_the_screens_need_neither_jax_nor_scikit_learn() -> None:
    code = (
        "import sys, treadle.studio.screens, treadle.studio.launch\n"
        "heavy = {'jax', 'equinox', 'sklearn', 'matplotlib', 'onnx'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
