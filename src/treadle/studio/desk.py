"""A writing desk: a text, the words most likely to come next, and a network that writes on."""

from __future__ import annotations

import html
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from treadle.bundle.generation import LINE_END, Continuation, Stopped, Word, open_language, text_of
from treadle.bundle.language import StepModel
from treadle.bundle.predictor import Predictor
from treadle.bundle.sampling import Sampling
from treadle.errors import TreadleError
from treadle.studio import charts
from treadle.studio.text import capital, percent, plain, plain_lines

CHOICES = 5
HEIGHT = 200
PER_LINE = 5
NARROWEST = 150
"""Pixels that a control needs."""
WORDS, MOST_WORDS = 40, 1000
LARGEST_SEED = 2**32 - 1
SHOWN_EVERY_S = 0.04
"""Seconds between two looks at a text that is being written: a page has no use for more."""

_UNITS = {"word": "Words", "piece": "Pieces of words", "character": "Characters"}
_ENDED: dict[Stopped, str] = {
    "length": "It stopped after as many as were asked for.",
    "line": "It stopped where the line ends.",
    "stop": "",
}
_PAGE = (
    "white-space:pre-wrap;overflow-wrap:anywhere;line-height:1.7;padding:.7rem .9rem;border-radius:.5rem;"
    "border:1px solid color-mix(in srgb,currentColor 18%,transparent);unicode-bidi:plaintext"
)


@dataclass(frozen=True)
class Written:
    """What was written last."""

    before: str
    """The text that it was written after."""
    words: tuple[Word, ...]
    seed: int | None
    stopped: Stopped

    @property
    def text(self) -> str:
        """The whole text."""
        return self.before + text_of(self.words)


@dataclass(frozen=True)
class _Keys:
    """Where in the session things stay."""

    key: str

    @property
    def text(self) -> str:
        """The text area."""
        return f"{self.key}/desk/text"

    @property
    def begun(self) -> str:
        """A text as far as it was written, until all of it is."""
        return f"{self.key}/desk/begun"

    @property
    def written(self) -> str:
        """What was written last."""
        return f"{self.key}/desk/written"


def show(predictor: Predictor, key: str) -> None:
    """Draw the desk; all else on the page should stand already, for a text may take its time.

    Args:
        predictor: of a bundle that foretells the next word.
        key: tells the desk of one bundle from that of another.
    """
    model, keys = open_language(predictor), _Keys(key)
    if keys.begun in st.session_state:
        # A person stopped it.
        st.session_state[keys.text] = st.session_state.pop(keys.begun)
    paper, choices = st.container(), st.container(key="choices")
    sampling = _ask(model, keys)
    try:
        with st.container(horizontal=True, key="actions"):
            if st.button("Write on", type="primary", icon=":material/edit:", key=f"{keys.key}/desk/write"):
                _write(model, sampling, keys, paper)
            st.button("Clear", on_click=_clear, args=(keys,), key=f"{keys.key}/desk/clear")
        with paper:
            text: str = st.text_area("Text", key=keys.text, height=HEIGHT, placeholder="Once upon a time", help=_HELP)
        with choices:
            _show_choices(model, text, keys)
    except TreadleError as error:
        st.error(plain_lines(error), icon=":material/error:")
        return
    written: Written | None = st.session_state.get(keys.written)
    if written is not None and written.text == text:
        _show_written(written, keys)


_HELP = "Click beside it, or press Ctrl and Enter, to see the words that are likely to come after this text."


def _clear(keys: _Keys) -> None:
    """Let there be no text."""
    st.session_state.pop(keys.begun, None)
    st.session_state[keys.text] = ""


def _add(model: StepModel, number: int, keys: _Keys) -> None:
    """Put a word behind the text, which may have grown since the word was offered."""
    text: str = st.session_state.pop(keys.begun, st.session_state[keys.text])
    continuation = Continuation(model)
    continuation.feed(text)
    st.session_state[keys.text] = text + continuation.append(number)


def _take_back(written: Written, keys: _Keys) -> None:
    """Undo what was written, unless the text is another by now."""
    if st.session_state[keys.text] == written.text:
        st.session_state[keys.text] = written.before


def _show_choices(model: StepModel, text: str, keys: _Keys) -> None:
    """A button for each of the likeliest next words, which puts it behind the text."""
    continuation = Continuation(model)
    continuation.feed(text)
    words = continuation.likeliest(CHOICES)
    for notice in continuation.notices:
        st.caption(plain(capital(notice)) + ".")
    st.caption("Most likely next")
    with st.container(horizontal=True):
        for word in words:
            st.button(
                f"{plain(_spoken(word))} :gray[{plain(percent(word.probability))}]",
                key=f"{keys.key}/desk/{word.number}",
                on_click=_add,
                args=(model, word.number, keys),
            )


