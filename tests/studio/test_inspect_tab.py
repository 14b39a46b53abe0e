"""The tab that looks into a network: nothing before the click, then words, reach, neighbours and columns."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from treadle.inspection.reach import Reach
from treadle.inspection.reach_plot import LOWEST
from treadle.studio.inspect_tab import reach_chart

Open = Callable[..., AppTest]
HOSTILE = "<img src=x onerror=alert(1)> lovely $x$ **film**"


def look(screen: AppTest) -> AppTest:
    (button,) = (each for each in screen.button if each.label == "Look inside")
    button.click().run()
    assert not screen.exception
    return screen


def page_of(screen: AppTest) -> str:
    return "".join(html.proto.body for html in screen.main.get("html"))


def test_a_text_is_looked_into_after_the_click(open_screen: Open, films: Path) -> None:
    screen = open_screen(films)
    screen.text_area[1].set_value(HOSTILE)
    screen.text_input[0].set_value("lovely lovley")
    assert not any("Half of the gradient" in caption.value for caption in screen.caption)
    look(screen)
    page = page_of(screen)
    assert ">lovely</span>" in page
    assert "&lt;" in page
    assert "<img" not in page
    assert "not in the vocabulary; written alike: lovely" in page
    assert ">stars<" in page
    assert any("Half of the gradient lies within" in caption.value for caption in screen.caption)


def test_without_a_text_some_of_the_bundles_own_are_shown(open_screen: Open, films: Path) -> None:
    screen = look(open_screen(films))
    headings = [markdown.value for markdown in screen.markdown]
    assert sum("liked" in heading and "probability" in heading for heading in headings) >= 2
    assert "#### Neighbours in the embedding" in headings


def test_what_is_wrong_is_a_message(open_screen: Open) -> None:
    screen = look(open_screen("bank"))
    assert "keeps no rows to look at" in screen.error[0].value.replace("\\", "")


def test_the_chart_of_a_reach_is_valid_where_a_gradient_has_vanished() -> None:
    reach = Reach("films", "lstm", "words", "end", (1.0, 0.1, 0.0), (1.0, 0.05, 0.0), (1.0, 0.2, 0.0), 0.6, 9, 0, 0)
    document = reach_chart(reach).to_dict(validate=True)
    (rows,) = document["datasets"].values()
    assert [row["curve"] for row in rows] == [1.0, 0.1, LOWEST]


@pytest.mark.parametrize("name", ["bank", "hostile"])
def test_a_table_has_no_text_to_ask_for(open_screen: Open, name: str) -> None:
    assert not open_screen(name).text_area
