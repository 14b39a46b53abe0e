import importlib.metadata
from collections.abc import Callable
from typing import Any

import pytest

import treadle

COMMANDS = ["demo", "init", "train", "evaluate", "predict", "verify", "serve", "app", "datasets", "schema", "doctor"]


def test_help_lists_every_command(run: Callable[..., Any]):
    done = run("--help")
    assert done.code == 0
    for command in COMMANDS:
        assert f" {command} " in done.out


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(run: Callable[..., Any], command: str):
    done = run(command, "--help")
    assert done.code == 0
    assert f"treadle {command}" in done.out


def test_without_a_command_the_help_is_shown(run: Callable[..., Any]):
    done = run()
    assert done.code == 2
    assert "Usage: treadle" in done.out + done.err


def test_the_version(run: Callable[..., Any]):
    assert run("--version").out == importlib.metadata.version("treadle") + "\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("tran",), "No such command 'tran'"),
        (("train",), "Missing argument"),
        (("train", "churn", "--epochs", "5"), "No such option: --epochs"),
        (("train", "churn", "--on-bad-row", "ignore"), "'ignore' is not one of 'fail', 'skip', 'report'"),
        (("serve", "a.treadle", "--port", "99999"), "Invalid value for '--port'"),
    ],
)
def test_a_command_line_that_makes_no_sense_ends_with_2(
    run: Callable[..., Any], arguments: tuple[str, ...], message: str
):
    done = run(*arguments)
    assert done.code == 2
    assert done.out == ""
    assert message in " ".join(done.err.replace("│", " ").split())


@pytest.mark.parametrize(
    "fault",
    [
        (("train", "chrun"), 2, "no recipe 'chrun'"),
        (("train", "churn", "--set", "modle=1"), 2, "unknown key 'modle'"),
        (("predict", "{bundle}", "none.csv"), 3, "none.csv: no such file"),
        (("predict", "none.treadle", "none.csv"), 4, "none.treadle: no such bundle"),
        (("train", "phishing_small", "--out", "/proc/none"), 5, "/proc/none: this folder for the run cannot be made"),
        (("serve", "{bundle}", "--host", "0.0.0.0"), 7, "can be reached from other machines"),
    ],
)
@pytest.mark.usefixtures("packaged_data_only")
def test_every_kind_of_fault_has_its_exit_code(trained: treadle.Run, run: Callable[..., Any], fault: tuple[Any, ...]):
    arguments, code, message = fault
    done = run(*(word.format(bundle=trained.bundle) for word in arguments))
    assert done.code == code
    assert done.out == ""
    assert done.err.splitlines()[-1].startswith("error: ")
    assert message in done.err
    assert "Traceback" not in done.err


def test_user_text_is_never_read_as_markup(run: Callable[..., Any]):
    done = run("train", "[bold]x[/bold].yaml")
    assert done.err == "error: [bold]x[/bold].yaml: no such file\n"
