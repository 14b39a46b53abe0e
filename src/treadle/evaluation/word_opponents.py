"""Models of words by counts, as opponents of networks that foretell the next word or name a missing one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

from treadle.evaluation.discounts import LEAST, tuned
from treadle.evaluation.gaps import GapModel
from treadle.evaluation.language import NOTHING, Probabilities, WordModel
from treadle.evaluation.lines import Lines, Numbers, SequenceTerms
from treadle.evaluation.tally import Judge, Tally, WordBlock, tally_of_words
from treadle.features.vocabulary import UNKNOWN

ORDERS = {"unigram": 1, "bigram": 2, "kneser_ney": 3}
"""The words of the longest runs that each counts."""

BLOCK = 2**21
"""Probabilities held at a time."""

KNESER_NEY = "interpolated modified Kneser-Ney (Chen and Goodman 1999)"
COUNTED = "what was counted once, twice and more often"

Contexts = Callable[[Lines], Numbers]
"""The two tokens next to each target, the nearest one last, shape (targets, 2)."""

Answer = Callable[[slice], Probabilities]
"""Probabilities of all outputs at some targets, shape (targets, outputs)."""


def fit_words(name: str, train: Lines, validation: Lines, task: str, terms: SequenceTerms) -> tuple[Judge, str]:
    """A model of words learnt from training rows, and a note on it. Its discounts, and the powers of the two sides of a
    gap, are those of least perplexity at the words of the validation rows."""
    fit = partial(_fit, train=train, validation=validation, terms=terms)
    left = partial(before, task=task, terms=terms)
    order = ORDERS[name]
    words, choosing = (int(np.count_nonzero(lines.due != terms.end)) for lines in (train, validation))
    if task == "fill_blank" and order > 1:
        gaps = GapModel(fit(left, order), fit(behind, order), fit(left, 1), slice(UNKNOWN, terms.begin))
        gaps = gaps.tuned(left(validation), behind(validation), validation.due)
        chosen = _chosen(choosing, "Bayes' rule and the counts of counts")
        return _judge_of_gaps(gaps, left, terms), _note_on_gaps(gaps, words, chosen)
    model = fit(left, order)
    return _judge_of_next(model, left, terms), _note(model, words, _chosen(choosing, "the counts of counts"))


def _fit(contexts: Contexts, order: int, *, train: Lines, validation: Lines, terms: SequenceTerms) -> WordModel:
    model = WordModel.learn(contexts(train), train.due, terms.possible(train.due), order)
    due = validation.due
    return tuned(model, contexts(validation)[due != terms.end], due[due != terms.end])


def before(lines: Lines, task: str, terms: SequenceTerms) -> Numbers:
    """The last token but one and the last before each target, shape (targets, 2): what a network of the task has read
    there, too. NOTHING stands for what is not there."""
    rows = [row[:-2] for row in lines.inputs] if task == "fill_blank" else lines.inputs
    last = np.concatenate([np.empty(0, np.int64), *rows])
    previous = np.append(NOTHING, last[:-1])[: len(last)]
    if not terms.running:
        starts = np.cumsum([0, *(len(row) for row in rows[:-1])])
        previous[starts[starts < len(last)]] = NOTHING
    return np.stack([previous, last], axis=1)


def behind(lines: Lines) -> Numbers:
    """The second token and the first behind each gap, shape (gaps, 2). NOTHING stands for what is not there."""
    pairs = [np.stack([np.append(row[3:], NOTHING), row[2:]], axis=1) for row in lines.inputs if len(row) > 2]
    return np.concatenate([np.empty((0, 2), np.int64), *pairs])


def _judge_of_next(model: WordModel, left: Contexts, terms: SequenceTerms) -> Judge:
    def judge(lines: Lines) -> Tally:
        contexts = left(lines)
        return tally_of_words(_blocks(lines, lambda part: model.following(contexts[part]), terms), len(lines), terms)

    return judge


def _judge_of_gaps(gaps: GapModel, left: Contexts, terms: SequenceTerms) -> Judge:
    def judge(lines: Lines) -> Tally:
        sides = left(lines), behind(lines)
        blocks = _blocks(lines, lambda part: gaps.between(sides[0][part], sides[1][part]), terms)
        return tally_of_words(blocks, len(lines), terms)

    return judge


def _blocks(lines: Lines, answer: Answer, terms: SequenceTerms) -> Iterator[WordBlock]:
    due, row = lines.due, lines.row
    size = max(1, BLOCK // terms.outputs)
    for start in range(0, len(due), size):
        part = slice(start, start + size)
        yield WordBlock(answer(part), due[part], row[part], logarithms=False)


def _note(model: WordModel, words: int, chosen: str) -> str:
    kind = "every word's share" if len(model.orders) == 1 else KNESER_NEY
    return f"{kind} of {words:,} training words; discounts of {COUNTED}, {chosen}: {_runs(model)}"


def _note_on_gaps(gaps: GapModel, words: int, chosen: str) -> str:
    left, right, alone = (f"{abs(power):g}" for power in gaps.powers)
    return (
        f"{KNESER_NEY} of {words:,} training words from both sides of the gap, "
        f"p(w | left)^{left} p(w | right)^{right} / p(w)^{alone}; powers and discounts of {COUNTED}, {chosen}: "
        f"left, {_runs(gaps.before)}; right, {_runs(gaps.behind)}; p(w), {_runs(gaps.alone)}"
    )


def _chosen(words: int, otherwise: str) -> str:
    if words < LEAST:
        return f"by {otherwise}, as {words:,} validation words are too few to choose by"
    return f"chosen by {words:,} validation words"


def _runs(model: WordModel) -> str:
    """The discounts of each order, from the longest runs down."""
    runs = []
    for length, order in enumerate(model.orders, start=1):
        discounts = ", ".join(f"{round(discount, 3):g}" for discount in order.discounts)
        runs.append(f"{discounts} of {length} word{'s' if length > 1 else ''}")
    return "; ".join(reversed(runs))
