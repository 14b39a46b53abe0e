"""Cutting by blanks finds what the expression of a token finds."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from treadle.features.cutting import make_cut, pattern_of
from treadle.text_recipe import TextRecipe

ASCII = st.characters(min_codepoint=0, max_codepoint=127)
APOSTROPHES = st.sampled_from("'''ab1 \t\n\x00\x1c\x7f.-_")
BEYOND = st.sampled_from("'a ё\u0301é\x80\x85\xa0\u2003\u3000\u200b\ufeff\ud83d\udc00。你—“”‘’?.") | st.characters()


@pytest.mark.parametrize("drop", [(), ("punctuation",)])
def test_any_text_is_cut_as_the_expression_says(drop: tuple[Any, ...]) -> None:
    recipe = TextRecipe(drop=drop)
    cut, pattern = make_cut(recipe), pattern_of(recipe)

    @settings(max_examples=150)
    @given(st.text(ASCII | APOSTROPHES) | st.text(APOSTROPHES) | st.text(BEYOND) | st.text(ASCII | BEYOND))
    @example("'a''b'c''' 'd.'e'f'")
    @example("été—“don't”…'\u3000'a'\x85'b")
    @example("".join(map(chr, range(0x2000, 0x2100))) * 2)
    def alike(text: str) -> None:
        assert cut(text) == re.findall(pattern, text)

    alike()
