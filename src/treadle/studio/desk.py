"""A writing desk: a text, the words most likely to come next, and a network that writes on."""

from __future__ import annotations

import html
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from treadle.bundle.generation import BLOCK, LINE_END, Continuation, Stopped, Word, open_language, text_of
from treadle.bundle.language import StepModel
from treadle.bundle.predictor import Predictor
from treadle.bundle.sampling import Sampling
from treadle.errors import TreadleError
from treadle.features.cutting import WORD
from treadle.features.vocabulary import UNKNOWN
from treadle.studio import box, charts
from treadle.studio.box import Choices, Offer, Paper
from treadle.studio.text import capital, percent, plain, plain_lines

HEIGHT = 200
PER_LINE = 5
NARROWEST = 150
"""Pixels that a control needs."""
WORDS, MOST_WORDS = 40, 1000
LARGEST_SEED = 2**32 - 1
SHOWN_EVERY_S = 0.04
"""Seconds between two looks at a text that is being written: a page has no use for more."""
UNSETTLED = 16
"""Tokens at the end of a text that typing may change."""

_LAST = re.compile(rf"(?:{WORD})\Z")
_UNITS = {"word": "Words", "piece": "Pieces of words", "character": "Characters"}
_ENDED: dict[Stopped, str] = {
    "length": "It stopped after as many as were asked for.",
    "line": "It stopped where the line ends.",
    "stop": "",
}
_PAGE = (
    "white-space:pre-wrap;overflow-wrap:anywhere;line-height:1.7;padding:.7rem .9rem;border-radius:.5rem;"
    "border:1px solid color-mix(in srgb,currentColor 18%,transparent);unicode-bidi:plaintext;flex:1 0 auto"
)
_WINDOW = f'<div style="display:flex;flex-direction:column-reverse;height:{HEIGHT}px;overflow-y:auto">{{}}</div>'
"""The end of a page that grows: what stands below it has to stay in its place."""


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


@dataclass
class Reading:
    """What a network remembers of a text's beginning, so that a text that goes on from there costs only its new end.

    What is cut into tokens is the whole text every time, which is quick: a word that is typed on may be another token.
    """

    numbers: list[int] = field(default_factory=list)
    """The tokens of the beginning."""
    read: Continuation | None = None
    """As it was once it had read them."""

    def after(self, model: StepModel, text: str) -> Continuation:
        """What goes on after `text`."""
        continuation = Continuation(model)
        continuation.feed(text)
        numbers = continuation.unread
        known = len(self.numbers)
        if self.read is not None and numbers[:known] == self.numbers:
            continuation.resume(self.read, known)
        else:
            known = 0
        settled = max(known, len(numbers) - UNSETTLED)
        for place in range(known, settled, BLOCK):
            continuation.read_on(min(BLOCK, settled - place))
        self.numbers, self.read = numbers[:settled], continuation.fork()
        return continuation


@dataclass(frozen=True)
class _Keys:
    """Where in the session things stay."""

    key: str

    @property
    def box(self) -> str:
        """What the text box says."""
        return f"{self.key}/desk/box"

    @property
    def paper(self) -> str:
        """The text."""
        return f"{self.key}/desk/paper"

    @property
    def begun(self) -> str:
        """A text as far as it was written, until all of it is."""
        return f"{self.key}/desk/begun"

    @property
    def written(self) -> str:
        """What was written last."""
        return f"{self.key}/desk/written"

    @property
    def reading(self) -> str:
        """What was read of the text."""
        return f"{self.key}/desk/reading"


def show(predictor: Predictor, key: str) -> None:
    """Draw the desk; all else on the page should stand already, for a text may take its time.

    Args:
        predictor: of a bundle that foretells the next word.
        key: tells the desk of one bundle from that of another.
    """
    model, keys = open_language(predictor), _Keys(key)
    if keys.begun in st.session_state:
        # A person stopped it.
        _put(st.session_state.pop(keys.begun), keys)
    _forget(keys)
    page, room = st.empty(), st.container()
    sampling = _ask(model, keys)
    with st.container(horizontal=True, key="actions"):
        write = st.button("Write on", type="primary", icon=":material/edit:", key=f"{keys.key}/desk/write")
        st.button("Clear", on_click=_clear, args=(keys,), key=f"{keys.key}/desk/clear")
    try:
        if write:
            room = room.empty()
            _write(model, sampling, keys, page)
        with room.container():
            _show_text(model, keys)
    except TreadleError as error:
        st.error(plain_lines(error), icon=":material/error:")
        return
    if keys.written in st.session_state:
        _show_written(st.session_state[keys.written], keys)


def _paper(keys: _Keys) -> Paper:
    """The text as it is in the box by now."""
    return box.read(st.session_state.get(keys.paper, Paper()), keys.box)


def _typed(keys: _Keys) -> None:
    """Keep what was typed: what a box says is gone while it is not shown."""
    st.session_state[keys.paper] = _paper(keys)


