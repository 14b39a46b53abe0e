"""Cleaned texts to tokens: what a word, a punctuation mark and a character are."""

from __future__ import annotations

import re
from collections.abc import Callable

from treadle.data.tokens import BETWEEN_BLANKS
from treadle.features.stop_words import STOP_WORDS
from treadle.text_recipe import TextRecipe

Cut = Callable[[str], list[str]]

_MARKS = (
    r"!-&(-/:-@\[-`{-~"  # ASCII, but the apostrophe
    "\u00a1-\u00a9\u00ab-\u00b1\u00b4\u00b6-\u00b8\u00bb\u00bf\u00d7\u00f7"  # Latin
    "\u05be\u060c\u061b\u061f\u0964\u0965"  # Hebrew, Arabic, Indic
    "\u2010-\u2027\u2030-\u205e\u20a0-\u20cf\u2190-\u2bff"  # quotes, dashes, currencies, symbols
    "\u3001-\u303f\uff01-\uff0f\uff1a-\uff20\uff3b-\uff40\uff5b-\uff65"  # Chinese, Japanese, Korean
    "\U0001f000-\U0001faff"  # emoji
)
_SIGNS = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
"""Chinese characters, which are written without blanks between words."""
_CONTROLS = "\\x00-\\x1f\x7f-\x9f"
_LETTERS = rf"[^\s'{_CONTROLS}{_MARKS}{_SIGNS}]+"
# Named by what they are not, letters take their combining marks along, in every script.
WORD = f"{_LETTERS}(?:'{_LETTERS})*|[{_SIGNS}]"
"""A run of letters and digits, with apostrophes inside, or a Chinese character."""
WORD_OR_MARK = f"{WORD}|[{_MARKS}']"
"""A word, or a single punctuation mark, symbol or emoji."""
CHARACTER = r"[\s\S]"

# Python and the library behind tokenizer.json read these expressions the same.


def pattern_of(recipe: TextRecipe) -> str:
    """The regular expression whose matches are the tokens of a cleaned text, or what byte pairs are made of."""
    if recipe.tokens == "characters":
        return CHARACTER
    if recipe.tokens == "spaced":
        return BETWEEN_BLANKS
    return WORD if "punctuation" in recipe.drop else WORD_OR_MARK


def make_cut(recipe: TextRecipe) -> Cut:
    """The function that cuts a cleaned text, from left to right; punctuation and stop words left out as asked."""
    if recipe.tokens == "characters":
        return list
    find = re.compile(pattern_of(recipe)).findall
    if "stop_words" not in recipe.drop:
        return find

    def cut(text: str) -> list[str]:
        return [word for word in find(text) if word.lower() not in STOP_WORDS]

    return cut
