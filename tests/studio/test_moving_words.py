"""The words beside an answer: there where the network can be differentiated, else a line that says what it needs."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

Open = Callable[..., AppTest]


def asked(screen: AppTest, text: str) -> AppTest:
    screen.text_area[0].set_value(text)
    screen.button[0].click()
    screen.run()
    assert not screen.exception
    return screen


def page_of(screen: AppTest) -> str:
    return "".join(html.proto.body for html in screen.html)


def test_words_belong_to_the_last_answer(open_screen: Open, films: Path) -> None:
    screen = open_screen(films)
    assert "lovely" not in page_of(asked(screen, "the film was dull"))
    assert ">dull<" in page_of(screen)
    assert ">lovely<" in page_of(asked(screen, "lovely"))
    assert ">dull<" not in page_of(screen)


def test_without_jax_a_line_says_what_to_install(
    open_screen: Open, films: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [each for each in sys.modules if each.startswith(("treadle.nn", "treadle.tasks"))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "jax", None)
    copy = tmp_path / "films.treadle"
    copy.write_bytes(films.read_bytes())
    screen = asked(open_screen(copy), "the film was lovely")
    assert any("needs the optional dependencies of Treadle" in caption.value for caption in screen.caption)
    assert "liked" in screen.header[1].value


def test_ten_megabytes_of_text_are_answered_and_not_sent_back(open_screen: Open, films: Path) -> None:
    screen = asked(open_screen(films), "lovely " * 1_500_000)
    assert r"liked \= yes" in screen.header[1].value
    assert not screen.code
    assert len(page_of(screen)) < 100_000
