import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

import treadle
from treadle.evaluation import report

WITH_TREADLE = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}", "COLUMNS": "80"}


@pytest.fixture(scope="module")
def recipe(shop: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("recipe") / "shop.yaml"
    path.write_text(yaml.safe_dump(shop.recipe()))
    return path


def test_json_is_one_document_on_stdout_and_words_are_on_stderr(
    recipe: Path, run: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    done = run("train", recipe, "--json")
    assert done.code == 0
    summary = json.loads(done.out)
    assert done.out.count("\n") == 1
    assert summary["bundle"] == "runs/shop/shop.treadle"
    assert summary["verdict"]
    assert done.err.splitlines() == [
        "144 rows to train, 48 to validate, 48 to test",
        "fitting the opponents, and judging all on the test rows",
    ]


def test_settings_override_the_recipe(recipe: Path, run: Callable[..., Any], tmp_path: Path):
    done = run("train", recipe, "--out", tmp_path, "--json", "--set", "training.epochs=2", "--set", "model.hidden=[4]")
    assert done.code == 0
    assert json.loads(done.out)["epochs"] == 2
    assert json.loads(done.out)["bundle"] == str(tmp_path / "shop.treadle")


def test_the_report_is_printed_on_stdout(
    recipe: Path, run: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    done = run("train", recipe, "--out", "mine")
    assert done.code == 0
    for word in ("144 to train", "accuracy", "majority", "verdict", "try next", "mine/report.html"):
        assert word in done.out
    assert "try next" not in done.err


def test_a_finished_run_can_be_resumed(recipe: Path, run: Callable[..., Any], tmp_path: Path):
    first = run("train", recipe, "--out", tmp_path, "--json")
    again = run("train", recipe, "--out", tmp_path, "--json", "--resume")
    assert again.code == 0
    assert json.loads(again.out)["metrics"] == json.loads(first.out)["metrics"]


def test_tensorboard_files_are_written_where_asked(recipe: Path, run: Callable[..., Any], tmp_path: Path):
    assert run("train", recipe, "--out", tmp_path, "--tensorboard", "--json").code == 0
    assert list((tmp_path / "tensorboard").iterdir())


def test_bad_rows_are_left_out_and_listed_if_asked(shop: Any, run: Callable[..., Any], tmp_path: Path):
    lines = shop.csv.read_text().splitlines()
    lines[4] = "old" + lines[4][2:]
    (tmp_path / "shop.csv").write_text("\n".join(lines) + "\n")
    document = shop.recipe(data={"source": str(tmp_path / "shop.csv"), "kinds": {"age": "number"}})
    (tmp_path / "shop.yaml").write_text(yaml.safe_dump(document))
    stopped = run("train", tmp_path / "shop.yaml", "--out", tmp_path)
    assert stopped.code == 3
    assert "row 4, column 'age': 'old' is no number" in stopped.err
    listed = run("train", tmp_path / "shop.yaml", "--out", tmp_path, "--on-bad-row", "report", "--json")
    assert listed.code == 0
    assert listed.err.startswith("left out: row 4, column 'age': 'old' is no number\n143 rows to train")


def test_the_demo_ends_in_commands_that_work_as_printed(packaged_data_only: None, tmp_path: Path):
    def shell(line: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            line, shell=True, cwd=tmp_path, env=WITH_TREADLE, capture_output=True, text=True, timeout=300, check=True
        )

    demo = shell("treadle demo")
    assert max(map(len, demo.stdout.partition("try next")[0].splitlines())) <= 80
    for word in ("1,250 rows are distinct", "gradient", "95 % interval", "verdict"):
        assert word in demo.stdout
    commands = [line.strip() for line in demo.stdout.splitlines() if line.strip().startswith("treadle ")]
    predict, serve, app = commands
    assert shell(predict).stdout.count("\n") == 21
    port = _free_port()
    assert _answers(f"{serve} --port {port}", f"http://127.0.0.1:{port}/health/ready", tmp_path)
    assert _answers(f"{app} --no-browser --port {port}", f"http://127.0.0.1:{port}/_stcore/health", tmp_path)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _answers(command: str, address: str, folder: Path) -> bool:
    """Whether the server that `command` starts answers at `address` while it runs."""
    server = subprocess.Popen(
        shlex.split(command), cwd=folder, env=WITH_TREADLE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    try:
        while server.poll() is None:
            try:
                with urllib.request.urlopen(address) as answer:
                    return bool(answer.status == 200)
            except OSError:
                time.sleep(0.05)
        return False
    finally:
        server.send_signal(signal.SIGTERM)
        server.communicate(timeout=60)


def test_the_next_commands_are_quoted_and_fit_what_is_installed(
    trained: treadle.Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent))
    told = trained.report.model_copy(update={"bundle": "my runs/shop.treadle", "example": "my runs/example.csv"})
    assert [line for line, _ in told.commands] == [
        "treadle predict 'my runs/shop.treadle' 'my runs/example.csv'",
        "treadle serve 'my runs/shop.treadle'",
        "treadle app 'my runs/shop.treadle'",
    ]
    monkeypatch.setattr(report, "find_spec", lambda name: None)
    assert told.commands[-1] == ("treadle verify 'my runs/shop.treadle'", "check that the file is whole")
    # A virtual environment that was not activated.
    monkeypatch.setenv("PATH", str(tmp_path))
    assert told.commands[1][0].endswith("/bin/treadle serve 'my runs/shop.treadle'")
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    assert told.commands[1][0] == f"{tmp_path}/python -m treadle serve 'my runs/shop.treadle'"
