"""Models of words by counts, as opponents of networks that foretell the next word or name a missing one."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from treadle.evaluation.gaps import GapModel
from treadle.evaluation.language import Probabilities, WordModel
from treadle.evaluation.lines import Lines, Numbers, SequenceTerms
from treadle.evaluation.tally import Judge, Tally, WordBlock, tally_of_words
from treadle.features.vocabulary import PADDING

ORDERS = {"unigram": 1, "bigram": 2, "kneser_ney": 3}
"""The words of the longest runs that each counts."""

BLOCK = 2**21
"""Probabilities held at a time."""

Answer = Callable[[slice], Probabilities]
"""Probabilities of all outputs at some targets, shape (targets, outputs)."""


def fit_words(name: str, train: Lines, task: str, terms: SequenceTerms) -> tuple[Judge, str]:
    """A model of words learnt from training rows, and a note on it."""
    contexts, following = events_of(train, task, terms)
    model = WordModel.learn(contexts, following, terms.possible(following), ORDERS[name])
    judge = _judge_of_gaps(model, terms) if task == "fill_blank" else _judge_of_next(model, terms)
    return judge, _note(model, int(np.count_nonzero(following != terms.end)), task)


def events_of(lines: Lines, task: str, terms: SequenceTerms) -> tuple[Numbers, Numbers]:
    """What followed each two tokens, shapes (events, 2) and (events,): just what a network of the task learns from."""
    if task == "fill_blank":
        following = [row[1:] for row in lines.inputs]
        before = tuple(row[:-1] for row in lines.inputs)
        return _contexts(before, terms), np.concatenate([np.empty(0, np.int32), *following])
    return _contexts(lines.inputs, terms), lines.due


def _contexts(rows: tuple[Numbers, ...], terms: SequenceTerms) -> Numbers:
    """The token before each token of rows, and the token itself, shape (tokens, 2); the mark before a line where there
    is none before."""
    last = np.concatenate([np.empty(0, np.int32), *rows])
    before = np.append(terms.begin, last[:-1])[: len(last)]
    if not terms.running:
        starts = np.cumsum([0, *(len(row) for row in rows[:-1])])
        before[starts[starts < len(last)]] = terms.begin
    return np.stack([before, last], axis=1)


def _judge_of_next(model: WordModel, terms: SequenceTerms) -> Judge:
    def judge(lines: Lines) -> Tally:
        contexts = _contexts(lines.inputs, terms)
        return tally_of_words(_blocks(lines, lambda part: model.following(contexts[part]), terms), len(lines), terms)

    return judge


def _judge_of_gaps(model: WordModel, terms: SequenceTerms) -> Judge:
    words = model.possible.copy()
    words[[PADDING, terms.begin, terms.end]] = False
    gaps = GapModel(model, words)

    def judge(lines: Lines) -> Tally:
        left = _contexts(tuple(row[:-2] for row in lines.inputs), terms)
        ends = [np.stack([row[2:], np.append(row[3:], -1)], axis=1) for row in lines.inputs if len(row) > 2]
        right = np.concatenate([np.empty((0, 2), np.int64), *ends])
        return tally_of_words(
            _blocks(lines, lambda part: gaps.between(left[part], right[part]), terms), len(lines), terms
        )

    return judge


def _blocks(lines: Lines, answer: Answer, terms: SequenceTerms) -> Iterator[WordBlock]:
    due, row = lines.due, lines.row
    size = max(1, BLOCK // terms.outputs)
    for start in range(0, len(due), size):
        part = slice(start, start + size)
        yield WordBlock(answer(part), due[part], row[part], logarithms=False)


def _note(model: WordModel, words: int, task: str) -> str:
    sides = ", used from both sides of the gap" if task == "fill_blank" and len(model.orders) > 1 else ""
    if len(model.orders) == 1:
        return f"every word's share of {words:,} training words, discounted by {_listed(model.orders[0].discounts)}"
    runs = "; ".join(
        f"{_listed(order.discounts)} of {length} word{'s' if length > 1 else ''}"
        for length, order in reversed(list(enumerate(model.orders, start=1)))
    )
    return (
        f"interpolated modified Kneser-Ney (Chen and Goodman 1999) of {words:,} training words{sides}; discounts of "
        f"what was counted once, twice and more often: {runs}"
    )


def _listed(discounts: tuple[float, float, float]) -> str:
    return ", ".join(f"{discount:.3g}" for discount in discounts)
