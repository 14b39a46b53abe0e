"""A network that says what comes next, one step after the other: what writing asks of it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from treadle.bundle.sequences import STEPS
from treadle.errors import BundleError
from treadle.features.sequences import as_typed

if TYPE_CHECKING:
    from treadle.bundle.predictor import Predictor

State = tuple[NDArray[np.float32], ...]
"""What a network keeps of the tokens it has read: arrays of shape (directions, rows, units)."""

Cut = Literal["word", "piece", "character"]
"""What a text is cut into, and so how it is joined again: words by blanks, pieces by the mark that the first one of a
word has, characters as they are."""


class StepModel(Protocol):
    """Foretells the next token of a text, and can be taken on from where it was left."""

    @property
    def words(self) -> tuple[str, ...]:
        """The token of every number: padding and unknown first, the marks before and after a line last."""
        ...

    @property
    def begin(self) -> int:
        """The number of the mark before a line."""
        ...

    @property
    def end(self) -> int:
        """The number of the mark after a line."""
        ...

    @property
    def cut(self) -> Cut:
        """How tokens join to a text."""
        ...

    @property
    def marked(self) -> bool:
        """Whether lines are read each by itself, from one mark to the other."""
        ...

    @property
    def running(self) -> bool:
        """Whether lines are read as one text that goes on, with the mark after a line between them."""
        ...

    def start(self, rows: int = 1) -> State:
        """The state before anything is read."""
        ...

    def read(self, text: str) -> list[int]:
        """The numbers of a line's tokens, unknown ones among them; those of `marked` begin with the mark."""
        ...

    def advance(self, state: State, tokens: NDArray[np.int32]) -> tuple[NDArray[np.float32], State]:
        """What follows `tokens`, shape (rows, time) with at least one of them, read from `state` on.

        Returns:
            Log-probabilities of what follows the last token, shape (rows, outputs), and the state after it.
        """
        ...

    def write(self, numbers: Sequence[int]) -> str:
        """Tokens, no marks among them, as a person writes them. More tokens only ever add to the end of a text, and
        what one adds hangs on the one before it alone."""
        ...


class LanguageModel:
    """The network of a next_word bundle, one step after the other.

    Args:
        predictor: of the bundle.

    Raises:
        BundleError: the bundle is for another task.
    """

    def __init__(self, predictor: Predictor) -> None:
        features, session = predictor.bundle.features, predictor.sequences
        if predictor.task != "next_word" or features.text is None or features.sequence is None or session is None:
            raise BundleError(f"bundle {predictor.name!r} is for {predictor.task}: it foretells no next word")
        self._text, self._sequence, self._session = features.text, features.sequence, session
        self.begin, self.end = features.sequence.begin(features.text), features.sequence.end(features.text)
        self.words = (*predictor.words, "[BEGIN]", "[END]")
        self.cut: Cut = _CUTS[features.text.recipe.tokens]

    @property
    def marked(self) -> bool:
        """Whether lines are read each by itself, from one mark to the other."""
        return self._sequence.marked(self._text)

    @property
    def running(self) -> bool:
        """Whether lines are read as one text that goes on."""
        return self._sequence.running

    def start(self, rows: int = 1) -> State:
        """The state before anything is read."""
        return self._session.start(rows)

    def read(self, text: str) -> list[int]:
        """The numbers of a line's tokens, with the mark before it where lines are marked."""
        numbers = as_typed(self._text, text)
        return [self.begin, *numbers] if self.marked else numbers

    def advance(self, state: State, tokens: NDArray[np.int32]) -> tuple[NDArray[np.float32], State]:
        """What follows `tokens`, and the state after them: see `StepModel`."""
        rows, time = tokens.shape
        # What is read at once is bounded, whatever the length of a prompt.
        for start in range(0, time, STEPS):
            part = tokens[:, start : start + STEPS]
            lengths = np.full(rows, part.shape[1], np.int32)
            wanted = np.arange(1, rows + 1, dtype=np.int64) * part.shape[1] - 1
            outputs, state = self._session.step({"tokens": part, "lengths": lengths}, wanted, state)
        return outputs, state

    def write(self, numbers: Sequence[int]) -> str:
        """Tokens as a person writes them."""
        if self.cut == "character":
            return "".join(self.words[number] for number in numbers)
        if self.cut == "piece":
            joined = "".join(self.words[number] for number in numbers).replace(PIECE, " ").lstrip()
            return _BEFORE_CLOSING.sub("", joined)
        text = ""
        for number in numbers:
            word = self.words[number]
            text += word if not text or word in _CLOSING or text[-1] in _OPENING else f" {word}"
        return text


_CUTS: dict[str, Cut] = {"words": "word", "spaced": "word", "byte_pairs": "piece", "characters": "character"}
PIECE = "▁"
"""Begins the first piece of a word."""
_CLOSING = frozenset(".,;:!?)]}%…")
"""Signs that follow a word without a blank."""
_BEFORE_CLOSING = re.compile(r" (?=[.,;:!?)\]}%…])")
_OPENING = frozenset("([{")
