"""What words mean to a network: which others lie near them in its embedding."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from treadle.errors import ContractError
from treadle.features.vocabulary import FIRST, UNKNOWN
from treadle.inspection.opened import Opened

COUNT = 8
SUGGESTIONS = 3
SIMILAR = 0.75
"""How much of its letters a near miss shares with the word (Ratcliff and Obershelp's measure)."""


@dataclass(frozen=True)
class Neighbours:
    """A word and the words nearest to it."""

    word: str
    """As the bundle reads it, in small letters for example."""
    known: bool
    """Whether it is in the vocabulary."""
    near: tuple[tuple[str, float], ...]
    """Words with the cosine of the angle between the two vectors, the nearest first; empty for an unknown word."""
    suggestions: tuple[str, ...]
    """For an unknown word, known ones that are written much like it."""


def neighbours(opened: Opened, words: Iterable[str], *, count: int = COUNT) -> tuple[Neighbours, ...]:
    """The nearest neighbours of words in the embedding, by cosine similarity.

    Words are read as texts are, so that one that falls into several tokens gives as many answers.

    Args:
        opened: a bundle that reads text.
        words: to look up.
        count: neighbours of each.

    Raises:
        ContractError: the bundle hashes its words, so that there is no way back from vectors to words.
    """
    known = opened.text.vocabulary.tokens
    if known is None:
        raise ContractError(
            f"bundle {opened.name!r} hashes its words (features.text.hashing): no word can be told from its vector"
        )
    # With runs of several tokens, the tokens themselves stand first.
    vectors = np.asarray(opened.encoder.embedding.weight)[: len(known)]
    tokens = dict.fromkeys(
        (token, number)
        for word in words
        for token, number in zip(opened.text.read(word), opened.text.numbers(word), strict=True)
    )
    return tuple(
        Neighbours(token, False, (), tuple(difflib.get_close_matches(token, known[FIRST:], SUGGESTIONS, SIMILAR)))
        if number == UNKNOWN
        else Neighbours(token, True, _nearest(vectors, number, known, count), ())
        for token, number in tokens
    )


def _nearest(
    vectors: NDArray[np.float32], number: int, known: tuple[str, ...], count: int
) -> tuple[tuple[str, float], ...]:
    lengths = np.linalg.norm(vectors, axis=1)
    cosines = vectors @ vectors[number] / np.maximum(lengths * lengths[number], np.finfo(np.float32).tiny)
    cosines[:FIRST] = cosines[number] = -np.inf
    nearest = np.argsort(-cosines, kind="stable")[: min(count, len(known) - FIRST - 1)]
    return tuple((known[other], float(cosines[other])) for other in nearest)
