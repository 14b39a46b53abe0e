"""A text box that tells its text after every short pause in typing, and offers words under it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import streamlit as st

from treadle.studio.text import percent

CHOICES = 5

_FOLDER = Path(__file__).parent
_HTML = f"""
<label for="text">Text</label>
<textarea id="text" spellcheck="false" aria-describedby="hint"></textarea>
<div id="hint" hidden>The words most likely to come next are offered below, new ones after every pause.</div>
<div class="about"><div class="heading" id="heading"></div><div class="notice" role="status"></div></div>
<div class="words" role="group" aria-labelledby="heading">
{'<button type="button"><b></b><small></small></button>' * CHOICES}
</div>
"""
_mount = st.components.v2.component(
    "treadle_box",
    html=_HTML,
    css=(_FOLDER / "box.css").read_text(encoding="utf-8"),
    js=(_FOLDER / "box.js").read_text(encoding="utf-8"),
)


@dataclass(frozen=True)
class Offer:
    """A word to put behind the text."""

    shown: str
    adds: str
    """What the text grows by."""
    share: float
    """The probability of the word."""


@dataclass(frozen=True)
class Choices:
    """What is offered for a text."""

    heading: str = ""
    """What the words are."""
    offers: tuple[Offer, ...] = ()
    """Up to `CHOICES` words, the likeliest first."""
    notice: str = ""
    """What to know of the text; may be empty."""


@dataclass(frozen=True)
class Paper:
    """The text in the box, and how it came there."""

    text: str = ""
    edition: int = 0
    """Counts the texts that were not typed: what was typed behind an older one is nothing to go by."""
    before: str = ""
    """What was in the box when this edition was put in its place."""

    def put(self, text: str) -> Paper:
        """Another text in the place of this one."""
        return self if text == self.text else Paper(text, self.edition + 1, self.text)


def show(paper: Paper, choices: Choices, key: str, typed: Callable[[], None]) -> None:
    """Draw the box.

    Args:
        paper: the text in it.
        choices: what is offered for this text.
        key: the box's own.
        typed: called when another text was typed, which `read` then gives.
    """
    words = [asdict(offer) | {"percent": percent(offer.share)} for offer in choices.offers]
    about = {"heading": choices.heading, "words": words, "notice": choices.notice, "placeholder": "Once upon a time"}
    _mount(key=key, data=asdict(paper) | about, on_typed_change=typed)


def read(paper: Paper, key: str) -> Paper:
    """`paper` with what was typed into the box since."""
    typed = (st.session_state.get(key) or {}).get("typed")
    if typed is None or typed["edition"] != paper.edition:
        return paper
    return Paper(typed["text"], paper.edition, paper.before)
