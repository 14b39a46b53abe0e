"""Texts as they come, to texts that are cut into tokens."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from html.entities import html5

from treadle.data.addresses import without_scheme, without_www
from treadle.text_recipe import TextRecipe

Clean = Callable[[str], str]

# What is not closed goes on to the end, as in a browser; so nothing is looked for twice, however much is opened.
_MARKUP = re.compile(
    r"<!--(?:-?>|[\s\S]*?(?:--!?>|\Z))"
    r"|<(script|style)\b[^<>]*>[\s\S]*?(?:</\1\b[^<>]*>|\Z)"
    r"|<[a-z/!][^<>]*>",
    re.IGNORECASE | re.ASCII,
)
_ENTITY = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9A-Fa-f]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
_INVISIBLE = "\u200b\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufe0e\ufe0f\ufeff"
_APOSTROPHES = "\u2019\u2018\u02bc"
_ONE_FORM = {**dict.fromkeys(_INVISIBLE, ""), **dict.fromkeys(_APOSTROPHES, "'")}
_ODD = re.compile(f"[{_INVISIBLE}{_APOSTROPHES}\ud800-\udfff]")


def make_clean(recipe: TextRecipe) -> Clean:
    """The function that makes a text ready to be cut.

    Always: apostrophes in one form, without marks that are not seen, without blanks at the ends. A half of a surrogate
    pair, which JSON can hold and no encoding can, becomes the replacement character. As the recipe says: without tags,
    comments, scripts and styles, entities resolved, without the scheme of an address, without its `www.`, in small
    letters.
    """
    drops_html, drops_scheme, drops_www = (part in recipe.drop for part in ("html", "scheme", "www"))

    def clean(text: str) -> str:
        if drops_html:
            if "<" in text:
                text = _MARKUP.sub(" ", text)
            if "&" in text:
                # Only those ended by a semicolon: an address may well hold `&copy=2`.
                text = _ENTITY.sub(_resolved, text)
        if not text.isascii():
            text = _ODD.sub(_in_one_form, text)
        text = text.strip()
        if drops_scheme:
            text = without_scheme(text)
        if drops_www:
            text = without_www(text)
        return text.lower() if recipe.lowercase else text

    return clean


def _resolved(entity: re.Match[str]) -> str:
    text = entity[0]
    return html.unescape(text) if text[1] == "#" else html5.get(text[1:], text)


def _in_one_form(odd: re.Match[str]) -> str:
    return _ONE_FORM.get(odd[0], "\ufffd")
