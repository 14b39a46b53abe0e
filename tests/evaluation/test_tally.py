"""Sums over words and tags against loops, scikit-learn and seqeval."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from treadle.evaluation.lines import SequenceTerms
from treadle.evaluation.metrics import unweighted
from treadle.evaluation.tally import LEAST, WordBlock, WordTally, tally_of_tags, tally_of_words

TERMS = SequenceTerms(size=9)
"""Seven words, 2 to 8; the marks are 9 and 10."""
SPANS = ("O", "B-PER", "I-PER", "B-LOC", "I-LOC")


def logs_of(random: np.random.Generator, count: int) -> np.ndarray:
    scores = random.normal(0, 2, (count, TERMS.outputs))
    return scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))


def figures_of(tally: WordTally) -> dict[str, float]:
    return {name: float(figure[0]) for name, figure in tally.metrics(unweighted(len(tally.tokens))).items()}


def test_words_against_a_loop() -> None:
    random = np.random.default_rng(0)
    targets, row, logs = random.integers(1, TERMS.outputs, 300), random.integers(0, 20, 300), logs_of(random, 300)
    targets[targets == TERMS.begin] = TERMS.end
    blocks = [WordBlock(logs[part], targets[part], row[part]) for part in (slice(0, 40), slice(40, 40), slice(40, 300))]
    tally = tally_of_words(blocks, 21, TERMS)
    for each in range(21):
        mine = [(log, due) for log, due, where in zip(logs, targets, row, strict=True) if where == each]
        words = [(log, due) for log, due in mine if due != TERMS.end]
        best = [sorted(range(2, 9), key=lambda word, log=log: -log[word]) for log, _ in words]
        assert tally.tokens[each] == len(words)
        assert tally.surprise[each] == pytest.approx(-sum(log[due] for log, due in words))
        assert tally.right[each] == sum(due == order[0] for (_, due), order in zip(words, best, strict=True))
        assert tally.right_in_five[each] == sum(due in order[:5] for (_, due), order in zip(words, best, strict=True))
    found = figures_of(tally)
    assert found["perplexity"] == pytest.approx(np.exp(tally.surprise.sum() / tally.tokens.sum()))
    assert list(found) == ["perplexity", "accuracy", "top5_accuracy"]


def test_probabilities_and_their_logarithms_are_worth_the_same() -> None:
    random = np.random.default_rng(1)
    logs, targets, row = logs_of(random, 50), random.integers(1, 9, 50), np.arange(50)
    one = tally_of_words([WordBlock(logs, targets, row)], 50, TERMS)
    other = tally_of_words([WordBlock(np.exp(logs), targets, row, logarithms=False)], 50, TERMS)
    assert figures_of(one) == pytest.approx(figures_of(other))


@pytest.mark.parametrize("likeliest", [0, 1, 9, 10], ids=["padding", "unknown", "begin", "end"])
def test_what_is_no_word_is_never_the_answer(likeliest: int) -> None:
    probabilities = np.full((2, TERMS.outputs), 0.05)
    probabilities[:, likeliest] = 0.9
    probabilities[:, 4] = 0.06
    tally = tally_of_words([WordBlock(np.log(probabilities), np.array([4, 1]), np.array([0, 1]))], 2, TERMS)
    assert tally.right.tolist() == [1, 0]
    assert tally.right_in_five.tolist() == [1, 0]


def test_equally_likely_words_are_answered_in_their_order() -> None:
    targets = np.arange(2, 9)
    even = WordBlock(np.zeros((7, TERMS.outputs)), targets, np.arange(7))
    tally = tally_of_words([even], 7, TERMS)
    assert tally.right.tolist() == [1, 0, 0, 0, 0, 0, 0]
    assert tally.right_in_five.tolist() == [1, 1, 1, 1, 1, 0, 0]


def test_no_surprise_is_infinite() -> None:
    scores = np.full((2, TERMS.outputs), -np.inf)
    scores[0, 2], scores[1] = 0.0, np.nan
    tally = tally_of_words([WordBlock(scores, np.array([3, 2]), np.array([0, 1]))], 2, TERMS)
    assert tally.surprise.tolist() == [-LEAST, -LEAST]
    assert tally.right.tolist() == [0, 0]
    assert np.isfinite(figures_of(tally)["perplexity"])


def test_a_resample_is_a_resample_of_sums() -> None:
    tally = WordTally(*np.array([[4.0, 1, 0], [1, 1, 0], [2, 1, 0], [8.0, 3, 0]]))
    found = tally.metrics(np.array([[1.0, 2, 1], [0, 0, 3]], np.float32))
    assert found["perplexity"][0] == pytest.approx(np.exp(14 / 6))
    assert found["accuracy"][0] == pytest.approx(3 / 6)
    assert found["top5_accuracy"][0] == pytest.approx(4 / 6)
    assert np.isnan([figure[1] for figure in found.values()]).all()


tagged = st.lists(
    st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=8), min_size=1, max_size=5
)


@given(rows=tagged)
def test_spans_are_counted_as_seqeval_counts_them(rows: list[list[tuple[int, int]]]) -> None:
    from seqeval.metrics.sequence_labeling import precision_recall_fscore_support

    true, answered = (np.array([pair[side] for tags in rows for pair in tags]) for side in (0, 1))
    row = np.repeat(np.arange(len(rows)), [len(tags) for tags in rows])
    tally = tally_of_tags(answered, true, row, np.zeros(len(row), np.bool_), SPANS, rows=len(rows))
    found = {name: figure[0] for name, figure in tally.metrics(unweighted(len(rows))).items()}
    labelled = [[[SPANS[pair[side]] for pair in tags] for tags in rows] for side in (0, 1)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        precision, recall, f1, _ = precision_recall_fscore_support(*labelled, average="micro")
    assert (found["precision"], found["recall"]) == pytest.approx((precision, recall))
    assert np.nan_to_num(found["f1"]) == pytest.approx(f1)


def test_tags_worked_by_hand() -> None:
    labels = ("NOUN", "VERB", "X")
    true, answered = np.array([0, 1, 0, -1, 1]), np.array([0, 0, 0, 2, 1])
    unseen = np.array([True, True, False, True, False])
    tally = tally_of_tags(answered, true, np.array([0, 0, 0, 2, 2]), unseen, labels, rows=3)
    assert tally.tokens.tolist() == [3, 0, 2]
    assert tally.right.tolist() == [2, 0, 1]
    assert tally.unseen.tolist() == [2, 0, 1]
    assert tally.unseen_right.tolist() == [1, 0, 0]
    assert tally.spans is None
    assert tally.counts.tolist() == [[2, 0, 0], [1, 1, 0], [0, 0, 0]]
    found = tally.metrics(np.array([[1.0, 1, 1], [2, 0, 1]]))
    assert found["accuracy"] == pytest.approx([3 / 5, 5 / 8])
    assert found["accuracy_unseen"] == pytest.approx([1 / 3, 2 / 5])
