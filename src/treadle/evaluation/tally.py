"""What a model has got right at the tokens of each row, summed up, so that resampled rows are resampled sums.

A metric is a ratio of two sums over rows (its logarithm, for perplexity). As in `metrics`, a weighting says how often a
bootstrap resample drew each row: `weights` has the shape (resamples, rows), and every metric comes as one figure for
each resample, shape (resamples,), NaN where a resample leaves it undefined.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from treadle.evaluation.lines import Lines, Mask, Numbers, SequenceTerms
from treadle.evaluation.metrics import Floats
from treadle.evaluation.spans import Spans, mark_spans

Sums = NDArray[np.float64]
"""Shape (rows,)."""

LEAST = float(np.log(np.finfo(np.float32).tiny))
"""The logarithm that stands for that of a probability too small for float32, so that no surprise is infinite."""
BEST = 5
"""Words among which top-5 accuracy looks for the right one."""


@dataclass(frozen=True)
class WordTally:
    """Of each row, sums over the words that were due; shape (rows,) each."""

    tokens: Sums
    """Words that were due, unknown ones among them."""
    right: Sums
    """Those that the model held for the likeliest of the known words."""
    right_in_five: Sums
    """Those that it held for one of the five likeliest."""
    surprise: Sums
    """Negative logarithms of the probabilities that it gave them, in nats."""

    def metrics(self, weights: Floats) -> dict[str, Floats]:
        """Perplexity, accuracy and top-5 accuracy."""
        tokens = _summed(self.tokens, weights)
        with np.errstate(over="ignore"):
            perplexity: Floats = np.exp(_share(_summed(self.surprise, weights), tokens))
        return {
            "perplexity": perplexity,
            "accuracy": _share(_summed(self.right, weights), tokens),
            "top5_accuracy": _share(_summed(self.right_in_five, weights), tokens),
        }


@dataclass(frozen=True)
class SpanTally:
    """Of each row, how many spans there are; shape (rows,) each."""

    true: Sums
    answered: Sums
    right: Sums
    """Those answered of which the first token, the last one and the kind are right."""

    def metrics(self, weights: Floats) -> dict[str, Floats]:
        """F1, precision and recall over all spans (micro average); 0, as in seqeval, where none was answered or is
        due, and F1 undefined where both are so."""
        true, answered, right = (_summed(sums, weights) for sums in (self.true, self.answered, self.right))
        return {
            "f1": _share(2 * right, true + answered),
            "precision": np.nan_to_num(_share(right, answered)),
            "recall": np.nan_to_num(_share(right, true)),
        }


@dataclass(frozen=True)
class TagTally:
    """Of each row, sums over its tokens; shape (rows,) each."""

    tokens: Sums
    right: Sums
    unseen: Sums
    """Tokens whose word training did not see."""
    unseen_right: Sums
    spans: SpanTally | None
    """Where the tags mark spans."""
    counts: NDArray[np.int64]
    """counts[truth, answer] over all rows, shape (labels, labels); of true tags that training saw."""

    def metrics(self, weights: Floats) -> dict[str, Floats]:
        """Accuracy over all tokens and over those of unseen words; F1, precision and recall of spans."""
        found = {
            "accuracy": _share(_summed(self.right, weights), _summed(self.tokens, weights)),
            "accuracy_unseen": _share(_summed(self.unseen_right, weights), _summed(self.unseen, weights)),
        }
        return found if self.spans is None else self.spans.metrics(weights) | found


Tally = WordTally | TagTally
Judge = Callable[[Lines], Tally]
"""What a model has got right in these lines."""


class WordBlock(NamedTuple):
    """What a model says of some targets."""

    scores: Floats
    """Logarithms of the probabilities of all outputs, shape (targets, outputs)."""
    targets: Numbers
    """What is due, shape (targets,)."""
    row: Numbers
    """The row of each target, shape (targets,)."""
    logarithms: bool = True
    """False where the scores are the probabilities themselves."""


def tally_of_words(blocks: Iterable[WordBlock], rows: int, terms: SequenceTerms) -> WordTally:
    """Add up what a model says of the words of `rows` rows, which may come in any number of blocks and any order.

    Only words are counted, not the mark after a line. Neither an unknown word nor a mark nor padding is ever the
    answer, whatever its probability; of equally likely words, the one of the smaller number is.
    """
    sums = np.zeros((4, rows))
    for block in blocks:
        counted = block.targets != terms.end
        row, rank = block.row[counted], _rank(block, terms)[counted]
        values = (np.ones(len(row)), rank == 0, rank < BEST, _surprise(block)[counted])
        sums += [np.bincount(row, each, rows) for each in values]
    return WordTally(*sums)


def _surprise(block: WordBlock) -> NDArray[np.float64]:
    due = block.scores[np.arange(len(block.targets)), block.targets].astype(np.float64)
    if not block.logarithms:
        with np.errstate(divide="ignore"):
            due = np.log(due)
    # What is no number says nothing, which is no better than to exclude the word.
    surprise: NDArray[np.float64] = -np.fmax(due, LEAST)
    return surprise


def _rank(block: WordBlock, terms: SequenceTerms) -> NDArray[np.int64]:
    """How many words come before the target, shape (targets,); beyond all for what is no word that may be answered."""
    words = block.scores[:, terms.words]
    place = block.targets.astype(np.int64) - terms.words.start
    due = block.scores[np.arange(len(place)), block.targets]
    known = (place >= 0) & (place < words.shape[1]) & ~np.isnan(due)
    rank = np.where(known, np.count_nonzero(words > due[:, None], axis=1), terms.outputs)
    # Only where it matters: few targets are among the first.
    close = np.flatnonzero(rank < BEST)
    equal = words[close] == due[close, None]
    rank[close] += np.count_nonzero(equal & (np.arange(words.shape[1]) < place[close, None]), axis=1)
    return rank


def tally_of_tags(
    answered: Numbers, true: Numbers, row: Numbers, unseen: Mask, labels: tuple[str, ...], *, rows: int
) -> TagTally:
    """Add up what a model has answered.

    Args:
        answered: code of each token's tag, shape (tokens,).
        true: the same of the true tags; -1 for one that training did not see, which is always answered wrongly.
        row: the row of each token, rising, shape (tokens,).
        unseen: whether training did not see each token's word, shape (tokens,).
        labels: the tags, by their codes.
        rows: how many there are.
    """

    def summed(values: NDArray[Any]) -> Sums:
        return np.bincount(row, values, rows).astype(np.float64)

    right = answered == true
    spans = None
    if mark_spans(labels):
        due, given = Spans.of(true, row, labels), Spans.of(answered, row, labels)
        spans = SpanTally(summed(due.start), summed(given.start), summed(due.both(given)))
    seen, classes = true >= 0, len(labels)
    pairs = true[seen].astype(np.int64) * classes + answered[seen]
    counts = np.bincount(pairs, minlength=classes**2).reshape(classes, classes)
    every = np.ones(len(row))
    return TagTally(summed(every), summed(right), summed(unseen), summed(unseen & right), spans, counts)


def _summed(sums: Sums, weights: Floats) -> Floats:
    total: Floats = weights.astype(np.float64) @ sums
    return total


def _share(over: Floats, under: Floats) -> Floats:
    share = np.full(len(under), np.nan)
    np.divide(over, under, out=share, where=under > 0)
    return share
