"""Text for people: what a table brought along made harmless to Markdown, and numbers as one writes them."""

from __future__ import annotations

import math
import re

PUNCTUATION = re.compile(r"([!-/:-@\[-`{-~])")
SPACE = re.compile(r"\s+")
JOINS = re.compile(r"(?<=:)(?=//)|(?<=www)(?=\.)|(?<=@)|(?<=[-<>~])(?=[-=>])", re.IGNORECASE)
"""Inside addresses and arrows, which Streamlit turns into links and signs even after a backslash."""
WORD_JOINER = "\u2060"


def plain(text: object) -> str:
    """`text` on one line such that Markdown shows it letter by letter: no link, image, colour or formula.

    Column names and categories come from somebody's table, and labels of Streamlit are Markdown
    (CommonMark 0.31, section 2.4: a backslash before ASCII punctuation takes away its meaning). A word joiner, which
    has no width, parts what would be an address.
    """
    joined = JOINS.sub(WORD_JOINER, SPACE.sub(" ", str(text)).strip())
    return PUNCTUATION.sub(r"\\\1", joined)


def plain_lines(text: object) -> str:
    """The lines of a message under one another, each of them plain."""
    return "  \n".join(plain(line) for line in str(text).splitlines())


def capital(sentence: str) -> str:
    """`sentence` with its first letter as a sentence has it, and the rest as it is."""
    return sentence[:1].upper() + sentence[1:]


def number(value: float) -> str:
    """A number with its thousands apart and about six significant digits: 60,000; 0.0312; 101,348.9."""
    if not math.isfinite(value):
        return "unknown"
    if value == round(value) and abs(value) < 1e15:
        return f"{int(value):,}"
    if not 1e-4 <= abs(value) < 1e15:
        return f"{value:.4g}"
    decimals = 5 - math.floor(math.log10(abs(value)))
    text = f"{value:,.{max(decimals, 0)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def percent(share: float) -> str:
    """A share of one: 3.1 %. Never rounded to a certainty that the network did not express."""
    if share >= 0.9995:
        return "above 99.9 %"
    return f"{share * 100:.1f} %" if share >= 0.0005 else "below 0.1 %"
