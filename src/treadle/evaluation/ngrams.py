"""Texts as the runs of tokens that they hold."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, repeat
from typing import Any

import numpy as np
from numpy.typing import NDArray

Counts = Any
"""A SciPy sparse array of shape (texts, runs), float64: how often each text holds each run."""
Numbers = NDArray[np.int64]


@dataclass(frozen=True)
class Runs:
    """The runs of up to so many tokens that training texts hold."""

    tokens: dict[str, int]
    keys: tuple[Numbers, ...]
    """For each length of run, the keys of those that are known, rising. The key of a run is that of its last token
    within all runs that begin with the known run before it."""

    @classmethod
    def learn(cls, texts: list[list[str]], longest: int, least: int = 1) -> Runs:
        """From the training texts' tokens; runs that stand in fewer than `least` texts are not known."""
        tokens = {token: number for number, token in enumerate(dict.fromkeys(chain.from_iterable(texts)))}
        runs = cls(tokens, ())
        for _ in range(longest):
            # All runs of the next length count as known while they are counted.
            *_, (text, key) = runs._found(texts, extra=True)
            held = np.unique(key * len(texts) + text) // len(texts)
            known, counts = np.unique(held, return_counts=True)
            runs = cls(tokens, (*runs.keys, known[counts >= least]))
        return runs

    @property
    def count(self) -> int:
        """Known runs of all lengths."""
        return sum(map(len, self.keys))

    def counts(self, texts: list[list[str]]) -> Counts:
        """How often each text holds each known run, the shorter runs first."""
        from scipy import sparse

        rows, columns, before = [], [], 0
        for (text, place), keys in zip(self._found(texts), self.keys, strict=True):
            rows.append(text)
            columns.append(place + before)
            before += len(keys)
        # scikit-learn's solvers take indices of 32 bits.
        row, column = (np.concatenate(parts).astype(np.int32) for parts in (rows, columns))
        matrix = sparse.coo_array((np.ones(len(row)), (row, column)), shape=(len(texts), self.count)).tocsr()
        matrix.sum_duplicates()
        return matrix

    def _found(self, texts: list[list[str]], *, extra: bool = False) -> Iterator[tuple[Numbers, Numbers]]:
        """For each length of run, the text and the place of each known run that stands in a text; at last, if `extra`,
        the text and the key of each run that is longer by one and begins with a known one."""
        lengths = np.fromiter(map(len, texts), np.int64, len(texts))
        text = np.repeat(np.arange(len(texts)), lengths)
        token = np.fromiter(map(self.tokens.get, chain.from_iterable(texts), repeat(-1)), np.int64, len(text))
        left = np.repeat(np.cumsum(lengths), lengths) - np.arange(len(text))  # tokens from here to the text's end
        start, key = np.flatnonzero(token >= 0), token[token >= 0]
        for length, known in enumerate(self.keys, start=1):
            place = np.searchsorted(known, key)
            there = np.take(known, place, mode="clip") == key if len(known) else np.zeros(len(key), np.bool_)
            start, place = start[there], place[there]
            yield text[start], place
            fits = left[start] > length
            start, place = start[fits], place[fits]
            following = token[start + length]
            start, place, following = start[following >= 0], place[following >= 0], following[following >= 0]
            key = place * len(self.tokens) + following
        if extra:
            yield text[start], key
