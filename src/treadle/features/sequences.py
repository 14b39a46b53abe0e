"""Texts for the tasks that answer at their tokens: what a network reads of a line, and what is due where."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain
from typing import Any, Literal, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from treadle.data.tokens import cut_at_blanks
from treadle.features.block import Columns
from treadle.features.text import Text
from treadle.features.vocabulary import PADDING, UNKNOWN
from treadle.recipe import Recipe

Numbers = NDArray[np.int32]
"""Tokens of a line, shape (tokens,)."""

GAP = re.compile(r"_{2,}")
"""What stands for the missing word in a text."""
NOT_DUE = -1
"""The target of a token at which nothing is foretold."""


class Line(NamedTuple):
    """A row as it is learnt from, or judged on."""

    reads: Numbers
    due: Numbers
    """For every token that is read the number of what is due there, or `NOT_DUE`."""


@dataclass(frozen=True)
class Sequences:
    """How the one text of a row is read by a task that answers at its tokens.

    Word tasks know two numbers beyond the vocabulary's: one for the mark before a line, one for the mark after it.
    """

    task: Literal["next_word", "tagging", "fill_blank"]
    running: bool = False
    """Lines go on one after the other, the mark between them."""

    @classmethod
    def of(cls, recipe: Recipe) -> Self | None:
        """What the recipe's task asks for; None where it answers once for a row."""
        if recipe.task in ("next_word", "tagging", "fill_blank"):
            return cls(recipe.task, recipe.data.running)
        return None

    def state(self) -> dict[str, Any]:
        """What `restore` needs."""
        return {"task": self.task, "running": self.running}

    @classmethod
    def restore(cls, document: dict[str, Any]) -> Self:
        """What `state` was taken of."""
        return cls(document["task"], bool(document["running"]))

    def begin(self, text: Text) -> int:
        """The number of the mark before a line."""
        return text.vocabulary.size

    def end(self, text: Text) -> int:
        """The number of the mark after a line."""
        return text.vocabulary.size + 1

    def outputs(self, text: Text) -> int:
        """Numbers of words and marks: rows of the embedding, and of the outputs of a task that answers words."""
        return text.vocabulary.size + (0 if self.task == "tagging" else 2)

    def marked(self, text: Text) -> bool:
        """Whether a line begins with its mark."""
        return self.task == "fill_blank" or (self.task == "next_word" and text.recipe.marks and not self.running)

    def read(self, text: Text, columns: Columns) -> list[Numbers]:
        """The numbers of every row's tokens, without marks."""
        lines = columns[text.columns[0]].tolist()
        if self.running:
            return [np.array(whole(text, line), np.int32) for line in lines]
        return [np.array(text.keep(whole(text, line)) or [UNKNOWN], np.int32) for line in lines]

    def lines(self, text: Text, columns: Columns) -> list[Line]:
        """Rows to learn from or to be judged on; for tagging, what is due stands elsewhere.

        Of running text there is one line: all rows, each ended by its mark. Where a longer line was cut it neither
        begins nor ends, so that no mark stands there.
        """
        if self.task == "tagging":
            return [Line(row, np.full(len(row), NOT_DUE, np.int32)) for row in self.read(text, columns)]
        if self.running:
            end = np.array([self.end(text)], np.int32)
            stream = np.concatenate([part for row in self.read(text, columns) for part in (row, end)])
            return [Line(stream[:-1], stream[1:])]
        rows = [self._between_marks(text, line) for line in columns[text.columns[0]].tolist()]
        if self.task == "fill_blank":
            return [Line(row, np.pad(row[1:-1], 1, constant_values=NOT_DUE)) for row in rows]
        return [Line(row[:-1], row[1:]) for row in rows if len(row) > 1]

    def prompts(self, text: Text, columns: Columns) -> dict[str, NDArray[Any]]:
        """The network's inputs for rows that ask for an answer.

        Returns:
            `tokens`, int32 of shape (rows, tokens of the longest), padded with 0, and `lengths`, int32 (rows,); for
            word tasks `places`, int32 (rows,): the token at which the answer is due.
        """
        if self.task == "tagging":
            return text.transform(columns)
        lines = columns[text.columns[0]].tolist()
        if self.task == "fill_blank":
            rows = [self._around_gap(text, *GAP.split(line, maxsplit=1)) for line in lines]
        else:
            rows = [self._before_end(text, line) for line in lines]
        places = np.array([place for _, place in rows], np.int32)
        return padded([row for row, _ in rows]) | {"places": places}

    def fault(self, line: str) -> str | None:
        """What keeps a row's text from being answered, to be put after it; None where nothing does."""
        if self.task != "fill_blank":
            return None
        gaps = len(GAP.findall(line))
        if gaps == 0:
            return "names no gap: write ___ where the word is missing"
        return f"has {gaps} gaps: ask for one word at a time" if gaps > 1 else None

    def _between_marks(self, text: Text, line: str) -> Numbers:
        """The tokens of a line, and the marks at those of its ends that are read."""
        numbers, most = whole(text, line) or [UNKNOWN], text.recipe.length
        if self.marked(text):
            cut, last = len(numbers) > most, text.recipe.keep == "last"
            before = [] if cut and last else [self.begin(text)]
            after = [] if cut and not last else [self.end(text)]
            return np.array([*before, *text.keep(numbers), *after], np.int32)
        return np.array(text.keep(numbers), np.int32)

    def longer(self, text: Text, lines: Iterable[str]) -> list[int]:
        """Places of the lines that have more tokens than are answered."""
        if self.task != "tagging":
            return []
        return [place for place, line in enumerate(lines) if len(cut_at_blanks(line)) > text.recipe.length]

    def _before_end(self, text: Text, line: str) -> tuple[list[int], int]:
        """The tokens of a prompt, and the last one's place; of a long prompt the end, on which the next word hangs."""
        # No line of the training texts begins with a blank.
        numbers = as_typed(text, line.lstrip())
        kept = numbers[-text.recipe.length :]
        if self.running:
            kept = kept or [self.end(text)]
        elif self.marked(text) and len(kept) == len(numbers):
            kept = [self.begin(text), *kept]
        kept = kept or [UNKNOWN]
        return kept, len(kept) - 1

    def _around_gap(self, text: Text, before: str, after: str) -> tuple[list[int], int]:
        """The tokens around a gap and its place; of a long text the nearest ones."""
        left, right = whole(text, before), whole(text, after)
        left = [self.begin(text), *left] if len(left) < text.recipe.length else left[-text.recipe.length :]
        right = [*right, self.end(text)] if len(right) < text.recipe.length else right[: text.recipe.length]
        return [*left, UNKNOWN, *right], len(left)


def whole(text: Text, line: str) -> list[int]:
    """The numbers of all tokens of a text, however long it is; none of an empty one."""
    [cut] = text.cuts({text.columns[0]: np.array([line], dtype=object)})
    return text.vocabulary.numbers(cut)


def as_typed(text: Text, line: str) -> list[int]:
    """The same; of characters the blanks at its ends too, for what is being written may well go on behind one."""
    if text.recipe.tokens != "characters":
        return whole(text, line)
    core, of = line.strip(), text.vocabulary.numbers
    before, _, after = line.partition(core) if core else (line, "", "")
    return [*of(list(before)), *whole(text, core), *of(list(after))]


def padded(rows: list[Any]) -> dict[str, NDArray[Any]]:
    """Rows of numbers as `tokens`, padded at the end, and `lengths`."""
    lengths = np.fromiter(map(len, rows), np.int32, len(rows))
    tokens = np.full((len(rows), lengths.max(initial=1)), PADDING, np.int32)
    tokens[np.arange(tokens.shape[1]) < lengths[:, None]] = np.fromiter(chain.from_iterable(rows), np.int32)
    return {"tokens": tokens, "lengths": lengths}
