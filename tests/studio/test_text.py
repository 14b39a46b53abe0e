"""User text stays text, and numbers read as people write them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from treadle.studio.text import WORD_JOINER, capital, number, percent, plain, plain_lines

MARKDOWN = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zs", "Zl", "Zp"]) | st.just(" "))


@settings(max_examples=150)
@given(TEXTS.filter(lambda text: text.strip()))
def test_markdown_shows_a_plain_text_letter_by_letter(text: str) -> None:
    paragraph = MARKDOWN.parse(f"x {plain(text)} x")
    inline = paragraph[1].children
    assert inline is not None
    assert {token.type for token in inline} <= {"text", "text_special"}
    shown = "".join(token.content for token in inline)
    assert shown.replace(WORD_JOINER, "") == f"x {' '.join(text.split())} x".replace(WORD_JOINER, "")


@pytest.mark.parametrize("text", ["http://a.test", "WWW.a.test", "you@a.test", "a->b", "a--b", "1<=2"])
def test_addresses_and_arrows_are_parted(text: str) -> None:
    assert WORD_JOINER in plain(text)
    assert plain(text).replace(WORD_JOINER, "").replace("\\", "") == text


def test_a_text_of_several_lines_stays_on_one() -> None:
    assert plain("a\n\n# b\tc ") == r"a \# b c"
    assert plain_lines("one\n# two") == "one  \n\\# two"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (60000, "60,000"),
        (101348.88, "101,349"),
        (98360.03, "98,360"),
        (652.5, "652.5"),
        (0.03125, "0.03125"),
        (-1525.55, "-1,525.55"),
        (1e21, "1e+21"),
        (0.00000123456, "1.235e-06"),
        (0, "0"),
        (float("nan"), "unknown"),
    ],
)
def test_numbers(value: float, text: str) -> None:
    assert number(value) == text


def test_a_share_is_never_rounded_to_certainty() -> None:
    assert percent(0.0312) == "3.1 %"
    assert percent(0.00004) == "below 0.1 %"
    assert percent(0.99996) == "above 99.9 %"
    assert percent(0.0) == "below 0.1 %"


def test_a_sentence_begins_with_a_capital() -> None:
    assert capital("no signal: R² 0.1") == "No signal: R² 0.1"
    assert capital("") == ""
