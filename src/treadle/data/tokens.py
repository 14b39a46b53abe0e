"""Texts that come cut into tokens: what a token is, and how tokens stand in one cell of a table."""

from __future__ import annotations

import re
from collections.abc import Iterable

NO_BREAK = "\u00a0"
"""Stands for a blank inside a token."""
BETWEEN_BLANKS = rf"\S+(?:{NO_BREAK}+\S+)*"
"""What stands between blanks; no-break spaces between its parts belong to it."""
MOST_TOKENS = 2**16
"""Tokens of a sentence; more are many sentences without the blank lines between them."""

cut_at_blanks = re.compile(BETWEEN_BLANKS).findall
"""The tokens of a text, from left to right."""
find_at_blanks = re.compile(BETWEEN_BLANKS).finditer
"""The same, each as it is asked for."""


def as_token(form: str) -> str:
    """A word form as one token, no-break spaces for the blanks inside it; empty where there are only blanks."""
    return NO_BREAK.join(form.split())


def as_cell(tokens: Iterable[str]) -> str:
    """The tokens of a sentence, or its tags, as one text."""
    return " ".join(tokens)
