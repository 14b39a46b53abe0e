"""Texts as sequences of numbers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, islice
from typing import Any, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from treadle.data.tokens import cut_at_blanks, find_at_blanks
from treadle.errors import DataError
from treadle.features.affixes import NO_WORD, Affixes
from treadle.features.block import Columns
from treadle.features.cleaning import Clean, make_clean
from treadle.features.cutting import Cut, make_cut
from treadle.features.vocabulary import (
    FIRST,
    PACKED_UNKNOWN,
    PADDING,
    UNKNOWN_TOKEN,
    WIDTH,
    Vocabulary,
    learn_vocabulary,
    restore_vocabulary,
    unpack,
)
from treadle.text_recipe import TextRecipe

S = TypeVar("S", str, list[str], list[int], bytes)

CHARACTERS = 100
"""Characters of a text that are looked at for each token kept: one of any size costs no more than a long one."""
LONGEST = 1000
"""Characters that are looked at of what stands between blanks."""


@dataclass(frozen=True)
class Text:
    """The texts of a row, one after the other, as tokens; a text without any is one unknown token."""

    columns: tuple[str, ...]
    recipe: TextRecipe
    vocabulary: Vocabulary

    @classmethod
    def fit(cls, names: tuple[str, ...], columns: Columns, recipe: TextRecipe) -> Self:
        """From the training texts: columns of str, each of shape (rows,).

        Raises:
            DataError: the recipe leaves no token of them.
        """
        clean, cut = make_clean(recipe), make_cut(recipe)
        cuts = (_cut_whole(recipe, clean, cut, texts) for texts in _rows(columns, names))
        vocabulary = learn_vocabulary(cuts, recipe)
        if vocabulary.size == FIRST:
            named = ", ".join(map(repr, names))
            advice = "lower features.text.min_count" if recipe.min_count > 1 else "leave less out by features.text.drop"
            raise DataError(f"no token of the training texts of {named} is left to learn from: {advice}")
        return cls(names, recipe, vocabulary)

    def transform(self, columns: Columns) -> dict[str, NDArray[Any]]:
        """The tokens of every row.

        Returns:
            `tokens`, int32 of shape (rows, tokens of the longest), padded with 0 at the end, and `lengths`, int32 of
            shape (rows,), at least 1; where the recipe asks for affixes, `affixes`, int32 of shape (rows, tokens of the
            longest, slots), padded with -1, see `Affixes`.
        """
        rows = [self._packed(texts) for texts in _rows(columns, self.columns)]
        lengths = np.fromiter(map(len, rows), np.int32, len(rows)) // WIDTH
        tokens = np.full((len(rows), lengths.max(initial=1)), PADDING, np.int32)
        tokens[np.arange(tokens.shape[1]) < lengths[:, None]] = np.frombuffer(b"".join(rows), np.int32)
        inputs = {"tokens": tokens, "lengths": lengths}
        return inputs | {"affixes": self._affixes_of(columns, tokens.shape[1])} if self.recipe.affixes else inputs

    def _affixes_of(self, columns: Columns, time: int) -> NDArray[np.int32]:
        rows = [self.written(*texts) for texts in _rows(columns, self.columns)]
        counts = np.fromiter(map(len, rows), np.int32, len(rows))
        affixes = np.full((len(rows), time, self.affixes.slots), NO_WORD, np.int32)
        affixes[np.arange(time) < counts[:, None]] = self.affixes.numbers(chain.from_iterable(rows))
        return affixes

    def numbers(self, *texts: str) -> list[int]:
        """The numbers of the tokens of a row's texts: as many as the recipe's `length` at most, one at least."""
        return unpack(self._packed(texts))

    def _packed(self, texts: tuple[str, ...]) -> bytes:
        # A token comes from one piece of the cut or more, so that no more pieces than tokens are needed.
        return self.keep(self.vocabulary.packed(self.cut(*texts)), WIDTH) or PACKED_UNKNOWN

    def cuts(self, columns: Columns) -> list[list[str]]:
        """The words or characters of every row's whole text, however long it is."""
        rows = _rows(columns, self.columns)
        return [_cut_whole(self.recipe, self._clean, self._cut, texts) for texts in rows]

    def cut(self, *texts: str) -> list[str]:
        """The words or characters that are read of a row's texts; of byte pairs, the words that they make up."""
        return self._cut_cleaned(self._clean, texts)

    def written(self, *texts: str) -> list[str]:
        """The same in their own capitals."""
        return self._cut_cleaned(self._clean_as_written, texts)

    def _cut_cleaned(self, clean: Clean, texts: tuple[str, ...]) -> list[str]:
        if _stays_cut(self.recipe):
            return self.keep([clean(token[:LONGEST]) for text in texts for token in self._at_blanks(text)])
        return self.keep(self._cut(_joined([clean(self.keep(text.strip(), CHARACTERS)) for text in texts])))

    def _at_blanks(self, text: str) -> list[str]:
        """What stands between the blanks of a text, as much as is read of it."""
        if self.recipe.keep == "first":
            return [found[0] for found in islice(find_at_blanks(text), self.recipe.length)]
        tail = self.keep(text, CHARACTERS)
        tokens = cut_at_blanks(tail)
        # The first of the tail may be the end of a longer one.
        return tokens if len(tokens) > self.recipe.length or len(tail) == len(text) else cut_at_blanks(text)

    def read(self, *texts: str) -> list[str]:
        """What each of `numbers` stands for, as a person reads it."""
        known = self.vocabulary.tokens
        numbers = self.numbers(*texts)
        if known is not None and self.recipe.tokens == "byte_pairs":
            return [known[number] for number in numbers]
        return [token or UNKNOWN_TOKEN for token in self.cut(*texts)] or [UNKNOWN_TOKEN]

    def keep(self, sequence: S, times: int = 1) -> S:
        """Of a text or its tokens the end that is read, as many as the recipe's `length` times `times`."""
        most = self.recipe.length * times
        return sequence[:most] if self.recipe.keep == "first" else sequence[-most:]

    @cached_property
    def _clean(self) -> Clean:
        return make_clean(self.recipe)

    @cached_property
    def _clean_as_written(self) -> Clean:
        return make_clean(self.recipe.model_copy(update={"lowercase": False}))

    @property
    def slots(self) -> int:
        """Affixes of a token; 0 where the recipe asks for none."""
        return self.affixes.slots if self.recipe.affixes else 0

    @cached_property
    def affixes(self) -> Affixes:
        """What beginnings, endings and shapes of words become where the recipe asks for them."""
        return Affixes(self.recipe.affixes, self.recipe.affix_buckets)

    @cached_property
    def _cut(self) -> Cut:
        return make_cut(self.recipe)

    def state(self) -> dict[str, Any]:
        """What `restore` needs, beside the vocabulary's document."""
        # A recipe refuses what it would not use.
        idle = {"min_count"} if self.recipe.hashing else {"hashing"} if self.recipe.tokens != "words" else set()
        if not self.recipe.affixes:
            idle.add("affix_buckets")
        return {"columns": self.columns, "recipe": self.recipe.model_dump(mode="json", exclude=idle)}

    @classmethod
    def restore(cls, document: dict[str, Any], tokenizer: str | None) -> Self:
        """The features that `state` was taken of.

        Raises:
            BundleError: the vocabulary is missing or not one of Treadle's.
        """
        recipe = TextRecipe.model_validate(document["recipe"])
        return cls(tuple(document["columns"]), recipe, restore_vocabulary(tokenizer, recipe))


def _rows(columns: Columns, names: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """The texts of every row."""
    return zip(*(columns[name].tolist() for name in names), strict=True)


def _stays_cut(recipe: TextRecipe) -> bool:
    """Whether what stands between blanks is cut before it is cleaned: each is one token then, even where nothing of it
    is left, so that every tag has its own."""
    return recipe.tokens == "spaced" and not recipe.drop


def _cut_whole(recipe: TextRecipe, clean: Clean, cut: Cut, texts: tuple[str, ...]) -> list[str]:
    """All tokens of a row's texts, cleaned."""
    if _stays_cut(recipe):
        return [clean(token[:LONGEST]) for text in texts for token in cut_at_blanks(text)]
    return cut(_joined(map(clean, texts)))


def _joined(cleaned: Iterable[str]) -> str:
    """Texts of a row as one; they are cleaned each by itself, since an address has its scheme in front."""
    return "\n".join(filter(None, cleaned))
