"""From the network's scores to tags: the best sequence for every sentence, and how probable its tags are.

Without a `Chain`, every token is answered by itself. With one, the tags of a sentence are chosen together, by what a
linear-chain conditional random field has learnt of neighbours (Lafferty et al. 2001, Conditional Random Fields).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Tags = NDArray[np.int64]
Lengths = NDArray[np.integer[Any]]

NO_TAG = -1
"""Stands behind a sentence's last tag."""

_AT_ONCE = 2**17
"""Scores of pairs of tags to look at in one step, rows times tags times tags: they stay in the processor's cache."""


@dataclass(frozen=True)
class Chain:
    """Learnt scores of neighbouring tags, of float64."""

    transitions: Floats
    """Of the tag of a column after that of a row, shape (tags, tags)."""
    first: Floats
    """Of a sentence's first tag, shape (tags,)."""
    last: Floats
    """Of its last one, shape (tags,)."""


def best_tags(scores: NDArray[np.floating[Any]], lengths: Lengths, chain: Chain | None = None) -> Tags:
    """The tags of the highest score.

    Source: Viterbi 1967, Error Bounds for Convolutional Codes; Lafferty et al. 2001, section 3.

    Args:
        scores: of every tag at every token, shape (rows, time, tags); log-probabilities are scores.
        lengths: tokens of every sentence, shape (rows,); what stands behind them plays no part.
        chain: what neighbours say of each other.

    Returns:
        Indices of tags, shape (rows, time), `NO_TAG` behind a sentence's end.
    """
    if chain is None:
        best = np.asarray(np.argmax(scores, axis=2), np.int64)
        return np.where(np.arange(best.shape[1]) < lengths[:, None], best, NO_TAG)
    found = np.full(scores.shape[:2], NO_TAG, np.int64)
    for rows, present in _blocks(lengths, scores.shape[2]):
        best = _viterbi(_of(scores, rows, present), lengths[rows], chain)
        found[rows, : present.shape[1]] = np.where(present, best, NO_TAG)
    return found


def probabilities(scores: NDArray[np.floating[Any]], lengths: Lengths, chain: Chain | None = None) -> Floats:
    """Of every tag at every token, whatever the others are, shape (rows, time, tags); zero behind a sentence's end.

    Source: Rabiner 1989, A Tutorial on Hidden Markov Models, section III.A (the forward-backward procedure), with the
    scores of a field in place of probabilities, and in logarithms.

    Args:
        scores, lengths, chain: see `best_tags`.
    """
    found = np.zeros(scores.shape, np.float64)
    for rows, present in _blocks(lengths, scores.shape[2]):
        logs = _of(scores, rows, present)
        if chain is not None:
            logs = _through(logs, lengths[rows], chain)
        shares = np.exp(logs - logs.max(axis=2, keepdims=True))
        shares /= shares.sum(axis=2, keepdims=True)
        found[rows, : present.shape[1]] = np.where(present[:, :, None], shares, 0.0)
    return found


def _blocks(lengths: Lengths, tags: int) -> Iterator[tuple[NDArray[np.int64], NDArray[np.bool_]]]:
    """Rows of about one length, a few at a time, with which of their tokens are there; none of length 0."""
    order = np.argsort(lengths, kind="stable")
    order = order[lengths[order] > 0]
    size = max(1, _AT_ONCE // tags**2)
    for start in range(0, len(order), size):
        rows = order[start : start + size]
        yield rows, np.arange(lengths[rows[-1]]) < lengths[rows][:, None]


def _of(scores: NDArray[np.floating[Any]], rows: NDArray[np.int64], present: NDArray[np.bool_]) -> Floats:
    """Scores of rows, zero where nothing is present."""
    cut = scores[rows, : present.shape[1]].astype(np.float64)
    return np.where(present[:, :, None], cut, 0.0)


def _viterbi(scores: Floats, lengths: Lengths, chain: Chain) -> Tags:
    """The best tags, shape (rows, time); those behind a sentence's end mean nothing."""
    rows, time, tags = scores.shape
    before = np.zeros((time, rows, tags), np.int64)
    backwards = np.ascontiguousarray(chain.transitions.T)

    def step(best: Floats, at: int) -> Floats:
        pairs = best[:, None, :] + backwards
        before[at] = pairs.argmax(axis=2)
        return np.asarray(np.take_along_axis(pairs, before[at][:, :, None], axis=2)[:, :, 0])

    ended = (_forward(scores, chain, step) + chain.last).argmax(axis=2)
    found = np.empty((rows, time), np.int64)
    found[:, -1] = ended[-1]
    for at in reversed(range(time - 1)):
        led_here = before[at + 1][np.arange(rows), found[:, at + 1]]
        found[:, at] = np.where(lengths - 1 == at, ended[at], led_here)
    return found


def _through(scores: Floats, lengths: Lengths, chain: Chain) -> Floats:
    """Logarithms of the sums over all sequences through every tag at every token, shape (rows, time, tags)."""

    def step(sums: Floats, _: int) -> Floats:
        return _log_sums(sums[:, :, None] + chain.transitions, 1)

    through = _forward(scores, chain, step).swapaxes(0, 1)
    behind = np.broadcast_to(chain.last, scores[:, 0].shape)
    through[:, -1] += behind
    for at in reversed(range(scores.shape[1] - 1)):
        going_on = _log_sums((scores[:, at + 1] + behind)[:, None, :] + chain.transitions, 2)
        behind = np.where((lengths - 1 == at)[:, None], chain.last, going_on)
        through[:, at] += behind
    return through


def _forward(scores: Floats, chain: Chain, step: Callable[[Floats, int], Floats]) -> Floats:
    """Scores of what ends in every tag at every token, shape (time, rows, tags)."""
    found = np.empty((scores.shape[1], len(scores), scores.shape[2]))
    found[0] = chain.first + scores[:, 0]
    for at in range(1, len(found)):
        found[at] = step(found[at - 1], at) + scores[:, at]
    return found


def _log_sums(logs: Floats, axis: int) -> Floats:
    """Logarithm of the sum of exponentials along an axis."""
    height = logs.max(axis=axis, keepdims=True)
    return np.asarray(np.log(np.exp(logs - height).sum(axis=axis)) + height.squeeze(axis))
