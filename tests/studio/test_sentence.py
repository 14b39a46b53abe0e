"""Tags under words and a word in its gap: whatever they hold stays text, and what is unsure is said."""

from __future__ import annotations

import re

import pytest

from treadle.studio.sentence import filled, ranked, tagged


def colours(html: str) -> list[str]:
    return re.findall(r"background:([^;]+);", html)


def test_every_token_has_its_tag_and_what_is_unsure_its_probability() -> None:
    html = tagged(["New", "York"], ["PROPN", "NOUN"], [0.99, 0.61], ("NOUN", "PROPN", "VERB"))
    assert re.findall(r"<div>([^<]+)</div>", html) == ["New", "York"]
    assert re.findall(r'title="([^"]+)">([^<]+)<', html) == [("99.0 %", "PROPN"), ("61.0 %", "NOUN")]
    assert ">61.0 %</div>" in html
    assert ">99.0 %</div>" not in html


def test_every_kind_of_tag_has_one_colour() -> None:
    labels = tuple("ABCDEFGHIJKLMNOPQ")
    html = tagged(labels * 2, labels * 2, [1.0] * 34, labels)
    first, second = colours(html)[:17], colours(html)[17:]
    assert first == second
    assert len(set(first)) == 17


def test_a_span_has_the_colour_of_its_kind_and_what_is_outside_has_none() -> None:
    tags = ["B-PER", "I-PER", "O", "B-LOC"]
    person, goes_on, outside, place = colours(tagged("abcd", tags, [1.0] * 4, ("B-LOC", "B-PER", "I-PER", "O")))
    assert person == goes_on != place
    assert outside == "transparent"


@pytest.mark.parametrize("gap", ["___", "__", "______"])
def test_the_word_stands_in_the_gap(gap: str) -> None:
    html = filled(f"I {gap} you.", "love")
    assert re.sub(r"<[^>]+>", "", html) == "I love you."
    assert re.search(r"<b [^>]+>love</b>", html)


def test_markup_stays_text(hostile: dict[str, str]) -> None:
    words = list(hostile.values())
    shares = [0.5] * len(words)
    for html in (
        tagged(words, words, shares, words),
        filled(f"{words[0]} ___ {words[0]}", words[0]),
        ranked(words, shares),
    ):
        assert "<img" not in html


def test_bars_are_as_long_as_their_words_are_likely() -> None:
    html = ranked(["love", "see"], [0.25, 0.0001])
    assert re.findall(r"width:([0-9.]+%)\"></div>", html) == ["25.0%", "0.0%"]
    assert re.sub(r"<[^>]+>", " ", html).split() == ["love", "25.0", "%", "see", "below", "0.1", "%"]
