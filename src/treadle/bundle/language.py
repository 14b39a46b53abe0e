"""A network that says what comes next, one step after the other: what writing asks of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

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
