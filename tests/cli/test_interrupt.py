"""Ctrl-C as a person types it: in a terminal of 80 columns."""

import fcntl
import io
import os
import pty
import re
import shlex
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

import treadle

IN_TERMINAL = """
import fcntl, os, sys, termios
os.setsid()
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.executable, [sys.executable, "-m", "treadle", *sys.argv[1:]])
"""
"""Makes standard input the terminal that sends the signals."""


class Terminal:
    """What a program writes to a terminal, and the keys pressed there."""

    def __init__(self, handle: int) -> None:
        self._handle = handle
        self.shown = ""

    def wait_for(self, pattern: str) -> None:
        """Read until something like `pattern` is shown."""
        deadline = time.monotonic() + 120
        while not re.search(pattern, self.shown[-500:]):
            try:
                self.shown += os.read(self._handle, 4096).decode()
            except OSError:
                pytest.fail(f"the program ended before {pattern!r} was shown: {self.shown}")
            if time.monotonic() > deadline:
                pytest.fail(f"{pattern!r} was not shown but {self.shown[-500:]!r}")

    def press(self, key: bytes) -> None:
        os.write(self._handle, key)

    def read_to_end(self) -> str:
        # Linux ends a terminal whose program is gone with an error.
        try:
            while part := os.read(self._handle, 4096):
                self.shown += part.decode()
        except OSError:
            pass
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", self.shown).replace("\r\n", "\n")


@contextmanager
def terminal(*arguments: object, cwd: Path) -> Iterator[tuple[Terminal, subprocess.Popen[bytes]]]:
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    environment = {**os.environ, "TERM": "xterm", "NO_COLOR": "1"}
    environment.pop("COLUMNS", None)
    program = subprocess.Popen(
        [sys.executable, "-c", IN_TERMINAL, *map(str, arguments)],
        stdin=slave, stdout=slave, stderr=slave, cwd=cwd, env=environment,
    )  # fmt: skip
    os.close(slave)
    try:
        yield Terminal(master), program
    finally:
        program.kill()
        program.wait()
        os.close(master)


BAR = r"epoch (\d+) of 9999, loss 0\.\d+, validation 0\.\d+, up to \d+ (?:s|min) left"


def test_ctrl_c_keeps_a_checkpoint_and_says_how_to_go_on(shop: Any, tmp_path: Path):
    endless = shop.recipe(training={"epochs": 9999, "patience": None})
    (tmp_path / "a shop.yaml").write_text(yaml.safe_dump(endless))
    words = ("train", "a shop.yaml", "--set", "model.hidden=[4, 4]", "--out", "my run", "--json")
    with terminal(*words, cwd=tmp_path) as (screen, program):
        screen.wait_for(BAR)
        screen.press(b"\x03")
        text = screen.read_to_end()
        assert program.wait() == 130
    said = text.rstrip("\n").splitlines()
    assert said[-2] == "stopped; go on from there with:"
    assert "Traceback" not in text
    assert (tmp_path / "my run" / "checkpoint").is_file()
    assert not list((tmp_path / "my run").glob("*.treadle"))
    reached = max(map(int, re.findall(BAR, text)))

    name, *again = shlex.split(said[-1])
    assert Path(name).name == "treadle"
    assert again == [*words, "--resume"]
    with terminal(*again, cwd=tmp_path) as (screen, program):
        screen.wait_for(BAR)
        screen.press(b"\x03")
        assert program.wait() == 130
    assert min(map(int, re.findall(BAR, screen.shown))) >= reached


class Interrupted(io.RawIOBase):
    """A stream on which Ctrl-C is pressed while a program waits for it."""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        raise KeyboardInterrupt


def test_ctrl_c_elsewhere_ends_quietly(trained: treadle.Run, run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BufferedReader(Interrupted())))
    done = run("predict", trained.bundle, "-")
    assert (done.code, done.out, done.err) == (130, "", "")
