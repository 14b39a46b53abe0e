"""The page as a whole: which bundle is shown, that it is read once, and what a vanished one looks like."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from treadle.bundle.bundle import Bundle
from treadle.bundle.predictor import Predictor

Open = Callable[..., AppTest]


def test_a_bundle_is_read_once_and_again_when_the_file_is_another(
    open_screen: Open, paths: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "mine.treadle"
    shutil.copy(paths["bank"], path)
    reads: list[Path] = []
    load = Predictor.load

    def counted(source: Path) -> Predictor:
        reads.append(source)
        return load(source)

    monkeypatch.setattr(Predictor, "load", counted)
    screen = open_screen(path)
    screen.button[0].click().run()
    screen.run()
    assert len(reads) == 1
    dataclasses.replace(Bundle.load(path), name="newer").save(path)
    screen.run()
    assert len(reads) == 2
    assert screen.header[0].value == "newer"
    assert len(screen.header) == 1, "the answer of the older bundle is still shown"


def test_a_bundle_that_vanishes_is_a_message(open_screen: Open, paths: dict[str, Path], tmp_path: Path) -> None:
    path = tmp_path / "mine.treadle"
    shutil.copy(paths["bank"], path)
    screen = open_screen(path)
    path.unlink()
    screen.run()
    assert not screen.exception
    assert "No such file" in screen.error[0].value
    path.write_bytes(b"no bundle")
    screen.run()
    assert not screen.exception
    assert "mine" in screen.error[0].value


def test_bundles_of_one_name_are_told_apart(open_screen: Open, paths: dict[str, Path], tmp_path: Path) -> None:
    twin = tmp_path / "bank.treadle"
    shutil.copy(paths["bank"], twin)
    screen = open_screen(paths["bank"], twin, "tiers")
    folders = [str(path.parent) for path in (paths["bank"], twin)]
    assert screen.sidebar.selectbox[0].options == [f"bank ({folders[0]})", f"bank ({folders[1]})", "tiers"]
    screen.sidebar.selectbox[0].select_index(2).run()
    assert screen.header[0].value == "tiers"
