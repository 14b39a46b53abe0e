"""The beginnings, the endings and the shape of words, by a hash: what says most of a word never seen."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from treadle.features.vocabulary import remember

NO_WORD = -1
"""Stands where there is no word, as in padding."""

_RUN = re.compile(r"(.)\1{4,}", re.DOTALL)
"""Five and more of one sign: four stand for them, so that long words share their shapes."""


@dataclass(frozen=True)
class Affixes:
    """Numbers for the first and the last letters of words and for their shapes; different ones may share a number.

    Source: Ratnaparkhi 1996, A Maximum Entropy Model for Part-Of-Speech Tagging, table 1 (prefixes, suffixes); Collins
    2002, Ranking Algorithms for Named-Entity Extraction (the shape).
    """

    longest: int
    """Letters of the longest beginning and of the longest ending."""
    buckets: int
    """Numbers there are."""

    @property
    def slots(self) -> int:
        """Numbers of a word: its beginnings of 1 to `longest` letters, its endings, and its shape."""
        return 2 * self.longest + 1

    def numbers(self, words: Iterable[str]) -> NDArray[np.int32]:
        """The numbers of words in their own capitals, shape (words, slots), each in [0, buckets).

        What is as long as the word or longer is the whole word, marked as such.
        """
        found = b"".join(map(self._remembered.__getitem__, words))
        return np.frombuffer(found, np.int32).reshape(-1, self.slots)

    @cached_property
    def _remembered(self) -> _Remembered:
        return _Remembered(self)

    def parts(self, word: str) -> list[str]:
        """What stands in every slot of a word, told apart by signs that no word holds: it has no blanks in it."""
        letters = word.lower()
        ends = range(1, self.longest + 1)
        whole = [" " if size >= len(letters) else "" for size in ends]
        first = [f"<{size} {letters[:size]}{mark}" for size, mark in zip(ends, whole, strict=True)]
        last = [f">{size} {letters[-size:]}{mark}" for size, mark in zip(ends, whole, strict=True)]
        return [*first, *last, f"= {shape(word)}"]


class _Remembered(dict[str, bytes]):
    """The numbers of every word, as the bytes of int32."""

    def __init__(self, affixes: Affixes) -> None:
        super().__init__()
        self._affixes = affixes

    def __missing__(self, word: str) -> bytes:
        # Python's own hash differs from process to process.
        hashes = [crc32(part.encode("utf-8")) % self._affixes.buckets for part in self._affixes.parts(word)]
        found = np.array(hashes, np.int32).tobytes()
        remember(self, word, found)
        return found


def shape(word: str) -> str:
    """A word with X for capitals, x for small letters, o for letters without case, d for digits, and its other signs.

    Four stand for a longer run of one sign: `U.S.` is X.X., `Treadle` is Xxxxx and `1,234,567` is d,ddd,ddd.
    """
    return _RUN.sub(r"\1\1\1\1", "".join(map(_kind, word)))


def _kind(letter: str) -> str:
    if letter.isupper():
        return "X"
    if letter.islower():
        return "x"
    if letter.isdigit():
        return "d"
    return "o" if letter.isalpha() else letter