def _spoken(word: Word) -> str:
    """A word as a person reads it, also where it cannot be seen."""
    if word.word == LINE_END:
        return "end of line"
    return word.text.strip() or "blank"


def _ask(model: StepModel, keys: _Keys) -> Sampling:
    """Draw the controls, and what they say."""
    key = f"{keys.key}/desk"
    with st.grid(PER_LINE, min_column_width=NARROWEST, vertical_alignment="bottom"):
        temperature: float = st.slider("Temperature", 0.0, 2.0, 1.0, 0.05, key=f"{key}/temperature", help=_TEMPERATURE)
        draws = temperature > 0
        top_p: float = st.slider("Top-p", 0.05, 1.0, 1.0, 0.05, key=f"{key}/top_p", disabled=not draws, help=_TOP_P)
        length: int = st.number_input(
            _UNITS[model.cut], 1, MOST_WORDS, WORDS, key=f"{key}/length", help="At most so many are written at once."
        )
        lines = _ask_lines(model, f"{key}/lines")
        seed: int | None = st.number_input(
            "Seed",
            min_value=0,
            max_value=LARGEST_SEED,
            value=None,
            key=f"{key}/seed",
            placeholder="any",
            disabled=not draws,
            help="The same seed writes the same words after the same text.",
        )
    drawn: dict[str, Any] = {"temperature": temperature} | ({"top_p": top_p, "seed": seed} if draws else {})
    return Sampling(length=length, lines=lines, **drawn)


_TEMPERATURE = (
    "Below 1 likely words are drawn more often than the network says, above 1 rare ones are. 0 draws nothing and takes "
    "the likeliest word each time."
)
_TOP_P = "Words are drawn among the likeliest ones only, as many as have this probability together."


def _ask_lines(model: StepModel, key: str) -> int | None:
    if not model.marked and not model.running:
        return None
    lines: int | None = st.number_input(
        "Lines",
        min_value=1,
        value=None,
        key=key,
        placeholder="one" if model.marked else "any",
        help="It stops at the end of so many lines.",
    )
    return lines


def _write(model: StepModel, sampling: Sampling, keys: _Keys, paper: DeltaGenerator) -> None:
    """Write on where the text stands, and keep what was written.

    Raises:
        TreadleError: the network gives no numbers.
    """
    before: str = st.session_state.get(keys.text, "")
    seeded = sampling.seeded()
    continuation = Continuation(model)
    continuation.feed(before)
    page, halt = paper.empty(), st.empty()
    # Any click ends this run; the one that follows finds what was begun.
    halt.button("Stop", icon=":material/stop:", key=f"{keys.key}/desk/stop")
    words: list[Word] = []
    begun, looked = before, 0.0
    for word in continuation.write(seeded):
        words.append(word)
        begun += word.text
        st.session_state[keys.begun] = begun
        if time.monotonic() - looked > SHOWN_EVERY_S:
            page.html(_page(before, words, least=HEIGHT))
            looked = time.monotonic()
    halt.empty()
    page.empty()
    del st.session_state[keys.begun]
    st.session_state[keys.text] = begun
    st.session_state[keys.written] = Written(before, tuple(words), seeded.seed, continuation.stopped)


def _show_written(written: Written, keys: _Keys) -> None:
    """The words that were written, coloured by their probability, and the way back."""
    st.html(_page(written.before, written.words))
    again = "" if written.seed is None else f" Seed {written.seed} writes it again."
    legend = "The darker a word, the likelier it was."
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(plain(f"{legend} {_ENDED[written.stopped]}{again}"), width="stretch")
        st.button("Take back", on_click=_take_back, args=(written, keys), key=f"{keys.key}/desk/back")


def _page(before: str, words: Sequence[Word], least: int = 0) -> str:
    """HTML of a text whose last words were written, of `least` pixels; all of it may come from anyone."""
    spans = "".join(_span(word) for word in words)
    return f'<div style="{_PAGE};min-height:{least}px" dir="auto">{html.escape(before)}{spans}</div>'


def _span(word: Word) -> str:
    share = round(10 + 55 * word.probability**0.5)
    colour = f"color-mix(in srgb,{charts.DOWN} {share}%,transparent)"
    blank = word.text[: len(word.text) - len(word.text.lstrip())]
    shown = word.text[len(blank) :]
    if not shown:
        return blank
    style = f"background:{colour};border-radius:.15em;padding:.1em 0"
    return f'{blank}<span style="{style}" title="{percent(word.probability)}">{html.escape(shown)}</span>'