def _put(text: str, keys: _Keys) -> None:
    """Let the text be another."""
    st.session_state[keys.paper] = _paper(keys).put(text)


def _clear(keys: _Keys) -> None:
    """Let there be no text."""
    st.session_state.pop(keys.begun, None)
    _put("", keys)


def _take_back(written: Written, keys: _Keys) -> None:
    """Undo what was written, unless the text is another by now."""
    if _paper(keys).text == written.text:
        _put(written.before, keys)


def _forget(keys: _Keys) -> bool:
    """Forget what was written last once the text is another; whether it was forgotten now."""
    written: Written | None = st.session_state.get(keys.written)
    if written is None or written.text == _paper(keys).text:
        return False
    del st.session_state[keys.written]
    return True


@st.fragment
def _show_text(model: StepModel, keys: _Keys) -> None:
    """The text and what may come next: all that is drawn again as a person types."""
    paper = _paper(keys)
    try:
        choices = look(model, paper.text, _reading(keys))
    except TreadleError as error:
        choices = Choices()
        st.error(plain_lines(error), icon=":material/error:")
    box.show(paper, choices, keys.box, partial(_typed, keys))
    if _forget(keys):
        # What was written is shown outside of the fragment.
        st.rerun()


def _reading(keys: _Keys) -> Reading:
    reading: Reading = st.session_state.setdefault(keys.reading, Reading())
    return reading


def look(model: StepModel, text: str, reading: Reading | None = None) -> Choices:
    """The words likeliest to come next; in the middle of a word those that it may become.

    Args:
        model: what foretells.
        text: what was typed.
        reading: what was read of it before, to be gone on with.

    Raises:
        GenerationError: the network gives no numbers.
    """
    begun, reading = _unfinished(model, text), reading or Reading()
    after = reading.after(model, text.removesuffix(begun))
    words = after.likeliest(box.CHOICES, begun) or after.likeliest(box.CHOICES, begun.lower())
    if begun and not words:
        begun, after = "", reading.after(model, text)
        words = after.likeliest(box.CHOICES)
    offers = [Offer(_spoken(word), word.word[len(begun) :] if begun else word.text, word.probability) for word in words]
    notice = " ".join(f"{capital(each)}." for each in after.notices)
    return Choices(f"Most likely beginning with “{begun}”" if begun else "Most likely next", tuple(offers), notice)


def _unfinished(model: StepModel, text: str) -> str:
    """The end of a text that may become a word, as it is none by itself."""
    last = _LAST.search(text) if model.cut == "word" else None
    return last[0] if last is not None and UNKNOWN in model.read(last[0]) else ""


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


def _write(model: StepModel, sampling: Sampling, keys: _Keys, place: DeltaGenerator) -> None:
    """Write on where the text stands, and keep what was written.

    Raises:
        TreadleError: the network gives no numbers.
    """
    before = _paper(keys).text
    seeded = sampling.seeded()
    continuation = _reading(keys).after(model, before)
    with place.container():
        page = st.empty()
        # Any click ends this run; the one that follows finds what was begun.
        st.button("Stop", icon=":material/stop:", key=f"{keys.key}/desk/stop")
    words: list[Word] = []
    begun, looked = before, 0.0
    for word in continuation.write(seeded):
        words.append(word)
        begun += word.text
        st.session_state[keys.begun] = begun
        if time.monotonic() - looked > SHOWN_EVERY_S:
            page.html(_WINDOW.format(_page(before, words)))
            looked = time.monotonic()
    place.empty()
    del st.session_state[keys.begun]
    _put(begun, keys)
    st.session_state[keys.written] = Written(before, tuple(words), seeded.seed, continuation.stopped)


def _show_written(written: Written, keys: _Keys) -> None:
    """The words that were written, coloured by their probability, and the way back."""
    st.html(_page(written.before, written.words))
    again = "" if written.seed is None else f" Seed {written.seed} writes it again."
    legend = "The darker a word, the likelier it was."
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(plain(f"{legend} {_ENDED[written.stopped]}{again}"), width="stretch")
        st.button("Take back", on_click=_take_back, args=(written, keys), key=f"{keys.key}/desk/back")


def _page(before: str, words: Sequence[Word]) -> str:
    """HTML of a text whose last words were written; all of it may come from anyone."""
    spans = "".join(_span(word) for word in words)
    return f'<div style="{_PAGE}" dir="auto">{html.escape(before)}{spans}</div>'


def _span(word: Word) -> str:
    share = round(10 + 55 * word.probability**0.5)
    colour = f"color-mix(in srgb,{charts.DOWN} {share}%,transparent)"
    blank = word.text[: len(word.text) - len(word.text.lstrip())]
    shown = word.text[len(blank) :]
    if not shown:
        return blank
    style = f"background:{colour};border-radius:.15em;padding:.1em 0"
    return f'{blank}<span style="{style}" title="{percent(word.probability)}">{html.escape(shown)}</span>'
