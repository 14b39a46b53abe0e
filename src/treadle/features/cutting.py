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
_SIGN, _MARK, _PARTS = (re.compile(f"[{signs}]") for signs in (_SIGNS, _MARKS, f"{_CONTROLS}{_MARKS}"))
_OUTER_APOSTROPHE = re.compile(r"'(?:(?![^\s'])|(?<![^\s']'))")
"""An apostrophe without a letter on either side, where blanks are all else that is no letter."""
_ASCII = bytes(range(128))
_FEW = 8
"""Different marks beyond ASCII that are looked for one by one."""

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
    find: Cut = re.compile(pattern_of(recipe)).findall
    if recipe.tokens != "spaced":
        find = _by_blanks(find, marks="punctuation" not in recipe.drop)
    if "stop_words" not in recipe.drop:
        return find

    def cut(text: str) -> list[str]:
        return [word for word in find(text) if word.lower() not in STOP_WORDS]

    return cut


def _by_blanks(find: Cut, marks: bool) -> Cut:
    """A function that cuts as `find`, which is WORD_OR_MARK's or without `marks` WORD's, in a fraction of the time.

    What parts words becomes a blank, and what is a token of its own gets blanks around it, so that no more than blanks
    need be looked for.
    """
    ascii_marks = "".join(filter(_MARK.match, _ASCII.decode())) if marks else ""
    parting = "".join(sign for sign in _ASCII.decode() if _PARTS.match(sign) and sign not in ascii_marks)
    blanked = bytes.maketrans(parting.encode(), b" " * len(parting))
    apostrophe = " ' " if marks else " "

    def cut(text: str) -> list[str]:
        # As bytes, a text is gone over without a look at each character by itself.
        encoded = text.encode("utf-8", "surrogatepass")
        present = ascii_marks
        if not text.isascii():
            beyond = encoded.translate(None, _ASCII).decode("utf-8", "surrogatepass")
            parts = set(_PARTS.findall(beyond))
            # Looked for one by one, many different signs would take longer than the expression does.
            if len(parts) > _FEW or _SIGN.search(beyond):
                return find(text)
            present += "".join(parts)
        text = encoded.translate(blanked).decode("utf-8", "surrogatepass")
        for part in present:
            if part in text:
                text = text.replace(part, f" {part} " if marks and _MARK.match(part) else " ")
        if "'" in text:
            text = _OUTER_APOSTROPHE.sub(apostrophe, text)
        return text.split()

    return cut
